/**
 * The whole space, each function once, in an order derived from the seed: used to tabulate a small space.
 * The order is a Feistel permutation of the members' numbers, so that it needs no memory however large the space is.
 */
import { BatchSampler, type Learnt, NOTHING_LEARNT } from "./batch_sampler.ts";
import type { FunctionFacts } from "./function_facts.ts";
import type { SamplerState } from "./sampler_state.ts";

interface Own {
  /** Seed of the order. */
  readonly seed: number;
  /** Place in the order of the next member to look at. */
  readonly next: number;
}

export class ExhaustiveSampler extends BatchSampler<Own> {
  readonly name = "exhaustive";
  #seed: number;
  #next = 0;

  constructor(facts: FunctionFacts, seed: number) {
    super(facts);
    this.#seed = seed;
  }

  protected propose(count: number): Promise<readonly (readonly number[])[]> {
    const proposed: (readonly number[])[] = [];
    while (proposed.length < count && this.#next < this.space.size) {
      const tokens = this.space.tokensAt(permuted(this.#next++, this.space.size, this.#seed));
      if (this.take(tokens)) proposed.push(tokens);
    }
    return Promise.resolve(proposed);
  }

  protected learn(): Promise<Learnt> {
    return Promise.resolve(NOTHING_LEARNT);
  }

  protected save(): SamplerState<Own> {
    return { header: { seed: this.#seed, next: this.#next }, arrays: [] };
  }

  protected load({ header }: SamplerState<Own>): void {
    this.#seed = header.seed;
    this.#next = header.next;
  }
}

const ROUNDS = 4; // the number that a pseudorandom permutation takes (Luby & Rackoff 1988)

/**
 * The image of `index` under the seed's permutation of 0 to size - 1: a Feistel network over the next power of 4,
 * walked until it comes back into the range (Black & Rogaway 2002, "cycle walking"); size is at most 2^52.
 */
export function permuted(index: number, size: number, seed: number): number {
  const halfBits = Math.max(1, Math.ceil(Math.log2(size) / 2));
  const half = 2 ** halfBits;
  let at = index;
  do {
    let left = Math.floor(at / half), right = at % half;
    for (let round = 0; round < ROUNDS; round++) {
      [left, right] = [right, (left ^ (mixed(right, round, seed) >>> (32 - halfBits))) >>> 0];
    }
    at = left * half + right;
  } while (at >= size);
  return at;
}

/** 32 well-mixed bits of three integers: the finisher lowbias32 (Wellons 2018). */
function mixed(value: number, round: number, seed: number): number {
  let hash = Math.imul(value + 1, 0x9e3779b1) ^ Math.imul(seed % 2 ** 32, 0x85ebca77) ^
    Math.imul(Math.floor(seed / 2 ** 32) + round + 1, 0xc2b2ae3d);
  hash = Math.imul(hash ^ (hash >>> 16), 0x7feb352d);
  hash = Math.imul(hash ^ (hash >>> 15), 0x846ca68b);
  return (hash ^ (hash >>> 16)) >>> 0;
}

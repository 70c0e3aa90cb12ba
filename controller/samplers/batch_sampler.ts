/**
 * What all samplers share: the order of `ask` and `tell`, the functions proposed so far, the checks of `tell`'s input,
 * and their state as bytes. Each sampler implements how it proposes, what it learns, and what state it saves.
 */
import type { Random } from "../../datasets/random.ts";
import type { SamplerUpdate } from "../runs/events.ts";
import type { Facts, FunctionFacts } from "./function_facts.ts";
import { calibrate } from "./calibration.ts";
import type { Candidate, Judged, Known, Sampler } from "./sampler.ts";
import { packState, type SamplerState, unpackState } from "./sampler_state.ts";
import type { SearchSpace } from "../search_space.ts";

/** What a sampler reports after a batch, besides what every sampler reports. */
export type Learnt = Omit<SamplerUpdate, "batch">;

/** The report of a sampler without a policy. */
export const NOTHING_LEARNT: Learnt = { metrics: [], probabilities: null };

type Tokens = readonly number[];

/**
 * A draw fails if its result was proposed before or is useless; this many failures in a row mean that little is left.
 */
const MAX_DRAWS = 1000;
/** Up to this size a space is listed to find what is left of it: one core unit has 6,250 members. */
const MAX_LISTED = 100_000;

interface Header<Own> {
  readonly sampler: string;
  readonly units: number;
  /** Batches told so far. */
  readonly batches: number;
  /** Everything told, in the order of proposal; absent in states saved before 2026-11-26. */
  readonly told?: readonly (readonly [tokens: Tokens, reward: number])[];
  /** Functions found elsewhere; absent from the same states as `told`. */
  readonly known?: readonly Known[];
  /** Tokens of the batch that was proposed but not yet told; null if there is none. */
  readonly pending: readonly (readonly number[])[] | null;
  readonly own: Own;
}

/** A function found elsewhere, as a sampler learns from it. */
export interface KnownFunction {
  readonly expression: string;
  /** A member of the space that computes it; null if none is known to. */
  readonly tokens: Tokens | null;
  readonly reward: number;
}

export abstract class BatchSampler<Own> implements Sampler {
  abstract readonly name: string;
  #batches = 0;
  #pending: readonly Candidate[] | null = null;
  #told: Judged[] = [];
  #known: Known[] = [];
  /** Fingerprints of all functions proposed, told or not, and of references. */
  #proposed = new Set<string>();
  /** The call in progress, if any: only one can run at a time. */
  #work: string | null = null;

  constructor(protected readonly facts: FunctionFacts) {}

  protected get space(): SearchSpace {
    return this.facts.space;
  }

  /**
   * Tokens of the next candidates, each of which `take` has accepted; at most `count`, fewer where the space is
   * exhausted.
   */
  protected abstract propose(count: number): Promise<readonly Tokens[]>;
  /** Called before the batch is counted among `told`. */
  protected abstract learn(batch: readonly Judged[]): Promise<Learnt>;
  /** Learns from new functions found elsewhere, before they are added to `known`. Nothing by default. */
  protected learnKnown(_known: readonly KnownFunction[]): Promise<void> {
    return Promise.resolve();
  }
  /** State to save besides the pending batch. Arrays may be the live ones. */
  protected abstract save(): SamplerState<Own>;
  /** Restores what `save` returned. Throws a RangeError that says what does not fit, before changing anything. */
  protected abstract load(state: SamplerState<Own>): void;

  /** Everything told so far, in the order of proposal. */
  protected get told(): readonly Judged[] {
    return this.#told;
  }

  /** Functions found elsewhere so far, with rewards that compare with those told. */
  protected get known(): readonly Known[] {
    return calibrate(this.#known, this.#told, this.facts);
  }

  /** Members that others found and that may be proposed: how good they are here is not known yet. */
  protected foundElsewhere(): readonly Tokens[] {
    return this.#known.filter(({ isOwn }) => !isOwn).flatMap(({ expression }) => {
      const tokens = this.facts.tokensOf(expression);
      return tokens !== null && this.isFree(tokens) ? [tokens] : [];
    });
  }

  protected factsOf(tokens: Tokens): Facts {
    return this.facts.of(tokens);
  }

  /** Whether the member may be proposed: not known to be useless, and its function never proposed so far. */
  protected isFree(tokens: Tokens): boolean {
    const { fingerprint, useless } = this.factsOf(tokens);
    return useless === null && !this.#proposed.has(fingerprint);
  }

  /** Marks the member's function as proposed; false if it may not be proposed. */
  protected take(tokens: Tokens): boolean {
    if (!this.isFree(tokens)) return false;
    this.#proposed.add(this.factsOf(tokens).fingerprint);
    return true;
  }

  /** Takes a member drawn uniformly from those that may be proposed; null if none is left. */
  protected takeAny(random: Random): Tokens | null {
    for (let draw = 0; draw < MAX_DRAWS; draw++) {
      const tokens = this.space.positions.map(({ choices }) => random.integer(choices.length));
      if (this.take(tokens)) return tokens;
    }
    if (this.space.size > MAX_LISTED) return null;
    const left = Array.from({ length: this.space.size }, (_, index) => this.space.tokensAt(index))
      .filter((tokens) => this.isFree(tokens));
    if (left.length === 0) return null;
    const tokens = left[random.integer(left.length)];
    this.take(tokens);
    return tokens;
  }

  ask(count: number): Promise<readonly Candidate[]> {
    return this.#alone("propose candidates", async () => {
      if (!Number.isInteger(count) || count < 1) {
        throw new RangeError(`Cannot propose candidates as their number must be a positive integer: it is ${count}`);
      }
      if (this.#pending) {
        throw new Error(
          `Cannot propose candidates as the last batch has not been told yet: ${this.#pending.length} of its candidates are waiting`,
        );
      }
      this.#pending = (await this.propose(count)).map((tokens) => ({ tokens }));
      return this.#pending;
    });
  }

  tell(batch: readonly Judged[]): Promise<SamplerUpdate> {
    return this.#alone("learn from a batch", async () => {
      this.#checkTold(batch);
      const rewards = batch.map(({ reward }) => reward);
      const learnt = await this.learn(batch);
      this.#pending = null;
      this.#told.push(...batch.map(({ tokens, reward }) => ({ tokens, reward })));
      const mean = rewards.reduce((sum, reward) => sum + reward, 0) / rewards.length;
      return {
        batch: this.#batches++,
        metrics: [
          { name: "mean_reward", label: "mean reward", unit: "reward", value: mean },
          { name: "best_reward", label: "best reward", unit: "reward", value: Math.max(...rewards) },
          ...learnt.metrics,
        ],
        probabilities: learnt.probabilities,
      };
    });
  }

  /** `takeAny` until there are `count`, or none is left. */
  protected takeSeveral(count: number, random: Random): Tokens[] {
    const taken: Tokens[] = [];
    while (taken.length < count) {
      const tokens = this.takeAny(random);
      if (tokens === null) break;
      taken.push(tokens);
    }
    return taken;
  }

  learnFrom(known: readonly Known[]): Promise<void> {
    return this.#alone("learn what others found", async () => {
      if (this.#pending) throw new Error("Cannot learn what others found as the last batch has not been told yet");
      const functions = known.map(({ expression: text, reward }) => {
        if (!Number.isFinite(reward)) {
          throw new RangeError(`Cannot learn from ${text} as rewards must be finite: its reward is ${reward}`);
        }
        return { expression: text, tokens: this.facts.tokensOf(text), reward };
      });
      await this.learnKnown(functions);
      this.#known.push(...known);
      this.#takeReferences(known);
    });
  }

  #takeReferences(known: readonly Known[]): void {
    for (const { expression, isReference } of known) {
      if (isReference) this.#proposed.add(this.facts.found(expression).fingerprint);
    }
  }

  state(): Promise<Uint8Array> {
    return this.#alone("save the state", () => {
      const { header: own, arrays } = this.save();
      const pending = this.#pending?.map(({ tokens }) => tokens) ?? null;
      const header: Header<Own> = {
        sampler: this.name,
        units: this.space.units,
        batches: this.#batches,
        told: this.#told.map(({ tokens, reward }) => [tokens, reward]),
        known: this.#known,
        pending,
        own,
      };
      return Promise.resolve(packState<Header<Own>>({ header, arrays }));
    });
  }

  restore(state: Uint8Array): Promise<void> {
    // deno-lint-ignore require-await -- async, so that what it throws rejects the promise
    return this.#alone("restore the state", async () => {
      const { header, arrays } = unpackState<Header<Own>>(state);
      if (header.sampler !== this.name || header.units !== this.space.units) {
        throw new RangeError(
          `Cannot restore the sampler ${this.name} of ${this.space.units} core units as the state is that of ` +
            `${header.sampler} of ${header.units}`,
        );
      }
      this.load({ header: header.own, arrays });
      this.#batches = header.batches;
      this.#pending = header.pending?.map((tokens) => ({ tokens })) ?? null;
      this.#told = (header.told ?? []).map(([tokens, reward]) => ({ tokens, reward }));
      this.#known = [...header.known ?? []];
      const proposed = [...this.#told, ...this.#pending ?? []];
      this.#proposed = new Set(proposed.map(({ tokens }) => this.factsOf(tokens).fingerprint));
      this.#takeReferences(this.#known);
    });
  }

  #checkTold(batch: readonly Judged[]): void {
    const pending = this.#pending;
    if (!pending) throw new Error("Cannot learn from a batch as none was asked for since the last one");
    if (pending.length === 0) throw new Error("Cannot learn from a batch as it is empty: the space is exhausted");
    if (batch.length !== pending.length) {
      throw new RangeError(
        `Cannot learn from a batch as all ${pending.length} candidates proposed must be told at once: ` +
          `${batch.length} were`,
      );
    }
    batch.forEach(({ tokens, reward }, at) => {
      if (tokens.length !== pending[at].tokens.length || tokens.some((token, i) => token !== pending[at].tokens[i])) {
        throw new RangeError(
          `Cannot learn from a batch as candidates must be told in the order of proposal: number ${at} is ` +
            `[${tokens}] instead of [${pending[at].tokens}]`,
        );
      }
      if (!Number.isFinite(reward)) {
        throw new RangeError(`Cannot learn from a batch as rewards must be finite: that of number ${at} is ${reward}`);
      }
    });
  }

  /** Runs one piece of work, refusing a second one meanwhile, which would see an inconsistent state. */
  async #alone<T>(work: string, run: () => Promise<T>): Promise<T> {
    if (this.#work) throw new Error(`Cannot ${work} while the sampler is busy: it is about to ${this.#work}`);
    this.#work = work;
    try {
      return await run();
    } finally {
      this.#work = null;
    }
  }
}

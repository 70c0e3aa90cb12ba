/**
 * Regularised evolution (Real et al. 2018, arXiv 1802.01548, algorithm 1): the best of a few members drawn from the
 * population has a child, and the oldest member dies, however good it was, so that a lucky training does not dominate
 * for ever. Children differ by one token, by a whole core unit, or are crossed with a second parent.
 */
import { Random, type RandomState } from "../../datasets/random.ts";
import { BatchSampler, type KnownFunction, type Learnt, NOTHING_LEARNT } from "./batch_sampler.ts";
import type { FunctionFacts } from "./function_facts.ts";
import type { Judged } from "./sampler.ts";
import type { SamplerState } from "./sampler_state.ts";
import { POSITIONS_PER_UNIT } from "../search_space.ts";

type Tokens = readonly number[];

export interface EvolutionSettings {
  /** Size of the population; that many first candidates are random. */
  readonly population: number;
  /** Members drawn, of which the best is the parent. */
  readonly tournament: number;
}

/** Real et al. use 100 and 25 for 20,000 models; a search here has hundreds. Not tuned. */
export const DEFAULT_EVOLUTION: EvolutionSettings = { population: 30, tournament: 8 };

/** How a child differs from its parent, and how often. */
const CHANGES = [
  { share: 0.6, change: mutateToken },
  { share: 0.15, change: mutateUnit },
  { share: 0.25, change: crossOver },
] as const;

/** Rejected children of one parent after which a random member is proposed instead. */
const MAX_CHILDREN = 50;

interface Own {
  readonly random: RandomState;
  /** The oldest first. */
  readonly population: readonly (readonly [tokens: Tokens, reward: number])[];
}

export class EvolutionSampler extends BatchSampler<Own> {
  readonly name = "evolution";
  readonly #settings: EvolutionSettings;
  #random: Random;
  #population: Judged[] = [];

  constructor(facts: FunctionFacts, seed: number, settings: EvolutionSettings = DEFAULT_EVOLUTION) {
    super(facts);
    this.#settings = settings;
    this.#random = new Random(seed).split("controller");
  }

  protected propose(count: number): Promise<readonly Tokens[]> {
    const missing = Math.max(0, this.#settings.population - this.#population.length);
    const founders = this.takeSeveral(Math.min(count, missing), this.#random);
    const proposed = [...founders];
    while (proposed.length < count) {
      const child = this.#takeChild() ?? this.takeAny(this.#random);
      if (child === null) break;
      proposed.push(child);
    }
    return Promise.resolve(proposed);
  }

  #takeChild(): Tokens | null {
    if (this.#population.length === 0) return null;
    for (let attempt = 0; attempt < MAX_CHILDREN; attempt++) {
      const child = this.#chooseChange()(this.#chooseParent(), this.#chooseParent(), this.#choices, this.#random);
      if (this.take(child)) return child;
    }
    return null;
  }

  #chooseParent(): Tokens {
    const drawn = Array.from(
      { length: this.#settings.tournament },
      () => this.#population[this.#random.integer(this.#population.length)],
    );
    return drawn.reduce((best, member) => member.reward > best.reward ? member : best).tokens;
  }

  #chooseChange(): Change {
    let left = this.#random.uniform();
    return (CHANGES.find(({ share }) => (left -= share) < 0) ?? CHANGES[0]).change;
  }

  /** Number of choices of each position. */
  get #choices(): readonly number[] {
    return this.space.positions.map(({ choices }) => choices.length);
  }

  protected learn(batch: readonly Judged[]): Promise<Learnt> {
    this.#live(batch);
    return Promise.resolve(NOTHING_LEARNT);
  }

  /** Functions found elsewhere join the population as if just born, the best last, so that it lives longest. */
  protected override learnKnown(known: readonly KnownFunction[]): Promise<void> {
    const members = known.flatMap(({ tokens, reward }) => tokens ? [{ tokens, reward }] : []);
    this.#live(members.toSorted((a, b) => a.reward - b.reward));
    return Promise.resolve();
  }

  #live(born: readonly Judged[]): void {
    this.#population = [...this.#population, ...born.map(({ tokens, reward }) => ({ tokens, reward }))]
      .slice(-this.#settings.population);
  }

  protected save(): SamplerState<Own> {
    const population = this.#population.map(({ tokens, reward }) => [tokens, reward] as const);
    return { header: { random: this.#random.state(), population }, arrays: [] };
  }

  protected load({ header }: SamplerState<Own>): void {
    this.#random = Random.from(header.random);
    this.#population = header.population.map(([tokens, reward]) => ({ tokens, reward }));
  }
}

/** A child of one parent, or of two; `choices` has the number of choices of each position. */
type Change = (parent: Tokens, other: Tokens, choices: readonly number[], random: Random) => Tokens;

/** One token becomes another one, at a position where there is a choice. */
export function mutateToken(parent: Tokens, _other: Tokens, choices: readonly number[], random: Random): Tokens {
  const open = choices.flatMap((count, at) => count > 1 ? [at] : []);
  const at = open[random.integer(open.length)];
  const token = (parent[at] + 1 + random.integer(choices[at] - 1)) % choices[at];
  return parent.with(at, token);
}

/** All tokens of one core unit, a subtree, are drawn anew. */
export function mutateUnit(parent: Tokens, _other: Tokens, choices: readonly number[], random: Random): Tokens {
  const unit = random.integer(parent.length / POSITIONS_PER_UNIT);
  return parent.map((token, at) => Math.floor(at / POSITIONS_PER_UNIT) === unit ? random.integer(choices[at]) : token);
}

/** Each token comes from either parent (uniform crossover, Syswerda 1989). */
export function crossOver(parent: Tokens, other: Tokens, _choices: readonly number[], random: Random): Tokens {
  return parent.map((token, at) => random.integer(2) === 0 ? token : other[at]);
}

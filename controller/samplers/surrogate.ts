/**
 * A surrogate instead of a policy: a function's reward is predicted from the functions most like it, and proposed are
 * those with the highest upper confidence bound (`prediction.ts`).
 */
import { Random, type RandomState } from "../../datasets/random.ts";
import { BatchSampler, type Learnt, NOTHING_LEARNT } from "./batch_sampler.ts";
import { mutateToken } from "./evolution.ts";
import { featuresOf, type FunctionFacts } from "./function_facts.ts";
import { GaussianProcess, type ProcessSettings } from "./gaussian_process.ts";
import { KERNEL, MAX_SAMPLES, observeAll, type Sample, samplesOf, takeHopeful, Turns } from "./prediction.ts";
import type { SamplerState } from "./sampler_state.ts";

type Tokens = readonly number[];

export interface SurrogateSettings extends ProcessSettings {
  /** Random candidates before the first prediction. */
  readonly start: number;
  /** Posterior deviations added to a prediction: the weight of uncertainty. */
  readonly hope: number;
}

/**
 * One deviation, and a batch of the laptop preset, since the references are known after it (2026-11-27_mirror_images.md);
 * before they were told, half a deviation after one batch was no better than one after two (2026-11-26_samplers.md).
 */
export const DEFAULT_SURROGATE: SurrogateSettings = { start: 10, hope: 1, ...KERNEL };

/** Members from which a batch is chosen if the space is too large to list: half random, half near the best. */
const POOL = 800;
const MAX_LISTED = 10_000;
/** The best so many members, of which those near the best are made by changing one or two tokens. */
const ELITE = 20;

interface Own {
  readonly random: RandomState;
}

/** A function that may be proposed or was. */
interface Member {
  readonly tokens: Tokens;
  readonly features: Float32Array;
}

export class SurrogateSampler extends BatchSampler<Own> {
  readonly name = "surrogate";
  readonly #settings: SurrogateSettings;
  #random: Random;
  /** All functions of a space that can be listed, by fingerprint. */
  #listed: ReadonlyMap<string, Member> | null = null;
  /** Of the batch before, while the next one is of the same points and has seen the same. */
  #process: GaussianProcess | null = null;

  constructor(facts: FunctionFacts, seed: number, settings: SurrogateSettings = DEFAULT_SURROGATE) {
    super(facts);
    this.#settings = settings;
    this.#random = new Random(seed).split("controller");
  }

  protected async propose(count: number): Promise<readonly Tokens[]> {
    const samples = samplesOf(this.facts, this.known, this.told);
    const random = Math.min(count, Math.max(0, this.#settings.start - samples.length));
    const proposed = this.takeSeveral(random, this.#random);
    if (proposed.length < count) proposed.push(...await this.#takeHopeful(count - proposed.length, samples));
    return proposed;
  }

  /** Those with the highest upper confidence bound, one after another. */
  async #takeHopeful(count: number, samples: readonly Sample[]): Promise<readonly Tokens[]> {
    const turns = new Turns();
    const { members, process, places } = await this.#field(samples, turns);
    await observeAll(process, places, turns);
    const { hope } = this.#settings, take = (at: number) => this.take(members[at].tokens);
    const taken = await takeHopeful(process, samples, { hope, count, among: members.keys(), take }, turns);
    return taken.map((at) => members[at].tokens);
  }

  /** The members to choose from, a process over them and the samples, and each sample's place in it. */
  async #field(samples: readonly Sample[], turns: Turns) {
    const listed = this.space.size <= MAX_LISTED;
    if (listed) this.#listed ??= await this.#listMembers(turns);
    const found = this.#listed ?? await this.#drawMembers(turns);
    const members = [...found.values()], order = new Map([...found.keys()].map((key, at) => [key, at]));
    const points = members.map(({ features }) => features);
    const places = samples.map(({ fingerprint, features }) => {
      const place = fingerprint === null ? undefined : order.get(fingerprint);
      return place ?? points.push(features) - 1;
    });
    // While there are few samples, new ones are only appended, so that the process can be extended.
    const before = this.#process,
      isSame = listed && before !== null && samples.length < MAX_SAMPLES &&
        before.points.length === points.length;
    // Points are the same for all samplers of these facts, unless others' functions are among them.
    const kept = listed && points.length === members.length ? this.facts.covariances(this.#settings.length) : undefined;
    const process = isSame ? before : new GaussianProcess(points, this.#settings, kept);
    this.#process = listed ? process : null;
    return { members, process, places };
  }

  /** One member of each function that may be proposed, or was, by fingerprint. */
  async #listMembers(turns: Turns): Promise<ReadonlyMap<string, Member>> {
    const members = new Map<string, Member>();
    for (let index = 0; index < this.space.size; index++) {
      const tokens = this.space.tokensAt(index), { fingerprint, useless } = this.factsOf(tokens);
      if (useless !== null || members.has(fingerprint)) continue;
      members.set(fingerprint, { tokens, features: this.facts.featuresOf(tokens) });
      await turns.next();
    }
    return members;
  }

  /**
   * Random members and neighbours of the best, by tokens: which of them may be proposed is asked of those chosen alone.
   */
  async #drawMembers(turns: Turns): Promise<ReadonlyMap<string, Member>> {
    const members = new Map<string, Member>();
    for (const tokens of this.#drawnTokens()) {
      members.set(tokens.join(), { tokens, features: featuresOf(this.space.expressionOf(tokens)) });
      await turns.next();
    }
    return members;
  }

  #drawnTokens(): readonly Tokens[] {
    const choices = this.space.positions.map(({ choices }) => choices.length);
    const draw = () => choices.map((count) => this.#random.integer(count));
    const known = this.known.flatMap(({ expression, reward }) => {
      const tokens = this.facts.tokensOf(expression);
      return tokens ? [{ tokens, reward }] : [];
    });
    const elite = [...this.told, ...known].toSorted((a, b) => b.reward - a.reward).slice(0, ELITE);
    const neighbour = () => {
      const { tokens } = elite[this.#random.integer(elite.length)];
      const once = mutateToken(tokens, tokens, choices, this.#random);
      return this.#random.integer(2) === 0 ? once : mutateToken(once, once, choices, this.#random);
    };
    return Array.from({ length: POOL }, (_, at) => at % 2 === 0 || elite.length === 0 ? draw() : neighbour());
  }

  protected learn(): Promise<Learnt> {
    return Promise.resolve(NOTHING_LEARNT); // the next guesses read what was told
  }

  protected save(): SamplerState<Own> {
    return { header: { random: this.#random.state() }, arrays: [] };
  }

  protected load({ header }: SamplerState<Own>): void {
    this.#random = Random.from(header.random);
    this.#process = null;
  }
}

/**
 * The control for every other sampler: candidates drawn uniformly from the space, whatever their rewards. Later work
 * found it a strong baseline, so no claim about another sampler counts without it.
 */
import { Random, type RandomState } from "../../datasets/random.ts";
import { BatchSampler, type Learnt, NOTHING_LEARNT } from "./batch_sampler.ts";
import type { FunctionFacts } from "./function_facts.ts";
import type { SamplerState } from "./sampler_state.ts";

type Own = { readonly random: RandomState };

export class RandomSampler extends BatchSampler<Own> {
  readonly name = "random";
  #random: Random;

  constructor(facts: FunctionFacts, seed: number) {
    super(facts);
    this.#random = new Random(seed).split("controller");
  }

  protected propose(count: number): Promise<readonly (readonly number[])[]> {
    return Promise.resolve(this.takeSeveral(count, this.#random));
  }

  protected learn(): Promise<Learnt> {
    return Promise.resolve(NOTHING_LEARNT);
  }

  protected save(): SamplerState<Own> {
    return { header: { random: this.#random.state() }, arrays: [] };
  }

  protected load({ header }: SamplerState<Own>): void {
    this.#random = Random.from(header.random);
  }
}

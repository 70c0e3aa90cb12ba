/**
 * The control of every search: candidates drawn uniformly from the space, with replacement, whatever they earn. Later
 * work found it a strong baseline, so that no other sampler is worth a claim without it.
 */
import { Random, type RandomState } from "../../datasets/random.ts";
import { BatchSampler, type Learnt } from "./batch_sampler.ts";
import type { SamplerState } from "./sampler_state.ts";
import type { SearchSpace } from "../search_space.ts";

type Own = { readonly random: RandomState };

export class RandomSampler extends BatchSampler<Own> {
  readonly name = "random";
  #random: Random;

  constructor(space: SearchSpace, seed: number) {
    super(space);
    this.#random = new Random(seed).split("controller");
  }

  protected propose(count: number): Promise<readonly (readonly number[])[]> {
    const draw = () => this.space.positions.map(({ choices }) => this.#random.integer(choices.length));
    return Promise.resolve(Array.from({ length: count }, draw));
  }

  protected learn(): Promise<Learnt> {
    return Promise.resolve({ baseline: null, entropy: null, kl: null, loss: null, probabilities: null });
  }

  protected save(): SamplerState<Own> {
    return { header: { random: this.#random.state() }, arrays: [] };
  }

  protected load({ header }: SamplerState<Own>): void {
    this.#random = Random.from(header.random);
  }

  dispose(): void {}
}

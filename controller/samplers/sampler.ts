/**
 * The contract of every sampler: `ask` proposes a batch of candidates, `tell` learns from all of them at once, in the
 * order they were proposed. Samplers never see trials finish one by one, so that a run does not depend on how many
 * workers it had. All randomness comes from the seed; `state` and `restore` carry it all, exactly.
 */
import type { SamplerUpdate } from "../runs/events.ts";

/** One proposal: the choices made, which `search_space.ts` turns into an expression. */
export interface Candidate {
  readonly tokens: readonly number[];
}

export interface Judged extends Candidate {
  readonly reward: number;
}

export interface Sampler {
  readonly name: string;
  /** The next `count` candidates; fewer (or none) when the space is exhausted. Called once before each `tell`. */
  ask(count: number): Promise<readonly Candidate[]>;
  /** Learns from the whole batch that `ask` proposed. Must not hold the event loop for over 50 ms at a time. */
  tell(batch: readonly Judged[]): Promise<SamplerUpdate>;
  /** Everything needed to go on exactly as if never stopped. */
  state(): Promise<Uint8Array>;
  restore(state: Uint8Array): Promise<void>;
  dispose(): void;
}

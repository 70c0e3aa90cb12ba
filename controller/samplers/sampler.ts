/**
 * The contract of every sampler: `ask` proposes a batch of candidates, `tell` learns from all of them at once, in the
 * order they were proposed. Samplers never see trials finish one by one, so that a run does not depend on how many
 * workers it had. All randomness comes from the seed; `state` and `restore` save and restore all of it exactly.
 *
 * No function is proposed twice, however it is written, nor its mirror image, which trains alike (`mirrorFingerprint`),
 * and none that is known to be useless (`useless.ts`), so that neither costs a training: a sampler that draws one draws
 * another instead.
 */
import type { SamplerUpdate } from "../runs/events.ts";

/** One proposal: the choices made, which `search_space.ts` turns into an expression. */
export interface Candidate {
  readonly tokens: readonly number[];
}

export interface Judged extends Candidate {
  readonly reward: number;
}

/** A function that the sampler did not propose, and its reward: a reference, from another run or a table, or typed in. */
export interface Known {
  /** Text form, or a name of the catalogue. */
  readonly expression: string;
  readonly reward: number;
  /** Whether the reward is of this search's child; by default it is of another, which may find all functions easier. */
  readonly isOwn?: boolean;
  /** Whether it is a reference of this search, which is never proposed, nor is its mirror image. */
  readonly isReference?: boolean;
}

export interface Sampler {
  readonly name: string;
  /** The next `count` candidates; fewer (or none) when the space is exhausted. Called once before each `tell`. */
  ask(count: number): Promise<readonly Candidate[]>;
  /** Learns from the whole batch that `ask` proposed. Must not block the event loop for over 50 ms at a time. */
  tell(batch: readonly Judged[]): Promise<SamplerUpdate>;
  /**
   * Learns from functions found elsewhere, at the start or between two batches; ignored by samplers that do not learn.
   * All but references may still be proposed: then they are trained on this run's child, which shows how its rewards compare.
   */
  learnFrom(known: readonly Known[]): Promise<void>;
  /** Everything needed to continue exactly as if never interrupted. */
  state(): Promise<Uint8Array>;
  restore(state: Uint8Array): Promise<void>;
}

/** The reward of a trial: what a sampler learns from. It is the trial's score; the test split is never used. */
import type { Trial } from "./trial.ts";

/**
 * Reward of a finished trial, in [0, 1]: its score. A trial that diverged or failed earns that of guessing, 1 / `classes`,
 * so that a function that cannot be trained is as bad as one that learns nothing.
 *
 * Throws an Error if the trial is not finished, or has no score though its state says so.
 */
export function rewardOf(trial: Pick<Trial, "id" | "state" | "score">, classes: number): number {
  if (!Number.isInteger(classes) || classes < 1) {
    throw new RangeError(`Cannot reward a trial as the number of classes must be a positive integer: it is ${classes}`);
  }
  switch (trial.state) {
    case "complete":
    case "pruned":
      if (trial.score === null) {
        throw new Error(`Cannot reward trial ${trial.id} as it is ${trial.state} without a score`);
      }
      return trial.score;
    case "diverged":
    case "failed":
      return 1 / classes;
    case "queued":
    case "running":
      throw new Error(`Cannot reward trial ${trial.id} as it is not finished: its state is ${trial.state}`);
  }
}

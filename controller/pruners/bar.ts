/**
 * The median stopping rule (Golovin et al. 2017) within a training: a child stops if its training loss at some step is
 * above the median of all earlier candidates' there. Earlier ones are those of earlier batches, so that a run does not
 * depend on how many workers it had.
 */
import { type Bar, lossAt } from "../../child/bar.ts";
import { pointInterval } from "../../child/trainer.ts";
import type { Trial } from "../trial.ts";

/** The minimum number of earlier candidates for a meaningful median. */
const MIN_EARLIER = 10;

type Trained = Pick<Trial, "role" | "batch" | "state" | "trainings" | "curve" | "duplicateOf">;

/** The bar of the candidates of a batch after that share of the steps; null while too few were trained before. */
export function barOf(batch: number, trials: readonly Trained[], share: number, steps: number): Bar | null {
  const interval = pointInterval(steps), step = Math.max(1, Math.round(share * steps / interval)) * interval;
  // One that diverged before the step, however early, counts as infinitely bad.
  const losses = trials.filter((trial) =>
    trial.role === "candidate" && trial.batch < batch && trial.duplicateOf === null && wasTrainedHere(trial)
  ).map(({ curve }) => ((curve.at(-1)?.step ?? 0) < step ? Infinity : lossAt(step, curve))).sort((a, b) => a - b);
  if (losses.length < MIN_EARLIER) return null;
  const middle = losses[Math.floor(losses.length / 2)];
  return Number.isFinite(middle) ? { step, loss: middle } : null;
}

/** Not taken from a table, which keeps no curves, and not failed before its first point. */
function wasTrainedHere({ state, trainings, curve }: Trained): boolean {
  return trainings[0]?.from !== "table" && (curve.length > 0 || state === "diverged");
}

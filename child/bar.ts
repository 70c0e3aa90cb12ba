/**
 * The bar that a child must clear to train on: at a given step its mean training loss, which costs nothing to know,
 * must be at most the given bound. The loss is the mean of the points of the training curve after half of those steps.
 */
import type { LossPoint } from "./trainer.ts";

export interface Bar {
  readonly step: number;
  readonly loss: number;
}

/** Mean of the curve's points after half of the steps; NaN where there are none. */
export function lossAt(step: number, curve: readonly LossPoint[]): number {
  const losses = curve.filter((point) => point.step > step / 2 && point.step <= step).map(({ loss }) => loss);
  return losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
}

/** Why the child stops, if the last point of its curve is at the bar and it does not clear it; null if it trains on. */
export function whyBelow(bar: Bar | null | undefined, curve: readonly LossPoint[]): string | null {
  if (!bar || curve.at(-1)?.step !== bar.step) return null;
  const loss = lossAt(bar.step, curve);
  if (loss <= bar.loss) return null;
  return `its training loss at step ${bar.step} is ${loss.toFixed(3)}, above the bar of ${bar.loss.toFixed(3)}`;
}

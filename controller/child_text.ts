/** A run's child in a few words, for every place that describes the run. */
import type { PairSettings } from "../child/pair_settings.ts";

/**
 * "resnet14, 400 steps of 64, images of 16x16"; images are named only where they are scaled down, the schedule of the
 * learning rate only where it is not the usual cosine. Of two children: "mean of resnet14, 400 steps of 64, images of
 * 16x16, and resnet8, 200 steps of 64".
 */
export function childText({ second, ...first }: PairSettings): string {
  if (second !== undefined) return `mean of ${childText(first)}, and ${childText(second)}`;
  const { network, steps, batch, schedule, imageSize } = first;
  const images = imageSize === undefined ? "" : `, images of ${imageSize}x${imageSize}`;
  const rate = schedule === "cosine" ? "" : `, schedule ${schedule}`;
  return `${network}, ${steps.toLocaleString("en")} steps of ${batch}${images}${rate}`;
}

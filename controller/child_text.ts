/** A run's child in a few words, for every place that describes the run. */
import type { PairSettings } from "../child/pair_settings.ts";

/**
 * "resnet14, 400 steps of 64, images of 16x16"; images are named only where they are scaled down. Of two children:
 * "mean of resnet14, 400 steps of 64, images of 16x16, and resnet8, 200 steps of 64".
 */
export function childText({ second, ...first }: PairSettings): string {
  if (second !== undefined) return `mean of ${childText(first)}, and ${childText(second)}`;
  const { network, steps, batch, imageSize } = first;
  const images = imageSize === undefined ? "" : `, images of ${imageSize}x${imageSize}`;
  return `${network}, ${steps.toLocaleString("en")} steps of ${batch}${images}`;
}

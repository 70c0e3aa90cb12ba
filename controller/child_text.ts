/** A run's child in a few words, for every place that describes the run. */
import type { ChildSettings } from "../child/trainer.ts";

/** "resnet14, 400 steps of 64, images of 16x16"; images are named only where they are scaled down. */
export function childText({ network, steps, batch, imageSize }: ChildSettings): string {
  const images = imageSize === undefined ? "" : `, images of ${imageSize}x${imageSize}`;
  return `${network}, ${steps.toLocaleString("en")} steps of ${batch}${images}`;
}

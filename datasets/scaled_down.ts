/** A data set with smaller images, for children that must be cheap: depth costs less than pixels (docs/search.md). */
import type { Dataset, Split } from "./dataset.ts";

/** By data set and side, the scaled data sets made so far. */
const MADE = new WeakMap<Dataset, Map<number, Dataset>>();

/**
 * The data set with images of `side` x `side`, each pixel the mean of a square; the data set itself if they have that
 * size. Its mean and deviation stay those of the whole images. Throws a RangeError if the images are not squares of a
 * multiple of `side`, or are decoded while training.
 */
export function scaledDown(dataset: Dataset, side: number): Dataset {
  const { name, height, width } = dataset;
  if (height === side && width === side) return dataset;
  if (!canScaleDown(dataset, side)) {
    throw new RangeError(
      `Cannot scale ${name} down to ${side}x${side} as its images must be squares in memory whose side is a multiple ` +
        `of it: they are ${height}x${width}`,
    );
  }
  const made = MADE.get(dataset) ?? new Map<number, Dataset>();
  MADE.set(dataset, made);
  if (!made.has(side)) {
    const [train, validation, test] = [dataset.train, dataset.validation, dataset.test].map((split) =>
      scaled(split, dataset, side)
    );
    made.set(side, { ...dataset, height: side, width: side, train, validation, test });
  }
  return made.get(side)!;
}

/** Whether `scaledDown` can make images of that side. */
export function canScaleDown({ height, width, train }: Dataset, side: number): boolean {
  return train.files === undefined && height === width && Number.isInteger(side) && side >= 1 && height % side === 0;
}

function scaled(split: Split, { height, channels }: Dataset, side: number): Split {
  const factor = height / side, square = factor * factor;
  const pixels = new Uint8Array(new SharedArrayBuffer(split.pixels.length / square));
  let place = 0;
  for (let image = 0; image < split.count; image++) {
    for (let row = 0; row < side; row++) {
      for (let column = 0; column < side; column++) {
        const corner = ((image * height + row * factor) * height + column * factor) * channels;
        for (let channel = 0; channel < channels; channel++) {
          let sum = 0;
          for (let y = 0; y < factor; y++) {
            for (let x = 0; x < factor; x++) sum += split.pixels[corner + (y * height + x) * channels + channel];
          }
          pixels[place++] = Math.round(sum / square);
        }
      }
    }
  }
  return { ...split, pixels };
}

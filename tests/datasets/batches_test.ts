/**
 * Batches: which images, in what order, how cropped, flipped and normalised. The oracle is a padded canvas in plain
 * loops.
 */
import { assert, assertAlmostEquals, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { evaluationBatches, TrainingBatches } from "../../datasets/batches.ts";
import { type Dataset, newSplit, type Split } from "../../datasets/dataset.ts";
import { Random } from "../../datasets/random.ts";

const SIZE = 8, CHANNELS = 3, PAD = 4, IMAGE = SIZE * SIZE * CHANNELS;
const MEAN = [0.5, 0.25, 0.125], DEVIATION = [0.5, 1, 0.25];

/** Random pixels, so that no two crops of any two images are alike. Image n of the training split has label n. */
function dataset(train: number): Dataset {
  const random = new Random(2);
  const split = (count: number): Split => {
    const images = newSplit(count, IMAGE);
    for (let i = 0; i < images.pixels.length; i++) images.pixels[i] = random.integer(256);
    images.labels.forEach((_, n) => images.labels[n] = n);
    return images;
  };
  return {
    ...{ name: "noise", synthetic: true, height: SIZE, width: SIZE, channels: CHANNELS, classes: ["a"] },
    ...{ mean: MEAN, standardDeviation: DEVIATION, train: split(train), validation: split(5), test: split(0) },
  };
}

const TEN = dataset(10);

/** Of the stored byte; the value outside an image is 0 after normalisation. */
function valueAt(split: Split, image: number, row: number, column: number, channel: number): number {
  if (row < 0 || row >= SIZE || column < 0 || column >= SIZE) return 0;
  const byte = split.pixels[((image * SIZE + row) * SIZE + column) * CHANNELS + channel];
  return Math.fround((byte / 255 - MEAN[channel]) / DEVIATION[channel]);
}

/** Image `image` moved by (down, right) and mirrored, as HWC values. */
function moved(split: Split, image: number, down: number, right: number, mirrored: boolean): number[] {
  return Array.from({ length: IMAGE }, (_, i) => {
    const row = Math.floor(i / (SIZE * CHANNELS)), column = Math.floor(i / CHANNELS) % SIZE;
    const from = (mirrored ? SIZE - 1 - column : column) + right;
    return valueAt(split, image, row + down, from, i % CHANNELS);
  });
}

/** Every crop and mirroring that padding by 4 allows, by its values. */
function movesOf(split: Split, image: number): Map<string, string> {
  const moves = new Map<string, string>();
  for (let down = -PAD; down <= PAD; down++) {
    for (let right = -PAD; right <= PAD; right++) {
      for (const mirrored of [false, true]) {
        moves.set(moved(split, image, down, right, mirrored).join(), `${down} ${right} ${mirrored}`);
      }
    }
  }
  return moves;
}

/** Copies, as the images are valid until the next call only. */
function take(batches: TrainingBatches, step: number): { images: number[][]; labels: number[] } {
  const { images, labels } = batches.at(step);
  const image = (n: number) => [...images.subarray(n * IMAGE, (n + 1) * IMAGE)];
  return { images: Array.from(labels, (_, n) => image(n)), labels: [...labels] };
}

describe("TrainingBatches", () => {
  it("shows every image once per epoch, in another order each epoch and for each seed", () => {
    const order = (seed: number, epoch: number) => {
      const batches = new TrainingBatches(TEN, { batch: 5, seed, augment: false });
      return [2 * epoch, 2 * epoch + 1].flatMap((step) => take(batches, step).labels);
    };
    const orders = [order(1, 0), order(1, 1), order(1, 7), order(2, 0)];
    for (const labels of orders) assertEquals(labels.toSorted((a, b) => a - b), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assertEquals(new Set(orders.map(String)).size, orders.length);
  });

  it("drops the remainder of an epoch, other images each epoch", () => {
    const batches = new TrainingBatches(TEN, { batch: 4, seed: 1, augment: false });
    const epochs = Array.from({ length: 30 }, (_, epoch) => {
      const labels = [2 * epoch, 2 * epoch + 1].flatMap((step) => take(batches, step).labels);
      assertEquals(new Set(labels).size, 8);
      return labels;
    });
    assertEquals(new Set(epochs.flat()).size, 10);
  });

  it("is a function of seed and step, whatever was asked before", () => {
    const options = { batch: 3, seed: 7, augment: true };
    const inOrder = new TrainingBatches(TEN, options);
    const steps = Array.from({ length: 9 }, (_, step) => take(inOrder, step));
    for (const step of [8, 0, 5, 5, 2]) assertEquals(take(new TrainingBatches(TEN, options), step), steps[step]);
    const jumping = new TrainingBatches(TEN, options);
    for (const step of [8, 0, 5, 5, 2]) assertEquals(take(jumping, step), steps[step]);
    assertNotEquals(take(new TrainingBatches(TEN, { ...options, seed: 8 }), 0), steps[0]);
  });

  it("shows the same images with and without augmentation", () => {
    const labels = (augment: boolean) => {
      const batches = new TrainingBatches(TEN, { batch: 5, seed: 3, augment });
      return [0, 1, 2, 3].map((step) => take(batches, step).labels);
    };
    assertEquals(labels(true), labels(false));
  });

  it("normalises each image by the channels' mean and deviation", () => {
    const batches = new TrainingBatches(TEN, { batch: 10, seed: 3, augment: false });
    const { images, labels } = take(batches, 0);
    labels.forEach((label, n) => assertEquals(images[n], moved(TEN.train, label, 0, 0, false)));
  });

  it("augments by crops of the image padded by 4 and by mirroring, and by nothing else", () => {
    const moves = Array.from({ length: 10 }, (_, image) => movesOf(TEN.train, image));
    const batches = new TrainingBatches(TEN, { batch: 10, seed: 5, augment: true });
    for (let step = 0; step < 20; step++) {
      const { images, labels } = take(batches, step);
      labels.forEach((label, n) => assert(moves[label].has(images[n].join()), `step ${step}, image ${n}`));
    }
  });

  it("crops everywhere and mirrors half, evenly", () => {
    const one = dataset(1), moves = movesOf(one.train, 0), counts = new Map<string, number>();
    const batches = new TrainingBatches(one, { batch: 1, seed: 1, augment: true });
    const steps = 30 * moves.size;
    for (let step = 0; step < steps; step++) {
      const move = moves.get(take(batches, step).images[0].join())!;
      counts.set(move, (counts.get(move) ?? 0) + 1);
    }
    assertEquals(counts.size, 9 * 9 * 2);
    const chiSquared = [...counts.values()].reduce((sum, count) => sum + (count - 30) ** 2 / 30, 0);
    assert(chiSquared < 161 + 4 * Math.sqrt(2 * 161), `chi-squared is ${chiSquared} with 161 degrees of freedom`);
    const mirrored = [...counts].filter(([move]) => move.endsWith("true")).reduce((sum, [, count]) => sum + count, 0);
    assertAlmostEquals(mirrored / steps, 0.5, 4 * Math.sqrt(0.25 / steps));
  });

  it("refuses batches that are no whole number from 1 to the images there are", () => {
    for (const batch of [0, -1, 1.5, 11]) {
      const error = () => new TrainingBatches(TEN, { batch, seed: 1, augment: false });
      assertThrows(error, RangeError, `1 to 10 images of noise: ${batch} were asked for`);
    }
  });
});

describe("evaluationBatches", () => {
  it("gives every image once in its order, normalised, the last batch smaller", () => {
    const batches = [...evaluationBatches(TEN, "validation", { batch: 2 })];
    assertEquals(batches.map(({ labels }) => [...labels]), [[0, 1], [2, 3], [4]]);
    const values = batches.flatMap(({ images }) => [...images]);
    assertEquals(values, [0, 1, 2, 3, 4].flatMap((image) => moved(TEN.validation, image, 0, 0, false)));
  });

  it("stops at the limit", () => {
    const labels = (limit: number | null) =>
      [...evaluationBatches(TEN, "train", { batch: 4, limit })].map(({ labels }) => [...labels]);
    assertEquals(labels(6), [[0, 1, 2, 3], [4, 5]]);
    assertEquals(labels(null).flat().length, 10);
    assertEquals(labels(99).flat().length, 10);
  });

  it("refuses a split without images", () => {
    assertThrows(() => evaluationBatches(TEN, "test", { batch: 2 }).next(), RangeError, "the test split of noise");
  });
});

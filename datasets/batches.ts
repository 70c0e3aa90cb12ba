/**
 * Images of a split as normalised float32 batches, the same on every engine. Training batches are a function of seed
 * and step alone, so that a child can resume at any step exactly as if never interrupted.
 */
import type { Batch, Dataset, SplitName } from "./dataset.ts";
import { streamedEvaluationBatches, StreamedTrainingBatches, type StreamHooks } from "./imagenet/streamed_batches.ts";
import { Random } from "./random.ts";

/** Batches by step, from memory or decoded ahead. Must be closed. */
export interface TrainingSource {
  /** The batch of a step, counted from 0. Its images are valid until the next call. */
  at(step: number): Batch | Promise<Batch>;
  /** The same batch by the places of its images; only of data sets in memory. */
  pickedAt?(step: number): PickedBatch;
  close(): void;
}

/** Throws a RangeError if the training split has fewer images than a batch. */
export function openTrainingBatches(
  dataset: Dataset,
  options: TrainingOptions & StreamHooks,
): TrainingSource {
  return dataset.train.files === undefined
    ? new TrainingBatches(dataset, options)
    : new StreamedTrainingBatches(dataset, options);
}

/** The images of a split in their order. Throws a RangeError if it is empty. */
export function openEvaluationBatches(
  dataset: Dataset,
  name: SplitName,
  options: EvaluationOptions & StreamHooks,
): Iterable<Batch> | AsyncIterable<Batch> {
  return dataset[name].files === undefined
    ? evaluationBatches(dataset, name, options)
    : streamedEvaluationBatches(dataset, name, options);
}

export interface TrainingOptions {
  readonly batch: number;
  readonly seed: number;
  /** Pads each image by 4 zeros on each side, crops at a random place, and flips it left to right half the time. */
  readonly augment: boolean;
}

/**
 * A training batch by the places of its images in the training split, for engines that have the split on their device:
 * they must make the images that `TrainingBatches.at` makes, bit for bit.
 */
export interface PickedBatch {
  readonly dataset: Dataset;
  /** Index of each image. */
  readonly picks: Uint32Array;
  /** Of each image, `cropOf` its shift and flip. */
  readonly crops: Uint32Array;
  readonly labels: Uint8Array;
}

/** Pixels of padding of He et al. 2015, section 4.2. It is zero after normalisation: the mean colour. */
export const PAD = 4;

export class TrainingBatches implements TrainingSource {
  readonly #dataset: Dataset;
  readonly #options: TrainingOptions;
  readonly #random: Random;
  readonly #table: Float32Array;
  readonly #images: Float32Array;
  #epoch = -1;
  #order = new Uint32Array();

  /** Throws a RangeError if the training split has fewer images than a batch. */
  constructor(dataset: Dataset, options: TrainingOptions) {
    const { batch } = options;
    if (!Number.isInteger(batch) || batch < 1 || batch > dataset.train.count) {
      throw new RangeError(
        `Cannot make training batches as they take 1 to ${dataset.train.count} images of ${dataset.name}: ${batch} were asked for`,
      );
    }
    this.#dataset = dataset;
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#table = normalisation(dataset);
    this.#images = new Float32Array(batch * dataset.height * dataset.width * dataset.channels);
  }

  /**
   * The batch of a step, counted from 0. Its images are valid until the next call. The remainder of an epoch is
   * dropped.
   */
  at(step: number): Batch {
    const { augment } = this.#options, { train, height, width, channels } = this.#dataset;
    const { picks, crops, labels } = this.pickedAt(step), imageValues = height * width * channels;
    if (augment) this.#images.fill(0);
    picks.forEach((image, n) => {
      const pixels = train.pixels.subarray(image * imageValues, (image + 1) * imageValues);
      const into = this.#images.subarray(n * imageValues, (n + 1) * imageValues);
      if (!augment) normalise(pixels, into, this.#table, channels);
      else this.#cropped(pixels, into, shiftOf(crops[n]));
    });
    return { images: this.#images, labels };
  }

  /** The same batch by the places of its images. */
  pickedAt(step: number): PickedBatch {
    const { batch, augment } = this.#options, { train } = this.#dataset;
    const steps = Math.floor(train.count / batch), epoch = Math.floor(step / steps), first = (step % steps) * batch;
    if (epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.#order = Uint32Array.from(this.#random.split("order", epoch).permutation(train.count));
    }
    const draw = this.#random.split("augment", step);
    const picks = this.#order.slice(first, first + batch);
    const labels = Uint8Array.from(picks, (image) => train.labels[image]);
    const crops = Uint32Array.from(picks, () => augment ? drawCrop(draw) : NO_CROP);
    return { dataset: this.#dataset, picks, crops, labels };
  }

  /** There is nothing to close. */
  close(): void {}

  /** into[row][column] = normalised pixels[row + down][column + right], mirrored where `flip`; zero outside. */
  #cropped(pixels: Uint8Array, into: Float32Array, { down, right, flip }: Shift): void {
    const { height, width, channels } = this.#dataset, table = this.#table;
    for (let row = Math.max(0, -down); row < Math.min(height, height - down); row++) {
      for (let column = Math.max(0, -right); column < Math.min(width, width - right); column++) {
        const from = ((row + down) * width + column + right) * channels;
        const to = (row * width + (flip ? width - 1 - column : column)) * channels;
        for (let c = 0; c < channels; c++) into[to + c] = table[c * 256 + pixels[from + c]];
      }
    }
  }
}

/** Of a crop from the padded image: the pixel of row r and column c is that of row r + down and column c + right. */
interface Shift {
  readonly down: number;
  readonly right: number;
  /** Whether the crop is then flipped left to right. */
  readonly flip: boolean;
}

/** A shift as one word: PAD + down, PAD + right in the next byte, and the flip above. */
export function cropOf({ down, right, flip }: Shift): number {
  return PAD + down | (PAD + right) << 8 | (flip ? 1 : 0) << 16;
}

function shiftOf(crop: number): Shift {
  return { down: (crop & 255) - PAD, right: (crop >> 8 & 255) - PAD, flip: crop >> 16 === 1 };
}

const NO_CROP = cropOf({ down: 0, right: 0, flip: false });

function drawCrop(draw: Random): number {
  const down = draw.integer(2 * PAD + 1) - PAD, right = draw.integer(2 * PAD + 1) - PAD;
  return cropOf({ down, right, flip: draw.integer(2) === 1 });
}

export interface EvaluationOptions {
  readonly batch: number;
  /** Only this many images, from the start; all if null or absent. */
  readonly limit?: number | null;
}

/** The images of a split in their order; the last batch may be smaller. Throws a RangeError if the split is empty. */
export function* evaluationBatches(dataset: Dataset, name: SplitName, options: EvaluationOptions): Generator<Batch> {
  const split = dataset[name], table = normalisation(dataset);
  const count = Math.min(split.count, options.limit ?? Infinity);
  if (count < 1) throw new RangeError(`Cannot evaluate the ${name} split of ${dataset.name} as it has no images here`);
  const imageValues = dataset.height * dataset.width * dataset.channels;
  for (let first = 0; first < count; first += options.batch) {
    const last = Math.min(count, first + options.batch);
    const images = new Float32Array((last - first) * imageValues);
    normalise(split.pixels.subarray(first * imageValues, last * imageValues), images, table, dataset.channels);
    yield { images, labels: split.labels.slice(first, last) };
  }
}

/** [channels][256]: the normalised value of each byte. */
export function normalisation({ channels, mean, standardDeviation }: Dataset): Float32Array {
  return Float32Array.from({ length: channels * 256 }, (_, i) => {
    const c = Math.floor(i / 256);
    return ((i % 256) / 255 - mean[c]) / standardDeviation[c];
  });
}

function normalise(pixels: Uint8Array, into: Float32Array, table: Float32Array, channels: number): void {
  for (let i = 0; i < into.length; i += channels) {
    for (let c = 0; c < channels; c++) into[i + c] = table[c * 256 + pixels[i + c]];
  }
}

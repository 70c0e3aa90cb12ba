/**
 * Images of a split as normalised float32 batches, the same on every engine. Training batches are a function of seed
 * and step alone, so that a child can resume at any step exactly as if never interrupted.
 */
import type { Batch, Dataset, SplitName } from "./dataset.ts";
import { type OnSkipped, streamedEvaluationBatches, StreamedTrainingBatches } from "./imagenet/streamed_batches.ts";
import { Random } from "./random.ts";

/** Batches by step, from memory or decoded ahead. Must be closed. */
export interface TrainingSource {
  /** The batch of a step, counted from 0. Its images are valid until the next call. */
  at(step: number): Batch | Promise<Batch>;
  close(): void;
}

/** Throws a RangeError if the training split has fewer images than a batch. `onSkipped`: see `StreamedTrainingBatches`. */
export function openTrainingBatches(
  dataset: Dataset,
  options: TrainingOptions & { readonly onSkipped?: OnSkipped },
): TrainingSource {
  return dataset.train.files === undefined
    ? new TrainingBatches(dataset, options)
    : new StreamedTrainingBatches(dataset, options);
}

/** The images of a split in their order. Throws a RangeError if it is empty. */
export function openEvaluationBatches(
  dataset: Dataset,
  name: SplitName,
  options: EvaluationOptions & { readonly onSkipped?: OnSkipped },
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

/** Pixels of padding of He et al. 2015, section 4.2. It is zero after normalisation: the mean colour. */
const PAD = 4;

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
    const { batch, augment } = this.#options;
    const { train, height, width, channels } = this.#dataset;
    const steps = Math.floor(train.count / batch), epoch = Math.floor(step / steps), first = (step % steps) * batch;
    if (epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.#order = Uint32Array.from(this.#random.split("order", epoch).permutation(train.count));
    }
    const draw = this.#random.split("augment", step);
    const labels = new Uint8Array(batch), imageValues = height * width * channels;
    if (augment) this.#images.fill(0);
    for (let n = 0; n < batch; n++) {
      const image = this.#order[first + n];
      labels[n] = train.labels[image];
      const pixels = train.pixels.subarray(image * imageValues, (image + 1) * imageValues);
      const into = this.#images.subarray(n * imageValues, (n + 1) * imageValues);
      if (!augment) normalise(pixels, into, this.#table, channels);
      else {
        const down = draw.integer(2 * PAD + 1) - PAD, right = draw.integer(2 * PAD + 1) - PAD;
        this.#cropped(pixels, into, down, right, draw.integer(2) === 1);
      }
    }
    return { images: this.#images, labels };
  }

  /** There is nothing to close. */
  close(): void {}

  /** into[row][column] = normalised pixels[row + down][column + right], mirrored where `flip`; zero outside. */
  #cropped(pixels: Uint8Array, into: Float32Array, down: number, right: number, flip: boolean): void {
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
function normalisation({ channels, mean, standardDeviation }: Dataset): Float32Array {
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

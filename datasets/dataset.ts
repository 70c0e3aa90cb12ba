/**
 * A dataset is labelled 32x32 colour images in three splits. The pixels stay bytes, in SharedArrayBuffers that every
 * worker reads without a copy; `batches.ts` turns them into normalised float32 batches.
 */

/** Images of one split. */
export interface Split {
  readonly count: number;
  /** Pixels, NHWC: `count * height * width * channels` bytes over a SharedArrayBuffer. */
  readonly pixels: Uint8Array<SharedArrayBuffer>;
  /** One class index an image, over a SharedArrayBuffer. */
  readonly labels: Uint8Array<SharedArrayBuffer>;
}

export type SplitName = "train" | "validation" | "test";

/** Structured-cloneable: a Dataset is sent to workers as it is, its buffers shared. */
export interface Dataset {
  readonly name: string;
  /** True where the images are drawn by a program (`shapes`), which must be said wherever a number stands. */
  readonly synthetic: boolean;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly classes: readonly string[];
  /** Mean and standard deviation of each channel over the training split, of pixel values scaled to [0, 1]. */
  readonly mean: readonly number[];
  readonly standardDeviation: readonly number[];
  readonly train: Split;
  readonly validation: Split;
  /** Never read by a search: `withoutTest()` takes it away before anything is sent to a worker. */
  readonly test: Split;
}

/** Images in float, ready for a network. */
export interface Batch {
  /** NHWC, `count * height * width * channels` values. float64 only where a test needs it. */
  readonly images: Float32Array | Float64Array;
  /** One class index an image; `labels.length` is the number of images. */
  readonly labels: Uint8Array | Int32Array;
}

/** How far a download is; told as often as bytes arrive. */
export interface Progress {
  /** Name of the file being fetched. */
  readonly file: string;
  /** Bytes on disk, those of an earlier, broken download included. */
  readonly received: number;
  readonly total: number;
}

/** Where a data set comes from. */
export interface DatasetOptions {
  /** Folder that holds the data (`--data`): then nowhere else is looked, and nothing is downloaded. */
  readonly directory?: string;
  /** Folder where downloads are kept; `data` in the working directory by default. */
  readonly cache?: string;
  /** Whether it may be downloaded where the cache lacks it. */
  readonly download: boolean;
  /** Of drawn images; the others have none. 0 by default. */
  readonly seed?: number;
  readonly onProgress?: (progress: Progress) => void;
  /** Stops a download, which rejects with the signal's reason; what has arrived is kept and resumed. */
  readonly signal?: AbortSignal;
}

/**
 * A data set cannot be loaded. `unavailable`: it is not here and cannot be fetched. `malformed`: it is here but cut
 * short or not what it says it is. The message names the file or folder and what to do.
 */
export class DatasetError extends Error {
  override readonly name = "DatasetError";
  constructor(readonly reason: "unavailable" | "malformed", message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** The data set with an empty test split: what a search may see. */
export function withoutTest(dataset: Dataset): Dataset {
  return { ...dataset, test: newSplit(0, 0) };
}

/** A split of black images, all of class 0, to be filled in. `imageBytes` is height * width * channels. */
export function newSplit(count: number, imageBytes: number): Split {
  return {
    count,
    pixels: new Uint8Array(new SharedArrayBuffer(count * imageBytes)),
    labels: new Uint8Array(new SharedArrayBuffer(count)),
  };
}

/** Images `start` to `end` (not included) of a split, over the same memory. */
export function sliceSplit(split: Split, start: number, end: number): Split {
  const imageBytes = split.pixels.length / split.count;
  return {
    count: end - start,
    pixels: split.pixels.subarray(start * imageBytes, end * imageBytes),
    labels: split.labels.subarray(start, end),
  };
}

/** Mean and (population) standard deviation of each channel, of pixel values scaled to [0, 1]; exact sums of bytes. */
export function channelStatistics(split: Split, channels: number): { mean: number[]; standardDeviation: number[] } {
  const sums = new Float64Array(channels);
  const squares = new Float64Array(channels);
  const { pixels } = split;
  for (let at = 0; at < pixels.length; at += channels) {
    for (let channel = 0; channel < channels; channel++) {
      const value = pixels[at + channel];
      sums[channel] += value;
      squares[channel] += value * value;
    }
  }
  const count = pixels.length / channels;
  const mean = Array.from(sums, (sum) => sum / count / 255);
  const variance = (channel: number) => squares[channel] / count / 255 ** 2 - mean[channel] ** 2;
  return { mean, standardDeviation: mean.map((_, channel) => Math.sqrt(Math.max(variance(channel), 0))) };
}

/**
 * A dataset is labelled colour images in three splits. Images of 32x32 stay bytes in memory, in SharedArrayBuffers that
 * every worker reads without a copy; larger ones (`imagenet`) stay in their files and are decoded while training.
 * `batches.ts` turns both into normalised float32 batches.
 */

/** Images of one split. */
export interface Split {
  readonly count: number;
  /** Pixels, NHWC: `count * height * width * channels` bytes over a SharedArrayBuffer; empty where there are `files`. */
  readonly pixels: Uint8Array<SharedArrayBuffer>;
  /** One class index per image, over a SharedArrayBuffer; of `files` they may exceed a byte. */
  readonly labels: Uint8Array<SharedArrayBuffer> | Int32Array<SharedArrayBuffer>;
  /** Where the images are, if they are decoded while training. */
  readonly files?: ImageFiles;
}

/** Images in a folder, or in a tar archive that is not compressed. */
export interface ImageFiles {
  /** The folder or the archive. */
  readonly root: string;
  /** Paths in it, one per image. */
  readonly names: readonly string[];
  /** In an archive: for each image its first byte and its number of bytes; null in a folder. */
  readonly places: Float64Array | null;
  /** Smaller copies that are read instead, where they were asked for. */
  readonly copies?: ResizedCopies;
}

/** Copies of images in a folder (`imagenet/resized.ts`), their shorter side scaled down to `side`. */
export interface ResizedCopies {
  readonly directory: string;
  readonly side: number;
}

export type SplitName = "train" | "validation" | "test";

/** Structured-cloneable: a Dataset is sent to workers as it is, its buffers shared. */
export interface Dataset {
  readonly name: string;
  /** True if the images are drawn by a program (`shapes`): every reported number must say so. */
  readonly synthetic: boolean;
  /** True if every checksum is that of the publisher's files, false if one is not; left out if none is known. */
  readonly official?: boolean;
  /** A sentence to print before the images are used: that they are not the official ones, or are scaled. */
  readonly notice?: string;
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

/**
 * By which images are recognised: a folder of the same name, or files of the same names, may hold others, such as JPEGs
 * decoded again.
 */
export type ImageStatistics = Pick<Dataset, "mean" | "standardDeviation">;

/** Images in float, ready for a network. */
export interface Batch {
  /** NHWC, `count * height * width * channels` values. float64 only where a test needs it. */
  readonly images: Float32Array | Float64Array;
  /** One class index per image; `labels.length` is the number of images. */
  readonly labels: Uint8Array | Int32Array;
}

/** Progress of a download; reported as bytes arrive. */
export interface Progress {
  /** Name of the file being fetched. */
  readonly file: string;
  /** Bytes on disk, including those of an earlier, interrupted download. */
  readonly received: number;
  /** Null if the host does not say. */
  readonly total: number | null;
}

/** Where a data set comes from. */
export interface DatasetOptions {
  /** Folder that holds the data, or a file (`--data`): then nothing else is searched, and nothing is downloaded. */
  readonly directory?: string;
  /** Folder where downloads are kept; `data` in the working directory by default. */
  readonly cache?: string;
  /** Whether it may be downloaded if the cache lacks it. */
  readonly download: boolean;
  /** A mirror to download from instead of the known sources: a file, or a folder if the URL ends in "/". */
  readonly from?: string;
  /** Refuses, as `malformed`, files that cannot be the data set: copies of one file, or one image over and over. */
  readonly strict?: boolean;
  /** Which labels are the targets: only cifar100 has others than "fine", its 20 superclasses. "fine" by default. */
  readonly labels?: "fine" | "coarse";
  /** Seed of drawn images; other data sets have none. 0 by default. */
  readonly seed?: number;
  /** Side to which the images of `imagenet` are scaled; 224 by default. Others have theirs. */
  readonly size?: number;
  /** Folder where `imagenet` keeps smaller copies of its images; none by default. */
  readonly copies?: string;
  readonly onProgress?: (progress: Progress) => void;
  /** Called with a line for people: a source passed over, a file moved aside. */
  readonly onNotice?: (line: string) => void;
  /** Stops loading, which rejects with the signal's reason; what has been downloaded is kept and resumed. */
  readonly signal?: AbortSignal;
}

/**
 * A data set cannot be loaded. `unavailable`: it is not here and cannot be fetched. `malformed`: it is here but
 * truncated or not what it claims to be. The message names the file or folder and what to do.
 */
export class DatasetError extends Error {
  override readonly name = "DatasetError";
  constructor(readonly reason: "unavailable" | "malformed", message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** Those of the data set alone. */
export function imageStatistics({ mean, standardDeviation }: ImageStatistics): ImageStatistics {
  return { mean, standardDeviation };
}

export function hasSameImages(one: ImageStatistics, other: ImageStatistics): boolean {
  const isSame = (a: readonly number[], b: readonly number[]) => a.length === b.length && a.every((v, i) => v === b[i]);
  return isSame(one.mean, other.mean) && isSame(one.standardDeviation, other.standardDeviation);
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
  if (split.files !== undefined) throw new TypeError("Cannot slice images that are in files");
  const imageBytes = split.pixels.length / split.count;
  return {
    count: end - start,
    pixels: split.pixels.subarray(start * imageBytes, end * imageBytes),
    labels: split.labels.subarray(start, end),
  };
}

/** A data set of photographs: its last training images become the validation split. */
export interface Photographs extends Pick<Dataset, "name" | "height" | "width" | "channels" | "classes" | "test"> {
  /** All training images. */
  readonly all: Split;
  /** How many of them, from the start, stay in the training split. */
  readonly kept: number;
  /** Why it is not the official data set; null if it is. */
  readonly notice: string | null;
}

export function datasetOf({ all, kept, notice, ...rest }: Photographs): Dataset {
  const train = sliceSplit(all, 0, kept);
  return {
    ...rest,
    synthetic: false,
    official: notice === null,
    ...notice !== null && { notice },
    ...channelStatistics(train, rest.channels),
    train,
    validation: sliceSplit(all, kept, all.count),
  };
}

/** Mean and (population) standard deviation of each channel, of pixel values scaled to [0, 1]; exact sums of bytes. */
export function channelStatistics(
  { pixels }: Split,
  channels: number,
): { mean: number[]; standardDeviation: number[] } {
  // Summed as small integers, which V8 keeps in registers; 4096 squares of a byte are below 2^31.
  const piece = 4096 * channels, count = pixels.length / channels;
  const measure = (channel: number) => {
    let total = 0, totalOfSquares = 0;
    for (let start = channel; start < pixels.length; start += piece) {
      const end = Math.min(start + piece, pixels.length);
      let sum = 0, squares = 0;
      for (let at = start; at < end; at += channels) {
        const value = pixels[at];
        sum += value;
        squares += value * value;
      }
      total += sum;
      totalOfSquares += squares;
    }
    const mean = total / count / 255, variance = totalOfSquares / count / 255 ** 2 - mean ** 2;
    return { mean, deviation: Math.sqrt(Math.max(variance, 0)) };
  };
  const measured = Array.from({ length: channels }, (_, channel) => measure(channel));
  return { mean: measured.map(({ mean }) => mean), standardDeviation: measured.map(({ deviation }) => deviation) };
}

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

/**
 * How one tensor of a batch lies in memory: NHWC float32, the channels rounded up to a whole SIMD vector, and a border
 * of `pad` zero pixels around each image where a convolution reads it, so that kernels need no edge cases. The lanes
 * beyond `channels` are never read.
 */
import { FLOAT_BYTES, LANES } from "./function_builder.ts";
import { imageSizes, type Shape } from "../../network/shape.ts";

export class Layout {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** Channels with those that fill the last vector. */
  readonly lanes: number;

  constructor(shape: Shape, readonly pad: number) {
    ({ height: this.height, width: this.width, channels: this.channels } = imageSizes(shape));
    this.lanes = wholeVectors(this.channels);
  }

  get pixelBytes(): number {
    return this.lanes * FLOAT_BYTES;
  }
  get rowBytes(): number {
    return (this.width + 2 * this.pad) * this.pixelBytes;
  }
  get imageBytes(): number {
    return (this.height + 2 * this.pad) * this.rowBytes;
  }
  /** Bytes from an image's start to its first pixel that is not border. */
  get origin(): number {
    return this.pad * (this.rowBytes + this.pixelBytes);
  }
  /** Bytes from an image's start to the pixel, which may lie in the border. */
  at(row: number, column: number): number {
    return this.origin + row * this.rowBytes + column * this.pixelBytes;
  }
  /** Part of a kernel's name. */
  get key(): string {
    return `${this.height}x${this.width}x${this.channels}p${this.pad}`;
  }
}

/** Channels rounded up to whole SIMD vectors. */
export function wholeVectors(channels: number): number {
  return Math.ceil(channels / LANES) * LANES;
}

/** The v128 parts of `lanes` channels that a kernel processes at once: the largest even division up to `most`. */
export function partsOf(lanes: number, most: number): number {
  for (let parts = most; parts > 1; parts /= 2) if (lanes % (parts * LANES) === 0) return parts;
  return 1;
}

/** Of 128 bits: 16 lanes, two registers of 256 bits. */
const PANEL_PARTS = 4;

/** So many panels of a tensor's lanes, each of `parts` vectors that a kernel processes at once. */
export interface Panels {
  readonly count: number;
  readonly parts: number;
}

/** Lanes in panels of 16, and what is left in one more. */
export function panelsOf(lanes: number): readonly Panels[] {
  const vectors = lanes / LANES;
  return [
    { count: Math.floor(vectors / PANEL_PARTS), parts: PANEL_PARTS },
    { count: 1, parts: vectors % PANEL_PARTS },
  ].filter(({ count, parts }) => count * parts > 0);
}

/** What the products of a convolution, forward and backward, share: a layer's sizes, and what follows from them. */
import { LANES } from "./layout.ts";

/** The images at one side of a layer. */
interface Side {
  readonly height: number;
  readonly width: number;
  readonly quads: number;
  readonly channels: number;
}

/** Sizes of a layer. */
export interface Convolution {
  readonly images: number;
  readonly input: Side;
  readonly output: Side;
  readonly size: number;
  readonly stride: number;
}

/** Threads along the channels at most, a quad each. */
const MAX_LANES = 16;

/** Number of threads along the quads of channels that leaves few of a block's threads idle. */
export function lanesFor(quads: number): number {
  return Math.ceil(quads / Math.ceil(quads / MAX_LANES));
}

export function times(count: number, line: (i: number) => string): string {
  return Array.from({ length: count }, (_, i) => line(i)).join("\n");
}

/** Channels of a quad that are computed with: where a layer has one quad only, those that it fills. */
export function usedChannels({ quads, channels }: Side): number {
  return quads === 1 ? channels : LANES;
}

/** Multiplications and additions of the products of a layer, by its definition. */
export function productOperations({ images, input, output, size }: Convolution): number {
  return 2 * images * output.height * output.width * output.channels * input.channels * size ** 2;
}

/** Values of all images at a side of a layer, and the quads that hold them. */
export function valuesAt({ images }: Convolution, { height, width, channels }: Side): number {
  return images * height * width * channels;
}

export function quadsAt({ images }: Convolution, { height, width, quads }: Side): number {
  return images * height * width * quads;
}

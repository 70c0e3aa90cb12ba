/**
 * Scales a part of an image, as Pillow and torchvision do with antialiasing: each pixel is the mean of what it covers,
 * weighted by a triangle as wide as the scale (bilinear where the image is enlarged), first along rows, then columns.
 */
import type { RgbImage } from "../images/png.ts";

/** A part of an image in pixels, not necessarily whole ones. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** For each place along a side of the result: the first source pixel, and the weights of it and those after it. */
interface Weights {
  readonly first: Int32Array;
  readonly weights: readonly Float32Array[];
}

/** The part as RGB bytes of that size, mirrored left to right if `flip`. */
export function resample(
  { width, height, pixels }: RgbImage,
  box: Box,
  size: Pick<RgbImage, "width" | "height">,
  flip = false,
): Uint8Array {
  const columns = weightsOf(box.left, box.width, width, size.width);
  const rows = weightsOf(box.top, box.height, height, size.height);
  // Only the rows that are needed.
  const firstRow = rows.first[0], lastRow = rows.first[size.height - 1] + rows.weights[size.height - 1].length;
  const narrow = new Float32Array((lastRow - firstRow) * size.width * 3);
  for (let row = firstRow; row < lastRow; row++) {
    for (let column = 0; column < size.width; column++) {
      const weights = columns.weights[column];
      let from = (row * width + columns.first[column]) * 3, [red, green, blue] = [0, 0, 0];
      for (let k = 0; k < weights.length; k++, from += 3) {
        const weight = weights[k];
        red += weight * pixels[from];
        green += weight * pixels[from + 1];
        blue += weight * pixels[from + 2];
      }
      const to = ((row - firstRow) * size.width + (flip ? size.width - 1 - column : column)) * 3;
      narrow[to] = red;
      narrow[to + 1] = green;
      narrow[to + 2] = blue;
    }
  }
  const line = size.width * 3, result = new Uint8Array(size.height * line);
  for (let row = 0; row < size.height; row++) {
    const weights = rows.weights[row], start = (rows.first[row] - firstRow) * line;
    for (let x = 0; x < line; x++) {
      let sum = 0.5; // rounds
      for (let k = 0; k < weights.length; k++) sum += weights[k] * narrow[start + k * line + x];
      result[row * line + x] = Math.max(0, Math.min(255, Math.floor(sum)));
    }
  }
  return result;
}

/** Pillow's `precompute_coeffs` (src/libImaging/Resample.c) for its bilinear filter. */
function weightsOf(begin: number, length: number, end: number, size: number): Weights {
  const scale = length / size, support = Math.max(scale, 1);
  const first = new Int32Array(size), weights: Float32Array[] = [];
  for (let place = 0; place < size; place++) {
    const centre = begin + (place + 0.5) * scale;
    const from = Math.max(0, Math.floor(centre - support + 0.5)),
      to = Math.min(end, Math.floor(centre + support + 0.5));
    const own = Float32Array.from(
      { length: Math.max(1, to - from) },
      (_, k) => Math.max(0, 1 - Math.abs((from + k - centre + 0.5) / support)),
    );
    const sum = own.reduce((total, weight) => total + weight, 0);
    first[place] = Math.min(from, end - 1);
    weights.push(sum > 0 ? own.map((weight) => weight / sum) : own.fill(1));
  }
  return { first, weights };
}

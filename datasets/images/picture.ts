/** Converts an image file of any size to 32x32 RGB. */
import { decodeJpeg, isJpeg } from "./jpeg.ts";
import { decodePng, isPng, type RgbImage } from "./png.ts";

export const SIDE = 32;

/** Extensions of image files; their first bytes decide the format. */
export const PICTURE_NAME = /\.(png|jpe?g)$/i;

/** Throws an Error that says what is wrong with the file. */
export async function decodePicture(bytes: Uint8Array<ArrayBuffer>): Promise<RgbImage> {
  if (isPng(bytes)) return decodePng(bytes);
  if (isJpeg(bytes)) return await decodeJpeg(bytes);
  throw new Error("it is neither a PNG nor a JPEG image");
}

/** The middle square of an image, scaled to 32x32 by the mean of the area that each pixel covers. */
export function scaled({ width, height, pixels }: RgbImage): Uint8Array {
  if (width === SIDE && height === SIDE) return pixels;
  const square = Math.min(width, height), left = (width - square) / 2, top = (height - square) / 2;
  const columns = shares(left, square, width), rows = shares(top, square, height);
  const result = new Uint8Array(SIDE * SIDE * 3);
  for (let row = 0, to = 0; row < SIDE; row++) {
    for (let column = 0; column < SIDE; column++) {
      for (let c = 0; c < 3; c++) {
        let sum = 0, total = 0;
        for (const [y, high] of rows[row]) {
          for (const [x, wide] of columns[column]) {
            sum += pixels[(y * width + x) * 3 + c] * high * wide;
            total += high * wide;
          }
        }
        result[to++] = Math.round(sum / total);
      }
    }
  }
  return result;
}

/** For each of the 32 places along a side: the source pixels that it covers, and how much of each. */
function shares(start: number, length: number, end: number): (readonly [pixel: number, share: number])[][] {
  return Array.from({ length: SIDE }, (_, place) => {
    const from = start + place * length / SIDE, to = start + (place + 1) * length / SIDE;
    const covered: [number, number][] = [];
    for (let pixel = Math.floor(from); pixel < Math.min(Math.ceil(to), end); pixel++) {
      const share = Math.min(pixel + 1, to) - Math.max(pixel, from);
      if (share > 0) covered.push([pixel, share]);
    }
    return covered;
  });
}

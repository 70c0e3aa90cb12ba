/** Writes PNG images for the tests of data sets: RGB of 8 bits, by any filter, interlaced or not. */
import { crc32, deflateSync } from "node:zlib";

const ADAM7 = [[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2]];

export interface PngOptions {
  /** Of every line, PNG specification section 9.2; 0 by default. */
  readonly filter?: number;
  readonly interlaced?: boolean;
}

export function pngOf(
  width: number,
  height: number,
  pixels: Uint8Array,
  { filter = 0, interlaced = false }: PngOptions = {},
): Uint8Array<ArrayBuffer> {
  const lines = (interlaced ? ADAM7 : [[0, 0, 1, 1]]).flatMap(([x, y, dx, dy]) => {
    const columns = Math.ceil((width - x) / dx);
    if (columns <= 0) return [];
    let above = new Array<number>(3 * columns).fill(0);
    return Array.from({ length: Math.max(0, Math.ceil((height - y) / dy)) }, (_, row) => {
      const line = Array.from({ length: 3 * columns }, (_, i) => {
        const column = x + Math.floor(i / 3) * dx;
        return pixels[((y + row * dy) * width + column) * 3 + i % 3];
      });
      const filtered = line.map((value, i) =>
        value - predicted(filter, line[i - 3] ?? 0, above[i], i < 3 ? 0 : above[i - 3])
      );
      above = line;
      return [filter, ...filtered];
    });
  });
  const header = new Uint8Array(13), view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([8, 2, 0, 0, interlaced ? 1 : 0], 8);
  const parts = [
    Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10),
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(Uint8Array.from(lines.flat()))),
    chunk("IEND", new Uint8Array()),
  ];
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

function predicted(filter: number, left: number, above: number, corner: number): number {
  if (filter !== 4) return [0, left, above, (left + above) >> 1][filter] ?? 0;
  const guess = left + above - corner;
  return [left, above, corner].reduce((best, value) => Math.abs(guess - value) < Math.abs(guess - best) ? value : best);
}

function chunk(name: string, body: Uint8Array): Uint8Array {
  const whole = new Uint8Array(12 + body.length), view = new DataView(whole.buffer);
  view.setUint32(0, body.length);
  whole.set(new TextEncoder().encode(name), 4);
  whole.set(body, 8);
  view.setUint32(8 + body.length, crc32(whole.subarray(4, 8 + body.length)));
  return whole;
}

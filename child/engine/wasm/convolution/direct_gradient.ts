/**
 * The kernel gradient of a direct convolution: kernel gradient += sum over pixels of input x output gradient, tap by tap
 * a product of two matrices with pixels as rows. Both are copied before into panels in which the product reads memory
 * in order, as pixels of many channels lie far apart and would compete for the same cache sets.
 */
import { FLOAT_BYTES, FunctionBuilder, type Int, type Kernel, LANES, plus, range } from "../function_builder.ts";
import type { Target } from "../function_builder.ts";
import { type Layout, type Panels, panelsOf } from "../layout.ts";

/** Input channels of a panel: rows of the kernel gradient that are summed at once. */
const ROWS = 4;
/** Keeps panels off powers of two. */
const LINE_BYTES = 64;

/** Pixels of a tensor, as rows of a matrix. */
export interface Pixels {
  readonly layout: Layout;
  readonly rows: number;
  readonly columns: number;
  readonly stride: number;
  readonly firstRow: number;
  readonly firstColumn: number;
  /** Of the buffer. */
  readonly maxImages: number;
}

/** Panels of the input channels; lanes beyond the last channel are not read. */
export const inputPanels = (layout: Layout): readonly Panels[] => [{ count: layout.lanes / LANES, parts: 1 }];

/** Bytes from one panel to the next. */
function panelBytes(parts: number, pixels: number): number {
  return pixels * parts * LANES * FLOAT_BYTES + LINE_BYTES;
}

/** Bytes of all panels. */
export function panelsBytes(panels: readonly Panels[], pixels: number): number {
  return panels.reduce((sum, { count, parts }) => sum + count * panelBytes(parts, pixels), 0);
}

/** [panels][pixels][lanes]: (images, tensor, into). */
export function packPixels(name: string, pixels: Pixels, panels: readonly Panels[], target: Target): Kernel {
  const f = new FunctionBuilder(name, ["images", "tensor", "into"], target);
  const { layout, rows, columns, stride, firstRow, firstColumn, maxImages } = pixels;
  const image = f.int("image", f.parameter("tensor")), into = panels.map(() => f.int("into", f.parameter("into")));
  let first = 0;
  panels.forEach(({ count, parts }, i) => {
    f.advance(into[i], first);
    first += count * panelBytes(parts, rows * columns * maxImages);
  });
  f.repeat(f.parameter("images"), () => {
    const row = f.int("row", plus(image, layout.at(firstRow, firstColumn)));
    f.repeat(rows, () => {
      const pixel = f.int("pixel", row);
      f.repeat(columns, () => {
        const lanes = f.int("lanes", pixel);
        panels.forEach(({ count, parts }, i) => {
          const to = f.int("to", into[i]), bytes = parts * LANES * FLOAT_BYTES;
          f.repeat(count, () => {
            f.store(to, 0, f.load(lanes, 0, parts));
            f.advance(lanes, bytes);
            f.advance(to, panelBytes(parts, rows * columns * maxImages));
          });
          f.advance(into[i], bytes);
        });
        f.advance(pixel, stride * layout.pixelBytes);
      });
      f.advance(row, stride * layout.rowBytes);
    });
    f.advance(image, layout.imageBytes);
  });
  return f.kernel();
}

/**
 * kernel gradient of one tap += the product: (pixels, input, gradient, into), of which the first two are panels of at
 * most `maxPixels` pixels.
 */
export function accumulatePixels(
  name: string,
  inputs: Layout,
  gradients: Layout,
  maxPixels: number,
  target: Target,
): Kernel {
  const f = new FunctionBuilder(name, ["pixels", "input", "gradient", "into"], target);
  const rowBytes = gradients.pixelBytes, leftPanel = panelBytes(1, maxPixels);
  const right = f.int("panel", f.parameter("gradient")), column = f.int("column", f.parameter("into"));
  for (const { count, parts } of panelsOf(gradients.lanes)) {
    f.repeat(count, () => {
      const left = f.int("left", f.parameter("input")), into = f.int("row", column);
      const quads = Math.floor(inputs.channels / ROWS), rest = inputs.channels % ROWS;
      if (quads > 0) {
        f.repeat(quads, () => {
          sumOverPixels(f, left, right, into, ROWS, parts, rowBytes);
          f.advance(left, leftPanel);
          f.advance(into, ROWS * rowBytes);
        });
      }
      if (rest > 0) sumOverPixels(f, left, right, into, rest, parts, rowBytes);
      f.advance(right, panelBytes(parts, maxPixels));
      f.advance(column, parts * LANES * FLOAT_BYTES);
    });
  }
  return f.kernel();
}

function sumOverPixels(
  f: FunctionBuilder,
  left: Int,
  right: Int,
  into: Int,
  rows: number,
  parts: number,
  rowBytes: number,
): void {
  const sums = range(rows).map((i) => f.load(into, i * rowBytes, parts));
  const input = f.int("input", left), gradient = f.int("gradient", right);
  f.repeat(f.parameter("pixels"), () => {
    const value = f.load(gradient, 0, parts);
    sums.forEach((sum, i) => f.assign(sum, f.madd(f.broadcast(input, i * FLOAT_BYTES, parts), value, sum)));
    f.advance(input, LANES * FLOAT_BYTES);
    f.advance(gradient, parts * LANES * FLOAT_BYTES);
  });
  sums.forEach((sum, i) => f.store(into, i * rowBytes, sum));
}

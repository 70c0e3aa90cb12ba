/**
 * Winograd's minimal filtering F(4x4, 3x3) for 3x3 convolutions of stride 1 (Lavin & Gray 2015, arXiv 1509.09308): a
 * 4x4 tile of outputs costs 36 multiplications per channel pair instead of 144. With d a 6x6 tile of padded inputs, k
 * the kernel and y the 4x4 outputs,
 *
 *     y  = AT [ (G k GT) * (BT d B) ] A          forward, and the input gradient with the kernel flipped and transposed
 *     dk = GT [ sum of (BT d B) * (A dy AT) ] G   the kernel gradient
 *
 * where * is elementwise, so that summing over channels (or tiles) makes each of the 36 positions a matrix product.
 * Layouts: V[position][tile][input channel], U[position][panel of output channels][input channel][output channel of the
 * panel], M[position][tile][output channel]. The matrices are those of the interpolation points 0, 1, -1, 2, -2 and infinity.
 */
import { FLOAT_BYTES, FunctionBuilder, type Int, LANES, plus, range, times, type Vector } from "../function_builder.ts";
import type { Kernel, Target } from "../function_builder.ts";
import { type Layout, partsOf } from "../layout.ts";

export const TILE = 4;
export const PATCH = 6;
export const POSITIONS = PATCH * PATCH;
/** Tiles that the matrix product takes at once; tile counts are rounded up to it. */
export const TILE_BLOCK = 4;

type Matrix = readonly (readonly number[])[];

/** [6][6]: inputs -> products */
export const BT: Matrix = [
  [4, 0, -5, 0, 1, 0],
  [0, -4, -4, 1, 1, 0],
  [0, 4, -4, -1, 1, 0],
  [0, -2, -1, 2, 1, 0],
  [0, 2, -1, -2, 1, 0],
  [0, 4, 0, -5, 0, 1],
];
/** [6][3]: kernel -> products */
export const G: Matrix = [
  [1 / 4, 0, 0],
  [-1 / 6, -1 / 6, -1 / 6],
  [-1 / 6, 1 / 6, -1 / 6],
  [1 / 24, 1 / 12, 1 / 6],
  [1 / 24, -1 / 12, 1 / 6],
  [0, 0, 1],
];
/** [4][6]: products -> outputs */
export const AT: Matrix = [
  [1, 1, 1, 1, 1, 0],
  [0, 1, -1, 2, -2, 0],
  [0, 1, 1, 4, 4, 0],
  [0, 1, -1, 8, -8, 1],
];
const A = transpose(AT);
export const GT = transpose(G);

/** Tiles of one image, and whether the shape can be cut into them. */
export function tilesOf(height: number, width: number): number {
  return (height / TILE) * (width / TILE);
}

/** Floats of a cache line: what keeps rows off powers of two, at which they would compete for the same cache sets. */
const LINE_FLOATS = 16;

/** Floats from one tile of V, M or D to the next. */
function tileFloats(channels: number): number {
  return channels % 128 === 0 ? channels + LINE_FLOATS : channels;
}

/** Floats from one position of V, M or D to the next. */
export function positionFloats(tiles: number, channels: number): number {
  return Math.ceil(tiles / TILE_BLOCK) * TILE_BLOCK * tileFloats(channels) + LINE_FLOATS;
}

/** Bytes of V or M for a number of tiles. */
export function productBytes(tiles: number, channels: number): number {
  return POSITIONS * positionFloats(tiles, channels) * FLOAT_BYTES;
}

/** BT d B of every tile: (images, input, V). `maxTiles` is what the buffer was made for. */
export function inputTransform(name: string, input: Layout, maxTiles: number, target: Target): Kernel {
  return tileKernel(name, ["images", "input", "products"], input, maxTiles, target, {
    matrix: BT,
    step: TILE,
    pointer: "input",
    from: (row, column) => input.at(row - 1, column - 1),
    intoProducts: true,
  });
}

/** A dy AT of every tile: (images, gradient, D). */
export function gradientTransform(name: string, gradient: Layout, maxTiles: number, target: Target): Kernel {
  return tileKernel(name, ["images", "gradient", "products"], gradient, maxTiles, target, {
    matrix: A,
    step: TILE,
    pointer: "gradient",
    from: (row, column) => gradient.at(row, column),
    intoProducts: true,
  });
}

/** AT m A of every tile: (images, M, output). */
export function outputTransform(name: string, output: Layout, maxTiles: number, target: Target): Kernel {
  return tileKernel(name, ["images", "output", "products"], output, maxTiles, target, {
    matrix: AT,
    step: TILE,
    pointer: "output",
    from: (row, column) => output.at(row, column),
    intoProducts: false,
  });
}

interface TileKernel {
  readonly matrix: Matrix;
  readonly step: number;
  readonly pointer: string;
  /** Byte offset in the image of a tile's pixel. */
  from(row: number, column: number): number;
  /** Image to products, or products to image. */
  readonly intoProducts: boolean;
}

/** A kernel that transforms every tile of every image, 8 channels at once. */
function tileKernel(
  name: string,
  parameters: string[],
  layout: Layout,
  maxTiles: number,
  target: Target,
  kernel: TileKernel,
): Kernel {
  const f = new FunctionBuilder(name, parameters, target);
  const parts = partsOf(layout.lanes, 2), blockBytes = parts * 16;
  const positionBytes = positionFloats(maxTiles, layout.lanes) * FLOAT_BYTES;
  const image = f.int("image", f.parameter(kernel.pointer));
  const products = f.int("products", f.parameter("products"));
  f.repeat(f.parameter("images"), () => {
    const row = f.int("row", image);
    f.repeat(layout.height / TILE, () => {
      const tile = f.int("tile", row);
      f.repeat(layout.width / TILE, () => {
        f.repeat(layout.lanes / (parts * 4), () => {
          transformTile(f, kernel, tile, products, positionBytes, parts);
          f.advance(tile, blockBytes);
          f.advance(products, blockBytes);
        });
        f.advance(tile, kernel.step * layout.pixelBytes - layout.pixelBytes);
        f.advance(products, (tileFloats(layout.lanes) - layout.lanes) * FLOAT_BYTES);
      });
      f.advance(row, kernel.step * layout.rowBytes);
    });
    f.advance(image, layout.imageBytes);
  });
  return f.kernel();
}

/** matrix X matrixT for one tile: columns first, then rows. */
function transformTile(
  f: FunctionBuilder,
  { matrix, from, intoProducts }: TileKernel,
  tile: Int,
  products: Int,
  positionBytes: number,
  parts: number,
): void {
  const inputs = matrix[0].length, outputs = matrix.length;
  const load = (row: number, column: number) =>
    intoProducts
      ? f.load(tile, from(row, column), parts)
      : f.load(products, (row * PATCH + column) * positionBytes, parts);
  const store = (row: number, column: number, value: Vector) =>
    intoProducts
      ? f.store(products, (row * PATCH + column) * positionBytes, value)
      : f.store(tile, from(row, column), value);
  // Columns, kept in locals; V8 spills those that do not fit in registers; they stay in the L1 cache.
  const columns = range(inputs).map((c) => linear(f, matrix, range(inputs).map((r) => load(r, c))));
  for (let r = 0; r < outputs; r++) {
    linear(f, matrix, columns.map((column) => column[r])).forEach((value, c) => store(r, c, value));
  }
}

/**
 * matrix * inputs. The points come in pairs +-p, so rows 1 and 2 (3 and 4) of BT, G and A, and columns 1 and 2 (3 and
 * 4) of AT and GT, differ only in signs: their even and odd parts are computed once.
 */
export function linear(f: FunctionBuilder, matrix: Matrix, inputs: Vector[]): Vector[] {
  if (matrix.length === PATCH) {
    const paired = (row: number) => {
      const even = matrix[row].map((c, j) => (c + matrix[row + 1][j]) / 2);
      const odd = matrix[row].map((c, j) => (c - matrix[row + 1][j]) / 2);
      const e = combine(f, even, inputs), o = combine(f, odd, inputs);
      return [f.add(e, o), f.sub(e, o)];
    };
    return [combine(f, matrix[0], inputs), ...paired(1), ...paired(3), combine(f, matrix[5], inputs)];
  }
  const [m0, m1, m2, m3, m4, m5] = inputs;
  const folded = [m0, f.add(m1, m2), f.sub(m1, m2), f.add(m3, m4), f.sub(m3, m4), m5];
  const half = (row: readonly number[], j: number) => [(row[j] + row[j + 1]) / 2, (row[j] - row[j + 1]) / 2];
  return matrix.map((row) => combine(f, [row[0], ...half(row, 1), ...half(row, 3), row[5]], folded));
}

/** Sum of coefficient * input over the coefficients that are not 0. */
function combine(f: FunctionBuilder, coefficients: readonly number[], inputs: Vector[]): Vector {
  let sum: Vector | null = null;
  // Coefficients of 1 first: they start the sum without a product.
  const order = range(inputs.length).filter((j) => coefficients[j] !== 0)
    .sort((a, b) => Number(coefficients[b] === 1) - Number(coefficients[a] === 1));
  for (const j of order) {
    const c = coefficients[j], input = inputs[j], parts = input.length;
    if (sum === null) sum = c === 1 ? input : f.mul(f.constant(c, parts), input);
    else if (c === 1) sum = f.add(sum, input);
    else if (c === -1) sum = f.sub(sum, input);
    else sum = f.madd(f.constant(c, parts), input, sum);
  }
  return sum!;
}

/** Output channels of a panel of U, which lies in memory as the product reads it. */
export function panelLanes(outputs: number): number {
  return partsOf(outputs, 4) * LANES;
}

/**
 * M[p] = V[p] U[p] for the 36 positions: (blocks, V, U, M), `blocks` of 4 tiles. U is [36][panels][inputs][lanes]. 4
 * tiles x 16 channels of sums stay in registers (8 of 16 once V8 packs pairs): measured fastest of 4x8, 8x8, 5x16 and
 * 6x16.
 */
export function multiply(
  name: string,
  inputs: number,
  outputs: number,
  maxTiles: number,
  target: Target,
): Kernel {
  const f = new FunctionBuilder(name, ["blocks", "v", "u", "m"], target);
  const lanes = panelLanes(outputs), parts = lanes / LANES, rowBytes = lanes * FLOAT_BYTES;
  const vPosition = positionFloats(maxTiles, inputs) * FLOAT_BYTES, vTile = tileFloats(inputs) * FLOAT_BYTES;
  const mPosition = positionFloats(maxTiles, outputs) * FLOAT_BYTES, mTile = tileFloats(outputs) * FLOAT_BYTES;
  const v = f.parameter("v"), u = f.parameter("u"), m = f.parameter("m");
  f.repeat(POSITIONS, () => {
    const column = f.int("column", u), result = f.int("result", m);
    f.repeat(outputs / lanes, () => {
      const tiles = f.int("tiles", v), into = f.int("into", result);
      f.repeat(f.parameter("blocks"), () => {
        const sums = range(TILE_BLOCK).map(() => f.zero(parts));
        const left = f.int("left", tiles), right = f.int("right", column);
        const unroll = 4;
        f.repeat(inputs / unroll, () => {
          for (let k = 0; k < unroll; k++) {
            const row = f.load(right, k * rowBytes, parts);
            sums.forEach((sum, t) => {
              const value = f.broadcast(left, t * vTile + k * FLOAT_BYTES, parts);
              f.assign(sum, f.madd(value, row, sum));
            });
          }
          f.advance(left, unroll * FLOAT_BYTES);
          f.advance(right, unroll * rowBytes);
        });
        sums.forEach((sum, t) => f.store(into, t * mTile, sum));
        f.advance(tiles, TILE_BLOCK * vTile);
        f.advance(into, TILE_BLOCK * mTile);
      });
      f.advance(column, inputs * rowBytes);
      f.advance(result, rowBytes);
    });
    f.advance(v, vPosition);
    f.advance(u, inputs * outputs * FLOAT_BYTES);
    f.advance(m, mPosition);
  });
  return f.kernel();
}

/** dU[p] += V[p]T D[p], summed over the tiles: (tiles, V, D, dU). */
export function accumulate(
  name: string,
  inputs: number,
  outputs: number,
  maxTiles: number,
  target: Target,
): Kernel {
  const f = new FunctionBuilder(name, ["tiles", "v", "d", "u"], target);
  const parts = partsOf(outputs, 4), lanes = parts * 4, rows = 4;
  const v = f.parameter("v"), d = f.parameter("d"), u = f.parameter("u");
  f.repeat(POSITIONS, () => {
    const column = f.int("column", d), sumColumn = f.int("sumColumn", u);
    f.repeat(outputs / lanes, () => {
      const row = f.int("row", v), into = f.int("into", sumColumn);
      f.repeat(inputs / rows, () => {
        const sums = range(rows).map((i) => f.load(into, i * outputs * FLOAT_BYTES, parts));
        const left = f.int("left", row), right = f.int("right", column);
        f.repeat(f.parameter("tiles"), () => {
          const value = f.load(right, 0, parts);
          sums.forEach((sum, i) => {
            f.assign(sum, f.madd(f.broadcast(left, i * FLOAT_BYTES, parts), value, sum));
          });
          f.advance(left, tileFloats(inputs) * FLOAT_BYTES);
          f.advance(right, tileFloats(outputs) * FLOAT_BYTES);
        });
        sums.forEach((sum, i) => f.store(into, i * outputs * FLOAT_BYTES, sum));
        f.advance(row, rows * FLOAT_BYTES);
        f.advance(into, rows * outputs * FLOAT_BYTES);
      });
      f.advance(column, lanes * FLOAT_BYTES);
      f.advance(sumColumn, lanes * FLOAT_BYTES);
    });
    f.advance(v, positionFloats(maxTiles, inputs) * FLOAT_BYTES);
    f.advance(d, positionFloats(maxTiles, outputs) * FLOAT_BYTES);
    f.advance(u, inputs * outputs * FLOAT_BYTES);
  });
  return f.kernel();
}

function transpose(matrix: Matrix): Matrix {
  return matrix[0].map((_, j) => matrix.map((row) => row[j]));
}

/** Blocks of tiles, as WAT, of a number of images. */
export function blocksOf(images: Int, tilesPerImage: number): Int {
  const tiles = times(images, tilesPerImage);
  return `(i32.shr_u ${plus(tiles, TILE_BLOCK - 1)} (i32.const 2))`;
}

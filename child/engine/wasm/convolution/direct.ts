/**
 * Direct convolution of any size and stride, and the dense layer as a convolution of one pixel: sums over taps and
 * input channels with the output channels in the lanes. Strided and small shapes use it; the others use winograd.ts.
 */
import { FLOAT_BYTES, FunctionBuilder, type Kernel, range, type Target, type Vector } from "../function_builder.ts";
import { type Layout, partsOf, wholeVectors } from "../layout.ts";
import { gatherLanes } from "./winograd.ts";

/**
 * One kernel tap: the input pixel it reads, relative to the pixel the output stands for, and its place in the kernel.
 */
export interface Tap {
  readonly row: number;
  readonly column: number;
  readonly index: number;
}

/**
 * output[outputStep * (i, j) + (firstRow, firstColumn)] = bias + sum over taps of
 * input[inputStep * (i, j) + tap] * kernel[tap.index], for every i, j that stays inside the output.
 */
export interface Correlation {
  readonly input: Layout;
  readonly output: Layout;
  readonly inputStep: number;
  readonly outputStep: number;
  readonly firstRow: number;
  readonly firstColumn: number;
  readonly taps: readonly Tap[];
  readonly bias: boolean;
}

/** (images, input, kernel [taps][input channels][output lanes], output, bias) */
export function correlation(name: string, c: Correlation, target: Target): Kernel {
  const f = new FunctionBuilder(name, ["images", "input", "kernel", "output", "bias"], target);
  const { input, output } = c;
  const rows = Math.ceil((output.height - c.firstRow) / c.outputStep);
  const columns = Math.ceil((output.width - c.firstColumn) / c.outputStep);
  const pixels = largestDivisor(columns, 4);
  const parts = partsOf(output.lanes, 4);
  const inputPixel = c.inputStep * input.pixelBytes, outputPixel = c.outputStep * output.pixelBytes;
  const image = f.int("image", f.parameter("input")), result = f.int("result", f.parameter("output"));
  f.repeat(f.parameter("images"), () => {
    const row = f.int("row", image), resultRow = f.int("resultRow", result);
    f.repeat(rows, () => {
      const from = f.int("from", row), into = f.int("into", resultRow);
      f.repeat(columns / pixels, () => {
        const weights = f.int("weights", f.parameter("kernel"));
        const offset = f.int("offset", f.parameter("bias"));
        f.repeat(output.lanes / (parts * 4), () => {
          const start = c.bias ? f.load(offset, 0, parts) : f.zero(parts);
          const sums = range(pixels).map(() => f.bind(start, "sum"));
          for (const tap of c.taps) addTap(f, c, tap, sums, from, weights, inputPixel, parts);
          sums.forEach((sum, p) => f.store(into, output.at(c.firstRow, c.firstColumn) + p * outputPixel, sum));
          f.advance(weights, parts * 16);
          f.advance(offset, parts * 16);
          f.advance(into, parts * 16);
        });
        f.advance(from, pixels * inputPixel);
        f.advance(into, pixels * outputPixel - output.pixelBytes);
      });
      f.advance(row, c.inputStep * input.rowBytes);
      f.advance(resultRow, c.outputStep * output.rowBytes);
    });
    f.advance(image, input.imageBytes);
    f.advance(result, output.imageBytes);
  });
  return f.kernel();
}

function addTap(
  f: FunctionBuilder,
  { input, output }: Correlation,
  tap: Tap,
  sums: Vector[],
  from: string,
  weights: string,
  inputPixel: number,
  parts: number,
): void {
  const unroll = largestDivisor(input.channels, 4);
  const kernelRow = output.lanes * FLOAT_BYTES;
  // The tap may reach into the border above and left of the first pixel, so its offset is added to the pointer.
  const left = f.int("left", `(i32.add ${from} (i32.const ${input.at(tap.row, tap.column)}))`);
  const right = f.int("right", `(i32.add ${weights} (i32.const ${tap.index * input.channels * kernelRow}))`);
  f.repeat(input.channels / unroll, () => {
    for (let k = 0; k < unroll; k++) {
      const row = f.load(right, k * kernelRow, parts);
      sums.forEach((sum, p) => {
        f.assign(sum, f.madd(f.broadcast(left, p * inputPixel + k * FLOAT_BYTES, parts), row, sum));
      });
    }
    f.advance(left, unroll * FLOAT_BYTES);
    f.advance(right, unroll * kernelRow);
  });
}

/** Taps of a `size` x `size` kernel, in the order of its storage. */
export function forwardTaps(size: number): Tap[] {
  const pad = (size - 1) / 2;
  return range(size * size).map((index) => ({
    row: Math.floor(index / size) - pad,
    column: index % size - pad,
    index,
  }));
}

/**
 * The input gradient of a strided convolution as `stride`^2 correlations of the output gradient, one for each residue
 * of the input pixel: pixel (s i + p, s j + q) meets the taps (k, l) for which s divides p + pad - k and q + pad - l.
 */
export function inputGradientParts(size: number, stride: number): { row: number; column: number; taps: Tap[] }[] {
  const pad = (size - 1) / 2;
  return range(stride * stride).map((part) => {
    const row = Math.floor(part / stride), column = part % stride;
    const taps = range(size * size).flatMap((index) => {
      const k = Math.floor(index / size), l = index % size;
      const up = row + pad - k, left = column + pad - l;
      return up % stride || left % stride ? [] : [{ row: up / stride, column: left / stride, index }];
    });
    return { row, column, taps };
  });
}

/** [taps][inputs][output lanes] -> [taps][outputs][input lanes]: (kernel, transposed). */
export function kernelTranspose(
  name: string,
  taps: number,
  inputs: number,
  outputs: number,
  target: Target,
): Kernel {
  const f = new FunctionBuilder(name, ["kernel", "into"], target);
  const rowBytes = wholeVectors(outputs) * FLOAT_BYTES;
  const tap = f.int("tap", f.parameter("kernel")), into = f.int("to", f.parameter("into"));
  f.repeat(taps, () => {
    const column = f.int("column", tap);
    f.repeat(outputs, () => {
      for (let i = 0; i < inputs; i += 4) {
        const lanes = Math.min(4, inputs - i);
        // Rows beyond the last input repeat it; their lanes are never read.
        const value = lanes === 4
          ? gatherLanes(f, column, i * rowBytes, rowBytes)
          : f.bind(gatherSome(column, i * rowBytes, rowBytes, lanes), "lanes");
        f.store(into, i * FLOAT_BYTES, value);
      }
      f.advance(column, FLOAT_BYTES);
      f.advance(into, wholeVectors(inputs) * FLOAT_BYTES);
    });
    f.advance(tap, inputs * rowBytes);
  });
  return f.kernel();
}

function gatherSome(pointer: string, offset: number, stride: number, lanes: number): Vector {
  let text = `(v128.load32_zero offset=${offset} ${pointer})`;
  for (let lane = 1; lane < lanes; lane++) {
    text = `(v128.load32_lane offset=${offset + lane * stride} ${lane} ${pointer} ${text})`;
  }
  return [text];
}

/** kernel gradient += sum over pixels of input x output gradient: (images, input, gradient, kernelGradient). */
export function directKernelGradient(
  name: string,
  input: Layout,
  gradient: Layout,
  size: number,
  stride: number,
  target: Target,
): Kernel {
  const f = new FunctionBuilder(name, ["images", "input", "gradient", "into"], target);
  const parts = partsOf(gradient.lanes, 4), pad = (size - 1) / 2;
  const rowBytes = gradient.lanes * FLOAT_BYTES;
  const into = f.int("kernel", f.parameter("into"));
  const tapRow = f.int("tapRow", `(i32.add ${f.parameter("input")} (i32.const ${input.at(-pad, -pad)}))`);
  f.repeat(size, () => {
    const tap = f.int("tap", tapRow);
    f.repeat(size, () => {
      for (let first = 0; first < input.channels; first += 4) {
        const rows = Math.min(4, input.channels - first);
        const column = f.int("column", `(i32.add ${f.parameter("gradient")} (i32.const ${gradient.origin}))`);
        f.repeat(gradient.lanes / (parts * 4), () => {
          const sums = range(rows).map((i) => f.load(into, i * rowBytes, parts));
          sumOverPixels(f, input, gradient, stride, tap, column, first, sums, parts);
          sums.forEach((sum, i) => f.store(into, i * rowBytes, sum));
          f.advance(column, parts * 16);
          f.advance(into, parts * 16);
        });
        f.advance(into, (rows - 1) * rowBytes);
      }
      f.advance(tap, input.pixelBytes);
    });
    f.advance(tapRow, input.rowBytes);
  });
  return f.kernel();
}

function sumOverPixels(
  f: FunctionBuilder,
  input: Layout,
  gradient: Layout,
  stride: number,
  tap: string,
  column: string,
  first: number,
  sums: Vector[],
  parts: number,
): void {
  const leftImage = f.int("leftImage", tap), rightImage = f.int("rightImage", column);
  f.repeat(f.parameter("images"), () => {
    const leftRow = f.int("leftRow", leftImage), rightRow = f.int("rightRow", rightImage);
    f.repeat(gradient.height, () => {
      const left = f.int("left", leftRow), right = f.int("right", rightRow);
      f.repeat(gradient.width, () => {
        const value = f.load(right, 0, parts);
        sums.forEach((sum, i) => {
          f.assign(sum, f.madd(f.broadcast(left, (first + i) * FLOAT_BYTES, parts), value, sum));
        });
        f.advance(left, stride * input.pixelBytes);
        f.advance(right, gradient.pixelBytes);
      });
      f.advance(leftRow, stride * input.rowBytes);
      f.advance(rightRow, gradient.rowBytes);
    });
    f.advance(leftImage, input.imageBytes);
    f.advance(rightImage, gradient.imageBytes);
  });
}

/** The largest number up to `most` that divides n. */
function largestDivisor(n: number, most: number): number {
  for (let d = Math.min(most, n); d > 1; d--) if (n % d === 0) return d;
  return 1;
}

/** Depthwise convolution and its gradients; each function writes one kernel. Channels are lanes, each with its own taps. */
import { FLOAT_BYTES, FunctionBuilder, type Kernel, range, type Target, type Vector } from "./function_builder.ts";
import { type Layout, partsOf } from "./layout.ts";

export interface Window {
  /** Side of the kernel; odd. */
  readonly size: number;
  readonly stride: number;
}

/** Places of a kernel of `size`, row by row, counted from its middle. */
function tapsOf(size: number) {
  const edge = (size - 1) / 2;
  return range(size * size).map((index) => ({
    row: Math.floor(index / size) - edge,
    column: index % size - edge,
    index,
  }));
}

/** (images, input, output, kernel). `input` has a border of half the kernel. */
export function depthwise(
  name: string,
  input: Layout,
  output: Layout,
  { size, stride }: Window,
  target: Target,
): Kernel {
  const f = new FunctionBuilder(name, ["images", "input", "output", "kernel"], target);
  const parts = partsOf(output.lanes, 2), taps = tapsOf(size);
  const image = f.int("image", f.parameter("input")), into = f.int("into", f.parameter("output"));
  f.repeat(f.parameter("images"), () => {
    const block = f.int("block", image), out = f.int("out", into), kernel = f.int("taps", f.parameter("kernel"));
    f.repeat(output.lanes / (parts * 4), () => {
      const weights = taps.map(({ index }) => f.load(kernel, index * output.lanes * FLOAT_BYTES, parts));
      const row = f.int("row", block), outRow = f.int("outRow", out);
      f.repeat(output.height, () => {
        const from = f.int("from", row), to = f.int("to", outRow);
        f.repeat(output.width, () => {
          const pixels = taps.map((tap) => f.load(from, input.at(tap.row, tap.column), parts));
          f.store(to, output.origin, sumOfProducts(f, pixels, weights));
          f.advance(from, stride * input.pixelBytes);
          f.advance(to, output.pixelBytes);
        });
        f.advance(row, stride * input.rowBytes);
        f.advance(outRow, output.rowBytes);
      });
      for (const pointer of [block, out, kernel]) f.advance(pointer, parts * 16);
    });
    f.advance(image, input.imageBytes);
    f.advance(into, output.imageBytes);
  });
  return f.kernel();
}

/**
 * (images, gradient, into, kernel). `gradient` has a border of half the kernel. The input's pixels are taken in phases,
 * one per remainder of their row and column by the stride: within one, the same taps reached them.
 */
export function depthwiseInputGradient(
  name: string,
  gradient: Layout,
  into: Layout,
  { size, stride }: Window,
  target: Target,
): Kernel {
  const f = new FunctionBuilder(name, ["images", "gradient", "into", "kernel"], target);
  const parts = partsOf(into.lanes, 2);
  const image = f.int("image", f.parameter("gradient")), out = f.int("out", f.parameter("into"));
  f.repeat(f.parameter("images"), () => {
    const block = f.int("block", image), to = f.int("to", out), kernel = f.int("taps", f.parameter("kernel"));
    f.repeat(into.lanes / (parts * 4), () => {
      for (const row of range(Math.min(stride, into.height))) {
        for (const column of range(Math.min(stride, into.width))) {
          const taps = tapsOf(size).filter((tap) =>
            (row - tap.row) % stride === 0 && (column - tap.column) % stride === 0
          );
          const weights = taps.map(({ index }) => f.load(kernel, index * into.lanes * FLOAT_BYTES, parts));
          const fromRow = f.int("fromRow", block), toRow = f.int("toRow", to);
          f.repeat(Math.ceil((into.height - row) / stride), () => {
            const from = f.int("from", fromRow), place = f.int("place", toRow);
            f.repeat(Math.ceil((into.width - column) / stride), () => {
              const pixels = taps.map((tap) =>
                f.load(from, gradient.at((row - tap.row) / stride, (column - tap.column) / stride), parts)
              );
              f.store(place, into.at(row, column), sumOfProducts(f, pixels, weights) ?? f.zero(parts));
              f.advance(from, gradient.pixelBytes);
              f.advance(place, stride * into.pixelBytes);
            });
            f.advance(fromRow, gradient.rowBytes);
            f.advance(toRow, stride * into.rowBytes);
          });
        }
      }
      for (const pointer of [block, to, kernel]) f.advance(pointer, parts * 16);
    });
    f.advance(image, gradient.imageBytes);
    f.advance(out, into.imageBytes);
  });
  return f.kernel();
}

/** Adds to the kernel's gradient: (images, input, gradient, into). `input` has a border of half the kernel. */
export function depthwiseKernelGradient(
  name: string,
  input: Layout,
  gradient: Layout,
  { size, stride }: Window,
  target: Target,
): Kernel {
  const f = new FunctionBuilder(name, ["images", "input", "gradient", "into"], target);
  const taps = tapsOf(size), parts = 1; // a sum for each tap stays in a register
  const block = f.int("block", f.parameter("input")), gradients = f.int("gradients", f.parameter("gradient"));
  const into = f.int("sums", f.parameter("into"));
  f.repeat(input.lanes / (parts * 4), () => {
    const sums = taps.map(({ index }) => f.load(into, index * input.lanes * FLOAT_BYTES, parts));
    const image = f.int("image", block), own = f.int("own", gradients);
    f.repeat(f.parameter("images"), () => {
      const row = f.int("row", image), ownRow = f.int("ownRow", own);
      f.repeat(gradient.height, () => {
        const from = f.int("from", row), at = f.int("at", ownRow);
        f.repeat(gradient.width, () => {
          const value = f.load(at, gradient.origin, parts);
          taps.forEach((tap, n) => {
            const pixel = f.load(from, input.at(tap.row, tap.column), parts);
            f.assign(sums[n], f.madd(pixel, value, sums[n]));
          });
          f.advance(from, stride * input.pixelBytes);
          f.advance(at, gradient.pixelBytes);
        });
        f.advance(row, stride * input.rowBytes);
        f.advance(ownRow, gradient.rowBytes);
      });
      f.advance(image, input.imageBytes);
      f.advance(own, gradient.imageBytes);
    });
    taps.forEach(({ index }, n) => f.store(into, index * input.lanes * FLOAT_BYTES, sums[n]));
    for (const pointer of [block, gradients, into]) f.advance(pointer, parts * 16);
  });
  return f.kernel();
}

/** Undefined of none. */
function sumOfProducts(f: FunctionBuilder, values: readonly Vector[], weights: readonly Vector[]): Vector {
  const [first, ...rest] = values.map((value, n) => [value, weights[n]] as const);
  return rest.reduce((sum, [value, weight]) => f.madd(value, weight, sum), first && f.mul(...first));
}

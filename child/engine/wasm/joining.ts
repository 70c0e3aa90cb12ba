/**
 * Pooling over squares and over windows, and concatenation of channels, with their gradients; each function writes one
 * kernel.
 */
import { FLOAT_BYTES, FunctionBuilder, type Kernel, range, type Target } from "./function_builder.ts";
import { type Layout, partsOf } from "./layout.ts";

/** (images, input, output), or the gradient the other way round where `backward`. */
export function squarePool(
  name: string,
  input: Layout,
  output: Layout,
  size: number,
  backward: boolean,
  target: Target,
): Kernel {
  const f = new FunctionBuilder(name, ["images", "input", "output"], target);
  const parts = partsOf(input.lanes, 2), share = 1 / size ** 2;
  const places = range(size * size).map((n) => input.at(Math.floor(n / size), n % size));
  // Pixels that are left over at the edges receive nothing.
  if (backward) clear(f, "input", input);
  const large = f.int("large", f.parameter("input")), small = f.int("small", f.parameter("output"));
  f.repeat(f.parameter("images"), () => {
    const row = f.int("row", large), smallRow = f.int("smallRow", small);
    f.repeat(output.height, () => {
      const square = f.int("square", row), pixel = f.int("pixel", smallRow);
      f.repeat(output.width, () => {
        const from = f.int("from", square), to = f.int("to", pixel);
        f.repeat(input.lanes / (parts * 4), () => {
          if (backward) {
            const value = f.mul(f.load(to, output.origin, parts), f.constant(share, parts));
            places.forEach((place) => f.store(from, place, value));
          } else {
            const sum = places.map((place) => f.load(from, place, parts)).reduce((a, b) => f.add(a, b));
            f.store(to, output.origin, f.mul(sum, f.constant(share, parts)));
          }
          f.advance(from, parts * 16);
          f.advance(to, parts * 16);
        });
        f.advance(square, size * input.pixelBytes);
        f.advance(pixel, output.pixelBytes);
      });
      f.advance(row, size * input.rowBytes);
      f.advance(smallRow, output.rowBytes);
    });
    f.advance(large, input.imageBytes);
    f.advance(small, output.imageBytes);
  });
  return f.kernel();
}

/** Outputs in a row whose windows have the same pixels in the image. */
interface Run {
  readonly first: number;
  readonly length: number;
  /** Pixels of the window, counted from its middle. */
  readonly taps: readonly number[];
}

/** The outputs of one axis: those at the edges have smaller windows. */
function runsOf(outputs: number, inputs: number, size: number, stride: number): Run[] {
  const edge = (size - 1) / 2, runs: { first: number; length: number; taps: number[] }[] = [];
  for (const at of range(outputs)) {
    const taps = range(size).map((n) => n - edge).filter((tap) => at * stride + tap >= 0 && at * stride + tap < inputs);
    const last = runs.at(-1);
    if (last?.taps.join() === taps.join()) last!.length++;
    else runs.push({ first: at, length: 1, taps });
  }
  return runs;
}

/**
 * The largest of each window: (images, input, output). Or the gradient, which goes to the first of equal ones, the other
 * way round: (images, input, output, into), where `output` has the gradient and `into`, of the input's size, gets it.
 */
export function maxPool(
  name: string,
  input: Layout,
  output: Layout,
  { size, stride }: { readonly size: number; readonly stride: number },
  into: Layout | null,
  target: Target,
): Kernel {
  const f = new FunctionBuilder(name, ["images", "input", "output", ...into ? ["into"] : []], target);
  const parts = partsOf(input.lanes, 2);
  if (into) clear(f, "into", into); // windows overlap, and add to it
  const image = f.int("image", f.parameter("input")), small = f.int("small", f.parameter("output"));
  const back = into && f.int("back", f.parameter("into"));
  f.repeat(f.parameter("images"), () => {
    const block = f.int("block", image), own = f.int("own", small), backBlock = back && f.int("backBlock", back);
    f.repeat(input.lanes / (parts * 4), () => {
      for (const rows of runsOf(output.height, input.height, size, stride)) {
        for (const columns of runsOf(output.width, input.width, size, stride)) {
          // Pointers to the first pixel of the first window, so that offsets are not negative.
          const top = rows.first * stride + rows.taps[0], left = columns.first * stride + columns.taps[0];
          const begin = (pointer: string, layout: Layout, y: number, x: number) => {
            const at = f.int("at", pointer);
            f.advance(at, y * layout.rowBytes + x * layout.pixelBytes);
            return at;
          };
          const fromRow = begin(block, input, top, left), toRow = begin(own, output, rows.first, columns.first);
          const backRow = into && begin(backBlock!, into, top, left);
          const places = rows.taps.flatMap((row) =>
            columns.taps.map((column) => [row - rows.taps[0], column - columns.taps[0]] as const)
          );
          f.repeat(rows.length, () => {
            const from = f.int("from", fromRow), to = f.int("to", toRow), backAt = backRow && f.int("backAt", backRow);
            f.repeat(columns.length, () => {
              const values = places.map(([y, x]) => f.load(from, input.at(y, x), parts));
              const largest = values.reduce((a, b) => f.apply("f32x4.max", a, b)); // keeps a NaN
              if (into === null) f.store(to, output.origin, largest);
              else {
                const gradient = f.load(to, output.origin, parts);
                const sent = f.zero(parts);
                places.forEach(([y, x], n) => {
                  const isFirst = f.apply("v128.andnot", f.apply("f32x4.eq", values[n], largest), sent);
                  f.assign(sent, f.or(sent, isFirst));
                  const at = into.at(y, x);
                  f.store(backAt!, at, f.add(f.load(backAt!, at, parts), f.and(isFirst, gradient)));
                });
                f.advance(backAt!, stride * into.pixelBytes);
              }
              f.advance(from, stride * input.pixelBytes);
              f.advance(to, output.pixelBytes);
            });
            f.advance(fromRow, stride * input.rowBytes);
            f.advance(toRow, output.rowBytes);
            if (into) f.advance(backRow!, stride * into.rowBytes);
          });
        }
      }
      for (const pointer of [block, own, ...backBlock ? [backBlock] : []]) f.advance(pointer, parts * 16);
    });
    f.advance(image, input.imageBytes);
    f.advance(small, output.imageBytes);
    if (into) f.advance(back!, into.imageBytes);
  });
  return f.kernel();
}

/**
 * Copies a part's channels into the whole from channel `first` on, or back where `backward`: (images, part, whole).
 */
export function joinChannels(
  name: string,
  part: Layout,
  whole: Layout,
  first: number,
  backward: boolean,
  target: Target,
): Kernel {
  const f = new FunctionBuilder(name, ["images", "part", "whole"], target);
  const image = f.int("image", f.parameter("part")), all = f.int("all", f.parameter("whole"));
  const isWhole = part.channels % 4 === 0 && first % 4 === 0, step = isWhole ? 4 : 1;
  f.repeat(f.parameter("images"), () => {
    const row = f.int("row", image), allRow = f.int("allRow", all);
    f.repeat(part.height, () => {
      const pixel = f.int("pixel", row), place = f.int("place", allRow);
      f.repeat(part.width, () => {
        const own = f.int("own", pixel), theirs = f.int("theirs", place);
        f.repeat(part.channels / step, () => {
          const inPart = [own, part.origin] as const, inWhole = [theirs, whole.origin + first * FLOAT_BYTES] as const;
          const [from, to] = backward ? [inWhole, inPart] : [inPart, inWhole];
          if (isWhole) f.store(...to, f.load(...from, 1));
          else f.line(`(f32.store offset=${to[1]} ${to[0]} (f32.load offset=${from[1]} ${from[0]}))`);
          f.advance(own, step * FLOAT_BYTES);
          f.advance(theirs, step * FLOAT_BYTES);
        });
        f.advance(pixel, part.pixelBytes);
        f.advance(place, whole.pixelBytes);
      });
      f.advance(row, part.rowBytes);
      f.advance(allRow, whole.rowBytes);
    });
    f.advance(image, part.imageBytes);
    f.advance(all, whole.imageBytes);
  });
  return f.kernel();
}

function clear(f: FunctionBuilder, parameter: string, { imageBytes }: Layout): void {
  const bytes = `(i32.mul ${f.parameter("images")} (i32.const ${imageBytes}))`;
  f.line(`(memory.fill ${f.parameter(parameter)} (i32.const 0) ${bytes})`);
}

/**
 * Direct convolution of any size and stride, and the dense layer as a convolution of one pixel: sums over taps and
 * input channels with the output channels in the lanes. Strided and small shapes use it; the others use winograd.ts.
 */
import { FLOAT_BYTES, FunctionBuilder, type Int, type Kernel, LANES, plus, range } from "../function_builder.ts";
import type { Target, Vector } from "../function_builder.ts";
import { type Layout, panelsOf, wholeVectors } from "../layout.ts";

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
  /** Taps of the kernel, of which `taps` are some. */
  readonly kernelTaps: number;
  /** Whether the kernel is packed into panels (`packsKernel`). */
  readonly packed: boolean;
  readonly bias: boolean;
}

/** Sums that are computed at once: pixels of a row, or, of images with fewer in a row, one pixel of so many images. */
const PIXELS = 4;
/** Images of at most so many pixels have code for each pixel, without the taps that read only the border. */
const MAX_TINY = 9;
/** Kernels of more bytes do not stay in the first cache. */
const MAX_UNPACKED_BYTES = 64 * 1024;

/**
 * Whether a kernel of so many bytes is copied before it is used, into panels of the lanes that are computed at once:
 * [panels][taps][input channels][lanes].
 */
export function packsKernel(bytes: number): boolean {
  return bytes > MAX_UNPACKED_BYTES;
}

/** (images, input, kernel [taps][input channels][output lanes], output, bias) */
export function correlation(name: string, c: Correlation, target: Target): Kernel {
  const f = new FunctionBuilder(name, ["images", "input", "kernel", "output", "bias"], target);
  const writer = new CorrelationWriter(f, c);
  if (writer.isTiny) writer.overImages();
  else if (c.packed) writer.panelsOverPixels();
  else writer.pixelsOverPanels();
  return f.kernel();
}

/** A panel of output lanes: its weights, its bias, and where they begin in the output. */
interface Panel {
  readonly weights: Int;
  /** Bytes from one input channel's weights to the next. */
  readonly rowBytes: number;
  readonly bias: Int;
  readonly into: Int;
  readonly parts: number;
}

class CorrelationWriter {
  readonly #rows: number;
  readonly #columns: number;

  constructor(readonly f: FunctionBuilder, readonly c: Correlation) {
    const { output } = c;
    this.#rows = Math.ceil((output.height - c.firstRow) / c.outputStep);
    this.#columns = Math.ceil((output.width - c.firstColumn) / c.outputStep);
  }

  get isTiny(): boolean {
    return this.#columns < PIXELS && this.#rows * this.#columns <= MAX_TINY;
  }

  /** Every panel for a few pixels, then the next pixels: for kernels that stay in the cache. */
  pixelsOverPanels(): void {
    const { f } = this;
    this.#overPixels(f.parameter("output"), (from, pixel, pixels) =>
      this.#overPanels(pixel, (panel) => {
        this.#sumTaps(from, this.c.taps, panel, this.#inRow(pixels));
      }));
  }

  /** Every pixel for a panel, then the next panel: its weights stay in the cache. */
  panelsOverPixels(): void {
    this.#overPanels(this.f.parameter("output"), (panel) =>
      this.#overPixels(panel.into, (from, into, pixels) => {
        this.#sumTaps(from, this.c.taps, { ...panel, into }, this.#inRow(pixels));
      }));
  }

  /** Every image for a panel, a few at once. */
  overImages(): void {
    const { f } = this;
    this.#overPanels(f.parameter("output"), (panel) => {
      const image = f.int("image", f.parameter("input")), into = f.int("result", panel.into);
      f.inBlocks(f.parameter("images"), PIXELS, (images) => this.#everyPixel(image, { ...panel, into }, images));
    });
  }

  /** Of so many images, the pointers to which are advanced. */
  #everyPixel(image: Int, panel: Panel, images: number): void {
    const { f, c } = this, { input, output } = c;
    for (let row = 0; row < this.#rows; row++) {
      for (let column = 0; column < this.#columns; column++) {
        const taps = c.taps.filter((tap) =>
          isInside(row * c.inputStep + tap.row, input.height) &&
          isInside(column * c.inputStep + tap.column, input.width)
        );
        const from = row * c.inputStep * input.rowBytes + column * c.inputStep * input.pixelBytes;
        const to = row * c.outputStep * output.rowBytes + column * c.outputStep * output.pixelBytes;
        this.#sumTaps(
          image,
          taps,
          panel,
          range(images).map((i) => ({
            from: from + i * input.imageBytes,
            to: to + i * output.imageBytes,
          })),
        );
      }
    }
    f.advance(image, images * input.imageBytes);
    f.advance(panel.into, images * output.imageBytes);
  }

  /** Neighbours in a row. */
  #inRow(pixels: number): Place[] {
    const { input, output, inputStep, outputStep } = this.c;
    return range(pixels).map((i) => ({
      from: i * inputStep * input.pixelBytes,
      to: i * outputStep * output.pixelBytes,
    }));
  }

  /** Calls for a few neighbours in a row at once, with the first one's pixel in the input and in the output. */
  #overPixels(output: Int, body: (from: Int, into: Int, pixels: number) => void): void {
    const { f, c } = this;
    const most = Math.ceil(this.#columns / Math.ceil(this.#columns / PIXELS));
    const image = f.int("image", f.parameter("input")), result = f.int("result", output);
    f.repeat(f.parameter("images"), () => {
      const row = f.int("row", image), resultRow = f.int("resultRow", result);
      f.repeat(this.#rows, () => {
        const from = f.int("from", row), into = f.int("into", resultRow);
        f.repeat(Math.floor(this.#columns / most), () => {
          body(from, into, most);
          f.advance(from, most * c.inputStep * c.input.pixelBytes);
          f.advance(into, most * c.outputStep * c.output.pixelBytes);
        });
        if (this.#columns % most > 0) body(from, into, this.#columns % most);
        f.advance(row, c.inputStep * c.input.rowBytes);
        f.advance(resultRow, c.outputStep * c.output.rowBytes);
      });
      f.advance(image, c.input.imageBytes);
      f.advance(result, c.output.imageBytes);
    });
  }

  #overPanels(output: Int, body: (panel: Panel) => void): void {
    const { f, c } = this;
    const weights = f.int("weights", f.parameter("kernel"));
    const bias = f.int("offset", f.parameter("bias")), into = f.int("lanes", output);
    for (const { count, parts } of panelsOf(c.output.lanes)) {
      const panelBytes = parts * LANES * FLOAT_BYTES, rowBytes = c.packed ? panelBytes : c.output.pixelBytes;
      f.repeat(count, () => {
        body({ weights, rowBytes, bias, into, parts });
        f.advance(weights, c.packed ? c.kernelTaps * c.input.channels * panelBytes : panelBytes);
        f.advance(bias, panelBytes);
        f.advance(into, panelBytes);
      });
    }
  }

  /** The sums of one panel at these places, relative to `from` and the panel's output. */
  #sumTaps(from: Int, taps: readonly Tap[], panel: Panel, places: readonly Place[]): void {
    const { f, c } = this, { bias, into, parts } = panel;
    const start = c.bias ? f.load(bias, 0, parts) : f.zero(parts);
    const sums = places.map(() => f.bind(start, "sum"));
    for (const tap of taps) this.#addTap(tap, sums, from, panel, places);
    const first = c.output.at(c.firstRow, c.firstColumn);
    sums.forEach((sum, i) => f.store(into, first + places[i].to, sum));
  }

  #addTap(tap: Tap, sums: readonly Vector[], from: Int, panel: Panel, places: readonly Place[]): void {
    const { f, c: { input } } = this, { weights, rowBytes, parts } = panel;
    const unroll = largestDivisor(input.channels, 4);
    // The tap may reach into the border above and left of the first pixel, so its offset is added to the pointer.
    const left = f.int("left", plus(from, input.at(tap.row, tap.column)));
    const right = f.int("right", plus(weights, tap.index * input.channels * rowBytes));
    f.repeat(input.channels / unroll, () => {
      for (let k = 0; k < unroll; k++) {
        const row = f.load(right, k * rowBytes, parts);
        sums.forEach((sum, i) => {
          f.assign(sum, f.madd(f.broadcast(left, places[i].from + k * FLOAT_BYTES, parts), row, sum));
        });
      }
      f.advance(left, unroll * FLOAT_BYTES);
      f.advance(right, unroll * rowBytes);
    });
  }
}

/** Byte offsets of an input pixel and the output pixel that stands for it. */
interface Place {
  readonly from: number;
  readonly to: number;
}

/** Whether a row or column is one of the image, not of its border. */
export function isInside(at: number, size: number): boolean {
  return at >= 0 && at < size;
}

/** The kernel in panels: (kernel [taps][inputs][output lanes], into). */
export function packKernel(name: string, taps: number, inputs: number, outputs: number, target: Target): Kernel {
  const f = new FunctionBuilder(name, ["kernel", "into"], target);
  const lanes = wholeVectors(outputs);
  const column = f.int("column", f.parameter("kernel")), into = f.int("to", f.parameter("into"));
  for (const { count, parts } of panelsOf(lanes)) {
    f.repeat(count, () => {
      const row = f.int("row", column);
      f.repeat(taps * inputs, () => {
        f.store(into, 0, f.load(row, 0, parts));
        f.advance(row, lanes * FLOAT_BYTES);
        f.advance(into, parts * LANES * FLOAT_BYTES);
      });
      f.advance(column, parts * LANES * FLOAT_BYTES);
    });
  }
  return f.kernel();
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

/**
 * [taps][inputs][output lanes] -> [taps][outputs][input lanes], in panels of the input lanes where `packed`: (kernel,
 * transposed).
 */
export function kernelTranspose(
  name: string,
  taps: number,
  inputs: number,
  outputs: number,
  packed: boolean,
  target: Target,
): Kernel {
  const f = new FunctionBuilder(name, ["kernel", "into"], target);
  const rowBytes = wholeVectors(outputs) * FLOAT_BYTES, lanes = wholeVectors(inputs);
  const panels = packed ? panelsOf(lanes) : [{ count: 1, parts: lanes / LANES }];
  const column = f.int("column", f.parameter("kernel")), panel = f.int("panel", f.parameter("into"));
  let first = 0;
  for (const { count, parts } of panels) {
    f.repeat(count, () => {
      const tap = f.int("tap", column);
      f.repeat(taps, () => {
        const from = f.int("from", tap);
        f.repeat(outputs, () => {
          gatherColumn(f, from, panel, parts, Math.min(parts * LANES, inputs - first), rowBytes);
          f.advance(from, FLOAT_BYTES);
          f.advance(panel, parts * LANES * FLOAT_BYTES);
        });
        f.advance(tap, inputs * rowBytes);
      });
      f.advance(column, parts * LANES * rowBytes);
    });
    first += count * parts * LANES;
  }
  return f.kernel();
}

/** One value of each of `rows` rows, in consecutive lanes; those of `parts` vectors beyond are never read. */
function gatherColumn(f: FunctionBuilder, from: Int, into: Int, parts: number, rows: number, rowBytes: number): void {
  for (let i = 0; i < parts * LANES; i += LANES) {
    const value = f.gather(from, i * rowBytes, rowBytes, Math.min(LANES, rows - i));
    f.store(into, i * FLOAT_BYTES, value);
  }
}

/** The largest number up to `most` that divides n. */
function largestDivisor(n: number, most: number): number {
  for (let d = Math.min(most, n); d > 1; d--) if (n % d === 0) return d;
  return 1;
}

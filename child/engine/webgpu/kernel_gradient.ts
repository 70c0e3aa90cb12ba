/**
 * Gradient of a convolution's kernel: rows are taps x input channels, columns output channels, and the inner index runs
 * over pixels, in slabs of one row of an image each. The sum is split over images and rows, and `reduction.ts` adds the
 * parts up.
 */
import { type Convolution, lanesFor, times } from "./convolution.ts";
import { type BufferName, type Dispatch, type Kernel, kernel, Numbers, quadBytes } from "./kernel.ts";
import { LANES } from "./layout.ts";

/** Threads along rows, and pixels of a slab, which lie in one row of the image. */
const GRADIENT_TILE = { rows: 16, depth: 8 };

/** Pixels that one workgroup of the kernel gradient sums, at least, and the most parts of the sum. */
const MIN_SPLIT_PIXELS = 1024, MAX_SPLITS = 64;

/** Parts into which the kernel gradient's sum over images and rows is split: a function of the shape alone. */
export function gradientSplits({ images, output }: Convolution): number {
  const pixels = images * output.height * output.width;
  return Math.max(1, Math.min(MAX_SPLITS, Math.ceil(pixels / MIN_SPLIT_PIXELS)));
}

/** Quads of one part. */
export function kernelQuads({ input, output, size }: Convolution): number {
  return size ** 2 * input.quads * LANES * output.quads;
}

export interface KernelGradientCall {
  readonly shape: Convolution;
  readonly input: BufferName;
  readonly gradient: BufferName;
  /** [child][split][kernel] */
  readonly parts: BufferName;
  readonly inputStride: number;
  readonly gradientStride: number;
  readonly partsStride: number;
}

export function convolutionKernelGradient(call: KernelGradientCall): Dispatch {
  const { shape } = call;
  const { images, input, output, size, stride } = shape;
  const { rows, depth } = GRADIENT_TILE;
  const allRows = size ** 2 * input.quads, quads = allRows <= rows ? 1 : 2;
  const lanes = lanesFor(output.quads), blocks = Math.ceil(output.quads / lanes);
  const splits = gradientSplits(shape);
  const slabs = Math.ceil(output.width / depth) * output.height * images;
  const pixels = images * output.height * output.width;

  const numbers = new Numbers();
  numbers.unsigned("input_height", input.height);
  numbers.unsigned("input_width", input.width);
  numbers.unsigned("input_quads", input.quads);
  numbers.unsigned("height", output.height);
  numbers.unsigned("width", output.width);
  numbers.unsigned("quads", output.quads);
  numbers.unsigned("size", size);
  numbers.unsigned("padding", (size - 1) / 2);
  numbers.unsigned("stride", stride);
  numbers.unsigned("all_rows", allRows);
  numbers.unsigned("blocks", blocks);
  numbers.unsigned("slabs", slabs);
  numbers.unsigned("split_slabs", Math.ceil(slabs / splits));
  numbers.unsigned("input_child", call.inputStride);
  numbers.unsigned("gradient_child", call.gradientStride);
  numbers.unsigned("parts_child", call.partsStride);
  return {
    kernel: kernelGradientKernel(numbers, lanes, quads),
    buffers: [call.input, call.gradient, call.parts],
    record: numbers.words,
    workgroups: [Math.ceil(allRows / (quads * rows)) * blocks, splits],
    own: false,
    cost: {
      operations: 2 * pixels * output.quads * input.quads * LANES ** 2 * size ** 2,
      bytes: quadBytes(
        images * input.height * input.width * input.quads,
        pixels * output.quads,
        splits * kernelQuads(shape),
      ),
    },
  };
}

function kernelGradientKernel(numbers: Numbers, lanes: number, quads: number): Kernel {
  const { rows, depth } = GRADIENT_TILE;
  const tile = quads * rows, threads = rows * lanes; // threads is a multiple of tile: a thread loads one row
  const body = `
  let lane = thread % ${lanes}u;
  let line = thread / ${lanes}u;
  let n0 = (group.x % blocks) * ${lanes}u;
  let r0 = (group.x / blocks) * ${tile}u;
  let first = min(group.y * split_slabs, slabs);
  let last = min(first + split_slabs, slabs);
  let row_slabs = (width + ${depth - 1}u) / ${depth}u;

  let r = r0 + thread % ${tile}u;
  let tap = r / input_quads;
  let tap_y = i32(tap / size) - i32(padding);
  let tap_x = i32(tap % size) - i32(padding);
  let input_at = child * input_child + r % input_quads;
  let gradient_at = child * gradient_child;
  var x0 = first % row_slabs * ${depth}u;
  var y = first / row_slabs % height;
  var image = first / (row_slabs * height);
${times(quads * 4, (i) => `  var sum${i} = vec4f();`)}
  for (var slab = first; slab < last; slab++) {
    let input_y = i32(y * stride) + tap_y;
    let is_row = r < all_rows && input_y >= 0 && input_y < i32(input_height);
    for (var e = thread; e < ${tile * depth}u; e += ${threads}u) {
      let x = x0 + e / ${tile}u;
      let input_x = i32(x * stride) + tap_x;
      var value = vec4f();
      if (is_row && x < width && input_x >= 0 && input_x < i32(input_width)) {
        let pixel = (image * input_height + u32(input_y)) * input_width + u32(input_x);
        value = input_[input_at + pixel * input_quads];
      }
      input_tile[e] = value;
    }
    for (var e = thread; e < ${depth * lanes}u; e += ${threads}u) {
      let n = n0 + e % ${lanes}u;
      let x = x0 + e / ${lanes}u;
      var value = vec4f();
      if (n < quads && x < width) { value = gradient_[gradient_at + ((image * height + y) * width + x) * quads + n]; }
      gradient_tile[e] = value;
    }
    workgroupBarrier();
    for (var k = 0u; k < ${depth}u; k++) {
      let g = gradient_tile[k * ${lanes}u + lane];
${
    times(quads, (q) => `
      let a${q} = input_tile[k * ${tile}u + line + ${q * rows}u];
${times(4, (j) => `      sum${q * 4 + j} = fma(vec4f(a${q}.${"xyzw"[j]}), g, sum${q * 4 + j});`)}`)
  }
    }
    workgroupBarrier();
    x0 += ${depth}u;
    if (x0 >= width) {
      x0 = 0u;
      y++;
      if (y == height) {
        y = 0u;
        image++;
      }
    }
  }
  let n = n0 + lane;
  if (n < quads) {
    let parts_at = child * parts_child + group.y * all_rows * 4u * quads + n;
${
    times(quads, (q) => `
    let row${q} = r0 + line + ${q * rows}u;
    if (row${q} < all_rows) {
${times(4, (j) => `      parts[parts_at + (row${q} * 4u + ${j}u) * quads] = sum${q * 4 + j};`)}
    }`)
  }
  }`;
  return kernel(
    "convolution kernel gradient",
    [
      { name: "input_", access: "read" },
      { name: "gradient_", access: "read" },
      { name: "parts", access: "read_write" },
    ],
    threads,
    numbers,
    {
      declarations: `var<workgroup> input_tile: array<vec4f, ${tile * depth}>;
var<workgroup> gradient_tile: array<vec4f, ${depth * lanes}>;`,
      body,
    },
  );
}

/**
 * Kernels that read a window of pixels, channel by channel: pooling and depthwise convolution. A thread computes one
 * quad of one pixel. Windows have odd sizes, lie around every `stride`-th pixel, and end at the edge.
 */
import {
  type Dispatch,
  kernel,
  Numbers,
  type Operand,
  quadBytes,
  valueBytes,
  type Work,
  workgroupsFor,
} from "./kernel.ts";
import { LANES, quadsOf } from "./layout.ts";
import { CHUNK_THREADS, chunksOf, chunkText, treeSum } from "./pointwise.ts";
import { placesOf, type Shape, sizeOf } from "../../network/shape.ts";

/** From an input to an output. */
export interface Windows {
  readonly images: number;
  readonly input: Shape;
  readonly output: Shape;
  readonly size: number;
  readonly stride: number;
}

const THREADS = 64;

/** A kernel's text and names: `values` it reads, beside the tensor `written` that it writes. */
interface Pixelwise {
  readonly name: string;
  readonly work: Work;
  readonly reads: readonly (readonly [name: string, operand: Operand])[];
  readonly written: Operand;
  /** Of what is written. */
  readonly shape: Shape;
  /** Sets `result` for `image`, `y`, `x`, `quad` of `quads`. */
  readonly body: string;
  readonly operations: number;
  /** Values that are read, beside those written. */
  readonly valuesRead: number;
  readonly quadsRead: number;
}

/** The numbers that bodies use: sizes at both sides and of the windows. */
function windowNumbers({ images, input, output, size, stride }: Windows): Numbers {
  const numbers = new Numbers();
  numbers.unsigned("images", images);
  numbers.signed("in_height", input[0]);
  numbers.signed("in_width", input[1]);
  numbers.signed("out_height", output[0]);
  numbers.signed("out_width", output[1]);
  numbers.signed("size", size);
  numbers.signed("stride", stride);
  numbers.signed("edge", (size - 1) / 2);
  return numbers;
}

function pixelwise(windows: Windows, request: Pixelwise, numbers = windowNumbers(windows)): Dispatch {
  const { name, work, reads, written, shape, body, operations } = request, { images } = windows;
  const quads = quadsOf(shape[2]), count = images * placesOf(shape) * quads;
  numbers.unsignedAll({
    count,
    quads,
    height: shape[0],
    width: shape[1],
  });
  const starts = [...reads, ["written", written] as const].map(([name, { stride }]) =>
    `  let ${name}_at = child * ${numbers.unsigned(`${name}_child`, stride)};`
  );
  const values = images * sizeOf(shape);
  return {
    kernel: kernel(
      name,
      [
        ...reads.map(([name]) => ({ name, access: "read" as const })),
        { name: "written", access: "read_write" },
      ],
      THREADS,
      numbers,
      {
        body: `
  let i = (group.y * groups.x + group.x) * ${THREADS}u + thread;
  if (i < count) {
    let quad = i % quads;
    let x = i32(i / quads % width);
    let y = i32(i / (quads * width) % height);
    let image = i / (quads * width * height);
    let in_image = image * u32(in_height * in_width);
    let out_image = image * u32(out_height * out_width);
${starts.join("\n")}
    var result = vec4f();
${body}
    written[written_at + i] = result;
  }`,
      },
    ),
    buffers: [...reads.map(([, { buffer }]) => buffer), written.buffer],
    record: numbers.words,
    workgroups: workgroupsFor(Math.ceil(count / THREADS)),
    own: false,
    work,
    cost: { operations: operations * count * LANES, bytes: quadBytes(request.quadsRead, count) },
    least: { operations: operations * values, bytes: valueBytes(request.valuesRead, values) },
  };
}

/** Visits each pixel of the window at (`y`, `x`) that lies in the input: its index `pixel`, and its `place`. */
function eachInWindow(visit: string): string {
  return `
    for (var place = 0; place < size * size; place++) {
      let row = y * stride + place / size - edge;
      let column = x * stride + place % size - edge;
      if (row >= 0 && row < in_height && column >= 0 && column < in_width) {
        let pixel = in_image + u32(row * in_width + column);
${visit}
      }
    }`;
}

/** Visits each window that has the input's pixel (`y`, `x`): its index `window`, at which `place` the pixel is. */
function eachWindow(visit: string): string {
  return `
    for (var place = 0; place < size * size; place++) {
      let row = y + edge - place / size;
      let column = x + edge - place % size;
      if (row >= 0 && column >= 0 && row % stride == 0 && column % stride == 0
        && row / stride < out_height && column / stride < out_width) {
        let window = out_image + u32(row / stride * out_width + column / stride);
${visit}
      }
    }`;
}

/** Values and quads of all images at each side. */
function sides({ images, input, output }: Windows) {
  const quads = (shape: Shape) => images * placesOf(shape) * quadsOf(shape[2]);
  return {
    input: { values: images * sizeOf(input), quads: quads(input) },
    output: { values: images * sizeOf(output), quads: quads(output) },
  };
}

/** Means of squares of `size` pixels side by side. */
export function squarePool(windows: Omit<Windows, "stride">, from: Operand, to: Operand): Dispatch {
  const all = { ...windows, stride: windows.size }, { size, output } = all, { input } = sides(all);
  return pixelwise(all, {
    name: "average pool",
    work: "pooling",
    reads: [["values", from]],
    written: to,
    shape: output,
    body: `
    for (var place = 0; place < size * size; place++) {
      let pixel = in_image + u32((y * size + place / size) * in_width + x * size + place % size);
      result += values[values_at + pixel * quads + quad];
    }
    result /= f32(size * size);`,
    operations: size ** 2,
    valuesRead: input.values,
    quadsRead: input.quads,
  });
}

/** The largest pixel of each window. */
export function maxPool(windows: Windows, from: Operand, to: Operand): Dispatch {
  const { input } = sides(windows);
  return pixelwise(windows, {
    name: "max pool",
    work: "pooling",
    reads: [["values", from]],
    written: to,
    shape: windows.output,
    body: `
    result = values[values_at + (in_image + u32(y * stride * in_width + x * stride)) * quads + quad];
${
      eachInWindow(`
        let value = values[values_at + pixel * quads + quad];
        result = select(result, value, value > result);`)
    }`,
    operations: windows.size ** 2,
    valuesRead: input.values,
    quadsRead: input.quads,
  });
}

/** Each window sends its gradient to the first of its largest pixels. */
export function maxPoolGradient(windows: Windows, from: Operand, gradient: Operand, to: Operand): Dispatch {
  const { input, output } = sides(windows);
  return pixelwise(windows, {
    name: "max pool gradient",
    work: "pooling",
    reads: [["values", from], ["gradient", gradient]],
    written: to,
    shape: windows.input,
    body: eachWindow(`
        let value = values[values_at + (in_image + u32(y * in_width + x)) * quads + quad];
        var is_first = vec4<bool>(true, true, true, true);
        for (var rival = 0; rival < size * size; rival++) {
          let rival_row = row - edge + rival / size;
          let rival_column = column - edge + rival % size;
          if (rival != place && rival_row >= 0 && rival_row < in_height && rival_column >= 0 && rival_column < in_width) {
            let other = values[values_at + (in_image + u32(rival_row * in_width + rival_column)) * quads + quad];
            if (rival < place) { is_first &= other < value; } else { is_first &= other <= value; }
          }
        }
        result += select(vec4f(), gradient[gradient_at + window * quads + quad], is_first);`),
    operations: (windows.size / windows.stride) ** 2 * windows.size ** 2,
    valuesRead: input.values + output.values,
    quadsRead: input.quads + output.quads,
  });
}

/** The operands of a depthwise convolution: its kernel is [tap][quad] from `kernelOffset` of a child's parameters. */
export interface Depthwise {
  readonly windows: Windows;
  readonly parameters: Operand;
  readonly kernelOffset: number;
}

export function depthwiseForward(call: Depthwise, from: Operand, to: Operand): Dispatch {
  const { input } = sides(call.windows);
  return depthwise(call, "depthwise convolution forward", "convolution", from, to, {
    shape: call.windows.output,
    body: eachInWindow("result = fma(values[values_at + pixel * quads + quad], KERNEL, result);"),
    read: input,
  });
}

export function depthwiseInputGradient(call: Depthwise, from: Operand, to: Operand): Dispatch {
  const { output } = sides(call.windows);
  return depthwise(call, "depthwise convolution gradient", "input gradient", from, to, {
    shape: call.windows.input,
    body: eachWindow("result = fma(values[values_at + window * quads + quad], KERNEL, result);"),
    read: output,
  });
}

function depthwise(
  { windows, parameters, kernelOffset }: Depthwise,
  name: string,
  work: Work,
  from: Operand,
  to: Operand,
  { shape, body, read }: {
    readonly shape: Shape;
    readonly body: string;
    readonly read: { readonly values: number; readonly quads: number };
  },
): Dispatch {
  const numbers = windowNumbers(windows), taps = windows.size ** 2, [, , channels] = shape;
  numbers.unsigned("kernel_offset", kernelOffset);
  return pixelwise(windows, {
    ...{ name, work, shape },
    reads: [["values", from], ["parameters", parameters]],
    written: to,
    body: body.replace("KERNEL", "parameters[parameters_at + kernel_offset + u32(place) * quads + quad]"),
    // Of the taps, those that meet the input or a window.
    operations: 2 * taps / (work === "input gradient" ? windows.stride ** 2 : 1),
    valuesRead: read.values + taps * channels,
    quadsRead: read.quads + taps * quadsOf(channels),
  }, numbers);
}

/** Parts of the sum over pixels that is the gradient of a depthwise kernel. */
export function depthwiseSplits({ images, output }: Windows): number {
  return chunksOf(images * placesOf(output), quadsOf(output[2]), true).chunks;
}

/** Gradient of a depthwise kernel, in parts [chunk][tap][quad]: a workgroup sums one tap over a chunk of the pixels. */
export function depthwiseKernelGradient(
  windows: Windows,
  { input, gradient, parts, partsOffset }: {
    readonly input: Operand;
    readonly gradient: Operand;
    readonly parts: Operand;
    readonly partsOffset: number;
  },
): Dispatch {
  const { output, images, size } = windows, quads = quadsOf(output[2]), pixels = images * placesOf(output);
  const { blocks, chunks } = chunksOf(pixels, quads, true), taps = size ** 2;
  const numbers = windowNumbers(windows);
  numbers.unsignedAll({
    input_child: input.stride,
    gradient_child: gradient.stride,
    parts_child: parts.stride,
    parts_offset: partsOffset,
  });
  // The chunk's text has a lane for each quad of a block: here blocks and taps share the axis.
  const place = chunkText(numbers, pixels, quads, true).replace("group.y", `(group.y % ${blocks}u)`);
  const body = `${place}
  let tap = i32(group.y / ${blocks}u);
  let input_at = child * input_child + min(lane, quads - 1u);
  let gradient_at = child * gradient_child + min(lane, quads - 1u);
  var total = vec4f();
  if (is_lane) {
    for (var pixel = start + line; pixel < end; pixel += lines) {
      let row = i32(pixel) / out_width % out_height * stride + tap / size - edge;
      let column = i32(pixel) % out_width * stride + tap % size - edge;
      if (row >= 0 && row < in_height && column >= 0 && column < in_width) {
        let image = pixel / u32(out_width * out_height);
        let source = image * u32(in_height * in_width) + u32(row * in_width + column);
        total = fma(input_[input_at + source * quads], gradient_[gradient_at + pixel * quads], total);
      }
    }
  }
  shared_[thread] = total;
${treeSum("shared_")}
  if (line == 0u && is_lane) {
    parts[child * parts_child + parts_offset + (group.x * ${taps}u + u32(tap)) * quads + lane] = shared_[local];
  }`;
  const { input: from, output: to } = sides(windows);
  return {
    kernel: kernel(
      "depthwise convolution kernel gradient",
      [
        { name: "input_", access: "read" },
        { name: "gradient_", access: "read" },
        { name: "parts", access: "read_write" },
      ],
      CHUNK_THREADS,
      numbers,
      { declarations: `var<workgroup> shared_: array<vec4f, ${CHUNK_THREADS}>;`, body },
    ),
    buffers: [input.buffer, gradient.buffer, parts.buffer],
    record: numbers.words,
    workgroups: [chunks, blocks * taps],
    own: false,
    work: "kernel gradient",
    cost: {
      operations: 2 * taps * to.quads * LANES,
      bytes: quadBytes(from.quads, to.quads, chunks * taps * quads),
    },
    least: { operations: 2 * taps * to.values, bytes: valueBytes(from.values, to.values, taps * output[2]) },
  };
}

/** Mean of the pixels of each image: a thread sums those of one image and quad. */
export function poolImages(images: number, shape: Shape, from: Operand, to: Operand): Dispatch {
  const [height, width, channels] = shape, pixels = height * width, quads = quadsOf(channels);
  const numbers = new Numbers();
  numbers.unsignedAll({
    count: images * quads,
    pixels,
    quads,
    values_child: from.stride,
    means_child: to.stride,
  });
  const body = `
  let i = group.x * ${THREADS}u + thread;
  if (i < count) {
    let at = child * values_child + i / quads * pixels * quads + i % quads;
    var sum = vec4f();
    for (var pixel = 0u; pixel < pixels; pixel++) { sum += values[at + pixel * quads]; }
    means[child * means_child + i] = sum / f32(pixels);
  }`;
  return {
    kernel: kernel(
      "global average pool",
      [{ name: "values", access: "read" }, { name: "means", access: "read_write" }],
      THREADS,
      numbers,
      { body },
    ),
    buffers: [from.buffer, to.buffer],
    record: numbers.words,
    workgroups: [Math.ceil(images * quads / THREADS), 1],
    own: false,
    work: "pooling",
    cost: { operations: 4 * images * pixels * quads, bytes: quadBytes(images * (pixels + 1) * quads) },
    least: { operations: images * sizeOf(shape), bytes: valueBytes(images * (sizeOf(shape) + channels)) },
  };
}

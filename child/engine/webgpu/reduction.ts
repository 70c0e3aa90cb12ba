/**
 * Sums of parts, in a fixed order: those of gradients, all in one dispatch, and those of batch norm, whose coefficients
 * per channel the kernels use: `mean`, `scale` (over the deviation), `deviation` (1 / standard deviation), and `k2` and
 * `k3` of the gradient k1 du + k2 y + k3, where k1 is `scale`.
 */
import { MOMENT_OPERATIONS } from "./convolution.ts";
import {
  type BufferName,
  type Dispatch,
  kernel,
  literal,
  NOTHING,
  Numbers,
  type Operand,
  quadBytes,
  workgroupsFor,
} from "./kernel.ts";
import { CHUNK_THREADS, chunksOf, chunkText, treeSum } from "./pointwise.ts";
import { BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM } from "../../network/batch_norm.ts";

/** Rows of a child's coefficients: all batch norms' quads of each. */
const COEFFICIENTS = ["mean", "scale", "deviation", "k2", "k3"] as const;
export type Coefficient = typeof COEFFICIENTS[number];

/** Where the coefficients lie: `half` are the quads of all batch norms. */
export function coefficientOffset(name: Coefficient, half: number): number {
  return COEFFICIENTS.indexOf(name) * half;
}

export function coefficientQuads(half: number): number {
  return COEFFICIENTS.length * half;
}

/** The sum of `count` parts of `quads`, [part][quad] from `start`, that is a gradient. */
export interface Sum {
  readonly start: number;
  readonly count: number;
  readonly quads: number;
  /** Where it goes among the gradients. */
  readonly to: number;
}

/** Quads of a sum that a workgroup takes, and words of its row in the table of sums. */
const SUM_QUADS = 64, SUM_WORDS = 5;

/** What each workgroup of `gradientSums` adds up. */
export function sumTable(sums: readonly Sum[]): Uint32Array<ArrayBuffer> {
  return Uint32Array.from(
    sums.flatMap(({ start, count, quads, to }) =>
      Array.from({ length: Math.ceil(quads / SUM_QUADS) }, (_, i) => {
        const first = i * SUM_QUADS;
        return [start + first, count, quads, to + first, Math.min(SUM_QUADS, quads - first)];
      }).flat()
    ),
  );
}

/** All sums of parts that nothing waits for before the update. */
export function gradientSums(
  sums: readonly Sum[],
  { table, parts, gradients }: { readonly table: BufferName; readonly parts: Operand; readonly gradients: Operand },
): Dispatch {
  const numbers = new Numbers(), rows = sumTable(sums).length / SUM_WORDS;
  numbers.unsignedAll({
    rows,
    parts_child: parts.stride,
    gradients_child: gradients.stride,
  });
  const body = `
  let at = group.y * groups.x + group.x;
  let row = at * ${SUM_WORDS}u;
  if (at < rows && thread < sums[row + 4u]) {
    let count = sums[row + 1u];
    let quads = sums[row + 2u];
    let source = child * parts_child + sums[row] + thread;
    var total = vec4f();
    for (var i = 0u; i < count; i++) { total += parts[source + i * quads]; }
    gradients[child * gradients_child + sums[row + 3u] + thread] = total;
  }`;
  const total = (of: (sum: Sum) => number) => sums.reduce((total, sum) => total + of(sum), 0);
  return {
    kernel: kernel(
      "sums of gradients",
      [
        { name: "sums", access: "read", type: "u32" },
        { name: "parts", access: "read" },
        { name: "gradients", access: "read_write" },
      ],
      SUM_QUADS,
      numbers,
      { body },
    ),
    buffers: [table, parts.buffer, gradients.buffer],
    record: numbers.words,
    workgroups: workgroupsFor(rows),
    own: false,
    work: "kernel gradient",
    cost: {
      operations: 4 * total(({ count, quads }) => count * quads),
      bytes: quadBytes(total(({ count, quads }) => (count + 1) * quads)),
    },
    least: NOTHING,
  };
}

/** Parts of one batch norm's two sums, [sum][part][quad], each of `length` pixels but for the last. */
export interface NormParts {
  readonly parts: Operand;
  readonly count: number;
  readonly length: number;
  /** Of all images. */
  readonly pixels: number;
  /** Of channels. */
  readonly quads: number;
}

/** Where a batch norm's numbers are. */
export interface NormPlaces {
  readonly coefficients: Operand;
  readonly statistics: Operand;
  readonly parameters: Operand;
  readonly gradients: Operand;
  /** Quads of all batch norms, and where this one's start among them. */
  readonly half: number;
  readonly offset: number;
  /** Among the parameters. */
  readonly scale: number;
  readonly shift: number;
}

export function momentPartQuads(pixels: number, quads: number): number {
  return 2 * chunksOf(pixels, quads, true).chunks * quads;
}

/**
 * Moments of each chunk of a tensor, in one pass, where what writes the tensor does not take them: sums are of
 * differences from the chunk's first pixel, so that a mean far from 0 cancels nothing.
 */
export function chunkMoments(value: Operand, { parts, pixels, quads }: NormParts): Dispatch {
  const { blocks, chunks } = chunksOf(pixels, quads, true);
  const numbers = new Numbers();
  numbers.unsigned("values_child", value.stride);
  numbers.unsigned("parts_child", parts.stride);
  const body = `${chunkText(numbers, pixels, quads, true)}
  let source = child * values_child + min(lane, quads - 1u);
  let shift = values[source + start * quads];
  var sum = vec4f();
  var squares = vec4f();
  if (is_lane) {
    for (var pixel = start + line; pixel < end; pixel += lines) {
      let d = values[source + pixel * quads] - shift;
      sum += d;
      squares = fma(d, d, squares);
    }
  }
  shared_sums[thread] = sum;
  shared_squares[thread] = squares;
${treeSum("shared_sums")}
${treeSum("shared_squares")}
  if (line == 0u && is_lane) {
    let n = f32(end - start);
    let s = shared_sums[local];
    let at = child * parts_child + group.x * quads + lane;
    parts[at] = shift + s / n;
    parts[at + groups.x * quads] = shared_squares[local] - s * s / n;
  }`;
  const cost = {
    operations: MOMENT_OPERATIONS * 4 * pixels * quads,
    bytes: quadBytes(pixels * quads, 2 * chunks * quads),
  };
  return {
    kernel: kernel(
      "batch norm moments of chunks",
      [{ name: "values", access: "read" }, { name: "parts", access: "read_write" }],
      CHUNK_THREADS,
      numbers,
      {
        declarations: `var<workgroup> shared_sums: array<vec4f, ${CHUNK_THREADS}>;
var<workgroup> shared_squares: array<vec4f, ${CHUNK_THREADS}>;`,
        body,
      },
    ),
    buffers: [value.buffer, parts.buffer],
    record: numbers.words,
    workgroups: [chunks, blocks],
    own: false,
    work: "pointwise",
    cost,
    least: NOTHING,
  };
}

/** Quads that a workgroup of a batch norm's kernels computes, and threads that share the sum of each. */
const LANES = 4, LINES = 64;

function normPlace(numbers: Numbers, parts: NormParts, places: NormPlaces): string {
  numbers.unsignedAll({
    quads: parts.quads,
    count: parts.count,
    parts_child: parts.parts.stride,
    coefficients_child: places.coefficients.stride,
    parameters_child: places.parameters.stride,
  });
  for (const name of COEFFICIENTS) {
    numbers.unsigned(`${name}_offset`, coefficientOffset(name, places.half) + places.offset);
  }
  numbers.unsigned("scale_offset_", places.scale);
  numbers.float("pixels", parts.pixels);
  return `
  let lanes = ${LANES}u;
  let lines = ${LINES}u;
  let lane = thread % lanes;
  let line = thread / lanes;
  let quad = group.x * lanes + lane;
  let source = child * parts_child + min(quad, quads - 1u);
  let at = child * coefficients_child + quad;`;
}

const NORM_THREADS = LANES * LINES;

function normDispatch(
  name: string,
  numbers: Numbers,
  { parts, quads, count }: NormParts,
  others: readonly { readonly name: string; readonly access: "read" | "read_write"; readonly buffer: BufferName }[],
  { work, body }: { readonly work: Dispatch["work"]; readonly body: string },
): Dispatch {
  return {
    kernel: kernel(
      name,
      [{ name: "parts", access: "read" }, ...others.map(({ name, access }) => ({ name, access }))],
      NORM_THREADS,
      numbers,
      { declarations: `var<workgroup> shared_: array<vec4f, ${NORM_THREADS}>;`, body },
    ),
    buffers: [parts.buffer, ...others.map(({ buffer }) => buffer)],
    record: numbers.words,
    workgroups: [Math.ceil(quads / LANES), 1],
    own: false,
    work,
    cost: { operations: 20 * count * quads, bytes: quadBytes((2 * count + 8) * quads) },
    least: NOTHING,
  };
}

/**
 * Moments of the whole batch from those of its parts (Chan, Golub & LeVeque 1979), the coefficients of the forward pass,
 * and the running statistics: of the variance they take the unbiased one.
 */
export function batchMoments(parts: NormParts, places: NormPlaces): Dispatch {
  const { pixels, count, length } = parts;
  const numbers = new Numbers();
  const place = normPlace(numbers, parts, places);
  numbers.unsignedAll({
    statistics_child: places.statistics.stride,
    statistics_offset: places.offset,
    half_quads: places.half,
  });
  numbers.float("length", length);
  numbers.float("last_length", pixels - (count - 1) * length);
  numbers.float("unbiased", Math.max(1, pixels - 1));
  const body = `${place}
  var total = vec4f();
  for (var i = line; i < count; i += lines) {
    total += parts[source + i * quads] * (select(length, last_length, i + 1u == count) / pixels);
  }
  shared_[thread] = total;
${treeSum("shared_")}
  let mean = shared_[lane];
  workgroupBarrier();
  total = vec4f();
  for (var i = line; i < count; i += lines) {
    let d = parts[source + i * quads] - mean;
    let n = select(length, last_length, i + 1u == count);
    total += fma(d * d, vec4f(n), parts[source + (count + i) * quads]);
  }
  shared_[thread] = total;
${treeSum("shared_")}
  if (line == 0u && quad < quads) {
    let squares = shared_[lane];
    let deviation = 1.0f / sqrt(squares / pixels + ${literal(BATCH_NORM_EPSILON)});
    coefficients[at + mean_offset] = mean;
    coefficients[at + deviation_offset] = deviation;
    coefficients[at + scale_offset] = parameters[child * parameters_child + scale_offset_ + quad] * deviation;
    let running = child * statistics_child + statistics_offset + quad;
    statistics[running] = ${running("statistics[running]", "mean")};
    statistics[running + half_quads] = ${running("statistics[running + half_quads]", "(squares / unbiased)")};
  }`;
  return normDispatch("batch norm moments", numbers, parts, [
    { name: "coefficients", access: "read_write", buffer: places.coefficients.buffer },
    { name: "parameters", access: "read", buffer: places.parameters.buffer },
    { name: "statistics", access: "read_write", buffer: places.statistics.buffer },
  ], { work: "convolution", body });
}

function running(old: string, value: string): string {
  return `${literal(BATCH_NORM_MOMENTUM)} * ${old} + ${literal(1 - BATCH_NORM_MOMENTUM)} * ${value}`;
}

/**
 * Gradients of shift (the sum S1 of du) and scale (S2, that of du times the normalised value), and the coefficients
 * k2 = -k1 deviation S2 / n and k3 = -k1 S1 / n - k2 mean (Ioffe & Szegedy 2015, section 3). The parts are of du, and of
 * du (y - mean).
 */
export function normGradient(parts: NormParts, places: NormPlaces): Dispatch {
  const numbers = new Numbers();
  const place = normPlace(numbers, parts, places);
  numbers.unsigned("shift_offset", places.shift);
  const sum = (name: string, first: string) => `
  total = vec4f();
  for (var i = line; i < count; i += lines) { total += parts[source + (${first} + i) * quads]; }
  shared_[thread] = total;
${treeSum("shared_")}
  let ${name} = shared_[lane];
  workgroupBarrier();`;
  const body = `${place}
  var total = vec4f();
${sum("shift", "0u")}
${sum("centred", "count")}
  if (line == 0u && quad < quads) {
    let deviation = coefficients[at + deviation_offset];
    let k1 = coefficients[at + scale_offset];
    let scale = centred * deviation;
    let k2 = -(k1 * deviation) * (scale / pixels);
    gradients[child * parameters_child + shift_offset + quad] = shift;
    gradients[child * parameters_child + scale_offset_ + quad] = scale;
    coefficients[at + k2_offset] = k2;
    coefficients[at + k3_offset] = -k1 * (shift / pixels) - k2 * coefficients[at + mean_offset];
  }`;
  return normDispatch("batch norm gradient", numbers, parts, [
    { name: "coefficients", access: "read_write", buffer: places.coefficients.buffer },
    { name: "gradients", access: "read_write", buffer: places.gradients.buffer },
  ], { work: "pointwise gradient", body });
}

/** For evaluation: the coefficients of every batch norm from the running statistics. `scales` is where theirs start. */
export function runningMoments(
  half: number,
  scales: number,
  { coefficients, statistics, parameters }: Pick<NormPlaces, "coefficients" | "statistics" | "parameters">,
): Dispatch {
  const threads = 64;
  const numbers = new Numbers();
  numbers.unsignedAll({
    half_quads: half,
    statistics_child: statistics.stride,
    coefficients_child: coefficients.stride,
    parameters_child: parameters.stride,
    scales,
  });
  for (const name of ["mean", "scale", "deviation"] as const) {
    numbers.unsigned(`${name}_offset`, coefficientOffset(name, half));
  }
  const body = `
  let quad = group.x * ${threads}u + thread;
  if (quad < half_quads) {
    let source = child * statistics_child + quad;
    let at = child * coefficients_child + quad;
    let deviation = 1.0f / sqrt(statistics[source + half_quads] + ${literal(BATCH_NORM_EPSILON)});
    coefficients[at + mean_offset] = statistics[source];
    coefficients[at + deviation_offset] = deviation;
    coefficients[at + scale_offset] = parameters[child * parameters_child + scales + quad] * deviation;
  }`;
  return {
    kernel: kernel(
      "running moments",
      [
        { name: "statistics", access: "read" },
        { name: "parameters", access: "read" },
        { name: "coefficients", access: "read_write" },
      ],
      threads,
      numbers,
      { body },
    ),
    buffers: [statistics.buffer, parameters.buffer, coefficients.buffer],
    record: numbers.words,
    workgroups: [Math.ceil(half / threads), 1],
    own: false,
    work: "pointwise",
    cost: { operations: 16 * half, bytes: quadBytes(6 * half) },
    least: NOTHING,
  };
}

/**
 * Sums of parts, in a fixed order: partial sums of kernels' gradients and of passes over pixels, and the moments of
 * batch norm.
 */
import { type BufferName, type Dispatch, kernel, literal, Numbers, quadBytes } from "./kernel.ts";
import { CHUNK_THREADS, chunksOf, chunkText, treeSum } from "./pointwise.ts";
import { BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM } from "../../network/batch_norm.ts";

/** Quads of the result that a workgroup computes, and threads that share the sum of each. */
const LANES = 16, LINES = 16;

const PLACE = `
  let lanes = ${LANES}u;
  let lines = ${LINES}u;
  let lane = thread % lanes;
  let line = thread / lanes;
  let quad = group.x * lanes + lane;`;

/** Parts [child][sum][part][quad], added up into quads of the gradients at one offset per sum. */
export interface Reduction {
  readonly parts: BufferName;
  readonly partsStride: number;
  readonly count: number;
  readonly quads: number;
  readonly gradientQuads: number;
  readonly offsets: readonly number[];
}

/** Sums in one dispatch at most. */
const MAX_SUMS = 8;

export function reduction({ parts, partsStride, count, quads, gradientQuads, offsets }: Reduction): Dispatch {
  if (offsets.length > MAX_SUMS) {
    throw new RangeError(`Cannot add up ${offsets.length} sums at once: ${MAX_SUMS} at most`);
  }
  const numbers = new Numbers();
  numbers.unsigned("parts_child", partsStride);
  numbers.unsigned("count", count);
  numbers.unsigned("quads", quads);
  numbers.unsigned("gradients_child", gradientQuads);
  const names = Array.from({ length: MAX_SUMS }, (_, i) => numbers.unsigned(`offset${i}`, offsets[i] ?? 0));
  const body = `${PLACE}
  var offsets = array<u32, ${MAX_SUMS}>(${names.join(", ")});
  let source = child * parts_child + group.y * count * quads;
  var total = vec4f();
  if (quad < quads) {
    for (var i = line; i < count; i += lines) { total += parts[source + i * quads + quad]; }
  }
  shared_[thread] = total;
${treeSum("shared_")}
  if (line == 0u && quad < quads) { gradients[child * gradients_child + offsets[group.y] + quad] = shared_[lane]; }`;
  return {
    kernel: kernel(
      "sum of parts",
      [{ name: "parts", access: "read" }, { name: "gradients", access: "read_write" }],
      LANES * LINES,
      numbers,
      { declarations: `var<workgroup> shared_: array<vec4f, ${LANES * LINES}>;`, body },
    ),
    buffers: [parts, "gradients"],
    record: numbers.words,
    workgroups: [Math.ceil(quads / LANES), offsets.length],
    own: false,
    cost: {
      operations: 4 * offsets.length * count * quads,
      bytes: quadBytes(offsets.length * (count + 1) * quads),
    },
  };
}

export interface Moments {
  /** Pixels of all images, and quads of channels. */
  readonly pixels: number;
  readonly quads: number;
  readonly value: BufferName;
  readonly valueStride: number;
  /** [child][mean, squares][chunk][quad] */
  readonly parts: BufferName;
  readonly partsStride: number;
  /** Where its moments and running statistics start, and the distance of means and variances, in quads. */
  readonly offset: number;
  readonly half: number;
  readonly statisticsQuads: number;
}

/** Quads of a child's parts. */
export function momentPartQuads(pixels: number, quads: number): number {
  return 2 * chunksOf(pixels, quads, true).chunks * quads;
}

/**
 * Mean and sum of squared differences of each chunk, in one pass: sums are taken of differences from the chunk's first
 * pixel, so that a mean far from 0 cancels nothing.
 */
export function chunkMoments({ pixels, quads, value, valueStride, parts, partsStride }: Moments): Dispatch {
  const { blocks, chunks } = chunksOf(pixels, quads, true);
  const numbers = new Numbers();
  numbers.unsigned("values_child", valueStride);
  numbers.unsigned("parts_child", partsStride);
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
    buffers: [value, parts],
    record: numbers.words,
    workgroups: [chunks, blocks],
    own: false,
    cost: { operations: 16 * pixels * quads, bytes: quadBytes(pixels * quads, 2 * chunks * quads) },
  };
}

/**
 * Moments of the whole batch from those of its chunks (Chan, Golub & LeVeque 1979), 1 / standard deviation, and the
 * running statistics: of the variance they take the unbiased one.
 */
export function batchMoments(moments: Moments): Dispatch {
  const { pixels, quads, parts, partsStride, offset, half, statisticsQuads } = moments;
  const { chunks, length } = chunksOf(pixels, quads, true);
  const numbers = new Numbers();
  numbers.unsigned("quads", quads);
  numbers.unsigned("chunks", chunks);
  numbers.unsigned("parts_child", partsStride);
  numbers.unsigned("statistics_child", statisticsQuads);
  numbers.unsigned("offset", offset);
  numbers.unsigned("half_quads", half);
  numbers.float("pixels", pixels);
  numbers.float("length", length);
  numbers.float("last_length", pixels - (chunks - 1) * length);
  numbers.float("unbiased", Math.max(1, pixels - 1));
  const body = `${PLACE}
  let source = child * parts_child + min(quad, quads - 1u);
  var total = vec4f();
  for (var i = line; i < chunks; i += lines) {
    total += parts[source + i * quads] * (select(length, last_length, i + 1u == chunks) / pixels);
  }
  shared_[thread] = total;
${treeSum("shared_")}
  let mean = shared_[lane];
  workgroupBarrier();
  total = vec4f();
  for (var i = line; i < chunks; i += lines) {
    let d = parts[source + i * quads] - mean;
    let n = select(length, last_length, i + 1u == chunks);
    total += fma(d * d, vec4f(n), parts[source + (chunks + i) * quads]);
  }
  shared_[thread] = total;
${treeSum("shared_")}
  if (line == 0u && quad < quads) {
    let squares = shared_[lane];
    let at = child * statistics_child + offset + quad;
    moments[at] = mean;
    moments[at + half_quads] = 1.0f / sqrt(squares / pixels + ${literal(BATCH_NORM_EPSILON)});
    statistics[at] = ${literal(BATCH_NORM_MOMENTUM)} * statistics[at] + ${literal(1 - BATCH_NORM_MOMENTUM)} * mean;
    statistics[at + half_quads] = ${literal(BATCH_NORM_MOMENTUM)} * statistics[at + half_quads]
      + ${literal(1 - BATCH_NORM_MOMENTUM)} * (squares / unbiased);
  }`;
  return {
    kernel: kernel(
      "batch norm moments",
      [
        { name: "parts", access: "read" },
        { name: "moments", access: "read_write" },
        { name: "statistics", access: "read_write" },
      ],
      LANES * LINES,
      numbers,
      { declarations: `var<workgroup> shared_: array<vec4f, ${LANES * LINES}>;`, body },
    ),
    buffers: [parts, "moments", "statistics"],
    record: numbers.words,
    workgroups: [Math.ceil(quads / LANES), 1],
    own: false,
    cost: { operations: 20 * chunks * quads, bytes: quadBytes(2 * chunks * quads, 6 * quads) },
  };
}

/** For evaluation: the moments of every batch norm from the running statistics. */
export function runningMoments(half: number, statisticsQuads: number): Dispatch {
  const threads = 64;
  const numbers = new Numbers();
  numbers.unsigned("half_quads", half);
  numbers.unsigned("statistics_child", statisticsQuads);
  const body = `
  let quad = group.x * ${threads}u + thread;
  if (quad < half_quads) {
    let at = child * statistics_child + quad;
    moments[at] = statistics[at];
    moments[at + half_quads] = 1.0f / sqrt(statistics[at + half_quads] + ${literal(BATCH_NORM_EPSILON)});
  }`;
  return {
    kernel: kernel(
      "running moments",
      [{ name: "statistics", access: "read" }, { name: "moments", access: "read_write" }],
      threads,
      numbers,
      { body },
    ),
    buffers: ["statistics", "moments"],
    record: numbers.words,
    workgroups: [Math.ceil(half / threads), 1],
    own: false,
    cost: { operations: 12 * half, bytes: quadBytes(4 * half) },
  };
}

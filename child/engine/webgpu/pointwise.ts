/**
 * Kernels made from operation lists: what is computed at each channel of each pixel in one pass over memory, and the
 * sums over pixels that are wanted with it. A workgroup takes a chunk of the pixels; a thread keeps four channels and
 * steps over pixels of the chunk, so that sums stay in registers; they are added up in a fixed order, in the workgroup
 * by a tree, and over chunks by `reduction.ts`: the same bits every time, without atomic operations.
 */
import type { OperationList } from "../../compiler/operations.ts";
import type { Dropout } from "../../compiler/stages.ts";
import { MASK_BINDINGS, MASK_BUFFERS, MASK_DECLARATIONS, maskKeysText, maskText } from "./dropout.ts";
import { type BufferName, type Dispatch, kernel, Numbers, quadBytes, valueBytes, type Work } from "./kernel.ts";
import { LANES, quadsOf } from "./layout.ts";
import { PRODUCT_ERROR, writeList } from "./list_text.ts";
import type { Shape } from "../../network/shape.ts";

/** How a pass finds the value of another tensor that belongs to one of its own pixels and channels. */
export type Route =
  | { readonly kind: "same" }
  /**
   * Option-A shortcut, forward: its input [shape] at every stride-th pixel, 0 in the channels added on both sides; or
   * channels from `first` on, 0 where there are none.
   */
  | { readonly kind: "shortcut"; readonly stride: number; readonly from: Shape; readonly first?: number }
  /** The same, backward: from the gradient of its output [shape], 0 at pixels that were dropped. */
  | { readonly kind: "shortcut gradient"; readonly stride: number; readonly from: Shape }
  /** One value per square of `size` pixels, of which each has an equal share; 0 at pixels beyond the last square. */
  | { readonly kind: "squares"; readonly size: number; readonly from: Shape }
  /** One value per image and channel, of which each of its pixels has an equal share. */
  | { readonly kind: "image" };

/** A tensor that a pass reads. */
export interface Source {
  readonly tensor: BufferName;
  readonly route: Route;
}

/** One value per channel: quads of a buffer of one child from `offset`. */
export interface ChannelSource {
  readonly buffer: BufferName;
  readonly offset: number;
}

/** A sum of a list over pixels: where its parts go, [child][chunk][quad] from this quad of a child's. */
export interface PassSum {
  readonly name: string;
  readonly parts: BufferName;
  readonly offset: number;
}

/** One pass over the values of `images` images of `shape`. */
export interface Pass {
  readonly name: string;
  readonly images: number;
  readonly shape: Shape;
  readonly list: OperationList;
  /** By the names of the list's inputs and channels. */
  readonly inputs: ReadonlyMap<string, Source>;
  readonly channels: ReadonlyMap<string, ChannelSource>;
  readonly stores: ReadonlyMap<string, BufferName>;
  /** The list's sums; those that it has not are left out, so that lists with and without beta have one record. */
  readonly sums: readonly PassSum[];
  /** Where the list has a mask. */
  readonly dropout?: Dropout;
  /** By default a pointwise one. */
  readonly work?: Work;
  /** Whether the list contains the child's own activation function. */
  readonly own: boolean;
  /** Whether the device rounds a multiply-add once. */
  readonly fused: boolean;
  /** Quads of one child in a buffer. */
  readonly quadsIn: (buffer: BufferName) => number;
}

const THREADS = 256;
/** Quads of channels that a workgroup keeps at once. */
const MAX_LANES = 64;
/**
 * Number of operations above which a thread's four channels become a loop instead of being unrolled: drivers compile
 * such text for seconds (Mesa's took 26 s for a sum of 90 sines, 2026-11-26).
 */
const LONG_LIST = 100;
/** Minimum number of pixels of a thread, and maximum number of chunks whose sums are needed. */
const THREAD_PIXELS = 4, MAX_CHUNKS = 128;
const MAX_WORKGROUPS = 65535;

/** How the pixels of a pass are divided: a function of the shape alone, on which the order of sums depends. */
export interface Chunks {
  /** Quads of channels and pixels that a workgroup works on at once. */
  readonly lanes: number;
  readonly lines: number;
  readonly blocks: number;
  readonly chunks: number;
  /** Pixels of a chunk; the last may have fewer. */
  readonly length: number;
}

export function chunksOf(pixels: number, quads: number, hasSums: boolean): Chunks {
  const lanes = Math.min(quads, MAX_LANES), lines = Math.floor(THREADS / lanes);
  const most = hasSums ? MAX_CHUNKS : MAX_WORKGROUPS;
  const length = Math.ceil(Math.max(lines * THREAD_PIXELS, pixels / most) / lines) * lines;
  return { lanes, lines, blocks: Math.ceil(quads / lanes), chunks: Math.ceil(pixels / length), length };
}

/** Threads of a workgroup that takes a chunk. */
export const CHUNK_THREADS = THREADS;

/**
 * The lines that give a thread its place: `lane` of `quads`, `line` of `lines`, and the chunk from `start` to `end`.
 */
export function chunkText(numbers: Numbers, pixels: number, quads: number, hasSums: boolean): string {
  const { lanes, lines, length } = chunksOf(pixels, quads, hasSums);
  numbers.unsignedAll({
    quads,
    pixels,
    lanes,
    lines,
    length,
  });
  return `
  let local = thread % lanes;
  let line = thread / lanes;
  let lane = group.y * lanes + local;
  let is_lane = lane < quads && line < lines;
  let start = group.x * length;
  let end = min(start + length, pixels);`;
}

/** Adds up what the threads of a lane hold in an array, into that of line 0, in a fixed order. */
export function treeSum(array: string): string {
  return `
  workgroupBarrier();
  for (var half = ${THREADS / 2}u; half > 0u; half /= 2u) {
    if (line < half && line + half < lines) { ${array}[thread] += ${array}[thread + half * lanes]; }
    workgroupBarrier();
  }`;
}

export function pointwise(pass: Pass): Dispatch {
  const { images, shape: [height, width, channels], work = "pointwise", dropout } = pass;
  const quads = quadsOf(channels), pixels = images * height * width;
  const { blocks, chunks } = chunksOf(pixels, quads, pass.sums.length > 0);
  const numbers = new Numbers();
  const place = chunkText(numbers, pixels, quads, pass.sums.length > 0);

  const read = [...pass.inputs.values()].map(({ tensor }) => tensor);
  const tables = [...pass.channels.values()].map(({ buffer }) => buffer);
  const written = [...pass.stores.values(), ...pass.sums.map(({ parts }) => parts)];
  const buffers = [...new Set([...read, ...tables, ...written])];
  const starts = buffers.map((buffer, i) =>
    `  let at${i} = child * ${numbers.unsigned(`size${i}`, pass.quadsIn(buffer))};`
  );
  const at = (buffer: BufferName, quad: string) => {
    const i = buffers.indexOf(buffer);
    return `buffer${i}[at${i} + ${quad}]`;
  };

  const text = writeList(pass.list, pass.fused);
  const offsets = pass.sums.map(({ offset }, i) => numbers.unsigned(`sum_offset${i}`, offset));
  const sums = text.sums.map((name) => {
    const i = pass.sums.findIndex((sum) => sum.name === name);
    return { name, parts: pass.sums[i].parts, offset: offsets[i] };
  });
  const parameters = [...text.inputs.map((name) => `in_${name}`), ...text.channels.map((name) => `ch_${name}`)];
  const results = [...text.stores.map((name) => `st_${name}`), ...text.sums.map((name) => `su_${name}`)];
  const declarations = `${pass.fused ? "" : PRODUCT_ERROR}${dropout ? MASK_DECLARATIONS : ""}
struct Point { ${results.map((name) => `${name}: f32`).join(", ")} }
fn point(${parameters.map((name) => `${name}: f32`).join(", ")}) -> Point {
${text.lines.join("\n")}
  return Point(${text.results.join(", ")});
}
${sums.length > 0 ? `var<workgroup> shared_: array<vec4f, ${THREADS}>;` : ""}`;

  const channelLines = [...pass.channels].map(([name, { buffer, offset }], i) =>
    `  let ch_${name} = ${at(buffer, `${numbers.unsigned(`offset${i}`, offset)} + min(lane, quads - 1u)`)};`
  );
  const readers = [...pass.inputs].map(([name, { tensor, route }], i) =>
    readText(`in_${name}`, (quad) => at(tensor, quad), route, channels, numbers, i)
  );
  const needsPlace = [...pass.inputs.values()].some(({ route }) => route.kind !== "same");
  if (needsPlace) {
    numbers.unsigned("height", height);
    numbers.unsigned("width", width);
  }
  // Channels that fill up the last quad stay 0.
  const filled = channels % LANES;
  if (filled > 0 || dropout) numbers.unsigned("channels", channels);
  const isLong = pass.list.length >= LONG_LIST;
  const call = (part: string) => `point(${parameters.map((name) => `${name}${part}`).join(", ")})`;
  const calls = isLong
    ? `${results.map((name) => `      var ${name} = vec4f();`).join("\n")}
      for (var j = 0u; j < 4u; j++) {
        let p = ${call("[j]")};
${results.map((name) => `        ${name}[j] = p.${name};`).join("\n")}
      }`
    : ["x", "y", "z", "w"].map((part, j) => `      let p${j} = ${call(`.${part}`)};`).join("\n");
  const whole = (name: string) => {
    const value = isLong ? name : `vec4f(p0.${name}, p1.${name}, p2.${name}, p3.${name})`;
    return filled > 0 ? `select(vec4f(), ${value}, vec4u(0u, 1u, 2u, 3u) + lane * 4u < vec4u(channels))` : value;
  };
  const body = `${place}
${starts.join("\n")}
${channelLines.join("\n")}
${dropout ? maskKeysText(numbers, dropout) : ""}
${sums.map(({ name }) => `  var total_${name} = vec4f();`).join("\n")}
  if (is_lane) {
    for (var pixel = start + line; pixel < end; pixel += lines) {
${
    needsPlace
      ? "      let x = pixel % width;\n      let y = pixel / width % height;\n      let image = pixel / (width * height);"
      : ""
  }
${readers.join("\n")}
${dropout ? maskText("pixel * channels + lane * 4u") : ""}
${calls}
${
    [...pass.stores].map(([name, buffer]) => `      ${at(buffer, "pixel * quads + lane")} = ${whole(`st_${name}`)};`)
      .join("\n")
  }
${sums.map(({ name }) => `      total_${name} += ${whole(`su_${name}`)};`).join("\n")}
    }
  }
${
    sums.map(({ name, parts, offset }) => `
  shared_[thread] = total_${name};
${treeSum("shared_")}
  if (line == 0u && is_lane) { ${at(parts, `${offset} + group.x * quads + lane`)} = shared_[local]; }
  workgroupBarrier();`).join("\n")
  }`;
  const arithmetic = arithmeticOf(pass.list);
  // Inputs of one tensor by one route are one.
  const sources = new Map([...pass.inputs.values()].map((source) => [`${source.tensor} ${source.route.kind}`, source]));
  const moved = (count: (channels: number) => number) =>
    valueBytes(
      ...[...sources.values()].map(({ route }) => valuesRead(route, images, pass.shape, count)),
      pass.stores.size * pixels * count(channels),
    );
  return {
    kernel: kernel(
      pass.name,
      [
        ...buffers.map((buffer, i) => ({
          name: `buffer${i}`,
          access: written.includes(buffer) ? "read_write" as const : "read" as const,
        })),
        ...dropout ? MASK_BINDINGS : [],
      ],
      THREADS,
      numbers,
      { declarations, body },
    ),
    buffers: [...buffers, ...dropout ? MASK_BUFFERS : []],
    record: numbers.words,
    workgroups: [chunks, blocks],
    own: pass.own,
    work,
    cost: {
      operations: pixels * quads * LANES * arithmetic,
      bytes: moved(filledChannels) + quadBytes(sums.length * chunks * quads),
    },
    least: { operations: pixels * channels * arithmetic, bytes: moved((channels) => channels) },
  };
}

function filledChannels(channels: number): number {
  return quadsOf(channels) * LANES;
}

function valuesRead(
  route: Route,
  images: number,
  [height, width, channels]: Shape,
  count: (channels: number) => number,
) {
  if (route.kind === "image") return images * count(channels);
  if (route.kind === "same") return images * height * width * count(channels);
  const [fromHeight, fromWidth, fromChannels] = route.from;
  const rows = Math.min(height, fromHeight), columns = Math.min(width, fromWidth);
  return images * rows * columns * count(Math.min(channels, fromChannels));
}

function arithmeticOf(list: OperationList): number {
  const none = new Set(["input", "channel", "constant", "bits", "store"]);
  return list.filter(({ kind }) => !none.has(kind)).length;
}

/** Text that declares `name` as the quad of a source that belongs to `pixel` and `lane`. `i` tells sources apart. */
function readText(
  name: string,
  at: (quad: string) => string,
  route: Route,
  channels: number,
  numbers: Numbers,
  i: number,
): string {
  if (route.kind === "same") return `      let ${name} = ${at("pixel * quads + lane")};`;
  if (route.kind === "image") return `      let ${name} = ${at("image * quads + lane")} / f32(width * height);`;
  const [height, width, from] = route.from;
  const [rows, columns] = [numbers.unsigned(`rows${i}`, height), numbers.unsigned(`columns${i}`, width)];
  if (route.kind === "squares") {
    const size = numbers.unsigned(`square${i}`, route.size);
    return `      var ${name} = vec4f();
      if (y / ${size} < ${rows} && x / ${size} < ${columns}) {
        let at_square = (image * ${rows} + y / ${size}) * ${columns} + x / ${size};
        ${name} = ${at("at_square * quads + lane")} / f32(${size} * ${size});
      }`;
  }
  const stride = numbers.unsigned(`stride${i}`, route.stride);
  const isForward = route.kind === "shortcut", op = isForward ? "*" : "/";
  const condition = isForward ? "true" : `y % ${stride} == 0u && x % ${stride} == 0u`;
  const pixel = `((image * ${rows} + y ${op} ${stride}) * ${columns} + x ${op} ${stride})`;
  // Channel c is channel c + shift of the source, 0 where there is none.
  const shift = route.kind === "shortcut" && route.first !== undefined ? route.first : (from - channels) / 2;
  const fromQuads = numbers.unsigned(`quads${i}`, quadsOf(from));
  const by = numbers.signed(`shift${i}`, shift);
  if (shift % LANES === 0 && from % LANES === 0) {
    return `      var ${name} = vec4f();
      let lane${i} = i32(lane) + ${by} / 4;
      if (${condition} && lane${i} >= 0 && lane${i} < i32(${fromQuads})) {
        ${name} = ${at(`${pixel} * ${fromQuads} + u32(lane${i})`)};
      }`;
  }
  const count = numbers.signed(`channels${i}`, from);
  return `      var ${name} = vec4f();
      if (${condition}) {
        for (var j = 0; j < 4; j++) {
          let c = i32(lane) * 4 + j + ${by};
          if (c >= 0 && c < ${count}) { ${name}[j] = ${at(`${pixel} * ${fromQuads} + u32(c) / 4u`)}[c % 4]; }
        }
      }`;
}

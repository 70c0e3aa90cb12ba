/**
 * How numbers lie in a card's memory. Kernels read and write four channels at a time (a vec4, here a quad), so the
 * channels of every tensor are filled up to whole quads; what is filled in is 0 in parameters. A tensor of values is
 * [child, image, row, column, quad].
 */
import { type Graph, type NodeOf } from "../../network/graph.ts";
import { hasWeightDecay, type Parameter } from "../../network/parameters.ts";
import { sizeOf } from "../../network/shape.ts";

/** Floats of a quad, and its bytes. */
export const LANES = 4;
export const QUAD_BYTES = 16;

/** Children are this many quads apart at least: buffers are bound at multiples of 256 bytes. */
const ALIGNED_QUADS = 16;

/** Quads that hold so many channels. */
export function quadsOf(channels: number): number {
  return Math.ceil(channels / LANES);
}

export function aligned(quads: number): number {
  return Math.ceil(quads / ALIGNED_QUADS) * ALIGNED_QUADS;
}

/**
 * A named tensor in a buffer of all parameters (or their gradients, or slots): `blocks` of `rows` x `columns`, where
 * rows and columns are filled up to whole quads.
 */
export interface Entry {
  readonly name: string;
  readonly blocks: number;
  readonly rows: number;
  /** With those that fill up the last quad; a vector is one row alone. */
  readonly filledRows: number;
  readonly columns: number;
  /** Where it starts, in quads from the child's first. */
  readonly offset: number;
}

/** Entries of one child and their size together. */
export interface Entries {
  readonly entries: ReadonlyMap<string, Entry>;
  /** Quads of one child. */
  readonly quads: number;
  /** Entries before this quad have weight decay. */
  readonly decayed: number;
  /** Where the scales of all batch norms start, in the order of the graph without gaps. */
  readonly scales: number;
}

/** Kernels are [taps or pixels][inputs][outputs], all else is one row. */
function sizes({ role, shape }: Parameter, inputs: number): Sizes {
  if (role === "conv_kernel") return matrices(shape[0] * shape[1], shape[2], shape[3]);
  if (role === "depthwise_kernel") return { ...vector(shape[2]), blocks: shape[0] * shape[1] };
  if (role === "dense_kernel") return matrices(shape[0] / inputs, inputs, shape[1]);
  return vector(sizeOf(shape));
}

type Sizes = Pick<Entry, "blocks" | "rows" | "filledRows" | "columns">;

function matrices(blocks: number, rows: number, columns: number): Sizes {
  return { blocks, rows, filledRows: quadsOf(rows) * LANES, columns };
}

function vector(columns: number): Sizes {
  return { blocks: 1, rows: 1, filledRows: 1, columns };
}

function entryQuads({ blocks, filledRows, columns }: Sizes): number {
  return blocks * filledRows * quadsOf(columns);
}

/** Parameters in the order of the graph; in memory those with weight decay, scales of batch norms, then the others. */
export function parameterEntries(graph: Graph): Entries {
  const channels = new Map<string, number>();
  for (const node of graph.nodes) {
    if (node.kind === "dense") channels.set(node.kernel, graph.nodes[node.input].shape[2]);
  }
  const place = (parameters: readonly Parameter[], start: number) => {
    let offset = start;
    const entries = parameters.map((parameter): Entry => {
      const entry = { name: parameter.name, ...sizes(parameter, channels.get(parameter.name) ?? 1), offset };
      offset += entryQuads(entry);
      return entry;
    });
    return { entries, offset };
  };
  const kernels = place(graph.parameters.filter(hasWeightDecay), 0);
  const undecayed = graph.parameters.filter((parameter) => !hasWeightDecay(parameter));
  const named = new Map(undecayed.map((parameter) => [parameter.name, parameter]));
  const scales = place(normsOf(graph).map(({ scale }) => named.get(scale)!), kernels.offset);
  const others = place(undecayed.filter(({ role }) => role !== "batch_norm_scale"), scales.offset);
  const placed = new Map(
    [kernels, scales, others].flatMap(({ entries }) => entries.map((entry) => [entry.name, entry])),
  );
  return {
    entries: new Map(graph.parameters.map(({ name }) => [name, placed.get(name)!])),
    quads: aligned(others.offset),
    decayed: kernels.offset,
    scales: kernels.offset,
  };
}

export type Statistics = Pick<Entries, "entries" | "quads"> & { readonly half: number };

/** Running statistics: all means, then all variances at the same places `half` a child's quads later. */
export function statisticsEntries(graph: Graph): Statistics {
  const entries: Entry[] = [];
  const norms = normsOf(graph);
  const half = norms.reduce((sum, { shape }) => sum + quadsOf(shape[2]), 0);
  let offset = 0;
  for (const { statistics, shape } of norms) {
    const entry = vector(shape[2]);
    entries.push({ name: `${statistics}.mean`, ...entry, offset });
    entries.push({ name: `${statistics}.variance`, ...entry, offset: half + offset });
    offset += quadsOf(shape[2]);
  }
  return {
    entries: new Map(entries.map((entry) => [entry.name, entry])),
    quads: aligned(2 * half),
    half,
  };
}

function normsOf(graph: Graph): NodeOf<"batch_norm">[] {
  return graph.nodes.flatMap((node) => node.kind === "batch_norm" ? [node] : []);
}

/** The values of an entry from a child's memory, without what fills up quads. */
export function unpack(memory: Float32Array, entry: Entry): Float32Array {
  const values = new Float32Array(entry.blocks * entry.rows * entry.columns);
  eachRow(entry, (from, to, length) => values.set(memory.subarray(to, to + length), from));
  return values;
}

/** Puts the values of an entry into a child's memory; what fills up quads stays as it is. */
export function pack(memory: Float32Array, entry: Entry, values: ArrayLike<number>): void {
  eachRow(entry, (from, to, length) => {
    for (let i = 0; i < length; i++) memory[to + i] = values[from + i];
  });
}

/** Visits the rows of an entry: the index of its first value, its place in memory (in floats), and its length. */
function eachRow(
  { blocks, rows, filledRows, columns, offset }: Entry,
  visit: (from: number, to: number, length: number) => void,
): void {
  const step = quadsOf(columns) * LANES;
  for (let block = 0; block < blocks; block++) {
    for (let row = 0; row < rows; row++) {
      visit((block * rows + row) * columns, offset * LANES + (block * filledRows + row) * step, columns);
    }
  }
}

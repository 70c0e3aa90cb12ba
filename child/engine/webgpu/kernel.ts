/**
 * A kernel as data: its text in WGSL and the buffers it reads and writes. Every kernel is dispatched over children:
 * `children[group.z]` is the place of the child that a workgroup computes. Numbers that differ between two dispatches
 * of one kernel, such as where a layer's parameters start, are in its record, so that layers of one shape share a
 * pipeline.
 */
import { QUAD_BYTES } from "./layout.ts";

/** 32-bit words of a record. The last three are 0, infinity and a NaN, which a compiler must not see as constants. */
export const RECORD_WORDS = 64;
export const RECORD_BYTES = RECORD_WORDS * 4;

export type Access = "read" | "read_write";

export interface Binding {
  readonly name: string;
  readonly access: Access;
  /** Of its elements; a quad by default. */
  readonly type?: "vec4f" | "f32" | "u32";
}

export interface Kernel {
  /** For error messages and measurements. */
  readonly name: string;
  readonly bindings: readonly Binding[];
  readonly code: string;
}

/** A kernel's whole text. `threads` is the size of a workgroup; the body may use `child`, `group` and `thread`. */
export function kernel(
  name: string,
  bindings: readonly Binding[],
  threads: number,
  numbers: Numbers,
  { declarations = "", body }: { readonly declarations?: string; readonly body: string },
): Kernel {
  const lines = bindings.map(({ name, access, type = "vec4f" }, i) =>
    `@group(0) @binding(${i + 2}) var<storage, ${access}> ${name}: array<${type}>;`
  );
  const code = `
@group(0) @binding(0) var<storage, read> children: array<u32>;
@group(0) @binding(1) var<uniform> record: array<vec4u, ${RECORD_WORDS / 4}>;
${lines.join("\n")}
${declarations}
@compute @workgroup_size(${threads})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let child = children[group.z];
${numbers.text()}
${body}
}`;
  return { name, bindings, code };
}

/** The numbers of a dispatch, which the kernel's body has under their names: sizes, strides, offsets. */
export class Numbers {
  readonly words: number[] = [];
  readonly #lines: string[] = [];

  unsigned(name: string, value: number): string {
    return this.#add(name, value, (word) => word);
  }

  /** Several in their order. */
  unsignedAll(values: Readonly<Record<string, number>>): void {
    for (const [name, value] of Object.entries(values)) this.unsigned(name, value);
  }

  signed(name: string, value: number): string {
    return this.#add(name, value >>> 0, (word) => `bitcast<i32>(${word})`);
  }

  float(name: string, value: number): string {
    return this.#add(name, bitsOf(value), (word) => `bitcast<f32>(${word})`);
  }

  /** The body's first lines. */
  text(): string {
    return this.#lines.join("\n");
  }

  #add(name: string, value: number, read: (word: string) => string): string {
    if (this.words.length >= RECORD_WORDS - 3) {
      throw new RangeError(`Cannot record more than ${RECORD_WORDS - 3} numbers`);
    }
    this.#lines.push(`  let ${name} = ${read(wordAt(this.words.push(value) - 1))};`);
    return name;
  }
}

function wordAt(index: number): string {
  return `record[${index >> 2}].${"xyzw"[index & 3]}`;
}

export const ZERO = wordAt(RECORD_WORDS - 3);
const INFINITY = `bitcast<f32>(${wordAt(RECORD_WORDS - 2)})`;
const NOT_A_NUMBER = `bitcast<f32>(${wordAt(RECORD_WORDS - 1)})`;

/** The record of a dispatch in memory. */
export function recordWords(words: readonly number[]): Uint32Array<ArrayBuffer> {
  const record = new Uint32Array(RECORD_WORDS);
  record.set(words);
  record.set([0, 0x7f800000, 0x7fc00000], RECORD_WORDS - 3);
  return record;
}

/** A number that float32 holds, exactly. */
export function literal(value: number): string {
  const rounded = Math.fround(value);
  if (Number.isNaN(rounded)) return NOT_A_NUMBER;
  if (Math.abs(rounded) === Infinity) return rounded > 0 ? INFINITY : `-${INFINITY}`;
  if (rounded === 0 || Math.abs(rounded) < 2 ** -126) return `bitcast<f32>(${bitsOf(rounded)}u)`;
  const text = String(rounded);
  return `${/[.e]/.test(text) ? text : `${text}.0`}f`.replace(/^-.*/, (negative) => `(${negative})`);
}

function bitsOf(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0];
}

/**
 * Work of one child by count: floating-point operations, and bytes that pass between memory and the chip if each
 * operand of a dispatch does so once.
 */
export interface Cost {
  readonly operations: number;
  readonly bytes: number;
}

/** The purpose of a dispatch. */
export type Work =
  | "images"
  | "convolution"
  | "input gradient"
  | "kernel gradient"
  | "pointwise"
  | "pointwise gradient"
  | "pooling"
  | "concatenation"
  | "loss"
  | "update";

export const NOTHING: Cost = { operations: 0, bytes: 0 };

/** A buffer by its name in the plan. */
export type BufferName = string;

/** A tensor of all children: its buffer, and the quads from one child to the next. */
export interface Operand {
  readonly buffer: BufferName;
  readonly stride: number;
}

/** One dispatch of a plan. */
export interface Dispatch {
  readonly kernel: Kernel;
  /** In the order of the kernel's bindings. */
  readonly buffers: readonly BufferName[];
  readonly record: readonly number[];
  /** Along x and y; z is the children. */
  readonly workgroups: readonly [x: number, y: number];
  /** Whether the kernel's text is the child's own, as it contains its activation function. */
  readonly own: boolean;
  readonly work: Work;
  /** The work that its threads do, including padding channels, idle parts of tiles and partial sums. */
  readonly cost: Cost;
  /** The minimum by the mathematics: every value read and written once. */
  readonly least: Cost;
}

export function valueBytes(...values: number[]): number {
  return 4 * values.reduce((sum, count) => sum + count, 0);
}

export function quadBytes(...quads: number[]): number {
  return QUAD_BYTES * quads.reduce((sum, count) => sum + count, 0);
}

/**
 * Workgroups along x and y, as one axis has fewer than 65,536; the last of them, up to one for each along y, have nothing
 * to do.
 */
export function workgroupsFor(count: number): readonly [number, number] {
  const rows = Math.ceil(count / 65535);
  return [Math.ceil(count / rows), rows];
}

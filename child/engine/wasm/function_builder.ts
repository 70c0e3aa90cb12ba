/**
 * Writes one WebAssembly function as text (WAT), in the order of its algorithm. Every kernel of the engine is generated
 * with it.
 *
 * A `Vector` is a number of float32 lanes in one or more v128 parts that are treated alike. Two adjacent parts are what
 * V8's revectorizer packs into one 256-bit register, so kernels work on vectors of 2 parts (8 lanes) wherever the
 * channels allow, and every operation is written once per part.
 */
/** WAT expressions of type v128, one per part; cheap to repeat (a `local.get`). */
export type Vector = readonly string[];

/** A WAT expression of type i32. */
export type Int = string;

export const LANES = 4;
export const FLOAT_BYTES = 4;
const CONSTANT_LANES = 8;

/**
 * Table of a kernel's float constants in memory, each in 8 lanes: V8 loads one with a single 256-bit instruction, where
 * a splat load takes two and a v128.const more.
 */
export class ConstantTable {
  readonly #bits = new Map<number, number>();

  readonly base: number;
  readonly capacity: number;

  /** `base` is the byte address of the table, `capacity` its maximum number of constants. */
  constructor({ base, capacity }: { readonly base: number; readonly capacity: number }) {
    this.base = base;
    this.capacity = capacity;
  }

  /** Byte address after its last constant. */
  get end(): number {
    return this.base + this.size * CONSTANT_LANES * FLOAT_BYTES;
  }

  /** Constants it holds. */
  get size(): number {
    return this.#bits.size;
  }

  /** Byte address of a constant given as the 32 bits of a float. */
  address(bits: number): number {
    let index = this.#bits.get(bits);
    if (index === undefined) {
      index = this.#bits.size;
      if (index === this.capacity) {
        throw new RangeError(`Cannot hold another kernel constant: the table has ${this.capacity}`);
      }
      this.#bits.set(bits, index);
    }
    return this.base + index * CONSTANT_LANES * FLOAT_BYTES;
  }

  /** The WAT data segment that fills the table; none if it is empty. */
  data(): string {
    if (this.size === 0) return "";
    const lanes = [...this.#bits.keys()].flatMap((bits) => new Array<number>(CONSTANT_LANES).fill(bits));
    const bytes = new Uint8Array(Uint32Array.from(lanes).buffer);
    const text = Array.from(bytes, (byte) => "\\" + byte.toString(16).padStart(2, "0")).join("");
    return `(data (i32.const ${this.base}) "${text}")`;
  }
}

/** What kernels are generated for. */
export interface Target {
  readonly constants: Pick<ConstantTable, "address">;
  /**
   * Whether V8's revectorizer may pack pairs of 128-bit operations. It looks for pairs of adjacent 128-bit stores and
   * packs the code that leads to them; where it may not, each store is written as two of 64-bit lanes.
   */
  readonly packable: boolean;
}

/** A generated function. */
export interface Kernel {
  readonly name: string;
  /** Of its parameters, which are i32. */
  readonly parameters: number;
  readonly text: string;
  readonly operations: Operations;
}

/**
 * Floating-point operations of a kernel by multiplier: "images", or others of its parameters, joined by " * ", or "" for
 * those done once.
 */
export type Operations = ReadonlyMap<string, number>;

/** Floating-point operations of one lane. */
const OPERATIONS: Readonly<Record<string, number>> = {
  "f32x4.add": 1,
  "f32x4.sub": 1,
  "f32x4.mul": 1,
  "f32x4.div": 1,
  "f32x4.sqrt": 1,
  "f32x4.relaxed_madd": 2,
  "f32x4.relaxed_nmadd": 2,
};

function addTo(operations: Map<string, number>, factor: string, number: number): void {
  if (number > 0) operations.set(factor, (operations.get(factor) ?? 0) + number);
}

/** "operations = 12 + 345 * images" */
function printOperations(operations: Operations): string {
  const terms = [...operations].map(([factor, number]) => factor ? `${number} * ${factor}` : `${number}`);
  return `operations = ${terms.join(" + ") || "0"}`;
}

/** A local that is never set. */
const NOTHING = "$nothing";

const scratchFloat = new Float32Array(1);
const scratchBits = new Uint32Array(scratchFloat.buffer);

/** The 32 bits of the float32 nearest to `value`. */
export function floatBits(value: number): number {
  scratchFloat[0] = value;
  return scratchBits[0];
}

export class FunctionBuilder {
  readonly #lines: string[] = [];
  readonly #locals: { readonly name: string; readonly type: "i32" | "v128" }[] = [];
  /** Constants that the current loop's body has loaded. */
  #bodyConstants = new Map<string, Vector>();
  #operations = new Map<string, number>();
  #depth = 2;

  /** `parameters` are i32, reached as `$name`. */
  constructor(readonly name: string, readonly parameters: readonly string[], readonly target: Target) {}

  /** The finished function. */
  kernel(): Kernel {
    const parameters = this.parameters.map((name) => `(param $${name} i32)`).join(" ");
    const text = [
      `  ;; ${this.name}: ${printOperations(this.#operations)}`,
      `  (func $${this.name} (export "${this.name}") ${parameters}`,
      `    (local ${NOTHING} v128)`,
      ...this.#locals.map(({ name, type }) => `    (local ${name} ${type})`),
      ...this.#lines,
      "  )",
    ].join("\n");
    return { name: this.name, parameters: this.parameters.length, text, operations: this.#operations };
  }

  /** Floating-point operations written outside loops. */
  get operations(): number {
    return this.#operations.get("") ?? 0;
  }

  /** Counts floating-point operations that a called function does. */
  count(operations: number): void {
    addTo(this.#operations, "", operations);
  }

  line(text: string): void {
    this.#lines.push("  ".repeat(this.#depth) + text);
  }

  comment(text: string): void {
    this.line(`;; ${text}`);
  }

  // Integers and control flow ------------------------------------------------------------------------------------

  parameter(name: string): Int {
    return `(local.get $${name})`;
  }

  /** A fresh i32 variable set to `value`. */
  int(hint: string, value: Int | number): Int {
    const name = this.#fresh(hint, "i32");
    this.line(`(local.set ${name} ${int(value)})`);
    return `(local.get ${name})`;
  }

  set(variable: Int, value: Int | number): void {
    this.line(`(local.set ${nameOf(variable)} ${int(value)})`);
  }

  /** variable += amount */
  advance(variable: Int, amount: Int | number): void {
    if (amount !== 0) this.set(variable, plus(variable, amount));
  }

  /** Runs the body `count` times, at least once. */
  repeat(count: Int | number, body: () => void): void {
    if (count === 1) return body();
    const left = this.int("left", count);
    const label = nameOf(left).replace("$", "$again_");
    this.line(`(loop ${label}`);
    this.#depth++;
    const before = this.#operations, constants = this.#bodyConstants, locals = this.#locals.length;
    this.#operations = new Map();
    this.#bodyConstants = new Map();
    body();
    this.#bodyConstants = constants;
    this.#forget(this.#locals.slice(locals).flatMap(({ name, type }) => type === "v128" ? [name] : []));
    for (const [factor, number] of this.#operations) {
      const [name, times] = typeof count === "number" ? ["", count] : [nameOf(count).slice(1), 1];
      addTo(before, [factor, name].filter(Boolean).join(" * "), number * times);
    }
    this.#operations = before;
    this.line(`(br_if ${label} (local.tee ${nameOf(left)} (i32.sub ${left} (i32.const 1))))`);
    this.#depth--;
    this.line(")");
  }

  /** Runs the body for `size` of `count` at a time, and for each one that is left. */
  inBlocks(count: Int, size: number, body: (number: number) => void): void {
    const blocks = this.int("blocks", `(i32.div_u ${count} (i32.const ${size}))`);
    const rest = this.int("rest", `(i32.rem_u ${count} (i32.const ${size}))`);
    const before = this.#operations;
    this.#operations = new Map();
    this.when(blocks, () => this.repeat(blocks, () => body(size)));
    this.#operations = new Map(); // those of a block are those of as many single ones
    this.when(rest, () => this.repeat(rest, () => body(1)));
    for (const [factor, number] of this.#operations) {
      addTo(before, factor.replace(nameOf(rest).slice(1), nameOf(count).slice(1)), number);
    }
    this.#operations = before;
  }

  /**
   * Clears vectors. Without it a local of a loop's body stays live into the next iteration, which V8's revectorizer
   * counts as a use it cannot pack: whole kernels stayed at 128 bits.
   */
  #forget(vectors: readonly string[]): void {
    if (vectors.length === 0) return;
    this.line(`${vectors.map((name) => `(local.set ${name} (local.get ${NOTHING}))`).join(" ")} ;; clears live ranges`);
  }

  when(condition: Int, then: () => void): void {
    this.line(`(if ${condition} (then`);
    this.#depth++;
    then();
    this.#depth--;
    this.line("))");
  }

  call(name: string, ...args: (Int | number)[]): void {
    this.line(`(call $${name} ${args.map(int).join(" ")})`);
  }

  // Vectors ------------------------------------------------------------------------------------------------------

  /** Binds each part to a fresh local, so that it is computed once and in this order. */
  bind(parts: readonly string[], hint = "v"): Vector {
    const names = parts.map(() => this.#fresh(hint, "v128"));
    parts.forEach((part, i) => this.line(`(local.set ${names[i]} ${part})`));
    return names.map((name) => `(local.get ${name})`);
  }

  /** Assigns to a vector that `bind` made. */
  assign(target: Vector, value: Vector): void {
    target.forEach((part, i) => this.line(`(local.set ${nameOf(part)} ${value[i]})`));
  }

  /** Consecutive floats: `parts` * 4 of them from `pointer + offset` bytes. */
  load(pointer: Int, offset: number, parts: number): Vector {
    return this.bind(range(parts).map((i) => `(v128.load offset=${offset + 16 * i} ${pointer})`), "load");
  }

  store(pointer: Int, offset: number, value: Vector): void {
    const lanes = this.target.packable ? stores : splitStores;
    lanes(pointer, offset, value).forEach((line) => this.line(line));
  }

  /** One float in every lane. */
  broadcast(pointer: Int, offset: number, parts: number): Vector {
    const [part] = this.bind([`(v128.load32_splat offset=${offset} ${pointer})`], "splat");
    return range(parts).map(() => part);
  }

  /** Floats that lie `stride` bytes apart: `lanes` of a vector, at most 4; the others are 0. */
  gather(pointer: Int, offset: number, stride: number, lanes = LANES): Vector {
    return range(lanes).slice(1).reduce(
      ([part], lane) =>
        this.bind([`(v128.load32_lane offset=${offset + lane * stride} ${lane} ${pointer} ${part})`], "lanes"),
      this.bind([`(v128.load32_zero offset=${offset} ${pointer})`], "lanes"),
    );
  }

  constant(value: number, parts: number): Vector {
    return this.constantBits(floatBits(value), parts);
  }

  constantBits(bits: number, parts: number): Vector {
    const key = `${bits >>> 0} ${parts}`;
    let value = this.#bodyConstants.get(key);
    if (!value) {
      const loaded = this.load(
        "(i32.const 0)",
        this.target.constants.address(bits >>> 0),
        Math.min(parts, CONSTANT_LANES / LANES),
      );
      value = range(parts).map((i) => loaded[i % loaded.length]);
      this.#bodyConstants.set(key, value);
    }
    return value;
  }

  zero(parts: number): Vector {
    return this.bind(range(parts).map(() => "(v128.const i32x4 0 0 0 0)"), "zero");
  }

  /** Applies a WAT instruction to each part of the operands. */
  apply(instruction: string, ...operands: Vector[]): Vector {
    addTo(this.#operations, "", (OPERATIONS[instruction] ?? 0) * LANES * operands[0].length);
    return this.bind(operands[0].map((_, i) => `(${instruction} ${operands.map((o) => o[i]).join(" ")})`));
  }

  /** A lane shift of every part by a constant number of bits. */
  shift(instruction: "i32x4.shl" | "i32x4.shr_s" | "i32x4.shr_u", value: Vector, bits: number): Vector {
    return this.bind(value.map((part) => `(${instruction} ${part} (i32.const ${bits}))`));
  }

  add = (a: Vector, b: Vector) => this.apply("f32x4.add", a, b);
  sub = (a: Vector, b: Vector) => this.apply("f32x4.sub", a, b);
  mul = (a: Vector, b: Vector) => this.apply("f32x4.mul", a, b);
  div = (a: Vector, b: Vector) => this.apply("f32x4.div", a, b);
  /** a * b + c, fused where the processor can. */
  madd = (a: Vector, b: Vector, c: Vector) => this.apply("f32x4.relaxed_madd", a, b, c);
  /** c - a * b, fused where the processor can. */
  nmadd = (a: Vector, b: Vector, c: Vector) => this.apply("f32x4.relaxed_nmadd", a, b, c);
  /** b > a ? b : a: one instruction, unlike f32x4.max; keeps a NaN that is in `a`. */
  pmax = (a: Vector, b: Vector) => this.apply("f32x4.pmax", a, b);
  /** b < a ? b : a; keeps a NaN that is in `a`. */
  pmin = (a: Vector, b: Vector) => this.apply("f32x4.pmin", a, b);
  /** Without the sign bit; f32x4.abs and f32x4.neg rebuild their masks each time. */
  abs = (a: Vector) => this.and(a, this.constantBits(0x7fffffff, a.length));
  neg = (a: Vector) => this.apply("v128.xor", a, this.constantBits(0x80000000, a.length));
  sqrt = (a: Vector) => this.apply("f32x4.sqrt", a);
  less = (a: Vector, b: Vector) => this.apply("f32x4.lt", a, b);
  and = (a: Vector, b: Vector) => this.apply("v128.and", a, b);
  or = (a: Vector, b: Vector) => this.apply("v128.or", a, b);
  /** Lanes of `yes` where the mask is set, else of `no`; a lane of the mask is all ones or all zeros. */
  select = (mask: Vector, yes: Vector, no: Vector) => this.apply("i32x4.relaxed_laneselect", yes, no, mask);

  #fresh(hint: string, type: "i32" | "v128"): string {
    const name = `$${hint}_${this.#locals.length}`;
    this.#locals.push({ name, type });
    return name;
  }
}

/**
 * Stores to consecutive memory, the last part first: V8's revectorizer makes one store of two, but where the lower of
 * them comes first it leaves that one in place, in case the other lies outside memory.
 */
function stores(pointer: Int, offset: number, value: Vector): string[] {
  return value.map((part, i) => `(v128.store offset=${offset + 16 * i} ${pointer} ${part})`).reverse();
}

/** The same in halves, which V8's revectorizer leaves as they are. */
function splitStores(pointer: Int, offset: number, value: Vector): string[] {
  const half = (part: string, at: number, lane: 0 | 1) =>
    `(v128.store64_lane offset=${at + 8 * lane} ${lane} ${pointer} ${part})`;
  return value.map((part, i) => half(part, offset + 16 * i, 0) + half(part, offset + 16 * i, 1)).reverse();
}

export function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

/** An i32 operand: a constant, or an expression as it is. */
export function int(value: Int | number): Int {
  return typeof value === "number" ? `(i32.const ${value})` : value;
}

export function plus(a: Int | number, b: Int | number): Int {
  return b === 0 ? int(a) : `(i32.add ${int(a)} ${int(b)})`;
}

export function times(a: Int | number, b: Int | number): Int {
  return b === 1 ? int(a) : `(i32.mul ${int(a)} ${int(b)})`;
}

/** "(local.get $x)" -> "$x" */
function nameOf(variable: string): string {
  return variable.slice("(local.get ".length, -1);
}

/**
 * Operations as WebAssembly SIMD: one table of instructions, and what they cost. A value is a vector of lanes; masks
 * have all bits of a lane set or none, and bits are the same vector as the number.
 */
import type { UnaryName } from "../../activation/expression.ts";
import { MATH } from "../../compiler/math.ts";
import {
  type ArithmeticKind,
  type BitwiseKind,
  ListBuilder,
  type Operation,
  type OperationKind,
  type OperationList,
  type ShiftKind,
} from "../../compiler/operations.ts";
import type { CostModel, OperationCost } from "../../compiler/schedule.ts";
import type { FunctionBuilder, Vector } from "./function_builder.ts";

type Emit = (f: FunctionBuilder, a: Vector, b: Vector, c: Vector) => Vector;

const same: Emit = (_f, a) => a;

const CODE = {
  add: (f, a, b) => f.add(a, b),
  sub: (f, a, b) => f.sub(a, b),
  mul: (f, a, b) => f.mul(a, b),
  div: (f, a, b) => f.div(a, b),
  multiplyAdd: (f, a, b, c) => f.madd(a, b, c),
  negativeMultiplyAdd: (f, a, b, c) => f.nmadd(a, b, c),
  min: (f, a, b) => f.pmin(a, b),
  max: (f, a, b) => f.pmax(a, b),
  root: (f, a) => f.sqrt(a),
  abs: (f, a) => f.abs(a),
  negate: (f, a) => f.neg(a),
  less: (f, a, b) => f.less(a, b),
  lessOrEqual: (f, a, b) => f.apply("f32x4.le", a, b),
  equal: (f, a, b) => f.apply("f32x4.eq", a, b),
  both: (f, a, b) => f.and(a, b),
  select: (f, mask, then, otherwise) => f.select(mask, then, otherwise),
  keepWhere: (f, mask, value) => f.and(mask, value),
  zeroWhere: (f, mask, value) => f.apply("v128.andnot", value, mask),
  bitsOf: same,
  numberOf: same,
  maskOf: same,
  integerToNumber: (f, a) => f.apply("f32x4.convert_i32x4_s", a),
  and: (f, a, b) => f.and(a, b),
  andNot: (f, a, b) => f.apply("v128.andnot", a, b),
  or: (f, a, b) => f.or(a, b),
  xor: (f, a, b) => f.apply("v128.xor", a, b),
  addIntegers: (f, a, b) => f.apply("i32x4.add", a, b),
  subtractIntegers: (f, a, b) => f.apply("i32x4.sub", a, b),
} as const satisfies Record<ArithmeticKind | BitwiseKind, Emit>;

const SHIFTS = { shiftLeft: "i32x4.shl", shiftRight: "i32x4.shr_s" } as const satisfies Record<ShiftKind, string>;

/** What surrounds a list in a kernel: where its values come from and go to. */
export interface Surroundings {
  /** Of tensors and, where the list has channels, of vectors that are known before its loop. */
  input(name: string): Vector;
  channel?(name: string): Vector;
  store(name: string, value: Vector): void;
  sum?(name: string, value: Vector, times?: Vector): void;
  /** Where the list is one of several passes. */
  keep?(slot: number, value: Vector): void;
  kept?(slot: number): Vector;
  /** Functions of the module, where the list calls any. */
  call?(name: string, operands: readonly Vector[]): Vector;
}

const NOTHING: Vector = [];

/** Writes the list for vectors of this many parts. */
export function emit(f: FunctionBuilder, list: OperationList, parts: number, around: Surroundings): void {
  const values: Vector[] = [];
  for (const operation of list) {
    const operands = operation.operands.map((operand) => values[operand]);
    values.push(emitOperation(f, operation, operands, parts, around) ?? NOTHING);
  }
}

function emitOperation(
  f: FunctionBuilder,
  operation: Operation,
  operands: readonly Vector[],
  parts: number,
  around: Surroundings,
): Vector | void {
  const [a, b, c] = operands;
  switch (operation.kind) {
    case "input":
      return around.input(operation.name);
    case "channel":
      return around.channel!(operation.name);
    case "constant":
      return f.constant(operation.value, parts);
    case "bits":
      return f.constantBits(operation.bits, parts);
    case "store":
      return around.store(operation.name, a);
    case "sum":
      return around.sum!(operation.name, a, b);
    case "keep":
      return around.keep!(operation.slot, a);
    case "kept":
      return around.kept!(operation.slot);
    case "call":
      return around.call!(operation.name, operands);
    case "shiftLeft":
    case "shiftRight":
      return f.shift(SHIFTS[operation.kind], a, operation.by);
    default:
      return (CODE[operation.kind] as Emit)(f, a, b, c);
  }
}

/** A function of one argument inside another kernel. */
export function emitFunction(f: FunctionBuilder, name: UnaryName, x: Vector): Vector {
  const list = new ListBuilder();
  list.store("y", MATH[name](list, list.input("x")));
  let result = x;
  emit(f, list.operations, x.length, {
    input: () => x,
    store: (_name, y) => {
      result = y;
    },
  });
  return result;
}

/** Per vector part. */
const FREE: OperationCost = { instructions: 0, latency: 0 };
const ONE: OperationCost = { instructions: 1, latency: 1 };
const taking = (latency: number, instructions = 1): OperationCost => ({ instructions, latency });

/**
 * Instructions of an operation, and cycles until its result is there (AMD Zen 5, measured or from Agner Fog's tables).
 * Constants are loaded.
 */
const COSTS: Readonly<Record<OperationKind, OperationCost>> = {
  input: taking(8),
  kept: taking(8),
  channel: FREE,
  constant: taking(8, 0.5), // the table holds a constant in two parts, which four share
  bits: taking(8, 0.5),
  store: taking(0),
  keep: taking(0),
  sum: taking(4),
  call: taking(8),
  add: taking(2),
  sub: taking(2),
  mul: taking(3),
  div: taking(15),
  multiplyAdd: taking(4),
  negativeMultiplyAdd: taking(4),
  root: taking(20),
  integerToNumber: taking(4),
  bitsOf: FREE,
  numberOf: FREE,
  maskOf: FREE,
  ...{ min: ONE, max: ONE, abs: ONE, negate: ONE, less: ONE, lessOrEqual: ONE, equal: ONE, both: ONE, select: ONE },
  ...{ keepWhere: ONE, zeroWhere: ONE, and: ONE, andNot: ONE, or: ONE, xor: ONE },
  ...{ addIntegers: ONE, subtractIntegers: ONE, shiftLeft: ONE, shiftRight: ONE },
};

/** V8 packs two vector parts into one 256-bit instruction. */
const PARTS_PER_INSTRUCTION = 2;

/**
 * The cost of lists for vectors of this many parts. Fitted to an AMD Zen 5 core whose two threads share it
 * (2026-11-24): one vector of 8 lanes was taken at 3.1 to 3.6 instructions per cycle uncut.
 */
export function costModel(parts: number): CostModel {
  const scale = parts / PARTS_PER_INSTRUCTION;
  const costs = Object.entries(COSTS).map(([kind, { instructions, latency }]) =>
    [kind, { instructions: instructions * scale, latency }] as const
  );
  return {
    window: 250,
    instructionsPerCycle: 5,
    costs: Object.fromEntries(costs) as Record<OperationKind, OperationCost>,
  };
}

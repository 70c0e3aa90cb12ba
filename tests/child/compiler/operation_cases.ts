/**
 * A list for every kind of operation, which each engine's table must compute as the interpreter does, to the last bit
 * but for multiply-adds, which may be rounded once or twice.
 */
import { interpret } from "../../../child/compiler/interpret.ts";
import {
  ARITHMETIC,
  type ArithmeticKind,
  BITWISE,
  type BitwiseKind,
  ListBuilder,
  type OperationList,
  type ShiftKind,
  SHIFTS,
  type Value,
  type ValueType,
} from "../../../child/compiler/operations.ts";

export interface OperationCase {
  readonly kind: ArithmeticKind | BitwiseKind | ShiftKind;
  /** Of the inputs a, b and c; stores `y`. */
  readonly list: OperationList;
}

/** An operand of the type, made of an input. */
const OPERANDS: Readonly<Record<ValueType, (f: ListBuilder, input: Value) => Value>> = {
  number: (_f, input) => input,
  mask: (f, input) => f.less(f.constant(0), input),
  bits: (f, input) => f.bitsOf(input),
};

/** A number made of a result of the type. */
const RESULTS: Readonly<Record<ValueType, (f: ListBuilder, result: Value) => Value>> = {
  number: (_f, result) => result,
  mask: (f, result) => f.select(result, f.constant(1), f.constant(2)),
  // The low bits, as the bits of a NaN may change where they are a number.
  bits: (f, result) => f.integerToNumber(f.and(result, f.bits(0x7fffff))),
};

type Write = (...operands: Value[]) => Value;

function caseOf(
  kind: OperationCase["kind"],
  { operands, result }: { readonly operands: readonly ValueType[]; readonly result: ValueType },
): OperationCase {
  const f = new ListBuilder();
  const values = operands.map((type, i) =>
    // Masks of bits have all bits set or none.
    kind === "maskOf" ? f.shiftRight(f.bitsOf(f.input("a")), 31) : OPERANDS[type](f, f.input("abc"[i]))
  );
  const y = kind in SHIFTS ? f[kind as ShiftKind](values[0], 7) : (f[kind] as Write)(...values);
  f.store("y", RESULTS[result](f, y));
  return { kind, list: f.operations };
}

export const OPERATION_CASES: readonly OperationCase[] = Object.entries({ ...ARITHMETIC, ...BITWISE, ...SHIFTS })
  .map(([kind, signature]) => caseOf(kind as OperationCase["kind"], signature));

const NUMBERS = [0, -0, 1, -1, 0.5, -2.75, 3.0000002, 1e-20, -1e20, 123456.79, -0.1, 7, Infinity, -Infinity, NaN];

/** Every pair of numbers as a and b, and a third as c. */
export const POINTS = NUMBERS.flatMap((a, i) => NUMBERS.map((b, j) => ({ a, b, c: NUMBERS[(i + 2 * j) % 12] })))
  .map(({ a, b, c }) => ({ a: Math.fround(a), b: Math.fround(b), c: Math.fround(c) }));

/** What is right at a point: one number, or two where rounding may differ. */
export function rightResults({ kind, list }: OperationCase, point: typeof POINTS[number]): number[] {
  const once = interpret(list, "float32")(point).y;
  if (kind !== "multiplyAdd" && kind !== "negativeMultiplyAdd") return [once];
  const product = Math.fround(point.a * point.b);
  return [once, Math.fround(kind === "multiplyAdd" ? product + point.c : point.c - product)];
}

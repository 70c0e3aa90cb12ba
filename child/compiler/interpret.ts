/**
 * Computes a list of operations in plain JavaScript: the second judge of the engines beside `reference`, which
 * evaluates expressions, and the definition of each operation for authors of a device's table.
 *
 * In "float32" every result is rounded, a multiply-add once, and functions are the operations of `math.ts`; in
 * "float64" nothing is rounded, and lists must have their functions as calls, which are computed by `functions.ts`.
 */
import { UNARY_FUNCTIONS } from "../activation/functions.ts";
import type { UnaryName } from "../activation/expression.ts";
import {
  type ArithmeticKind,
  type BitwiseKind,
  type Operation,
  type OperationList,
  resultType,
  type ShiftKind,
} from "./operations.ts";

export type Precision = "float32" | "float64";

/** Inputs and channels by name to results by the name of their store, and sums: what the point adds to them. */
export type Interpreted = (values: Readonly<Record<string, number>>) => Record<string, number>;

/** Masks are 1 or 0, bits signed integers. */
type Meaning = (a: number, b: number, c: number) => number;

const float = new Float32Array(1), word = new Int32Array(float.buffer);

const double = new Float64Array(1), words = new BigUint64Array(double.buffer);

/**
 * a + b in float64, rounded to odd where it is not exact, so that rounding it to float32 is as rounding the exact sum
 * once (Boldo & Melquiond 2008). To float64 itself it is exact to one unit in the last place.
 */
function toOdd(a: number, b: number): number {
  const sum = a + b, part = sum - a, rest = (a - (sum - part)) + (b - part);
  if (rest === 0 || !Number.isFinite(sum) || Number.isNaN(rest)) return sum;
  double[0] = sum;
  if (words[0] & 1n) return sum;
  words[0] += (rest > 0) === (sum > 0) ? 1n : -1n;
  return double[0];
}

const MEANINGS: Readonly<Record<ArithmeticKind | BitwiseKind, Meaning>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  // The product of two float32 is exact in float64.
  multiplyAdd: (a, b, c) => toOdd(a * b, c),
  negativeMultiplyAdd: (a, b, c) => toOdd(-a * b, c),
  min: (a, b) => b < a ? b : a,
  max: (a, b) => b > a ? b : a,
  root: (a) => Math.sqrt(a),
  abs: (a) => Math.abs(a),
  negate: (a) => -a,
  less: (a, b) => Number(a < b),
  lessOrEqual: (a, b) => Number(a <= b),
  equal: (a, b) => Number(a === b),
  both: (a, b) => a & b,
  select: (mask, then, otherwise) => mask ? then : otherwise,
  keepWhere: (mask, value) => mask ? value : 0,
  zeroWhere: (mask, value) => mask ? 0 : value,
  bitsOf: (a) => {
    float[0] = a;
    return word[0];
  },
  numberOf: (a) => {
    word[0] = a;
    return float[0];
  },
  maskOf: (a) => Number(a === -1),
  integerToNumber: (a) => a,
  and: (a, b) => a & b,
  andNot: (a, b) => a & ~b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  addIntegers: (a, b) => a + b | 0,
  subtractIntegers: (a, b) => a - b | 0,
};

const SHIFT_MEANINGS: Readonly<Record<ShiftKind, (a: number, by: number) => number>> = {
  shiftLeft: (a, by) => a << by,
  shiftRight: (a, by) => a >> by,
};

type Values = Float64Array;
type Step = (values: Values, from: Readonly<Record<string, number>>, into: Record<string, number>) => number;

/** Throws a TypeError if the list has operations on bits and the precision is float64. */
export function interpret(list: OperationList, precision: Precision): Interpreted {
  const steps = list.map((operation) => rounded(stepOf(operation), operation, precision));
  const values = new Float64Array(steps.length);
  return (from) => {
    const into: Record<string, number> = {};
    for (let i = 0; i < steps.length; i++) values[i] = steps[i](values, from, into);
    return into;
  };
}

function rounded(step: Step, operation: Operation, precision: Precision): Step {
  const type = resultType(operation);
  if (precision === "float32") {
    return type === "number" ? (values, from, into) => Math.fround(step(values, from, into)) : step;
  }
  if (type === "bits") throw new TypeError(`Cannot interpret ${operation.kind} in float64 as it is of float32's bits`);
  return step;
}

function stepOf(operation: Operation): Step {
  switch (operation.kind) {
    case "input":
    case "channel":
      return (_values, from) => from[operation.name];
    case "constant":
      return () => operation.value;
    case "bits":
      return () => operation.bits | 0;
    case "store": {
      const [a] = operation.operands;
      return (values, _from, into) => into[operation.name] = values[a];
    }
    case "sum": {
      const [a, b] = operation.operands;
      return (values, _from, into) => into[operation.name] = b === undefined ? values[a] : values[a] * values[b];
    }
    case "keep":
    case "kept":
      throw new TypeError("Cannot interpret one pass of a list: interpret the whole");
    case "call": {
      const { value } = UNARY_FUNCTIONS[operation.name as UnaryName], [a] = operation.operands;
      return (values) => value(values[a]);
    }
    case "shiftLeft":
    case "shiftRight": {
      const meaning = SHIFT_MEANINGS[operation.kind], { by, operands: [a] } = operation;
      return (values) => meaning(values[a], by);
    }
    default: {
      const meaning = MEANINGS[operation.kind], [a, b, c] = operation.operands;
      return (values) => meaning(values[a], values[b], values[c]);
    }
  }
}

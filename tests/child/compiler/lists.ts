/** Lists of single functions and of activations, computed at many points by the interpreter. */
import type { UnaryName } from "../../../child/activation/expression.ts";
import { interpret, type Precision } from "../../../child/compiler/interpret.ts";
import { MATH } from "../../../child/compiler/math.ts";
import { ListBuilder, type OperationList } from "../../../child/compiler/operations.ts";

/** The function of the input `x`, as the store `y`. */
export function functionList(name: UnaryName): OperationList {
  const f = new ListBuilder();
  f.store("y", MATH[name](f, f.input("x")));
  return f.operations;
}

/** What the list stores as `output` where its input `x` has these values, and its channel `b` that one. */
export function at(
  list: OperationList,
  precision: Precision,
  output: string,
  x: ArrayLike<number>,
  b = 1,
): Float64Array {
  const run = interpret(list, precision);
  return Float64Array.from(x, (x) => run({ x, b })[output]);
}

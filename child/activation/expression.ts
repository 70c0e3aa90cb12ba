/**
 * An expression is a scalar function of the preactivation `x`, as a tree. Its text form is parsed by `parse.ts` and
 * printed by `print.ts`; `functions.ts` says what each named function computes.
 *
 * `x` is the preactivation and `b` is beta, a trainable parameter with one value per channel at each place it is used.
 * Trees are immutable and may share subtrees, so walk large ones (derivatives) with a memo, not a node at a time.
 */

import type { UnaryName } from "./functions.ts";

export type { UnaryName };

/** Functions of two arguments. max and min of a NaN are NaN. */
export type BinaryName = "add" | "sub" | "mul" | "div" | "max" | "min";

/** Comparisons of a choice; false if either side is NaN. The other three are these with sides swapped. */
export type Comparison = ">" | ">=" | "==";

export type Expression =
  | { readonly kind: "x" }
  | { readonly kind: "b" }
  /** `value` is finite. */
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "unary"; readonly name: UnaryName; readonly argument: Expression }
  | { readonly kind: "binary"; readonly name: BinaryName; readonly left: Expression; readonly right: Expression }
  /** `exponent` is an integer, possibly negative. */
  | { readonly kind: "power"; readonly base: Expression; readonly exponent: number }
  /**
   * `then` where the comparison holds, else `otherwise`; written `where(left > right, then, otherwise)`, and what relu,
   * sqrt, max and min have for derivatives. A choice, not a product with a mask: what is not chosen may be infinite or
   * NaN (exp(x^3) overflows at x = 4.5 in float32, and min(exp(x^3), 1) has the derivative 0 there). Its own derivative
   * is the chosen side's, also where it jumps.
   */
  | {
    readonly kind: "select";
    readonly comparison: Comparison;
    readonly left: Expression;
    readonly right: Expression;
    readonly then: Expression;
    readonly otherwise: Expression;
  };

/** A child's activation: an expression, its name, and the initial value of its beta. */
export interface Activation {
  /** As typed by the user or named in the catalogue, for display. */
  readonly name: string;
  readonly expression: Expression;
  /** Initial value of every beta; 1 unless the catalogue says otherwise (PReLU starts at 0.25). */
  readonly betaStart: number;
  /**
   * Initial variance of a convolution's kernel times its fan-in: 2 (He et al. 2015) unless the catalogue says
   * otherwise (SELU was made for 1, LeCun's).
   */
  readonly kernelGain?: number;
}

/** The preactivation. */
export const X: Expression = { kind: "x" };
/** Beta. */
export const B: Expression = { kind: "b" };

/** Throws a RangeError if the value is not finite, as it would have no text form. */
export function number(value: number): Expression {
  if (!Number.isFinite(value)) {
    throw new RangeError(`Cannot make a number of an expression as it must be finite: current value is ${value}`);
  }
  return { kind: "number", value };
}

export function unary(name: UnaryName, argument: Expression): Expression {
  return { kind: "unary", name, argument };
}

export function binary(name: BinaryName, left: Expression, right: Expression): Expression {
  return { kind: "binary", name, left, right };
}

/** Throws a RangeError if the exponent is not an integer. */
export function power(base: Expression, exponent: number): Expression {
  if (!Number.isSafeInteger(exponent)) {
    throw new RangeError(`Cannot raise to a power as the exponent must be an integer: current value is ${exponent}`);
  }
  return { kind: "power", base, exponent };
}

/** `then` where left > right (or as the comparison says), else `otherwise`. */
export function select(
  left: Expression,
  right: Expression,
  then: Expression,
  otherwise: Expression,
  comparison: Comparison = ">",
): Expression {
  return { kind: "select", comparison, left, right, then, otherwise };
}

/**
 * The same node with other parts: those that `change` makes of its own, asked in the order of `children`. A node without
 * parts is itself.
 */
export function mapChildren(e: Expression, change: (part: Expression) => Expression): Expression {
  switch (e.kind) {
    case "x":
    case "b":
    case "number":
      return e;
    case "unary":
      return unary(e.name, change(e.argument));
    case "binary":
      return binary(e.name, change(e.left), change(e.right));
    case "power":
      return power(change(e.base), e.exponent);
    case "select":
      return select(change(e.left), change(e.right), change(e.then), change(e.otherwise), e.comparison);
  }
}

/** The direct subexpressions, in printing order. */
export function children(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case "x":
    case "b":
    case "number":
      return [];
    case "unary":
      return [expression.argument];
    case "binary":
      return [expression.left, expression.right];
    case "power":
      return [expression.base];
    case "select":
      return [expression.left, expression.right, expression.then, expression.otherwise];
  }
}

/**
 * Folds an expression bottom-up: each distinct subexpression is computed once, after its parts. Not recursive: a sum of
 * a thousand terms is that deep, and the stack is not. `known` may already hold subexpressions; `compute` finds the
 * results of the parts in it, which are the children unless `partsOf` says otherwise.
 */
export function bottomUp<Value extends NonNullable<unknown> | null>(
  expression: Expression,
  known: { get(e: Expression): Value | undefined; set(e: Expression, value: Value): unknown },
  compute: (e: Expression) => Value,
  partsOf: (e: Expression) => readonly Expression[] = children,
): Value {
  const path = [expression];
  for (let e = path.at(-1); e; e = path.at(-1)) {
    if (known.get(e) === undefined) {
      const parts = partsOf(e), before = path.length;
      for (let i = parts.length - 1; i >= 0; i--) if (known.get(parts[i]) === undefined) path.push(parts[i]);
      if (path.length > before) continue;
      known.set(e, compute(e));
    }
    path.pop();
  }
  return known.get(expression)!;
}

/** The function with its results kept, as trees are immutable; `settles`: it would leave a result as it is. */
export function kept(
  compute: (e: Expression) => Expression,
  { settles }: { readonly settles: boolean } = { settles: false },
): (e: Expression) => Expression {
  const known = new WeakMap<Expression, Expression>();
  return (e) => {
    let result = known.get(e);
    if (!result) known.set(e, result = compute(e));
    if (settles && result !== e) known.set(result, result);
    return result;
  };
}

/** `bottomUp`, memoised over all expressions, as trees are immutable and derivatives share subtrees. */
export function remembered<Value extends number | boolean | null>(
  compute: (e: Expression) => Value,
): (e: Expression) => Value {
  const known = new WeakMap<Expression, Value>();
  return (e) => known.get(e) ?? bottomUp(e, known, compute);
}

/** Whether the function has a beta to train. Simplify first: `0 * b` counts too. */
export function usesBeta(expression: Expression): boolean {
  const known = new Map<Expression, boolean>();
  return bottomUp(expression, known, (e) => e.kind === "b" || children(e).some((part) => known.get(part)!));
}

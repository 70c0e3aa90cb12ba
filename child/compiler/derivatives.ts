/**
 * The expressions of an activation that every engine computes: the simplified function and its derivatives by x and by
 * beta. This is the one place where an engine's expression is simplified, so that all engines compute the same one.
 */
import { derive } from "../activation/derive.ts";
import { type Activation, type Expression, usesBeta } from "../activation/expression.ts";
import { simplify } from "../activation/simplify.ts";

export interface Derivatives {
  readonly value: Expression;
  readonly byX: Expression;
  /** Null if the simplified function has no beta. */
  readonly byB: Expression | null;
}

/** Cached by expression, since a child is built and compiled from the same one. */
const simplified = new WeakMap<Expression, Expression>();

function simplifiedOnce(expression: Expression): Expression {
  let value = simplified.get(expression);
  if (!value) simplified.set(expression, value = simplify(expression));
  return value;
}

export function differentiate({ expression }: Pick<Activation, "expression">): Derivatives {
  const value = simplifiedOnce(expression);
  return { value, byX: derive(value, "x"), byB: usesBeta(value) ? derive(value, "b") : null };
}

/** Whether a child of the activation has betas to train: `0 * b` is none. */
export function hasBeta({ expression }: Pick<Activation, "expression">): boolean {
  return usesBeta(simplifiedOnce(expression));
}

/**
 * The float64 value of an expression: the oracle for engines, derivatives and simplification. Compiled to a list of
 * steps, one per distinct subexpression, so that it needs no permission to generate code, takes time linear in the
 * expression however often a derivative repeats a part, and is as exact as the table of `functions.ts`.
 */
import { bottomUp, children, type Expression, type UnaryName } from "./expression.ts";
import { BINARY_FUNCTIONS, COMPARE, UNARY_FUNCTIONS } from "./functions.ts";
import { Numbering } from "./numbering.ts";
import { type Product, zeroWins } from "./products.ts";

export type ScalarFunction = (x: number, b: number) => number;

/** Value at one point; compile once with `compileToClosure` for many. */
export function evaluate(expression: Expression, x: number, b: number): number {
  return compileToClosure(expression)(x, b);
}

/** Computes a subexpression from the values of its parts. */
type Step = (values: Float64Array, x: number, b: number) => number;

/** Replacements for functions' values, made from the originals. */
export type Replacements = Readonly<Partial<Record<UnaryName, (of: (u: number) => number) => (u: number) => number>>>;

/** The function that the expression denotes. */
export function compileToClosure(expression: Expression): ScalarFunction {
  return compileWith(expression, {});
}

/** The same with some functions replaced. */
export function compileWith(expression: Expression, replacements: Replacements): ScalarFunction {
  const numbering = new Numbering(), placeOf = new Map<number, number>(), steps: Step[] = [];
  const places = new Map<Expression, number>();
  const result = bottomUp(expression, places, (e) => {
    const number = numbering.of(e);
    let place = placeOf.get(number);
    if (place === undefined) {
      placeOf.set(number, place = steps.length);
      steps.push(stepOf(e, children(e).map((part) => places.get(part)!), replacements));
    }
    return place;
  });
  const values = new Float64Array(steps.length);
  return (x, b) => {
    for (let i = 0; i < steps.length; i++) values[i] = steps[i](values, x, b);
    return values[result];
  };
}

/** `parts` are the positions of the expression's children. */
function stepOf(e: Expression, [p, q, then, otherwise]: readonly number[], replacements: Replacements): Step {
  switch (e.kind) {
    case "x":
      return (_values, x) => x;
    case "b":
      return (_values, _x, b) => b;
    case "number": {
      const { value } = e;
      return () => value;
    }
    case "unary": {
      const own = UNARY_FUNCTIONS[e.name].value, value = replacements[e.name]?.(own) ?? own;
      return (values) => value(values[p]);
    }
    case "binary": {
      const value = e.name === "mul" ? productOf(e) : BINARY_FUNCTIONS[e.name].value;
      return (values) => value(values[p], values[q]);
    }
    case "power": {
      const { exponent } = e;
      return (values) => values[p] ** exponent;
    }
    case "select": {
      const holds = COMPARE[e.comparison];
      return (values) => holds(values[p], values[q]) ? values[then] : values[otherwise];
    }
  }
}

/** The product of numbers, in which 0 may win: see `products.ts`. */
function productOf(e: Product): (left: number, right: number) => number {
  const wins = zeroWins(e);
  if (!wins.left && !wins.right) return (left, right) => left * right;
  return (left, right) => (wins.left && left === 0) || (wins.right && right === 0) ? 0 : left * right;
}

/**
 * The float64 value of an expression: the oracle that engines, derivatives and simplification are judged by. Compiled
 * to nested closures, so that it needs no permission to make code and is exact to the tables of `functions.ts`.
 */
import type { Expression } from "./expression.ts";
import { BINARY_FUNCTIONS, COMPARE, UNARY_FUNCTIONS } from "./functions.ts";
import { type Product, zeroWins } from "./products.ts";

export type ScalarFunction = (x: number, b: number) => number;

/** Value at one point; compile once with `compileToClosure` for many. */
export function evaluate(expression: Expression, x: number, b: number): number {
  return compileToClosure(expression)(x, b);
}

/** The function that the expression means. A shared subtree is compiled once but computed at each place it stands. */
export function compileToClosure(expression: Expression): ScalarFunction {
  const compiled = new Map<Expression, ScalarFunction>();
  const compile = (e: Expression): ScalarFunction => {
    const known = compiled.get(e);
    if (known) return known;
    const closure = compileNode(e, compile);
    compiled.set(e, closure);
    return closure;
  };
  return compile(expression);
}

function compileNode(e: Expression, compile: (e: Expression) => ScalarFunction): ScalarFunction {
  switch (e.kind) {
    case "x":
      return (x) => x;
    case "b":
      return (_x, b) => b;
    case "number": {
      const value = e.value;
      return () => value;
    }
    case "unary": {
      const { value } = UNARY_FUNCTIONS[e.name];
      const argument = compile(e.argument);
      return (x, b) => value(argument(x, b));
    }
    case "binary": {
      const value = e.name === "mul" ? productOf(e) : BINARY_FUNCTIONS[e.name].value;
      const left = compile(e.left);
      const right = compile(e.right);
      return (x, b) => value(left(x, b), right(x, b));
    }
    case "power": {
      const base = compile(e.base);
      const exponent = e.exponent;
      return (x, b) => base(x, b) ** exponent;
    }
    case "select": {
      const left = compile(e.left);
      const right = compile(e.right);
      const then = compile(e.then);
      const otherwise = compile(e.otherwise);
      const holds = COMPARE[e.comparison];
      return (x, b) => holds(left(x, b), right(x, b)) ? then(x, b) : otherwise(x, b);
    }
  }
}

/** The product of numbers, in which 0 may win: see `products.ts`. */
function productOf(e: Product): (left: number, right: number) => number {
  const wins = zeroWins(e);
  if (!wins.left && !wins.right) return (left, right) => left * right;
  return (left, right) => (wins.left && left === 0) || (wins.right && right === 0) ? 0 : left * right;
}

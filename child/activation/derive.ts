/** The symbolic derivative of an expression by x or by b: the chain rule over the rules of `functions.ts`. */
import { bottomUp, type Expression, kept } from "./expression.ts";
import { binary, number, power } from "./expression.ts";
import { BINARY_FUNCTIONS, UNARY_FUNCTIONS } from "./functions.ts";
import { simplifyDerivative } from "./simplify.ts";

const ZERO = number(0);
const ONE = number(1);

/**
 * The derivative, simplified; conventions at kinks are those of `functions.ts`. It contains subexpressions of the value
 * unchanged, so derive the simplified function if value and derivative are computed together:
 * `value = simplify(e)`, `derive(value, "x")`.
 */
export function derive(expression: Expression, by: "x" | "b"): Expression {
  return DERIVATIVES[by](expression);
}

const DERIVATIVES = { x: kept((e) => derived(e, "x")), b: kept((e) => derived(e, "b")) };

function derived(expression: Expression, by: "x" | "b"): Expression {
  const done = new Map<Expression, Expression>();
  const chain = (part: Expression): Expression => done.get(part)!;
  return simplifyDerivative(bottomUp(expression, done, (e) => deriveNode(e, by, chain)));
}

function deriveNode(e: Expression, by: "x" | "b", chain: (e: Expression) => Expression): Expression {
  switch (e.kind) {
    case "x":
    case "b":
      return e.kind === by ? ONE : ZERO;
    case "number":
      return ZERO;
    case "unary":
      return UNARY_FUNCTIONS[e.name].derivative(e.argument, chain(e.argument), e);
    case "binary":
      return BINARY_FUNCTIONS[e.name].derivative(
        { value: e.left, derivative: chain(e.left) },
        { value: e.right, derivative: chain(e.right) },
        e,
      );
    case "power":
      return binary("mul", binary("mul", number(e.exponent), power(e.base, e.exponent - 1)), chain(e.base));
    case "select":
      return { ...e, then: chain(e.then), otherwise: chain(e.otherwise) };
  }
}

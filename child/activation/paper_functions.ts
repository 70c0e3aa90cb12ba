/**
 * The 25 unary and 10 binary functions of the paper's core unit, binary(unary(input1), unary(input2)), in the order of
 * Ramachandran, Zoph & Le 2017, section 2. The search space builds its expressions from these rows.
 *
 * Where the paper is silent: eps is 1e-5, sqrt(x) is sqrt(max(x, 0)) and sinc(0) is 1.
 */
import type { Expression } from "./expression.ts";
import { B, binary, number, power, unary } from "./expression.ts";

/** A unary function of the search space; `name` is the paper's notation. */
export interface PaperUnary {
  readonly name: string;
  build(x: Expression): Expression;
}

/** A binary function of the search space; `name` is the paper's notation. */
export interface PaperBinary {
  readonly name: string;
  build(x1: Expression, x2: Expression): Expression;
}

const EPSILON = number(1e-5);
const ZERO = number(0);
const ONE = number(1);

export const PAPER_UNARY: readonly PaperUnary[] = [
  { name: "x", build: (x) => x },
  { name: "-x", build: (x) => unary("neg", x) },
  { name: "|x|", build: (x) => unary("abs", x) },
  { name: "x^2", build: (x) => power(x, 2) },
  { name: "x^3", build: (x) => power(x, 3) },
  { name: "sqrt(x)", build: (x) => unary("sqrt", x) },
  { name: "b*x", build: (x) => binary("mul", B, x) },
  { name: "x+b", build: (x) => binary("add", x, B) },
  { name: "log(|x|+eps)", build: (x) => unary("log", binary("add", unary("abs", x), EPSILON)) },
  { name: "exp(x)", build: (x) => unary("exp", x) },
  { name: "sin(x)", build: (x) => unary("sin", x) },
  { name: "cos(x)", build: (x) => unary("cos", x) },
  { name: "sinh(x)", build: (x) => unary("sinh", x) },
  { name: "cosh(x)", build: (x) => unary("cosh", x) },
  { name: "tanh(x)", build: (x) => unary("tanh", x) },
  { name: "asinh(x)", build: (x) => unary("asinh", x) },
  { name: "atan(x)", build: (x) => unary("atan", x) },
  { name: "sinc(x)", build: (x) => unary("sinc", x) },
  { name: "max(x,0)", build: (x) => binary("max", x, ZERO) },
  { name: "min(x,0)", build: (x) => binary("min", x, ZERO) },
  { name: "sigmoid(x)", build: (x) => unary("sigmoid", x) },
  { name: "log(1+exp(x))", build: (x) => unary("softplus", x) },
  { name: "exp(-x^2)", build: (x) => unary("gauss", x) },
  { name: "erf(x)", build: (x) => unary("erf", x) },
  { name: "b", build: () => B },
];

export const PAPER_BINARY: readonly PaperBinary[] = [
  { name: "x1+x2", build: (x1, x2) => binary("add", x1, x2) },
  { name: "x1*x2", build: (x1, x2) => binary("mul", x1, x2) },
  { name: "x1-x2", build: (x1, x2) => binary("sub", x1, x2) },
  { name: "x1/(x2+eps)", build: (x1, x2) => binary("div", x1, binary("add", x2, EPSILON)) },
  { name: "max(x1,x2)", build: (x1, x2) => binary("max", x1, x2) },
  { name: "min(x1,x2)", build: (x1, x2) => binary("min", x1, x2) },
  { name: "sigmoid(x1)*x2", build: (x1, x2) => binary("mul", unary("sigmoid", x1), x2) },
  { name: "exp(-b*(x1-x2)^2)", build: (x1, x2) => decay(power(binary("sub", x1, x2), 2)) },
  { name: "exp(-b*|x1-x2|)", build: (x1, x2) => decay(unary("abs", binary("sub", x1, x2))) },
  {
    name: "b*x1+(1-b)*x2",
    build: (x1, x2) => binary("add", binary("mul", B, x1), binary("mul", binary("sub", ONE, B), x2)),
  },
];

/** exp(-b * distance) */
function decay(distance: Expression): Expression {
  return unary("exp", binary("mul", unary("neg", B), distance));
}

/**
 * What every primitive function computes: its float64 value, by which the engines are judged, its
 * derivative, its aliases, and facts for simplification, typesetting and people. The parser, the lists of functions in
 * help, dashboard and documentation, and simplification all read these rows.
 *
 * Derivative rules get the argument `u`, its derivative `du` and the value `self` = f(u), and are written with `self`
 * and `u` where they can be, so that code which computes value and derivative together computes shared parts once.
 *
 * Kinks. At a kink the derivative is the mean of the two sides, as in PyTorch and JAX for max and min of equals: so
 * abs'(0) = 0, max(l, r)' = (l' + r') / 2 where l = r, and min too. The one exception is max and min of u and 0, the
 * rectifiers, which have their published derivative, that of the left side: relu(u) is 0 at u = 0, as is sqrt, and
 * min(u, 0) is u', so that relu(u) + min(u, 0) = u holds of the derivatives. So PReLU has the derivative b at 0, ELU 1
 * and SELU 1.758, as in PyTorch.
 *
 * Saturation. The derivative of a bounded function is its own primitive (dtanh, dsigmoid, datan), which is exact
 * relative to its size where 1 - tanh(u)^2 would be rounding errors, and reaches 0. What it multiplies may have
 * overflowed there: see `products.ts`.
 *
 * Over 400 lines, as it is one table.
 */
import { erf, erfc } from "./erf.ts";
import type { BinaryName, Comparison, Expression } from "./expression.ts";
import { binary, number, power, select, unary } from "./expression.ts";

/**
 * Functions of one argument. To add one, add its name here, its row below, and what TypeScript then reports as missing:
 * its operations for all engines in `compiler/math.ts`. A function that others express as accurately needs only a row in
 * `shorthands.ts`.
 */
export type UnaryName =
  | "neg"
  | "abs"
  | "sqrt" // sqrt(max(x, 0))
  | "hypot1" // sqrt(1 + x^2)
  | "log"
  | "log1p" // log(1 + x)
  | "exp"
  | "expm1" // exp(x) - 1
  | "sin"
  | "cos"
  | "sinh"
  | "cosh"
  | "tanh"
  | "asinh"
  | "acosh"
  | "atanh"
  | "asin"
  | "acos"
  | "atan"
  | "sinc" // sin(x) / x, 1 at 0
  | "sigmoid"
  | "softplus" // log(1 + exp(x))
  | "gauss" // exp(-x^2)
  | "erf"
  | "erfc" // 1 - erf(x)
  | "relu"
  | "cbrt"
  | "sign" // -1, 0 or 1
  // Derivatives, where alone they arise:
  | "dsinc" // of sinc: (cos(x) - sinc(x)) / x, 0 at 0
  | "dtanh" // of tanh: 1 - tanh(x)^2, which would cancel
  | "dsigmoid" // of sigmoid: sigmoid(x) sigmoid(-x)
  | "datan" // of atan: 1 / (1 + x^2)
  | "dasinh"; // of asinh: 1 / sqrt(1 + x^2), whose square would overflow

interface NamedFunction {
  /** How it is written: `name(…)`, an operator, or as an unlisted call, because it occurs only in derivatives. */
  readonly written: "call" | "operator" | "derivative";
  /** Aliases for parsing, in lower case. */
  readonly aliases?: readonly string[];
  /** Its name in typeset formulas, if different. */
  readonly typeset?: string;
  /** Domain and notable limits, for people. */
  readonly domain: string;
}

export interface UnaryFunction extends NamedFunction {
  /** f(-u) is f(u) of even functions and -f(u) of odd ones. */
  readonly parity?: "even" | "odd";
  /** Whether it is never negative. */
  readonly neverNegative?: true;
  /** "bounded" whatever its argument is; "slow" grows no faster than its argument. */
  readonly growth?: "bounded" | "slow";
  /** Its value, up to rounding, on a whole range of arguments: 0, or another number. */
  readonly saturates?: "zero" | "number";
  /** The function that it inverts, wherever that one is finite: log(exp(u)) is u. */
  readonly undoes?: UnaryName;
  value(u: number): number;
  derivative(u: Expression, du: Expression, self: Expression): Expression;
  /**
   * Its value by other functions, for frameworks that have no function of their own for it in `code.ts` and
   * `onnx_function.ts`. It need not be as exact as a kernel, but must be finite where the value is.
   */
  definition?(u: Expression): Expression;
}

export interface BinaryFunction extends NamedFunction {
  value(left: number, right: number): number;
  derivative(left: Operand, right: Operand, self: Expression): Expression;
}

/** An operand and its derivative. */
export interface Operand {
  readonly value: Expression;
  readonly derivative: Expression;
}

const ZERO = number(0);
const ONE = number(1);
const add = (left: Expression, right: Expression) => binary("add", left, right);
const sub = (left: Expression, right: Expression) => binary("sub", left, right);
const mul = (left: Expression, right: Expression) => binary("mul", left, right);
const div = (left: Expression, right: Expression) => binary("div", left, right);
const neg = (u: Expression) => unary("neg", u);
const square = (u: Expression) => power(u, 2);

export const UNARY_FUNCTIONS: Readonly<Record<UnaryName, UnaryFunction>> = {
  neg: {
    written: "operator",
    growth: "slow",
    domain: "all x",
    value: (u) => -u,
    derivative: (_u, du) => neg(du),
  },
  abs: {
    written: "call",
    parity: "even",
    neverNegative: true,
    growth: "slow",
    domain: "all x; derivative 0 at 0",
    value: Math.abs,
    derivative: (u, du) => mul(unary("sign", u), du),
  },
  sqrt: {
    written: "call",
    neverNegative: true,
    growth: "slow",
    typeset: "√",
    saturates: "zero",
    domain: "sqrt(max(x, 0)): 0 with derivative 0 for x <= 0; the derivative grows without bound at 0+",
    value: (u) => Math.sqrt(Math.max(u, 0)),
    derivative: (u, du, self) => select(u, ZERO, div(du, mul(number(2), self)), ZERO),
  },
  hypot1: {
    written: "call",
    parity: "even",
    neverNegative: true,
    growth: "slow",
    domain: "sqrt(1 + x^2) whose square does not overflow; |x| for large |x|",
    value: (u) => Math.hypot(u, 1),
    derivative: (u, du, self) => mul(div(u, self), du),
  },
  log: {
    written: "call",
    aliases: ["ln"],
    typeset: "ln",
    undoes: "exp",
    domain: "x > 0; -inf at 0, NaN below; the search space writes log(abs(x) + 1e-5)",
    value: Math.log,
    derivative: (u, du) => div(du, u),
  },
  log1p: {
    written: "call",
    undoes: "expm1",
    domain: "log(1 + x), exact near 0; x > -1, -inf at -1, NaN below",
    value: Math.log1p,
    derivative: (u, du) => div(du, add(u, ONE)),
  },
  exp: {
    written: "call",
    neverNegative: true,
    undoes: "log",
    saturates: "zero",
    domain: "overflows float32 for x > 88.7",
    value: Math.exp,
    derivative: (_u, du, self) => mul(self, du),
  },
  expm1: {
    written: "call",
    undoes: "log1p",
    saturates: "number",
    domain: "exp(x) - 1, exact near 0; -1 at -inf, overflows float32 for x > 88.7",
    value: Math.expm1,
    // Not the value and 1, which cancel where exp(u) is small.
    derivative: (u, du) => mul(unary("exp", u), du),
  },
  sin: {
    written: "call",
    parity: "odd",
    growth: "bounded",
    domain: "finite x; NaN at inf",
    value: Math.sin,
    derivative: (u, du) => mul(unary("cos", u), du),
  },
  cos: {
    written: "call",
    parity: "even",
    growth: "bounded",
    domain: "finite x; NaN at inf",
    value: Math.cos,
    derivative: (u, du) => neg(mul(unary("sin", u), du)),
  },
  sinh: {
    written: "call",
    parity: "odd",
    undoes: "asinh",
    domain: "overflows float32 for |x| > 89.4",
    value: Math.sinh,
    derivative: (u, du) => mul(unary("cosh", u), du),
  },
  cosh: {
    written: "call",
    parity: "even",
    neverNegative: true,
    domain: "overflows float32 for |x| > 89.4",
    value: Math.cosh,
    derivative: (u, du) => mul(unary("sinh", u), du),
  },
  tanh: {
    written: "call",
    parity: "odd",
    growth: "bounded",
    saturates: "number",
    domain: "all x; -1 and 1 at -inf and inf",
    value: Math.tanh,
    derivative: (u, du) => mul(unary("dtanh", u), du),
  },
  asinh: {
    written: "call",
    aliases: ["arcsinh", "arsinh"],
    typeset: "arsinh",
    parity: "odd",
    growth: "slow",
    undoes: "sinh",
    domain: "all x; log(2|x|) with the sign of x for large |x|",
    value: Math.asinh,
    derivative: (u, du) => mul(unary("dasinh", u), du),
  },
  acosh: {
    written: "call",
    aliases: ["arccosh", "arcosh"],
    typeset: "arcosh",
    neverNegative: true,
    domain: "x >= 1, NaN below; the derivative grows without bound at 1",
    value: Math.acosh,
    derivative: (u, du) => div(du, mul(unary("sqrt", sub(u, ONE)), unary("sqrt", add(u, ONE)))),
  },
  atanh: {
    written: "call",
    aliases: ["arctanh", "artanh"],
    typeset: "artanh",
    parity: "odd",
    domain: "|x| <= 1, NaN beyond; -inf and inf at -1 and 1",
    value: Math.atanh,
    derivative: (u, du) => div(du, mul(sub(ONE, u), add(ONE, u))),
  },
  asin: {
    written: "call",
    aliases: ["arcsin"],
    typeset: "arcsin",
    parity: "odd",
    growth: "bounded",
    domain: "|x| <= 1, NaN beyond; the derivative grows without bound at -1 and 1",
    value: Math.asin,
    derivative: (u, du) => div(du, unary("sqrt", mul(sub(ONE, u), add(ONE, u)))),
  },
  acos: {
    written: "call",
    aliases: ["arccos"],
    typeset: "arccos",
    neverNegative: true,
    growth: "bounded",
    domain: "|x| <= 1, NaN beyond; the derivative grows without bound at -1 and 1",
    value: Math.acos,
    derivative: (u, du) => neg(div(du, unary("sqrt", mul(sub(ONE, u), add(ONE, u))))),
  },
  atan: {
    written: "call",
    aliases: ["arctan"],
    typeset: "arctan",
    parity: "odd",
    growth: "bounded",
    saturates: "number",
    domain: "all x; -pi/2 and pi/2 at -inf and inf",
    value: Math.atan,
    derivative: (u, du) => mul(unary("datan", u), du),
  },
  sinc: {
    written: "call",
    parity: "even",
    growth: "bounded",
    saturates: "zero",
    domain: "sin(x)/x; 1 at 0, 0 at -inf and inf",
    value: sinc,
    derivative: (u, du) => mul(unary("dsinc", u), du),
  },
  sigmoid: {
    written: "call",
    aliases: ["logistic", "expit", "σ"],
    typeset: "σ",
    neverNegative: true,
    growth: "bounded",
    saturates: "zero",
    domain: "all x; 0 and 1 at -inf and inf",
    value: sigmoid,
    derivative: (u, du) => mul(unary("dsigmoid", u), du),
  },
  softplus: {
    written: "call",
    neverNegative: true,
    growth: "slow",
    saturates: "zero",
    domain: "log(1 + exp(x)) without overflow; 0 at -inf, x for large x",
    value: (u) => Math.max(u, 0) + Math.log1p(Math.exp(-Math.abs(u))),
    derivative: (u, du) => mul(unary("sigmoid", u), du),
  },
  gauss: {
    written: "call",
    aliases: ["gaussian"],
    parity: "even",
    neverNegative: true,
    growth: "bounded",
    saturates: "zero",
    domain: "exp(-x^2); 0 at -inf and inf",
    value: (u) => Math.exp(-u * u),
    derivative: (u, du, self) => mul(mul(mul(number(-2), u), self), du),
    definition: (u) => unary("exp", neg(mul(u, u))),
  },
  erf: {
    written: "call",
    parity: "odd",
    growth: "bounded",
    saturates: "number",
    domain: "all x; -1 and 1 at -inf and inf",
    value: erf,
    derivative: (u, du) => mul(mul(number(2 / Math.sqrt(Math.PI)), unary("gauss", u)), du),
  },
  erfc: {
    written: "call",
    neverNegative: true,
    growth: "bounded",
    saturates: "zero",
    domain: "1 - erf(x), exact where that cancels; 2 and 0 at -inf and inf",
    value: erfc,
    derivative: (u, du) => mul(mul(number(-2 / Math.sqrt(Math.PI)), unary("gauss", u)), du),
  },
  relu: {
    written: "call",
    typeset: "ReLU",
    neverNegative: true,
    growth: "slow",
    saturates: "zero",
    domain: "max(x, 0); derivative 0 at 0",
    value: (u) => Math.max(u, 0),
    derivative: (u, du) => select(u, ZERO, du, ZERO),
  },
  cbrt: {
    written: "call",
    parity: "odd",
    domain: "all x; derivative 0 at 0, where it grows without bound on both sides",
    value: Math.cbrt,
    derivative: (u, du, self) => select(unary("abs", u), ZERO, div(du, mul(number(3), square(self))), ZERO),
  },
  sign: {
    written: "call",
    aliases: ["sgn"],
    parity: "odd",
    growth: "bounded",
    saturates: "number",
    domain: "-1, 0 or 1; taken as flat everywhere",
    value: Math.sign,
    derivative: () => ZERO,
  },
  dsinc: {
    written: "derivative",
    parity: "odd",
    growth: "bounded",
    saturates: "zero",
    domain: "derivative of sinc; 0 at 0, -inf and inf",
    value: dsinc,
    // -sinc(u) - 2 dsinc(u) / u, which tends to -1/3 at 0 but there loses all digits: within 1e-9 of it below 1e-4.
    derivative: (u, du) =>
      mul(
        select(
          unary("abs", u),
          number(1e-4),
          sub(neg(unary("sinc", u)), div(mul(number(2), unary("dsinc", u)), u)),
          number(-1 / 3),
        ),
        du,
      ),
  },
  dtanh: {
    written: "derivative",
    parity: "even",
    neverNegative: true,
    growth: "bounded",
    saturates: "zero",
    domain: "derivative of tanh; 1 at 0, 0 at -inf and inf",
    value: dtanh,
    derivative: (u, du, self) => mul(mul(mul(number(-2), unary("tanh", u)), self), du),
    definition: (u) => mul(number(4), unary("dsigmoid", mul(number(2), u))),
  },
  dsigmoid: {
    written: "derivative",
    parity: "even",
    neverNegative: true,
    growth: "bounded",
    saturates: "zero",
    domain: "derivative of sigmoid; 1/4 at 0, 0 at -inf and inf",
    value: dsigmoid,
    // 1 - 2 sigmoid(u) is -tanh(u / 2).
    derivative: (u, du, self) => mul(neg(mul(unary("tanh", mul(number(0.5), u)), self)), du),
    definition: (u) => mul(unary("sigmoid", u), unary("sigmoid", neg(u))),
  },
  datan: {
    written: "derivative",
    parity: "even",
    neverNegative: true,
    growth: "bounded",
    saturates: "zero",
    domain: "derivative of atan; 1 at 0, 0 at -inf and inf",
    value: (u) => 1 / (1 + u * u),
    derivative: (u, du, self) => mul(mul(mul(number(-2), u), square(self)), du),
    definition: (u) => div(ONE, add(ONE, mul(u, u))),
  },
  dasinh: {
    written: "derivative",
    parity: "even",
    neverNegative: true,
    growth: "bounded",
    saturates: "zero",
    domain: "derivative of asinh; 1 at 0, 1 / |x| for large |x|",
    value: (u) => 1 / Math.hypot(u, 1),
    derivative: (u, du, self) => mul(neg(mul(u, power(self, 3))), du),
    definition: (u) => div(ONE, unary("hypot1", u)),
  },
};

export const BINARY_FUNCTIONS: Readonly<Record<BinaryName, BinaryFunction>> = {
  add: {
    written: "operator",
    domain: "all",
    value: (left, right) => left + right,
    derivative: (left, right) => add(left.derivative, right.derivative),
  },
  sub: {
    written: "operator",
    domain: "all",
    value: (left, right) => left - right,
    derivative: (left, right) => sub(left.derivative, right.derivative),
  },
  mul: {
    written: "operator",
    domain: "all",
    value: (left, right) => left * right,
    derivative: (left, right) => add(mul(left.derivative, right.value), mul(left.value, right.derivative)),
  },
  div: {
    written: "operator",
    domain: "right is not 0; the search space writes x1 / (x2 + 1e-5)",
    value: (left, right) => left / right,
    derivative: (left, right, self) => div(sub(left.derivative, mul(self, right.derivative)), right.value),
  },
  max: {
    written: "call",
    aliases: ["maximum"],
    domain: "of two or more; NaN where one is",
    value: Math.max,
    derivative: (left, right) =>
      rectifier(left, right, (u, du) => select(u, ZERO, du, ZERO)) ??
        chosen(left.value, right.value, left.derivative, right.derivative),
  },
  min: {
    written: "call",
    aliases: ["minimum"],
    domain: "of two or more; NaN where one is",
    value: Math.min,
    derivative: (left, right) =>
      rectifier(left, right, (u, du) => select(u, ZERO, ZERO, du)) ??
        chosen(right.value, left.value, left.derivative, right.derivative),
  },
};

/** The comparisons; all are false for NaN. */
export const COMPARE: Readonly<Record<Comparison, (left: number, right: number) => boolean>> = {
  ">": (left, right) => left > right,
  ">=": (left, right) => left >= right,
  "==": (left, right) => left === right,
};

/** The rule of max or min of u and 0; null where neither operand is 0. */
function rectifier(
  left: Operand,
  right: Operand,
  rule: (u: Expression, du: Expression) => Expression,
): Expression | null {
  const isZero = ({ value }: Operand) => value.kind === "number" && value.value === 0;
  if (isZero(right)) return rule(left.value, left.derivative);
  return isZero(left) ? rule(right.value, right.derivative) : null;
}

/** `ifMore` where a > b, `ifLess` where a < b, their mean where neither. */
function chosen(a: Expression, b: Expression, ifMore: Expression, ifLess: Expression): Expression {
  const mean = mul(number(0.5), add(ifMore, ifLess));
  return select(a, b, ifMore, select(b, a, ifLess, mean));
}

function dsigmoid(u: number): number {
  const small = Math.exp(-Math.abs(u));
  return small / (1 + small) ** 2;
}

function dtanh(u: number): number {
  return 4 * dsigmoid(2 * u);
}

function sigmoid(u: number): number {
  const small = Math.exp(-Math.abs(u)); // in (0, 1], so that nothing overflows
  return (u < 0 ? small : 1) / (1 + small);
}

function sinc(u: number): number {
  if (u === 0) return 1;
  return Math.abs(u) === Infinity ? 0 : Math.sin(u) / u;
}

/**
 * The derivative of sinc. The quotient cancels near 0 (relative error 1e-16 / u^2), so below 1 it is summed as
 * the sum over k >= 1 of (-1)^k 2k u^(2k-1) / (2k+1)!, of which 9 terms reach 1e-17.
 */
function dsinc(u: number): number {
  if (Math.abs(u) === Infinity) return 0;
  if (Math.abs(u) >= 1) return (Math.cos(u) - Math.sin(u) / u) / u;
  let sum = 0;
  let term = 1; // (-1)^k u^(2k) / (2k+1)!, over u from the first step on
  for (let k = 1; k <= 9; k++) {
    term *= -(k === 1 ? u : u * u) / (2 * k * (2 * k + 1));
    sum += 2 * k * term;
  }
  return sum;
}

/**
 * An expression as ONNX operators. Where ONNX lacks a function, or where onnxruntime's is wrong in the tails (its Sigmoid
 * stops at |x| = 18, its Softplus is 0 below -17), it is composed of others so that bounds and limits are exact.
 *
 * What remains is the target's own: the last bits of its Tanh, Exp, Erf and Pow; max and min of a NaN, which runtimes
 * disagree about; and numbers below 1e-38, which some flush to 0.
 */
import {
  type BinaryName,
  bottomUp,
  type Comparison,
  type Expression,
  type UnaryName,
  X,
} from "../../activation/expression.ts";
import { UNARY_FUNCTIONS } from "../../activation/functions.ts";
import type { OnnxBuilder, ValueName } from "./onnx_builder.ts";

/** Writes the function of the value `x`, with `b` for beta (null where it has none). Returns the value's name. */
export function writeFunction(e: Expression, x: ValueName, b: ValueName | null, builder: OnnxBuilder): ValueName {
  const f = new Operators(builder);
  const names = new Map<Expression, ValueName>();
  const value = bottomUp(e, names, (e): ValueName => {
    const written = (part: Expression) => names.get(part)!;
    switch (e.kind) {
      case "x":
        return x;
      case "b":
        if (b === null) throw new TypeError("Cannot write b as the graph has no beta");
        return b;
      case "number":
        return f.number(e.value);
      case "unary":
        return writeUnary(e.name, f, written(e.argument));
      case "binary":
        return builder.op(BINARY[e.name], [written(e.left), written(e.right)]);
      case "power":
        return builder.op("Pow", [written(e.base), f.number(e.exponent)]);
      case "select": {
        const question = f.compare(e.comparison, written(e.left), written(e.right));
        return f.where(question, written(e.then), written(e.otherwise));
      }
    }
  });
  return [...names.keys()].some(({ kind }) => kind === "x")
    ? value
    : builder.op("Expand", [value, builder.op("Shape", [x])]);
}

/** By its row below, else by its definition in `functions.ts`. */
function writeUnary(name: UnaryName, f: Operators, u: ValueName): ValueName {
  const formula = UNARY[name], { definition } = UNARY_FUNCTIONS[name];
  if (formula) return formula(f, u);
  if (definition) return writeFunction(definition(X), u, null, f.builder);
  throw new TypeError(`Cannot write ${name} as ONNX: give its row in functions.ts a definition, or UNARY a formula`);
}

const BINARY: Readonly<Record<BinaryName, string>> = {
  add: "Add",
  sub: "Sub",
  mul: "Mul",
  div: "Div",
  max: "Max",
  min: "Min",
};

const COMPARE: Readonly<Record<Comparison, string>> = { ">": "Greater", ">=": "GreaterOrEqual", "==": "Equal" };

/** Operators under short names, for formulas. Arguments are values or numbers. */
class Operators {
  constructor(readonly builder: OnnxBuilder) {}

  readonly number = (value: number) => this.builder.constant(value);
  readonly op = (name: string, ...args: (ValueName | number)[]) =>
    this.builder.op(name, args.map((arg) => typeof arg === "number" ? this.number(arg) : arg));
  readonly add = (a: ValueName | number, b: ValueName | number) => this.op("Add", a, b);
  readonly sub = (a: ValueName | number, b: ValueName | number) => this.op("Sub", a, b);
  readonly mul = (a: ValueName | number, b: ValueName | number) => this.op("Mul", a, b);
  readonly div = (a: ValueName | number, b: ValueName | number) => this.op("Div", a, b);
  readonly neg = (a: ValueName) => this.op("Neg", a);
  readonly abs = (a: ValueName) => this.op("Abs", a);
  readonly exp = (a: ValueName) => this.op("Exp", a);
  readonly square = (a: ValueName) => this.mul(a, a);
  readonly where = (question: ValueName, then: ValueName | number, otherwise: ValueName | number) =>
    this.op("Where", question, then, otherwise);
  readonly compare = (comparison: Comparison, a: ValueName | number, b: ValueName | number) =>
    this.op(COMPARE[comparison], a, b);

  /** c[0] + t (c[1] + t (…)). */
  readonly polynomial = (t: ValueName, coefficients: readonly number[]) =>
    coefficients.slice(0, -1).reduceRight<ValueName | number>(
      (sum, coefficient) => this.add(coefficient, this.mul(t, sum)),
      coefficients[coefficients.length - 1],
    ) as ValueName;
}

type Formula = (f: Operators, u: ValueName) => ValueName;

const own = (name: string): Formula => (f, u) => f.op(name, u);

/** exp(-|u|), in (0, 1], so that nothing overflows. */
const small: Formula = (f, u) => f.exp(f.neg(f.abs(u)));

const sigmoid: Formula = (f, u) => f.div(f.where(f.compare(">", 0, u), small(f, u), 1), f.add(1, small(f, u)));

/** exp(-|u|) / (1 + exp(-|u|))^2. */
const dsigmoid: Formula = (f, u) => f.div(small(f, u), f.square(f.add(1, small(f, u))));

/** Kahan: log(w) u / (w - 1) of the rounded w = 1 + u, as the rounding errors of both factors cancel. */
const log1p: Formula = (f, u) => {
  const w = f.add(1, u), back = f.sub(w, 1), log = f.op("Log", w);
  const corrected = f.mul(log, f.div(u, f.where(f.compare("==", back, 0), 1, back)));
  return f.where(f.compare("==", back, 0), u, f.where(f.compare("==", back, u), log, corrected));
};

/** 2 t / (1 - t) of t = tanh(u / 2) near 0, where exp(u) - 1 cancels. */
const expm1: Formula = (f, u) => {
  const t = f.op("Tanh", f.mul(u, 0.5));
  const near = f.div(f.mul(2, t), f.sub(1, t));
  return f.where(f.compare(">", 0.5, f.abs(u)), near, f.sub(f.exp(u), 1));
};

/** max(|u|, 1) sqrt(1 + (min / max)^2), whose square does not overflow. */
const hypot1: Formula = (f, u) => {
  const larger = f.op("Max", f.abs(u), 1), ratio = f.div(f.op("Min", f.abs(u), 1), larger);
  return f.mul(larger, f.op("Sqrt", f.add(1, f.square(ratio))));
};

const isInfinite: Formula = (f, u) => f.compare("==", f.abs(u), Infinity);

const sinc: Formula = (f, u) => {
  const isZero = f.compare("==", u, 0);
  return f.where(isInfinite(f, u), 0, f.where(isZero, 1, f.div(f.op("Sin", u), f.where(isZero, 1, u))));
};

/** (cos(u) - sinc(u)) / u from 1 on; below, where it cancels, the series of `functions.ts`, 5 terms for float32. */
const dsinc: Formula = (f, u) => {
  const series = f.mul(u, f.polynomial(f.square(u), [-1 / 3, 1 / 30, -1 / 840, 1 / 45_360, -1 / 3_991_680]));
  const isNear = f.compare(">", 1, f.abs(u));
  const quotient = f.div(f.sub(f.op("Cos", u), sinc(f, u)), f.where(isNear, 1, u));
  return f.where(isInfinite(f, u), 0, f.where(isNear, series, quotient));
};

/**
 * Above 1/2, where 1 - erf(u) cancels: t exp(-u^2 + P(t)) with t = 1 / (1 + u / 2), of relative error below 1.2e-7 (Press
 * et al., "Numerical Recipes", 2nd ed., section 6.2, erfcc). u^2 is split into the square of u rounded to 1/128, which
 * is exact, and the rest, as its rounding error would be multiplied by it.
 */
const erfc: Formula = (f, u) => {
  const size = f.op("Max", u, 0), t = f.div(1, f.add(1, f.mul(0.5, size)));
  const head = f.div(f.op("Round", f.mul(f.op("Min", size, 64), 128)), 128);
  const rest = f.mul(f.sub(head, size), f.add(head, size));
  const tail = f.exp(f.add(rest, f.polynomial(t, ERFCC)));
  const far = f.mul(f.mul(t, tail), f.exp(f.neg(f.square(head))));
  return f.where(f.compare(">", u, 0.5), f.where(f.compare(">", u, 30), 0, far), f.sub(1, f.op("Erf", u)));
};
const ERFCC = [
  -1.26551223,
  1.00002368,
  0.37409196,
  0.09678418,
  -0.18628806,
  0.27886807,
  -1.13520398,
  1.48851587,
  -0.82215223,
  0.17087277,
];

/** Those that need more care than their definition, or have none. */
const UNARY: Readonly<Partial<Record<UnaryName, Formula>>> = {
  neg: own("Neg"),
  abs: own("Abs"),
  sqrt: (f, u) => f.op("Sqrt", f.op("Max", u, 0)),
  hypot1,
  log: own("Log"),
  log1p,
  exp: own("Exp"),
  expm1,
  sin: own("Sin"),
  cos: own("Cos"),
  sinh: own("Sinh"),
  cosh: own("Cosh"),
  tanh: own("Tanh"),
  asinh: own("Asinh"),
  acosh: own("Acosh"),
  atanh: own("Atanh"),
  asin: own("Asin"),
  acos: own("Acos"),
  atan: own("Atan"),
  sinc,
  sigmoid,
  softplus: (f, u) => f.add(f.op("Max", u, 0), log1p(f, small(f, u))),
  erf: own("Erf"),
  erfc,
  relu: own("Relu"),
  cbrt: (f, u) => f.mul(f.op("Sign", u), f.op("Pow", f.abs(u), 1 / 3)),
  sign: own("Sign"),
  dsinc,
  dsigmoid,
};

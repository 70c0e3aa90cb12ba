/**
 * Expressions as TensorFlow operations, each distinct subexpression once: those that the derivative shares with the
 * value are kept from the forward pass. `x` is a tensor [images, height, width, channels], `b` a vector [channels] that
 * TensorFlow broadcasts, and numbers are scalars.
 */
import { derive } from "../../activation/derive.ts";
import {
  type BinaryName,
  bottomUp,
  children,
  type Comparison,
  type Expression,
  number,
  type UnaryName,
} from "../../activation/expression.ts";
import { Numbering } from "../../activation/numbering.ts";
import { type Product, zeroWins } from "../../activation/products.ts";
import { landings } from "../../activation/properties.ts";
import type { Session, Tensor } from "./session.ts";

/** The function, its derivatives, and the values that the forward pass keeps for them. */
export interface Derivatives {
  readonly value: Expression;
  readonly byX: Expression;
  /** Null if the expression has no beta. */
  readonly byB: Expression | null;
  /** The key of a subexpression, in `shared` and among a writer's results. */
  keyOf(e: Expression): string;
  /** Keys of the subexpressions of the derivatives. */
  readonly shared: ReadonlySet<string>;
}

/** `hasBeta`: whether the derivative by beta is needed. */
export function differentiate(value: Expression, hasBeta: boolean): Derivatives {
  const byX = derive(value, "x");
  const byB = hasBeta ? derive(value, "b") : null;
  const keyOf = newKeys();
  const keys = new Map<Expression, string>();
  for (const e of byB ? [byX, byB] : [byX]) bottomUp(e, keys, keyOf);
  return { value, byX, byB, keyOf, shared: new Set(keys.values()) };
}

function newKeys(): Derivatives["keyOf"] {
  const numbering = new Numbering();
  return (e) => `${numbering.of(e)}`;
}

/** Scalars of a program, made once. */
export type Constants = (value: number) => Tensor;

/** Writes expressions of one `x` and `b`. The tensors it makes belong to the session's scope. */
export class ExpressionWriter {
  readonly #written: Map<string, Tensor>;
  /** Whether the landings of a tall expression are being written. */
  #isWriting = false;

  /** `b` is null if the site has no beta; `known` are subexpressions computed before. */
  constructor(
    readonly session: Session,
    readonly constant: Constants,
    readonly x: Tensor,
    readonly b: Tensor | null,
    known: ReadonlyMap<string, Tensor> = new Map(),
    readonly keyOf: Derivatives["keyOf"] = newKeys(),
  ) {
    this.#written = new Map(known);
  }

  /** Tensors computed so far by the key of their subexpression, but for `x`, `b` and numbers, which are not its own. */
  get written(): ReadonlyMap<string, Tensor> {
    return this.#written;
  }

  /** May be a scalar, or a vector of channels, where the expression is. */
  write(e: Expression): Tensor {
    if (!this.#isWriting) {
      this.#isWriting = true;
      landings(e).forEach((part) => this.#write(part));
      this.#isWriting = false;
    }
    return this.#write(e);
  }

  #write(e: Expression): Tensor {
    switch (e.kind) {
      case "x":
        return this.x;
      case "b":
        if (this.b === null) throw new TypeError("Cannot compile b as this activation site has no beta");
        return this.b;
      case "number":
        return this.constant(e.value);
    }
    if (e.kind === "power" && e.exponent === 0) return this.constant(1);
    const key = this.keyOf(e);
    let tensor = this.#written.get(key);
    if (tensor === undefined) this.#written.set(key, tensor = this.#make(e));
    return tensor;
  }

  /** A new tensor with the shape of `x`. */
  writeWhole(e: Expression): Tensor {
    const tensor = this.write(e);
    if (dependsOnX(e)) return this.session.run("Identity", [tensor]); // another handle of the same memory
    return this.session.run("AddV2", [this.session.run("ZerosLike", [this.x]), tensor]);
  }

  /** gradient * e, in one fused operation if TensorFlow has one. The gradient has the shape of `x`. */
  writeProduct(gradient: Tensor, e: Expression): Tensor {
    const isZero = (e: Expression) => e.kind === "number" && e.value === 0;
    const isOne = (e: Expression) => e.kind === "number" && e.value === 1;
    if (isOne(e)) return this.session.run("Identity", [gradient]);
    if (
      e.kind === "select" && e.comparison === ">" && isOne(e.then) && isZero(e.otherwise) && isZero(e.right) &&
      dependsOnX(e.left)
    ) {
      return this.session.run("ReluGrad", [gradient, this.write(e.left)]);
    }
    return this.session.run("Mul", [gradient, this.write(e)]);
  }

  #make(e: Exclude<Expression, { kind: "x" | "b" | "number" }>): Tensor {
    switch (e.kind) {
      case "unary":
        return UNARY[e.name](this, e.argument);
      case "binary":
        return e.name === "mul" ? this.#product(e) : this.#operation(BINARY[e.name], e.left, e.right);
      case "power":
        return this.#power(e.base, e.exponent);
      case "select": {
        const chosen = this.session.run(COMPARISONS[e.comparison], [this.write(e.left), this.write(e.right)]);
        return this.session.run("SelectV2", [chosen, this.write(e.then), this.write(e.otherwise)]);
      }
    }
  }

  /** MulNoNan is 0 where its second factor is 0: see `products.ts`. */
  #product(e: Product): Tensor {
    const wins = zeroWins(e);
    if (wins.left && wins.right) {
      const isZero = this.session.run("Equal", [this.write(e.left), this.constant(0)]);
      const product = this.#operation("MulNoNan", e.left, e.right);
      return this.session.run("SelectV2", [isZero, this.constant(0), product]);
    }
    if (wins.left) return this.#operation("MulNoNan", e.right, e.left);
    return this.#operation(wins.right ? "MulNoNan" : "Mul", e.left, e.right);
  }

  #operation(name: string, left: Expression, right: Expression): Tensor {
    return this.session.run(name, [this.write(left), this.write(right)]);
  }

  /** base^exponent by repeated squaring. */
  #power(base: Expression, exponent: number): Tensor {
    const to = (exponent: number) => this.write({ kind: "power", base, exponent });
    if (exponent < 0) return this.session.run("Reciprocal", [to(-exponent)]);
    if (exponent === 1) return this.session.run("Identity", [this.write(base)]);
    if (exponent === 2) return this.session.run("Square", [this.write(base)]);
    const rest = exponent % 2 === 0 ? to(exponent / 2) : this.write(base);
    return this.session.run("Mul", [to(exponent % 2 === 0 ? exponent / 2 : exponent - 1), rest]);
  }
}

const BINARY: Readonly<Record<Exclude<BinaryName, "mul">, string>> = {
  add: "AddV2",
  sub: "Sub",
  div: "RealDiv",
  max: "Maximum",
  min: "Minimum",
};

const COMPARISONS: Readonly<Record<Comparison, string>> = { ">": "Greater", ">=": "GreaterEqual", "==": "Equal" };

type Unary = (writer: ExpressionWriter, argument: Expression) => Tensor;

const operation = (name: string): Unary => (writer, u) => writer.session.run(name, [writer.write(u)]);
const call = (name: UnaryName, argument: Expression): Expression => ({ kind: "unary", name, argument });
const neg = (argument: Expression): Expression => call("neg", argument);
const squareOf = (base: Expression): Expression => ({ kind: "power", base, exponent: 2 });
const onePlus = (e: Expression): Expression => ({ kind: "binary", name: "add", left: number(1), right: e });

const UNARY: Readonly<Record<UnaryName, Unary>> = {
  neg: operation("Neg"),
  abs: operation("Abs"),
  sqrt: (writer, u) => writer.session.run("Sqrt", [writer.write(call("relu", u))]),
  hypot1,
  log: operation("Log"),
  log1p: operation("Log1p"),
  exp: operation("Exp"),
  expm1: operation("Expm1"),
  sin: operation("Sin"),
  cos: operation("Cos"),
  sinh: operation("Sinh"),
  cosh: operation("Cosh"),
  tanh: operation("Tanh"),
  asinh: operation("Asinh"),
  acosh: operation("Acosh"),
  atanh: operation("Atanh"),
  asin: operation("Asin"),
  acos: operation("Acos"),
  atan: operation("Atan"),
  sinc,
  sigmoid: operation("Sigmoid"),
  softplus: operation("Softplus"),
  gauss: (writer, u) => writer.session.run("Exp", [writer.write(call("neg", squareOf(u)))]),
  erf: operation("Erf"),
  erfc: operation("Erfc"),
  relu: operation("Relu"),
  cbrt,
  sign: operation("Sign"),
  dsinc,
  dtanh: (writer, u) => reciprocal(writer, squareOf(call("cosh", u))),
  dsigmoid: (writer, u) => writer.session.run("Mul", [u, neg(u)].map((u) => writer.write(call("sigmoid", u)))),
  datan: (writer, u) => reciprocal(writer, onePlus(squareOf(u))),
  dasinh: (writer, u) => reciprocal(writer, call("hypot1", u)),
};

function reciprocal(writer: ExpressionWriter, e: Expression): Tensor {
  return writer.session.run("Reciprocal", [writer.write(e)]);
}

/** sqrt(1 + u^2); 1 + |u| is larger except where the square overflows, and there as accurate. */
function hypot1(writer: ExpressionWriter, u: Expression): Tensor {
  const { session } = writer;
  const root = session.run("Sqrt", [writer.write(onePlus(squareOf(u)))]);
  return session.run("Minimum", [root, writer.write(onePlus(call("abs", u)))]);
}

/** sign(u) exp(log|u| / 3); exp(-inf) is the 0 of 0. */
function cbrt(writer: ExpressionWriter, u: Expression): Tensor {
  const { session, constant } = writer;
  const size = writer.write(call("abs", u));
  const third = session.run("Mul", [writer.write(call("log", call("abs", u))), constant(1 / 3)]);
  const root = session.run("Exp", [third]);
  // A step of Newton's, as rounding errors of the exponent are magnified: root (2 + |u| / root^3) / 3.
  const quotient = session.run("DivNoNan", [session.run("DivNoNan", [size, root]), session.run("Square", [root])]);
  const excess = session.run("Sub", [quotient, constant(1)]);
  const step = session.run("AddV2", [session.run("Mul", [excess, constant(1 / 3)]), constant(1)]);
  const isInfinite = session.run("Equal", [root, constant(Infinity)]);
  const exact = session.run("SelectV2", [isInfinite, root, session.run("Mul", [root, step])]);
  return session.run("Mul", [writer.write(call("sign", u)), exact]);
}

/** sin(u) / u; 1 at 0. MulNoNan gives 0 where 1 / u is 0, though sin(inf) is NaN. */
function sinc(writer: ExpressionWriter, argument: Expression): Tensor {
  const { session, constant } = writer;
  const u = writer.write(argument);
  const quotient = session.run("MulNoNan", [writer.write(call("sin", argument)), session.run("Reciprocal", [u])]);
  const atZero = session.run("Equal", [u, constant(0)]);
  return session.run("SelectV2", [atZero, constant(1), quotient]);
}

/**
 * Coefficients of dsinc(u) / u in powers of u^2: (-1)^k 2k / (2k + 1)! for k from 1; the next is below 1e-6 of the
 * first.
 */
const DSINC_SERIES = [-1 / 3, 1 / 30, -1 / 840, 1 / 45360];

/** (cos(u) - sinc(u)) / u, whose terms cancel near 0: below 1 the power series. */
function dsinc(writer: ExpressionWriter, argument: Expression): Tensor {
  const { session, constant } = writer;
  const u = writer.write(argument);
  const difference = session.run("Sub", [
    writer.write(call("cos", argument)),
    writer.write(call("sinc", argument)),
  ]);
  const far = session.run("MulNoNan", [difference, session.run("Reciprocal", [u])]);
  const square = writer.write(squareOf(argument));
  const sum = DSINC_SERIES.map((value) => constant(value)).reduceRight((sum, coefficient) =>
    session.run("AddV2", [session.run("Mul", [sum, square]), coefficient])
  );
  const near = session.run("Mul", [u, sum]);
  const isFar = session.run("GreaterEqual", [writer.write(call("abs", argument)), constant(1)]);
  return session.run("SelectV2", [isFar, far, near]);
}

function dependsOnX(e: Expression): boolean {
  const known = new Map<Expression, boolean>();
  return bottomUp(e, known, (part) => part.kind === "x" || children(part).some((inner) => known.get(inner)!));
}

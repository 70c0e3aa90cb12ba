/**
 * Activations as TensorFlow operations: the operation list with TensorFlow's own functions, and those that it lacks
 * written out. `x` is a tensor [images,
 * height, width, channels], `b` a vector [channels] that TensorFlow broadcasts, and constants are scalars. What the
 * derivatives share with the value is kept from the forward pass.
 */
import type { UnaryName } from "../../activation/expression.ts";
import type { Derivatives } from "../../compiler/derivatives.ts";
import { lowerActivation } from "../../compiler/lower.ts";
import type {
  ArithmeticKind,
  BitwiseKind,
  Operation,
  OperationList,
  ShiftKind,
  Value,
} from "../../compiler/operations.ts";
import type { Session, Tensor } from "./session.ts";

/** An activation's list, and which of its values the passes need. */
export interface ActivationList {
  readonly list: OperationList;
  readonly value: Value;
  readonly byX: Value;
  /** Null if the function has no beta. */
  readonly byB: Value | null;
  /** What the forward pass computes and the backward pass reads. */
  readonly kept: ReadonlySet<Value>;
}

export function activationList(derivatives: Derivatives): ActivationList {
  const list = lowerActivation(derivatives, OWN_FUNCTIONS);
  const resultOf = (name: string) =>
    list.find((operation) => operation.kind === "store" && operation.name === name)?.operands[0] ?? null;
  const value = resultOf("value")!, byX = resultOf("byX")!, byB = resultOf("byB");
  const forward = neededFor(list, [value]);
  const isShared = (at: Value) => forward.has(at) && !LEAVES.has(list[at].kind);
  const slopes = byB === null ? [byX] : [byB, byX];
  const backward = neededFor(list, slopes.map((slope) => rectified(list, slope) ?? slope), isShared);
  const kept = new Set([...backward].filter(isShared));
  return { list, value, byX, byB, kept };
}

const LEAVES: ReadonlySet<Operation["kind"]> = new Set<Operation["kind"]>(["input", "channel", "constant"]);

/** The values that these need, including themselves. A value that `isKnown` needs nothing. */
function neededFor(
  list: OperationList,
  wanted: readonly Value[],
  isKnown: (value: Value) => boolean = () => false,
): Set<Value> {
  const needed = new Set(wanted);
  for (let at = Math.max(-1, ...wanted); at >= 0; at--) {
    if (needed.has(at) && !isKnown(at)) list[at].operands.forEach((operand) => needed.add(operand));
  }
  return needed;
}

/** The u of a slope that is 1 where u > 0 and else 0, as relu's; null for others. */
function rectified(list: OperationList, slope: Value): Value | null {
  const isConstant = (at: Value, value: number) => {
    const operation = list[at];
    return operation.kind === "constant" && operation.value === value;
  };
  const select = list[slope];
  if (select.kind !== "select") return null;
  const [mask, then, otherwise] = select.operands, [zero, u] = list[mask].operands;
  const isStep = list[mask].kind === "less" && isConstant(zero, 0) && isConstant(then, 1) && isConstant(otherwise, 0);
  return isStep && dependsOnX(list, u) ? u : null;
}

function dependsOnX(list: OperationList, value: Value): boolean {
  return [...neededFor(list, [value])].some((at) => list[at].kind === "input");
}

/** Scalars of a program, made once. */
export type Constants = (value: number) => Tensor;

/** Computes values of an activation's list for one `x` and `b`. The tensors it makes belong to the session's scope. */
export class ActivationWriter {
  readonly #tensors: Map<Value, Tensor>;

  /** `b` is null if the site has no beta; `known` are values computed before. */
  constructor(
    readonly session: Session,
    readonly constant: Constants,
    readonly activation: Pick<ActivationList, "list" | "kept">,
    readonly inputs: { readonly x: Tensor; readonly b: Tensor | null; readonly [name: string]: Tensor | null },
    known: ReadonlyMap<Value, Tensor> = new Map(),
  ) {
    this.#tensors = new Map(known);
  }

  /** Those of the values computed so far that the backward pass reads. */
  get kept(): ReadonlyMap<Value, Tensor> {
    return new Map([...this.#tensors].filter(([value]) => this.activation.kept.has(value)));
  }

  /** May be a scalar, or a vector of channels, where the value is. */
  write(value: Value): Tensor {
    const { list } = this.activation;
    const needed = neededFor(list, [value], (at) => this.#tensors.has(at));
    for (const at of [...needed].sort((a, b) => a - b)) {
      if (!this.#tensors.has(at)) this.#tensors.set(at, this.#make(list[at]));
    }
    return this.#tensors.get(value)!;
  }

  /** A new tensor with the shape of `x`. */
  writeWhole(value: Value): Tensor {
    const tensor = this.write(value);
    // Another handle of the same memory.
    if (dependsOnX(this.activation.list, value)) return this.session.run("Identity", [tensor]);
    return this.session.run("AddV2", [this.session.run("ZerosLike", [this.inputs.x]), tensor]);
  }

  /** gradient * slope, in one fused operation if TensorFlow has one. The gradient has the shape of `x`. */
  writeProduct(gradient: Tensor, slope: Value): Tensor {
    const { list } = this.activation, operation = list[slope];
    if (operation.kind === "constant" && operation.value === 1) return this.session.run("Identity", [gradient]);
    const u = rectified(list, slope);
    if (u !== null) return this.session.run("ReluGrad", [gradient, this.write(u)]);
    return this.session.run("Mul", [gradient, this.write(slope)]);
  }

  #make(operation: Operation): Tensor {
    const operands = operation.operands.map((operand) => this.#tensors.get(operand)!);
    switch (operation.kind) {
      case "input":
      case "channel": {
        const tensor = this.inputs[operation.name];
        if (tensor === null) throw new TypeError("Cannot compile b as this activation site has no beta");
        return tensor;
      }
      case "constant":
        return this.constant(operation.value);
      case "bits":
        return this.integer(operation.bits | 0);
      case "call":
        return FUNCTIONS[operation.name as UnaryName]!(this, operands[0]);
      case "shiftLeft":
      case "shiftRight":
        return this.run(SHIFTS[operation.kind], operands[0], this.integer(operation.by));
      case "store":
      case "sum":
      case "keep":
      case "kept":
        throw new TypeError(`Cannot compute ${operation.kind}: it has no value`);
      default:
        return OPERATIONS[operation.kind](this, ...operands);
    }
  }

  integer(value: number): Tensor {
    return this.session.integers([value], []);
  }

  run(name: string, ...inputs: Tensor[]): Tensor {
    return this.session.run(name, inputs);
  }
}

type Write = (w: ActivationWriter, ...operands: Tensor[]) => Tensor;

const operation = (name: string): Write => (w, ...operands) => w.run(name, ...operands);

const OPERATIONS: Readonly<Record<ArithmeticKind | BitwiseKind, Write>> = {
  add: operation("AddV2"),
  sub: operation("Sub"),
  mul: (w, a, b) => a === b ? w.run("Square", a) : w.run("Mul", a, b),
  div: operation("RealDiv"),
  multiplyAdd: (w, a, b, c) => w.run("AddV2", w.run("Mul", a, b), c),
  negativeMultiplyAdd: (w, a, b, c) => w.run("Sub", c, w.run("Mul", a, b)),
  min: operation("Minimum"),
  max: operation("Maximum"),
  root: operation("Sqrt"),
  abs: operation("Abs"),
  negate: operation("Neg"),
  less: operation("Less"),
  lessOrEqual: operation("LessEqual"),
  equal: operation("Equal"),
  both: operation("LogicalAnd"),
  select: operation("SelectV2"),
  keepWhere: (w, mask, value) => w.run("SelectV2", mask, value, w.constant(0)),
  zeroWhere: (w, mask, value) => w.run("SelectV2", mask, w.constant(0), value),
  bitsOf: (w, a) => w.session.bitcast(a, "int32"),
  numberOf: (w, a) => w.session.bitcast(a, "float32"),
  maskOf: (w, a) => w.run("Less", a, w.integer(0)),
  integerToNumber: (w, a) => w.session.cast(a, "float32"),
  and: operation("BitwiseAnd"),
  andNot: (w, a, b) => w.run("BitwiseAnd", a, w.run("Invert", b)),
  or: operation("BitwiseOr"),
  xor: operation("BitwiseXor"),
  addIntegers: operation("AddV2"),
  subtractIntegers: operation("Sub"),
};

const SHIFTS: Readonly<Record<ShiftKind, string>> = { shiftLeft: "LeftShift", shiftRight: "RightShift" };

type Unary = (w: ActivationWriter, u: Tensor) => Tensor;

/** Functions that TensorFlow has, or that are faster in its operations than written out as `math.ts` does. */
const FUNCTIONS: Readonly<Partial<Record<UnaryName, Unary>>> = {
  sqrt: (w, u) => w.run("Sqrt", w.run("Relu", u)),
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
  gauss: (w, u) => w.run("Exp", w.run("Neg", w.run("Square", u))),
  erf: operation("Erf"),
  erfc: operation("Erfc"),
  relu: operation("Relu"),
  cbrt,
  sign: operation("Sign"),
  dsinc,
  dtanh: (w, u) => w.run("Reciprocal", w.run("Square", w.run("Cosh", u))),
  dsigmoid: (w, u) => w.run("Mul", w.run("Sigmoid", u), w.run("Sigmoid", w.run("Neg", u))),
  datan: (w, u) => w.run("Reciprocal", onePlus(w, w.run("Square", u))),
  dasinh: (w, u) => w.run("Reciprocal", hypot1(w, u)),
};

const OWN_FUNCTIONS: ReadonlySet<string> = new Set(Object.keys(FUNCTIONS));

function onePlus(w: ActivationWriter, u: Tensor): Tensor {
  return w.run("AddV2", w.constant(1), u);
}

/** sqrt(1 + u^2); 1 + |u| is larger except where the square overflows, and there as accurate. */
function hypot1(w: ActivationWriter, u: Tensor): Tensor {
  const root = w.run("Sqrt", onePlus(w, w.run("Square", u)));
  return w.run("Minimum", root, onePlus(w, w.run("Abs", u)));
}

/** sign(u) exp(log|u| / 3); exp(-inf) is the 0 of 0. */
function cbrt(w: ActivationWriter, u: Tensor): Tensor {
  const { constant } = w, size = w.run("Abs", u);
  const root = w.run("Exp", w.run("Mul", w.run("Log", size), constant(1 / 3)));
  // A step of Newton's, as rounding errors of the exponent are magnified: root (2 + |u| / root^3) / 3.
  const quotient = w.run("DivNoNan", w.run("DivNoNan", size, root), w.run("Square", root));
  const excess = w.run("Sub", quotient, constant(1));
  const step = w.run("AddV2", w.run("Mul", excess, constant(1 / 3)), constant(1));
  const isInfinite = w.run("Equal", root, constant(Infinity));
  const exact = w.run("SelectV2", isInfinite, root, w.run("Mul", root, step));
  return w.run("Mul", w.run("Sign", u), exact);
}

/** sin(u) / u; 1 at 0. MulNoNan gives 0 where 1 / u is 0, though sin(inf) is NaN. */
function sinc(w: ActivationWriter, u: Tensor): Tensor {
  const quotient = w.run("MulNoNan", w.run("Sin", u), w.run("Reciprocal", u));
  return w.run("SelectV2", w.run("Equal", u, w.constant(0)), w.constant(1), quotient);
}

/**
 * Coefficients of dsinc(u) / u in powers of u^2: (-1)^k 2k / (2k + 1)! for k from 1; the next is below 1e-6 of the
 * first.
 */
const DSINC_SERIES = [-1 / 3, 1 / 30, -1 / 840, 1 / 45360];

/** (cos(u) - sinc(u)) / u, whose terms cancel near 0: below 1 the power series. */
function dsinc(w: ActivationWriter, u: Tensor): Tensor {
  const difference = w.run("Sub", w.run("Cos", u), sinc(w, u));
  const far = w.run("MulNoNan", difference, w.run("Reciprocal", u));
  const square = w.run("Square", u);
  const sum = DSINC_SERIES.map((value) => w.constant(value)).reduceRight((sum, coefficient) =>
    w.run("AddV2", w.run("Mul", sum, square), coefficient)
  );
  const near = w.run("Mul", u, sum);
  const isFar = w.run("GreaterEqual", w.run("Abs", u), w.constant(1));
  return w.run("SelectV2", isFar, far, near);
}

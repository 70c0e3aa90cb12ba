/**
 * Expressions as operations: each distinct subexpression once, so that a function, its derivative and its gradient by
 * beta share what they have in common. Functions become the operations of `math.ts`, or are left as calls for devices
 * that have their own.
 */
import { binary, type Comparison, type Expression, number, type UnaryName } from "../activation/expression.ts";
import { Numbering } from "../activation/numbering.ts";
import { canOverflow, type Product, zeroWins } from "../activation/products.ts";
import { landings } from "../activation/properties.ts";
import { isNeverNegative } from "../activation/signs.ts";
import type { Derivatives } from "./derivatives.ts";
import { erfcOfNegative, MATH } from "./math.ts";
import { ListBuilder, type OperationList, type Value } from "./operations.ts";

/** "expanded" into the operations of `math.ts`, "called" by their names, or only these called. */
export type Functions = "expanded" | "called" | ReadonlySet<string>;

/** Writes expressions of one `x` and `b` into a list. */
export class Lowering {
  readonly #written = new Map<number, Value>();
  readonly #numbering = new Numbering();

  /** `b` is null if the expressions have no beta. */
  constructor(
    readonly f: ListBuilder,
    readonly x: Value,
    readonly b: Value | null,
    readonly functions: Functions = "expanded",
  ) {}

  write(e: Expression): Value {
    landings(e).forEach((part) => this.#write(part));
    return this.#write(e);
  }

  #write(e: Expression): Value {
    const key = this.#numbering.of(e);
    let value = this.#written.get(key);
    if (value === undefined) this.#written.set(key, value = this.#make(e));
    return value;
  }

  #make(e: Expression): Value {
    const { f } = this;
    switch (e.kind) {
      case "x":
        return this.x;
      case "b":
        if (this.b === null) throw new TypeError("Cannot compile b as this activation site has no beta");
        return this.b;
      case "number":
        return f.constant(e.value);
      case "unary":
        return this.#unary(e.name, e.argument);
      case "binary":
        return this.#binary(e);
      case "power":
        return this.#power(this.#write(e.base), e.exponent);
      case "select": {
        const mask = COMPARE[e.comparison](f, this.#write(e.right), this.#write(e.left));
        return f.select(mask, this.#write(e.then), this.#write(e.otherwise));
      }
    }
  }

  #unary(name: UnaryName, argument: Expression): Value {
    const { f } = this;
    if (name === "sqrt" && isNeverNegative(argument)) return f.root(this.#write(argument));
    if (this.#isCalled(name)) return f.call(name, this.#write(argument));
    const opposite = name === "erfc" && withoutMinus(argument);
    return opposite ? erfcOfNegative(f, this.#write(opposite)) : MATH[name](f, this.#write(argument));
  }

  #isCalled(name: UnaryName): boolean {
    if (name in PLAIN) return false;
    return typeof this.functions === "string" ? this.functions === "called" : this.functions.has(name);
  }

  #binary(e: Extract<Expression, { kind: "binary" }>): Value {
    const { f } = this;
    if (e.name === "add" && isPlainProduct(e.left)) {
      return f.multiplyAdd(this.#write(e.left.left), this.#write(e.left.right), this.#write(e.right));
    }
    if (e.name === "add" && isPlainProduct(e.right)) {
      return f.multiplyAdd(this.#write(e.right.left), this.#write(e.right.right), this.#write(e.left));
    }
    if (e.name === "mul") return this.#product(e);
    // The inverse of a power of 2 is exact, and multiplying is faster than dividing.
    if (e.name === "div" && e.right.kind === "number" && isPowerOf2(e.right.value)) {
      return f.mul(this.#write(e.left), f.constant(1 / e.right.value));
    }
    // max and min may drop a NaN on the right; a NaN preactivation has already spoilt the loss through batch norm, and
    // the other operand's NaN comes through where it is chosen.
    return f[e.name](this.#write(e.left), this.#write(e.right));
  }

  /**
   * A product in which 0 may win (`products.ts`). Where the factor that may overflow is a product of what does not, as
   * x^2 is, a factor at a time keeps the 0 at no cost.
   */
  #product(e: Product): Value {
    const { f } = this;
    const wins = zeroWins(e);
    const [zero, other] = wins.right ? [e.right, e.left] : [e.left, e.right];
    const factors = factorsOf(other);
    if (wins.left !== wins.right && !factors.some(canOverflow)) {
      return factors.reduce((product, factor) => f.mul(product, this.#write(factor)), this.#write(zero));
    }
    const winning = [...wins.left ? [e.left] : [], ...wins.right ? [e.right] : []];
    return winning.reduce(
      (product, factor) => f.zeroWhere(f.equal(this.#write(factor), f.constant(0)), product),
      f.mul(this.#write(e.left), this.#write(e.right)),
    );
  }

  /** base^exponent by repeated squaring. */
  #power(base: Value, exponent: number): Value {
    const { f } = this;
    if (exponent < 0) return f.div(f.constant(1), this.#power(base, -exponent));
    if (exponent === 0) return f.constant(1);
    if (exponent === 1) return base;
    const half = this.#power(base, Math.floor(exponent / 2));
    const square = f.mul(half, half);
    return exponent % 2 ? f.mul(square, base) : square;
  }
}

/** Functions that are one operation on every device. */
const PLAIN: Readonly<Partial<Record<UnaryName, true>>> = { neg: true, abs: true };

/** The u of -u and of a negative number times u; null if it is neither. */
function withoutMinus(e: Expression): Expression | null {
  if (e.kind === "unary" && e.name === "neg") return e.argument;
  if (!isProduct(e) || e.left.kind !== "number" || !(e.left.value < 0)) return null;
  return binary("mul", number(-e.left.value), e.right);
}

/** With the right side first, as processors only have "less than". */
const COMPARE: Readonly<Record<Comparison, (f: ListBuilder, right: Value, left: Value) => Value>> = {
  ">": (f, right, left) => f.less(right, left),
  ">=": (f, right, left) => f.lessOrEqual(right, left),
  "==": (f, right, left) => f.equal(right, left),
};

/** Of one that float32 holds, with its inverse. */
function isPowerOf2(value: number): boolean {
  const exponent = Math.log2(Math.abs(value));
  return Number.isInteger(exponent) && Math.abs(exponent) <= 126;
}

function isProduct(e: Expression): e is Product {
  return e.kind === "binary" && e.name === "mul";
}

/** One that a multiply-add can compute. */
function isPlainProduct(e: Expression): e is Product {
  if (!isProduct(e)) return false;
  const { left, right } = zeroWins(e);
  return !left && !right;
}

const MAX_REPEATED = 3;

/** Factors of a product, those of x^2 and x^3 each. */
function factorsOf(e: Expression): Expression[] {
  if (isProduct(e)) return [...factorsOf(e.left), ...factorsOf(e.right)];
  const isLow = e.kind === "power" && e.exponent > 0 && e.exponent <= MAX_REPEATED;
  return isLow ? new Array<Expression>(e.exponent).fill(e.base) : [e];
}

/** Results of an activation: its value and its derivatives. */
export type Result = keyof Derivatives;

/** In the order to compute them. */
export const RESULTS: readonly Result[] = ["value", "byB", "byX"];

/**
 * An activation alone: of the input `x` and the channel's `b`, the results as stores of their names, without `byB`
 * where there is no beta.
 */
export function lowerActivation(
  of: Derivatives,
  functions: Functions,
  results: readonly Result[] = RESULTS,
): OperationList {
  const f = new ListBuilder();
  const lowering = new Lowering(f, f.input("x"), of.byB && f.channel("b"), functions);
  for (const result of results) {
    const expression = of[result];
    if (expression) f.store(result, lowering.write(expression));
  }
  return f.operations;
}

/**
 * Writes an expression as SIMD code inside a kernel: each distinct subexpression once, so that a function, its
 * derivative and its gradient by beta share what they have in common.
 */
import { binary, type Comparison, type Expression, number } from "../../activation/expression.ts";
import { isNeverNegative } from "../../activation/signs.ts";
import { Numbering } from "../../activation/numbering.ts";
import { landings } from "../../activation/properties.ts";
import { canOverflow, type Product, zeroWins } from "../../activation/products.ts";
import type { FunctionBuilder, Vector } from "./function_builder.ts";
import { erfcOfNegative, UNARY } from "./math.ts";

/** Writes expressions of one `x` and `b` into one function. */
export class ExpressionWriter {
  readonly #written = new Map<number, Vector>();
  readonly #numbering = new Numbering();

  /** `b` is null if the expression has no beta. */
  constructor(readonly f: FunctionBuilder, readonly x: Vector, readonly b: Vector | null) {}

  write(e: Expression): Vector {
    landings(e).forEach((part) => this.#write(part));
    return this.#write(e);
  }

  #write(e: Expression): Vector {
    const key = this.#numbering.of(e);
    let value = this.#written.get(key);
    if (!value) this.#written.set(key, value = this.#make(e));
    return value;
  }

  #make(e: Expression): Vector {
    const { f } = this;
    switch (e.kind) {
      case "x":
        return this.x;
      case "b":
        if (!this.b) throw new Error("Cannot compile b as this activation site has no beta");
        return this.b;
      case "number":
        return f.constant(e.value, this.x.length);
      case "unary": {
        const opposite = e.name === "erfc" && withoutMinus(e.argument);
        if (opposite) return erfcOfNegative(f, this.#write(opposite));
        const argument = this.#write(e.argument);
        return e.name === "sqrt" && isNeverNegative(e.argument) ? f.sqrt(argument) : UNARY[e.name](f, argument);
      }
      case "binary":
        return this.#binary(e);
      case "power":
        return this.#power(this.#write(e.base), e.exponent);
      case "select": {
        const mask = f.apply(`f32x4.${SWAPPED[e.comparison]}`, this.#write(e.right), this.#write(e.left));
        return f.select(mask, this.#write(e.then), this.#write(e.otherwise));
      }
    }
  }

  #binary(e: Extract<Expression, { kind: "binary" }>): Vector {
    const { f } = this;
    if (e.name === "add" && isPlainProduct(e.left)) {
      return f.madd(this.#write(e.left.left), this.#write(e.left.right), this.#write(e.right));
    }
    if (e.name === "add" && isPlainProduct(e.right)) {
      return f.madd(this.#write(e.right.left), this.#write(e.right.right), this.#write(e.left));
    }
    if (e.name === "mul") return this.#product(e);
    // The inverse of a power of 2 is exact, and multiplying is faster than dividing.
    if (e.name === "div" && e.right.kind === "number" && isPowerOf2(e.right.value)) {
      return f.mul(this.#write(e.left), f.constant(1 / e.right.value, this.x.length));
    }
    const left = this.#write(e.left), right = this.#write(e.right);
    // relaxed_min and relaxed_max are one instruction but may drop a NaN; a NaN preactivation has already spoilt the
    // loss through batch norm, and the other operand's NaN comes through where it is chosen.
    if (e.name === "max") return f.pmax(left, right);
    if (e.name === "min") return f.pmin(left, right);
    return f.apply(`f32x4.${e.name}`, left, right);
  }

  /**
   * A product in which 0 may win (`products.ts`). Where the factor that may overflow is a product of what does not, as
   * x^2 is, a factor at a time keeps the 0 at no cost.
   */
  #product(e: Product): Vector {
    const { f } = this;
    const wins = zeroWins(e);
    const [zero, other] = wins.right ? [e.right, e.left] : [e.left, e.right];
    const factors = factorsOf(other);
    if (wins.left !== wins.right && !factors.some(canOverflow)) {
      return factors.reduce((product, factor) => f.mul(product, this.#write(factor)), this.#write(zero));
    }
    const winning = [...wins.left ? [e.left] : [], ...wins.right ? [e.right] : []];
    return winning.reduce((product, factor) => {
      const value = this.#write(factor);
      return f.apply("v128.andnot", product, f.apply("f32x4.eq", value, f.constant(0, value.length)));
    }, f.mul(this.#write(e.left), this.#write(e.right)));
  }

  /** base^exponent by repeated squaring. */
  #power(base: Vector, exponent: number): Vector {
    const { f } = this;
    if (exponent < 0) return f.div(f.constant(1, base.length), this.#power(base, -exponent));
    if (exponent === 0) return f.constant(1, base.length);
    if (exponent === 1) return base;
    return f.memo(`power${exponent}`, [base], () => {
      const half = this.#power(base, Math.floor(exponent / 2));
      const square = f.mul(half, half);
      return exponent % 2 ? f.mul(square, base) : square;
    });
  }
}

/** The u of -u and of a negative number times u; null if it is neither. */
function withoutMinus(e: Expression): Expression | null {
  if (e.kind === "unary" && e.name === "neg") return e.argument;
  if (!isProduct(e) || e.left.kind !== "number" || !(e.left.value < 0)) return null;
  return binary("mul", number(-e.left.value), e.right);
}

/** With its sides swapped, as processors only have "less than". */
const SWAPPED: Readonly<Record<Comparison, string>> = { ">": "lt", ">=": "le", "==": "eq" };

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

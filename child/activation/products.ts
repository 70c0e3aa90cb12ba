/**
 * Products in which 0 wins. Where a function has saturated to 0 (exp below float32, the derivative of tanh beyond its
 * bound, relu below 0), what it multiplies may have overflowed: x * tanh(exp(x)) has the derivative
 * tanh(exp(x)) + x exp(x) dtanh(exp(x)), at x = 89 in float32 1 + inf * 0. Such a zero decays faster than the other
 * factor grows, so the product is 0 there and not NaN.
 *
 * What is guaranteed, on every engine: for finite x and b, a factor that is exactly 0 because a function saturated
 * makes its product 0, even where the other factor overflowed to an infinity or to the NaN of two that cancel. Zeros at
 * single points win nothing: x * log(x) at 0 is NaN. So an infinity times 0 is what exp(x) * exp(-2 * x) is at 100,
 * namely 0, and also what exp(-x) * exp(x) is, namely 0 and not 1: the second factor underflows float32, and nothing
 * reveals it.
 *
 * The form of the factors decides, so that a product whose factors cannot overflow costs nothing.
 */
import { type Expression, remembered, type UnaryName } from "./expression.ts";
import { UNARY_FUNCTIONS } from "./functions.ts";
import { isNeverNegative } from "./signs.ts";

/** A node `mul`. */
export type Product = Extract<Expression, { kind: "binary" }>;

/** Which factor of a product wins where it is 0. */
export interface ZeroWins {
  readonly left: boolean;
  readonly right: boolean;
}

export function zeroWins({ left, right }: Product): ZeroWins {
  return {
    left: canOverflow(right) && saturatesToZero(left),
    right: canOverflow(left) && saturatesToZero(right),
  };
}

/** Whether it may be infinite, or the NaN of infinities, though x and b are finite. */
export function canOverflow(e: Expression): boolean {
  return growth(e) === OVERFLOWS;
}

/** How an expression grows with x; that 2 x overflows at the last float before infinity does not count. */
const BOUNDED = 0, LINEAR = 1, OVERFLOWS = 2;
type Growth = 0 | 1 | 2;

const growth = remembered(growthOf);

/** Of functions of one argument, by the growth of that. */
type UnaryGrowth = (argument: Expression) => Growth;
/** NaN at infinity. */
const periodic: UnaryGrowth = (u) => canOverflow(u) ? OVERFLOWS : BOUNDED;
const exponential: UnaryGrowth = (u) => growth(u) === BOUNDED || isNeverPositive(u) ? BOUNDED : OVERFLOWS;
const logarithmic = (isInside: (u: Expression) => boolean): UnaryGrowth => (u) => isInside(u) ? growth(u) : OVERFLOWS;

/** The table of `functions.ts` covers functions that grow at most as fast as their argument; these are the others. */
const UNARY_GROWTH: Readonly<Partial<Record<UnaryName, UnaryGrowth>>> = {
  log: logarithmic(isAwayFromZero),
  log1p: logarithmic(isNeverNegative),
  exp: exponential,
  expm1: exponential,
  sin: periodic,
  cos: periodic,
};

function unaryGrowth(name: UnaryName, argument: Expression): Growth {
  const special = UNARY_GROWTH[name];
  if (special) return special(argument);
  const { growth: known } = UNARY_FUNCTIONS[name];
  return known === "bounded" || growth(argument) === BOUNDED
    ? BOUNDED
    : known === "slow"
    ? growth(argument)
    : OVERFLOWS;
}

function growthOf(e: Expression): Growth {
  switch (e.kind) {
    case "x":
      return LINEAR;
    case "b":
    case "number":
      return BOUNDED;
    case "unary":
      return unaryGrowth(e.name, e.argument);
    case "power":
      return powerGrowth(e.base, e.exponent);
    case "select":
      return larger(growth(e.then), growth(e.otherwise));
    case "binary":
      if (e.name === "mul") return productGrowth(growth(e.left), growth(e.right));
      if (e.name === "div") return isAwayFromZero(e.right) ? growth(e.left) : OVERFLOWS;
      return larger(growth(e.left), growth(e.right));
  }
}

function powerGrowth(base: Expression, exponent: number): Growth {
  if (exponent < 0) return isAwayFromZero(base) ? BOUNDED : OVERFLOWS;
  return growth(base) === BOUNDED || exponent === 0 ? BOUNDED : exponent === 1 ? growth(base) : OVERFLOWS;
}

function productGrowth(left: Growth, right: Growth): Growth {
  return Math.min(left + right, OVERFLOWS) as Growth;
}

function larger(left: Growth, right: Growth): Growth {
  return Math.max(left, right) as Growth;
}

/** Whether its form shows that it is positive and bounded away from 0. */
function isAwayFromZero(e: Expression): boolean {
  if (e.kind === "number") return e.value !== 0;
  if (e.kind === "unary") {
    return e.name === "cosh" || e.name === "hypot1" || (e.name === "sqrt" && isAwayFromZero(e.argument));
  }
  if (e.kind !== "binary" || e.name !== "add") return false;
  return [[e.left, e.right], [e.right, e.left]].some(([part, rest]) => isAwayFromZero(part) && isNeverNegative(rest));
}

function isNeverPositive(e: Expression): boolean {
  if (e.kind === "number") return e.value <= 0;
  if (e.kind === "unary") return e.name === "neg" && isNeverNegative(e.argument);
  if (e.kind !== "binary") return false;
  if (e.name === "min") return isNeverPositive(e.left) || isNeverPositive(e.right);
  return e.name === "mul" && isNeverPositive(e.left) && isNeverNegative(e.right);
}

/** Whether f(0) is 0. */
function keepsZero(name: UnaryName): boolean {
  return UNARY_FUNCTIONS[name].value(0) === 0;
}

/** Whether it is 0 because a function saturated somewhere, and not only at single points. */
export const saturatesToZero: (e: Expression) => boolean = remembered(isZeroInARange);
const isConstantSomewhere = remembered(isConstantInARange);

function isZeroInARange(e: Expression): boolean {
  switch (e.kind) {
    case "x":
    case "b":
      return false;
    case "number":
      return e.value === 0;
    case "unary":
      if (UNARY_FUNCTIONS[e.name].saturates === "zero") return true;
      return keepsZero(e.name) ? saturatesToZero(e.argument) : e.name === "log" && isConstantSomewhere(e);
    case "power":
      return e.exponent > 0 ? saturatesToZero(e.base) : canOverflow(e.base);
    case "select":
      return saturatesToZero(e.then) || saturatesToZero(e.otherwise);
    case "binary":
      if (e.name === "add" || e.name === "sub") return isConstantSomewhere(e);
      if (e.name === "div") return saturatesToZero(e.left) || canOverflow(e.right);
      return saturatesToZero(e.left) || saturatesToZero(e.right);
  }
}

/** Whether it is a constant in a whole range of x, which may be 0: 1 - sigmoid(x). */
function isConstantInARange(e: Expression): boolean {
  switch (e.kind) {
    case "x":
      return false;
    case "b":
    case "number":
      return true;
    case "unary":
      return UNARY_FUNCTIONS[e.name].saturates !== undefined || isConstantSomewhere(e.argument);
    case "power":
      return isConstantSomewhere(e.base);
    case "select":
      return isConstantSomewhere(e.then) || isConstantSomewhere(e.otherwise);
    case "binary":
      if (e.name === "max" || e.name === "min") return isConstantSomewhere(e.left) || isConstantSomewhere(e.right);
      return isConstantSomewhere(e.left) && isConstantSomewhere(e.right);
  }
}

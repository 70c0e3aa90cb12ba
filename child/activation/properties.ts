/**
 * What the form of an expression shows about its values: signs, growth, where it is undefined. Each function folds the
 * given tree from the leaves up, once per node; "no" also means that the form does not show it.
 */
import { bottomUp, children, type Expression, remembered, type UnaryName } from "./expression.ts";
import { BINARY_FUNCTIONS, COMPARE, UNARY_FUNCTIONS } from "./functions.ts";
import { isNeverNegative } from "./signs.ts";

/** Operations on the longest way from it to a leaf. */
const height: (e: Expression) => number = remembered((e) =>
  Math.max(0, ...children(e).map((part) => height(part) + 1))
);

/** Depth that a recursion may descend at once; the stack has room for about ten times as much. */
const STEP_DOWN = 200;

/** Subexpressions to process first, in this order, so that no recursion goes deeper than a step. */
export function landings(e: Expression): readonly Expression[] {
  if (height(e) <= STEP_DOWN) return [];
  const inOrder = new Map<Expression, number>();
  bottomUp(e, inOrder, height);
  return [...inOrder.keys()].filter((part) => inOrder.get(part)! > 0 && inOrder.get(part)! % STEP_DOWN === 0);
}

/** Whether it is bounded by a multiple of powers of |x| and |b| up to the 8th. */
export const growsSlowly: (e: Expression) => boolean = remembered((e) => {
  switch (e.kind) {
    case "x":
    case "b":
    case "number":
      return true;
    case "unary":
      return hasGrowth(e.name, "bounded") || (hasGrowth(e.name, "slow") && growsSlowly(e.argument));
    case "binary":
      return e.name !== "div" && growsSlowly(e.left) && growsSlowly(e.right);
    case "power":
      return isLowPower(e.exponent) && growsSlowly(e.base);
    case "select":
      return growsSlowly(e.then) && growsSlowly(e.otherwise);
  }
});

function hasGrowth(name: UnaryName, growth: "bounded" | "slow"): boolean {
  return UNARY_FUNCTIONS[name].growth === growth;
}

/** Low enough that no regrouping of such powers overflows. */
export function isLowPower(exponent: number): boolean {
  return exponent > 0 && exponent <= 8;
}

/** The float64 value of an expression without x and b; null for others. */
export const constantValue: (e: Expression) => number | null = remembered((e) => {
  const values = children(e).map(constantValue);
  if (values.includes(null)) return null;
  const [p, q, then, otherwise] = values as readonly number[];
  switch (e.kind) {
    case "x":
    case "b":
      return null;
    case "number":
      return e.value;
    case "unary":
      return UNARY_FUNCTIONS[e.name].value(p);
    case "binary":
      return BINARY_FUNCTIONS[e.name].value(p, q);
    case "power":
      return p ** e.exponent;
    case "select":
      return COMPARE[e.comparison](p, q) ? then : otherwise;
  }
});

/** Whether a part of it is a constant that is not finite, as 0 / 0 or exp(1000). */
export const hasInfiniteConstant: (e: Expression) => boolean = remembered((e) =>
  children(e).some(hasInfiniteConstant) || !Number.isFinite(constantValue(e) ?? 0)
);

/** Whether it may be NaN at more than single points, as a logarithm left of 0 is. */
export const mayBeNaN: (e: Expression) => boolean = remembered((e) => {
  if (children(e).some(mayBeNaN)) return true;
  if (e.kind === "unary" && (e.name === "log" || e.name === "log1p")) return !isNeverNegative(e.argument);
  if (e.kind === "binary" && e.name === "div") return e.right.kind === "number" && e.right.value === 0;
  return e.kind === "power" && e.exponent < 0 && e.base.kind === "number" && e.base.value === 0;
});

/** Operations that map a signed zero to a zero. */
const KEEP_SIGN_OF_ZERO: ReadonlySet<UnaryName> = new Set<UnaryName>([
  "neg",
  "sin",
  "sinh",
  "tanh",
  "asinh",
  "atan",
  "erf",
  "expm1",
  "log1p",
  "sign",
  "dsinc",
]);

/** Whether the sign of its zero may come from a zero within it. */
export function keepsSignOfZero(e: Expression): boolean {
  switch (e.kind) {
    case "unary":
      return KEEP_SIGN_OF_ZERO.has(e.name);
    case "power":
      return e.exponent % 2 !== 0;
    default:
      return true;
  }
}

/**
 * Simplification: constants folded, identities applied, operands in a canonical order, and formulas that overflow or
 * cancel in float32 rewritten to the stable function they mean (1 / (1 + exp(-u)) is sigmoid(u)).
 *
 * Wherever the given expression is finite the simplified one has the same value, to rounding; where it is not, as
 * sin(x) / x at 0, the simplified one may be finite. Therefore sums are freely regrouped, but products only where no
 * factor grows faster than a power: a reordered exp(x) * gauss(x) * exp(x) could overflow where this order does not.
 *
 * It works from the leaves up, once: every function below takes simplified operands and returns a simplified result.
 * It ends because each rule calls the others only with operands of fewer nodes in all than it was given, or with as
 * many and a lower name in the order mul, div > power > unary > number, or with the argument of an even function
 * turned to its canonical sign, which no rule turns back.
 */
import type { BinaryName, Comparison, Expression, UnaryName } from "./expression.ts";
import { binary, number, power, select, unary } from "./expression.ts";
import { BINARY_FUNCTIONS, COMPARE, UNARY_FUNCTIONS } from "./functions.ts";
import { MAX_EXPONENT } from "./parse.ts";
import { printExpression } from "./print.ts";
import { isNeverNegative } from "./signs.ts";

/** The same function (see above), written as plainly as the rules here can. Sharing of subtrees is kept. */
export function simplify(expression: Expression): Expression {
  const done = new Map<Expression, Expression>();
  const visit = (e: Expression): Expression => {
    const known = done.get(e);
    if (known) return known;
    const simplified = simplifyNode(e, visit);
    done.set(e, simplified);
    return simplified;
  };
  return visit(expression);
}

function simplifyNode(e: Expression, visit: (e: Expression) => Expression): Expression {
  switch (e.kind) {
    case "x":
    case "b":
      return e;
    case "number":
      return Object.is(e.value, -0) ? ZERO : e;
    case "unary":
      return applied(e.name, visit(e.argument));
    case "binary":
      return BINARY_RULES[e.name](visit(e.left), visit(e.right));
    case "power":
      return raised(visit(e.base), e.exponent);
    case "select":
      return chosen(e.comparison, visit(e.left), visit(e.right), visit(e.then), visit(e.otherwise));
  }
}

const ZERO = number(0);
const ONE = number(1);

const BINARY_RULES: Readonly<Record<BinaryName, (left: Expression, right: Expression) => Expression>> = {
  add: (left, right) => sum([...termsOf(left), ...termsOf(right)]) ?? binary("add", left, right),
  sub: (left, right) => sum([...termsOf(left), ...termsOf(right, -1)]) ?? binary("sub", left, right),
  mul: product,
  div: quotient,
  max: (left, right) => larger("max", left, right),
  min: (left, right) => larger("min", left, right),
};

// Comparing

/** Equal as trees; of simplified trees, mostly equal as functions. */
function same(left: Expression, right: Expression): boolean {
  return left === right || printExpression(left) === printExpression(right);
}

/** The canonical order of operands: the shorter text first, so that b * x comes before sigmoid(b * x). */
function compare(left: Expression, right: Expression): number {
  const a = printExpression(left);
  const b = printExpression(right);
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}

function isNumber(e: Expression, value: number): boolean {
  return e.kind === "number" && e.value === value;
}

// Coefficients: every expression is a number times a core, which has no number of its own

/** A term of a sum, or an expression seen as a number times the rest. */
interface Term {
  readonly coefficient: number;
  readonly core: Expression;
}

function split(e: Expression): Term {
  if (e.kind === "number") return { coefficient: e.value, core: ONE };
  if (e.kind === "unary" && e.name === "neg") {
    const { coefficient, core } = split(e.argument);
    return { coefficient: -coefficient, core };
  }
  if (e.kind === "binary" && e.name === "mul" && e.left.kind === "number" && e.right.kind !== "number") {
    return { coefficient: e.left.value, core: e.right };
  }
  return { coefficient: 1, core: e };
}

function scaled(coefficient: number, core: Expression): Expression {
  if (coefficient === 0) return ZERO;
  if (isNumber(core, 1)) return number(coefficient);
  if (coefficient === 1) return core;
  return coefficient === -1 ? negated(core) : binary("mul", number(coefficient), core);
}

/** -core, with the signs of a sum turned, and -relu(-u) as min(u, 0). */
function negated(core: Expression): Expression {
  if (isSum(core)) return sum(termsOf(core, -1)) ?? unary("neg", core);
  if (core.kind === "unary" && core.name === "relu" && split(core.argument).coefficient < 0) {
    return larger("min", negative(core.argument), ZERO);
  }
  return unary("neg", core);
}

function negative(e: Expression): Expression {
  const { coefficient, core } = split(e);
  return scaled(-coefficient, core);
}

// Sums

function isSum(e: Expression): boolean {
  return e.kind === "binary" && (e.name === "add" || e.name === "sub");
}

function termsOf(e: Expression, sign: 1 | -1 = 1): Term[] {
  if (e.kind === "binary" && e.name === "add") return [...termsOf(e.left, sign), ...termsOf(e.right, sign)];
  if (e.kind === "binary" && e.name === "sub") {
    return [...termsOf(e.left, sign), ...termsOf(e.right, sign === 1 ? -1 : 1)];
  }
  const { coefficient, core } = split(e);
  return [{ coefficient: sign * coefficient, core }];
}

/**
 * Collects equal cores, joins u with min(u, 0), and starts with a positive term: cos(x) - x. Null where a coefficient
 * overflows.
 */
function sum(terms: readonly Term[]): Expression | null {
  const collected = collect(terms);
  joinParts(collected);
  const inOrder = [...collected.values()].filter(({ coefficient }) => coefficient !== 0).sort(compareTerms);
  if (!inOrder.every(({ coefficient }) => Number.isFinite(coefficient))) return null;
  const first = inOrder.findIndex(({ coefficient }) => coefficient > 0);
  if (first > 0) inOrder.unshift(...inOrder.splice(first, 1));
  const [head, ...tail] = inOrder;
  if (!head) return ZERO;
  return tail.reduce((left, { coefficient, core }) => {
    const size = scaled(Math.abs(coefficient), core);
    return binary(coefficient > 0 ? "add" : "sub", left, size);
  }, scaled(head.coefficient, head.core));
}

/** The canonical order of terms, the number last. */
function compareTerms(a: Term, b: Term): number {
  return Number(isNumber(a.core, 1)) - Number(isNumber(b.core, 1)) || compare(a.core, b.core);
}

type Collected = Map<string, Term>;

function collect(terms: readonly Term[]): Collected {
  const collected: Collected = new Map();
  for (const { coefficient, core } of terms) addTerm(collected, coefficient, core);
  return collected;
}

function addTerm(collected: Collected, coefficient: number, core: Expression): void {
  const key = printExpression(core);
  const total = (collected.get(key)?.coefficient ?? 0) + coefficient;
  collected.set(key, { coefficient: total, core });
}

/** Where core + sign * other = whole, two of the three with fitting coefficients are the third. */
function joinParts(collected: Collected): void {
  const coefficientOf = (core: Expression) => collected.get(printExpression(core))?.coefficient ?? 0;
  for (const { core } of [...collected.values()]) {
    for (const { whole, other, sign } of partitions(core)) {
      const coefficient = coefficientOf(core);
      if (coefficient === 0) continue;
      if (coefficientOf(whole) === -coefficient) {
        addTerm(collected, coefficient, whole);
        addTerm(collected, -coefficient, core);
        addTerm(collected, -coefficient * sign, other);
      } else if (coefficientOf(other) === coefficient * sign) {
        addTerm(collected, -coefficient, core);
        addTerm(collected, -coefficient * sign, other);
        addTerm(collected, coefficient, whole);
      }
    }
  }
}

interface Partition {
  readonly whole: Expression;
  readonly other: Expression;
  readonly sign: 1 | -1;
}

/** What makes a whole with a term: relu(u) + min(u, 0) = u; and cosh(u) ± sinh(u) = exp(±u), as a sum it cancels. */
function partitions(e: Expression): Partition[] {
  if (isCall(e, "relu")) return partition(e.argument, binary("min", e.argument, ZERO));
  if (e.kind === "binary" && e.name === "min" && isNumber(e.right, 0)) return partition(e.left, unary("relu", e.left));
  if (!isCall(e, "cosh")) return [];
  const other = applied("sinh", e.argument);
  return [
    ...partition(applied("exp", e.argument), other),
    ...partition(applied("exp", negative(e.argument)), other, -1),
  ];
}

function partition(whole: Expression, other: Expression, sign: 1 | -1 = 1): Partition[] {
  return isPlainTerm(whole) && isPlainTerm(other) ? [{ whole, other, sign }] : [];
}

function isPlainTerm(e: Expression): boolean {
  return !isSum(e) && split(e).coefficient === 1;
}

// Products and quotients

function product(left: Expression, right: Expression): Expression {
  const a = split(left);
  const b = split(right);
  const coefficient = a.coefficient * b.coefficient;
  if (!Number.isFinite(coefficient)) return binary("mul", left, right);
  if (coefficient === 0) return ZERO;
  const { coefficient: further, core } = split(coreProduct(a.core, b.core));
  return Number.isFinite(coefficient * further) ? scaled(coefficient * further, core) : binary("mul", left, right);
}

/** The product of two expressions without numbers of their own (except 1). */
function coreProduct(left: Expression, right: Expression): Expression {
  if (isNumber(left, 1)) return right;
  if (isNumber(right, 1)) return left;
  const factors = [...factorsOf(left), ...factorsOf(right)];
  if (factors.every(isTame)) return tameProduct(factors);
  return joinedPowers(left, right) ?? cancelledProduct(left, right) ?? cancelledProduct(right, left) ??
    ordered("mul", left, right);
}

interface Factor {
  readonly base: Expression;
  readonly exponent: number;
}

function asFactor(e: Expression): Factor {
  return e.kind === "power" ? { base: e.base, exponent: e.exponent } : { base: e, exponent: 1 };
}

function factorsOf(e: Expression): Factor[] {
  if (e.kind === "binary" && e.name === "mul") return [...factorsOf(e.left), ...factorsOf(e.right)];
  return [asFactor(e)];
}

/** A power of what is bounded by a multiple of |x| and |b|, low enough that no regrouping overflows. */
function isTame({ base, exponent }: Factor): boolean {
  return exponent > 0 && exponent <= 8 && growsSlowly(base);
}

function growsSlowly(e: Expression): boolean {
  switch (e.kind) {
    case "x":
    case "b":
    case "number":
      return true;
    case "unary": {
      const { growth } = UNARY_FUNCTIONS[e.name];
      return growth === "bounded" || (growth === "slow" && growsSlowly(e.argument));
    }
    case "binary":
      return e.name !== "div" && growsSlowly(e.left) && growsSlowly(e.right);
    case "power":
      return isTame({ base: e.base, exponent: e.exponent });
    case "select":
      return growsSlowly(e.then) && growsSlowly(e.otherwise);
  }
}

/** Collects equal bases and orders the factors. */
function tameProduct(factors: readonly Factor[]): Expression {
  const exponents = new Map<string, Factor>();
  for (const { base, exponent } of factors) {
    const key = printExpression(base);
    exponents.set(key, { base, exponent: (exponents.get(key)?.exponent ?? 0) + exponent });
  }
  return [...exponents.values()].map(({ base, exponent }) => raised(base, exponent)).sort(compare)
    .reduce((left, right) => binary("mul", left, right));
}

/** u^m * u^n as u^(m + n), where that can be written. */
function joinedPowers(left: Expression, right: Expression): Expression | null {
  const a = asFactor(left);
  const b = asFactor(right);
  const exponent = a.exponent + b.exponent;
  return same(a.base, b.base) && Math.abs(exponent) <= MAX_EXPONENT ? raised(a.base, exponent) : null;
}

/** (a / u) * u as a, and (1 / u) * a as a / u. */
function cancelledProduct(fraction: Expression, other: Expression): Expression | null {
  if (fraction.kind !== "binary" || fraction.name !== "div") return null;
  const rest = without(other, fraction.right);
  if (rest) return product(fraction.left, rest);
  return isNumber(fraction.left, 1) ? quotient(other, fraction.right) : null;
}

/** The product with one factor that equals `factor` left out; null where it has none. */
function without(e: Expression, factor: Expression): Expression | null {
  if (same(e, factor)) return ONE;
  if (e.kind === "power" && e.exponent > 1 && same(e.base, factor)) return raised(e.base, e.exponent - 1);
  if (e.kind !== "binary" || e.name !== "mul") return null;
  const left = without(e.left, factor);
  if (left) return product(left, e.right);
  const right = without(e.right, factor);
  return right && product(e.left, right);
}

function ordered(name: "mul" | "max" | "min", left: Expression, right: Expression): Expression {
  return compare(left, right) <= 0 ? binary(name, left, right) : binary(name, right, left);
}

function quotient(left: Expression, right: Expression): Expression {
  const a = split(left);
  const b = split(right);
  const coefficient = a.coefficient / b.coefficient;
  if (a.coefficient === 0) return ZERO;
  if (isNumber(b.core, 1) && Number.isFinite(coefficient) && isExactQuotient(a, b)) {
    return scaled(coefficient, a.core);
  }
  const sign = Math.sign(a.coefficient) * Math.sign(b.coefficient);
  if (sign === 0) return binary("div", left, right);
  const positive = positiveQuotient(
    scaled(Math.abs(a.coefficient), a.core),
    scaled(Math.abs(b.coefficient), b.core),
  );
  return sign === 1 ? positive : negative(positive);
}

/** Whether a / b may be written as a number times a's core: 6 / 3, x / 4, but not x / 3. */
function isExactQuotient(a: Term, b: Term): boolean {
  return isNumber(a.core, 1) || Math.log2(Math.abs(b.coefficient)) % 1 === 0;
}

function positiveQuotient(left: Expression, right: Expression): Expression {
  const rest = without(left, right);
  if (rest) return rest;
  const known = namedQuotient(left, right);
  if (known) return known;
  const { base, exponent } = asFactor(right);
  const above = asFactor(left);
  if (same(above.base, base)) return raised(base, above.exponent - exponent);
  if (isNumber(left, 1) && right.kind === "power") return raised(base, -exponent);
  return binary("div", left, right);
}

/** Quotients that are a function of their own, or stabler written as one. */
function namedQuotient(left: Expression, right: Expression): Expression | null {
  if (isCall(left, "sin") && same(left.argument, right)) return applied("sinc", right);
  if (isCall(left, "sinh") && isCall(right, "cosh") && same(left.argument, right.argument)) {
    return applied("tanh", left.argument);
  }
  if (isNumber(left, 1) && isCall(right, "exp")) return applied("exp", negative(right.argument));
  const exponent = onePlusExp(right);
  if (!exponent) return null;
  const numerator = without(left, unary("exp", exponent)); // exp(u) / (1 + exp(u)) too
  return numerator
    ? product(numerator, applied("sigmoid", exponent))
    : product(left, applied("sigmoid", negative(exponent)));
}

type Call = Extract<Expression, { kind: "unary" }>;

function isCall<Name extends UnaryName>(e: Expression, name: Name): e is Call & { readonly name: Name } {
  return e.kind === "unary" && e.name === name;
}

/** The u of exp(u) + 1; null where it is not of that form. */
function onePlusExp(e: Expression): Expression | null {
  if (e.kind !== "binary" || e.name !== "add" || !isNumber(e.right, 1)) return null;
  return isCall(e.left, "exp") ? e.left.argument : null;
}

// Powers

function raised(base: Expression, exponent: number): Expression {
  if (exponent === 0) return ONE;
  if (exponent === 1) return base;
  if (base.kind === "number") {
    const value = base.value ** exponent;
    return Number.isFinite(value) ? scaled(value, ONE) : power(base, exponent);
  }
  if (exponent % 2 === 0 && isMirrored(base)) return raised(negative(base), exponent);
  const { coefficient, core } = split(base);
  if (coefficient === -1) return negative(raised(core, exponent));
  if (base.kind === "power" && Math.abs(base.exponent * exponent) <= MAX_EXPONENT) {
    return raised(base.base, base.exponent * exponent);
  }
  if (isCall(base, "exp")) return applied("exp", product(number(exponent), base.argument));
  if (isCall(base, "abs") && exponent % 2 === 0) return raised(base.argument, exponent);
  if (isCall(base, "sqrt") && exponent === 2) return applied("relu", base.argument);
  return exponent === -1 ? binary("div", ONE, base) : power(base, exponent);
}

// Functions of one argument

/** Whether -u is the canonical one of u and -u, where the sign does not matter. */
function isMirrored(u: Expression): boolean {
  if (!isSum(u)) return split(u).coefficient < 0;
  if (!isSum(negative(u))) return false; // coefficients that overflow when collected
  const [first] = termsOf(u).sort(compareTerms);
  return first.coefficient < 0;
}

function applied(name: UnaryName, u: Expression): Expression {
  if (name === "neg") return negative(u);
  if (u.kind === "number") {
    const value = UNARY_FUNCTIONS[name].value(u.value);
    return Number.isFinite(value) ? scaled(value, ONE) : unary(name, u);
  }
  const { parity, undoes } = UNARY_FUNCTIONS[name];
  if (parity === "even" && isMirrored(u)) return applied(name, negative(u));
  if (parity === "odd" && split(u).coefficient < 0) return negative(applied(name, negative(u)));
  if (parity === "even" && isCall(u, "abs")) return applied(name, u.argument);
  if (u.kind === "unary" && undoes === u.name) return u.argument;
  return CALL_RULES[name]?.(u) ?? unary(name, u);
}

/** What else is known of f(u); null where nothing applies. */
const CALL_RULES: Readonly<Partial<Record<UnaryName, (u: Expression) => Expression | null>>> = {
  abs: (u) => isNeverNegative(u) ? u : null,
  relu: (u) => {
    if (isNeverNegative(u)) return u;
    return isNeverNegative(negative(u)) ? ZERO : null;
  },
  sqrt: (u) => {
    if (isNeverNegative(negative(u))) return ZERO;
    if (u.kind === "power" && u.exponent === 2) return applied("abs", u.base);
    return isCall(u, "relu") ? applied("sqrt", u.argument) : null;
  },
  exp: (u) => {
    const { coefficient, core } = split(u);
    const isSquare = coefficient === -1 && core.kind === "power" && core.exponent > 0 && core.exponent % 2 === 0;
    return isSquare ? applied("gauss", raised(core.base, core.exponent / 2)) : null;
  },
  log: (u) => {
    const exponent = onePlusExp(u);
    if (exponent) return applied("softplus", exponent);
    if (isCall(u, "sigmoid")) return negative(applied("softplus", negative(u.argument)));
    return isCall(u, "gauss") ? negative(raised(u.argument, 2)) : null;
  },
};

// Choices

function larger(name: "max" | "min", left: Expression, right: Expression): Expression {
  if (left.kind === "number" && right.kind === "number") {
    return number(BINARY_FUNCTIONS[name].value(left.value, right.value));
  }
  if (left.kind === "number") return larger(name, right, left);
  if (same(left, right)) return left;
  if (same(left, negative(right))) return magnitude(name, left);
  if (isNumber(right, 0)) return bounded(name, left);
  return right.kind === "number" ? binary(name, left, right) : ordered(name, left, right);
}

/** max(u, -u) and min(u, -u) */
function magnitude(name: "max" | "min", u: Expression): Expression {
  const size = applied("abs", u);
  return name === "max" ? size : negative(size);
}

/** max(u, 0) is relu(u); min(u, 0) stays, being one instruction. */
function bounded(name: "max" | "min", u: Expression): Expression {
  if (name === "max") return applied("relu", u);
  if (isNeverNegative(u)) return ZERO;
  return isNeverNegative(negative(u)) ? u : binary("min", u, ZERO);
}

function chosen(
  comparison: Comparison,
  left: Expression,
  right: Expression,
  then: Expression,
  otherwise: Expression,
): Expression {
  if (same(then, otherwise)) return then;
  if (same(left, right)) return comparison === ">" ? otherwise : then;
  if (left.kind === "number" && right.kind === "number") {
    return COMPARE[comparison](left.value, right.value) ? then : otherwise;
  }
  return select(left, right, then, otherwise, comparison);
}

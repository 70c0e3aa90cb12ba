/**
 * Simplification: constants folded, identities applied, operands in a canonical order, and naive formulas in which
 * float arithmetic overflows or cancels rewritten to the function they mean (1 / (1 + exp(-u)) is sigmoid(u),
 * log(cosh(u)) has a form that is finite).
 *
 * What is guaranteed, for every finite x and b, at which every constant part of the given expression is finite:
 * - Its mathematical value is kept. Where the given expression is finite in float64 the simplified one has the same value,
 *   up to rounding, and it is more accurate where the given one overflows, underflows or cancels on the way.
 * - NaN stays NaN, except at single points at which the function has a limit, such as sin(x) / x at 0.
 * - The sign of a zero is kept where it decides: in denominators.
 * - It is idempotent.
 * - It is not longer, measured in characters of its text, unless a rule lengthened it to prevent an overflow: the
 *   logarithm of a sum of exponentials or of cosh.
 * An expression with a constant part that is not finite, as 0 / 0 or exp(1000), is left as it is.
 *
 * Sums are freely regrouped, but products only where no factor grows faster than a power: a reordered exp(x) * gauss(x)
 * * exp(x) could overflow where this order does not. Coefficients are multiplied only where the result is a normal
 * number.
 *
 * The algebra works from the leaves up: every function below takes simplified operands and returns a simplified result.
 * It terminates because each rule calls the others only with operands of fewer nodes in total than it was given, or
 * with as many and a lower name in the order mul, div > power > unary > number, or with the argument of an even
 * function turned to its canonical sign, which no rule turns back. It takes time about linear in the tree.
 *
 * Over 400 lines in one file, as its rules call one another in a circle.
 */
import {
  type BinaryName,
  bottomUp,
  children,
  type Comparison,
  type Expression,
  kept,
  mapChildren,
  type UnaryName,
} from "./expression.ts";
import { binary, number, power, select, unary } from "./expression.ts";
import { BINARY_FUNCTIONS, COMPARE, UNARY_FUNCTIONS } from "./functions.ts";
import { Numbering } from "./numbering.ts";
import { MAX_EXPONENT } from "./parse.ts";
import { printedLength, printExpression } from "./print.ts";
import { growsSlowly, hasInfiniteConstant, isLowPower, keepsSignOfZero, mayBeNaN } from "./properties.ts";
import { isNeverNegative } from "./signs.ts";

/** The same function (see above), written as plainly as the rules here can. Sharing of subtrees is preserved. */
export const simplify: (expression: Expression) => Expression = kept((expression) => {
  const before = new Map<string, number>(), forms: Expression[] = [];
  for (let e = expression;; e = forms.at(-1)!) {
    if (hasInfiniteConstant(e)) return e;
    const text = printExpression(e), repeated = before.get(text);
    // The rules may convert some forms into each other: these have equal length, and the first by text is kept.
    if (repeated !== undefined) return forms.slice(repeated - 1, -1).reduce((a, b) => textOf(b) < textOf(a) ? b : a, e);
    before.set(text, forms.push(simplifiedOnce(e)));
  }
}, { settles: true });

/**
 * The same for a derivative: one pass, and without the rules that stabilise naive forms, as derivatives are written to
 * be computed beside the value and to share its parts.
 */
export function simplifyDerivative(expression: Expression): Expression {
  return pass(expression, { rescues: false, shortens: false }).simplified;
}

function simplifiedOnce(e: Expression): Expression {
  const canonical = pass(e, { rescues: true, shortens: false });
  if (canonical.simplified === e || isNoLonger(canonical.simplified, e)) return canonical.simplified;
  const short = pass(e, { rescues: true, shortens: true });
  return short.rescued || isNoLonger(short.simplified, e) ? short.simplified : e;
}

function isNoLonger(e: Expression, than: Expression): boolean {
  return printedLength(e) <= printedLength(than);
}

/** What one pass over a tree may do, and what it needs to know. */
interface Pass {
  /** Whether naive forms are rewritten to ones that do not overflow or cancel. */
  readonly rescues: boolean;
  /** Whether a subexpression that a rule makes longer is left as it was. */
  readonly shortens: boolean;
  /** Whether a rule has lengthened something to stabilise it. */
  rescued: boolean;
  readonly trees: Numbering;
}

/** The current pass. */
let now: Pass = { rescues: false, shortens: false, rescued: false, trees: new Numbering() };
/** Expressions lengthened to stabilise them. */
const longerForms = new WeakSet<Expression>();

function pass(
  e: Expression,
  options: Pick<Pass, "rescues" | "shortens">,
): { simplified: Expression; rescued: boolean } {
  now = { ...options, rescued: false, trees: new Numbering() };
  const simplified = new Walk().simplified(e);
  return { simplified: options.rescues ? presented(simplified) : simplified, rescued: now.rescued };
}

/** Simplifies each subexpression of a tree once. */
class Walk {
  readonly #done = new Map<Expression, Expression>();
  readonly #exact = new Map<Expression, Expression>();

  simplified(e: Expression): Expression {
    return this.#done.get(e) ?? bottomUp(e, this.#done, (part) => this.#shortest(part), operandsOf);
  }

  #shortest(e: Expression): Expression {
    const simplified = this.#node(e);
    if (!now.shortens || longerForms.has(simplified)) return simplified;
    const plain = isSum(e) ? plainSum(this.#summands(e)) : rebuilt(e, this.#parts(e));
    return isNoLonger(presented(simplified), presented(plain)) ? simplified : plain;
  }

  #parts(e: Expression): readonly Expression[] {
    if (e.kind === "binary" && e.name === "div") return [this.simplified(e.left), this.#denominator(e.right)];
    if (e.kind === "power" && e.exponent < 0) return [this.#denominator(e.base)];
    return children(e).map((part) => this.simplified(part));
  }

  #node(e: Expression): Expression {
    const [first, second, then, otherwise] = e.kind === "binary" && isSum(e) ? [] : this.#parts(e);
    switch (e.kind) {
      case "x":
      case "b":
        return e;
      case "number":
        return Object.is(e.value, -0) ? ZERO : e;
      case "unary":
        return applied(e.name, first);
      case "binary":
        return e.name === "add" || e.name === "sub" ? this.#sum(e) : BINARY_RULES[e.name](first, second);
      case "power":
        return raised(first, e.exponent);
      case "select":
        return chosen(e.comparison, first, second, then, otherwise);
    }
  }

  /** A sum at once with the sums it is made of, as adding one term at a time would take quadratic time. */
  #sum(e: Expression): Expression {
    const parts = this.#summands(e);
    return sum(parts.flatMap(({ part, sign }) => termsOf(part, sign))) ?? plainSum(parts);
  }

  #summands(e: Expression): Part[] {
    return partsOf(e).map(({ part, sign }) => ({ part: this.simplified(part), sign }));
  }

  /** A divisor: the sign of its zero decides the sign of an infinity. */
  #denominator(e: Expression): Expression {
    if (!now.rescues || isNeverNegative(e) || !keepsSignOfZero(e)) return this.simplified(e);
    let simplified = this.#exact.get(e);
    if (!simplified) this.#exact.set(e, simplified = this.#exactly(e));
    return simplified;
  }

  /** Only rules that keep the sign of zero. */
  #exactly(e: Expression): Expression {
    if (e.kind === "number") return e;
    if (e.kind === "binary" && isSum(e)) return this.#exactSum(e);
    const parts = children(e).map((part) => this.#denominator(part));
    if (e.kind === "unary" && e.name === "neg" && isCall(parts[0], "neg")) return parts[0].argument;
    if (e.kind === "binary" && e.name === "mul") return exactProduct(parts[0], parts[1]);
    return rebuilt(e, parts);
  }

  /**
   * A sum is 0 as -0 only where all terms are, in whatever order; so only none may be lost. Where a number is added to
   * what is not 0 it is never -0.
   */
  #exactSum(e: Expression): Expression {
    const simplified = this.simplified(e);
    if (isSum(simplified) && termsOf(simplified).some(({ core }) => isNumber(core, 1))) return simplified;
    const parts = partsOf(e).map(({ part, sign }) => ({ part: this.#denominator(part), sign }));
    const terms = parts.flatMap(({ part, sign }) => termsOf(part, sign)), whole = sum(terms);
    return whole && isSum(whole) && termsOf(whole).length === collect(terms).size ? whole : plainSum(parts);
  }
}

/** The node with these parts, in the order of `children`. */
function rebuilt(e: Expression, parts: readonly Expression[]): Expression {
  let next = 0;
  return mapChildren(e, () => parts[next++]);
}

interface Part {
  readonly part: Expression;
  readonly sign: 1 | -1;
}

/** What is simplified first: a sum is one operation on all its terms. */
function operandsOf(e: Expression): readonly Expression[] {
  return isSum(e) ? partsOf(e).map(({ part }) => part) : children(e);
}

/** The parts as written; the first has the sign 1. */
function plainSum(parts: readonly Part[]): Expression {
  return parts.slice(1).reduce((left, { part, sign }) => binary(sign === 1 ? "add" : "sub", left, part), parts[0].part);
}

/** What is added and subtracted in sums within sums; `sign` is that of the whole and of the first. */
function partsOf(e: Expression, sign: 1 | -1 = 1): Part[] {
  const parts: Part[] = [];
  for (; e.kind === "binary" && isSum(e); e = e.left) {
    const ofRight = e.name === "add" ? sign : sign === 1 ? -1 : 1;
    parts.push(...partsOf(e.right, ofRight).reverse());
  }
  return [...parts, { part: e, sign }].reverse();
}

/** Negations of products and quotients moved to their first factor: -x * b is shorter than -(b * x). */
const presentations = new WeakMap<Expression, Expression>();

function presented(e: Expression): Expression {
  return presentations.get(e) ?? bottomUp(e, presentations, presentedNode);
}

function presentedNode(e: Expression): Expression {
  const parts = children(e), inner = parts.map(presented);
  const form = inner.every((part, i) => part === parts[i]) ? e : rebuilt(e, inner);
  return form.kind === "unary" && form.name === "neg" ? withMinus(form.argument) ?? form : form;
}

function withMinus(e: Expression): Expression | null {
  if (e.kind !== "binary" || (e.name !== "mul" && e.name !== "div") || e.left.kind === "number") return null;
  return binary(e.name, withMinus(e.left) ?? unary("neg", e.left), e.right);
}

const ZERO = number(0);
const ONE = number(1);
const HALF = number(0.5);

const BINARY_RULES: Readonly<
  Record<Exclude<BinaryName, "add" | "sub">, (left: Expression, right: Expression) => Expression>
> = {
  mul: product,
  div: quotient,
  max: (left, right) => larger("max", left, right),
  min: (left, right) => larger("min", left, right),
};

// Comparing

/** Equal as trees; of simplified trees, mostly equal as functions. */
function same(left: Expression, right: Expression): boolean {
  return left === right || now.trees.of(left) === now.trees.of(right);
}

/** Maximum length of texts that are compared: those of derivatives may have millions of characters. */
const COMPARED_TEXT = 2000;

/** The canonical order of operands: the shorter text first, so that b * x comes before sigmoid(b * x). */
function compare(left: Expression, right: Expression): number {
  const length = printedLength(left);
  if (length !== printedLength(right)) return length - printedLength(right);
  if (same(left, right)) return 0;
  return (length > COMPARED_TEXT ? now.trees.of(left) < now.trees.of(right) : textOf(left) < textOf(right)) ? -1 : 1;
}

const textOf = printExpression;

function isNumber(e: Expression, value: number): boolean {
  return e.kind === "number" && e.value === value;
}

/** Whether two coefficients may be combined: without overflow or loss of digits below the normal numbers. */
function isNormal(coefficient: number): boolean {
  return Math.abs(coefficient) >= 2 ** -1022 && Number.isFinite(coefficient);
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

type Sum = Extract<Expression, { kind: "binary" }> & { readonly name: "add" | "sub" };

function isSum(e: Expression): e is Sum {
  return e.kind === "binary" && (e.name === "add" || e.name === "sub");
}

function termsOf(e: Expression, sign: 1 | -1 = 1): Term[] {
  return partsOf(e, sign).map(({ part, sign }) => {
    const { coefficient, core } = split(part);
    return { coefficient: sign * coefficient, core };
  });
}

/**
 * Collects equal cores, joins u with min(u, 0), and starts with a positive term: cos(x) - x. Null if a coefficient
 * overflows, or where what may be NaN would cancel.
 */
function sum(terms: readonly Term[]): Expression | null {
  const collected = collect(terms);
  joinParts(collected);
  if (now.rescues) rescueTerms(collected);
  if ([...collected.values()].some(({ coefficient, core }) => coefficient === 0 && mayBeNaN(core))) return null;
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

type Collected = Map<number, Term>;

function collect(terms: readonly Term[]): Collected {
  const collected: Collected = new Map();
  for (const { coefficient, core } of terms) addTerm(collected, coefficient, core);
  return collected;
}

function addTerm(collected: Collected, coefficient: number, core: Expression): void {
  const key = now.trees.of(core);
  const total = (collected.get(key)?.coefficient ?? 0) + coefficient;
  collected.set(key, { coefficient: total, core });
}

function coefficientIn(collected: Collected, core: Expression): number {
  return collected.get(now.trees.of(core))?.coefficient ?? 0;
}

/** If core + sign * other = whole, any two of the three with matching coefficients combine to the third. */
function joinParts(collected: Collected): void {
  const coefficientOf = (core: Expression) => coefficientIn(collected, core);
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

/** Pairs of terms that combine: relu(u) + min(u, 0) = u; and cosh(u) ± sinh(u) = exp(±u), as a sum it cancels. */
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
  const a = split(left), b = split(right), coefficient = a.coefficient * b.coefficient;
  if (a.coefficient === 0 || b.coefficient === 0) return mayBeNaN(a.core) || mayBeNaN(b.core) ? asProduct() : ZERO;
  if (!isNormal(coefficient)) return asProduct();
  const { coefficient: further, core } = split(coreProduct(a.core, b.core));
  return isNormal(coefficient * further) ? scaled(coefficient * further, core) : asProduct();

  function asProduct(): Expression {
    return binary("mul", left, right);
  }
}

/** A product whose zero has the sign that the factors give it. */
function exactProduct(left: Expression, right: Expression): Expression {
  const a = split(left), b = split(right), coefficient = a.coefficient * b.coefficient;
  if (!isNormal(coefficient)) return binary("mul", left, right);
  const core = coreProduct(a.core, b.core);
  return coefficient === -1 ? unary("neg", core) : scaled(coefficient, core);
}

/** Factors beyond which a product is not ordered: ordering one at a time would take quadratic time. */
const MAX_ORDERED_FACTORS = 24;

/** The product of two expressions without numbers of their own (except 1). */
function coreProduct(left: Expression, right: Expression): Expression {
  if (isNumber(left, 1)) return right;
  if (isNumber(right, 1)) return left;
  if (factorCount(left) + factorCount(right) <= MAX_ORDERED_FACTORS) {
    const factors = [...factorsOf(left), ...factorsOf(right)];
    if (factors.every(isTame)) return tameProduct(factors);
    if (factors.every(({ base, exponent }) => exponent > 0 && same(base, factors[0].base))) return ofOneBase(factors);
  }
  return rescuedProduct(left, right) ?? rescuedProduct(right, left) ?? joinedPowers(left, right) ??
    cancelledProduct(left, right) ?? cancelledProduct(right, left) ??
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

const factorCounts = new WeakMap<Expression, number>();

function factorCount(e: Expression): number {
  if (e.kind !== "binary" || e.name !== "mul") return 1;
  let count = factorCounts.get(e);
  if (count === undefined) factorCounts.set(e, count = factorCount(e.left) + factorCount(e.right));
  return count;
}

/** A power of an expression bounded by a multiple of |x| and |b|, low enough that no regrouping overflows. */
function isTame({ base, exponent }: Factor): boolean {
  return isLowPower(exponent) && growsSlowly(base);
}

/** Collects equal bases and orders the factors. */
function tameProduct(factors: readonly Factor[]): Expression {
  const exponents = new Map<number, Factor>();
  for (const { base, exponent } of factors) {
    const key = now.trees.of(base);
    exponents.set(key, { base, exponent: (exponents.get(key)?.exponent ?? 0) + exponent });
  }
  return [...exponents.values()].map(({ base, exponent }) => raised(base, exponent)).sort(compare)
    .reduce((left, right) => binary("mul", left, right));
}

/** A power of one base as few powers that can be written: x^1000 is x^40 * x^64 * ... */
function ofOneBase(factors: readonly Factor[]): Expression {
  const { base } = factors[0], exponent = factors.reduce((sum, factor) => sum + factor.exponent, 0);
  const whole = new Array<Expression>(Math.floor(exponent / MAX_EXPONENT)).fill(raised(base, MAX_EXPONENT));
  const rest = exponent % MAX_EXPONENT;
  return (rest === 0 ? whole : [raised(base, rest), ...whole]).reduce((left, right) => binary("mul", left, right));
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
  const rest = mayBeNaN(fraction.right) ? null : without(other, fraction.right);
  if (rest) return product(fraction.left, rest);
  return isNumber(fraction.left, 1) ? quotient(other, fraction.right) : null;
}

/** The product with one factor that equals `factor` left out; null if it has none. */
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
  const a = split(left), b = split(right), coefficient = a.coefficient / b.coefficient;
  if (b.coefficient === 0) return binary("div", left, right);
  if (a.coefficient === 0) return mayBeNaN(left) || mayBeNaN(right) ? binary("div", left, right) : ZERO;
  if (isNumber(b.core, 1) && isNormal(coefficient) && isExactQuotient(a, b)) return scaled(coefficient, a.core);
  const named = isNormal(coefficient) ? namedQuotient(a.core, b.core) : null;
  if (named) return product(number(coefficient), named);
  const positive = positiveQuotient(
    scaled(Math.abs(a.coefficient), a.core),
    scaled(Math.abs(b.coefficient), b.core),
  );
  return a.coefficient > 0 === b.coefficient > 0 ? positive : negative(positive);
}

/** Whether a / b may be written as a number times a's core: 6 / 3, x / 4, but not x / 3. */
function isExactQuotient(a: Term, b: Term): boolean {
  return isNumber(a.core, 1) || Math.log2(Math.abs(b.coefficient)) % 1 === 0;
}

function positiveQuotient(left: Expression, right: Expression): Expression {
  if (!mayBeNaN(right)) {
    const rest = without(left, right);
    if (rest) return rest;
    const { base, exponent } = asFactor(right), above = asFactor(left);
    if (same(above.base, base)) return raised(base, above.exponent - exponent);
    if (isNumber(left, 1) && right.kind === "power") return raised(base, -exponent);
  }
  return binary("div", left, right);
}

/** Quotients that are a primitive function, or more stable written as one. */
function namedQuotient(left: Expression, right: Expression): Expression | null {
  if (isCall(left, "sin") && same(left.argument, right)) return applied("sinc", right);
  if (isCall(left, "sinh") && isCall(right, "cosh") && same(left.argument, right.argument)) {
    return applied("tanh", left.argument);
  }
  if (isNumber(left, 1) && isCall(right, "exp")) return applied("exp", negative(right.argument));
  const share = now.rescues ? shareOfExponentials(left, right) : null;
  if (share) return share;
  const exponent = onePlusExp(right);
  if (!exponent) return null;
  const difference = now.rescues ? without(left, unary("expm1", exponent)) : null;
  if (difference) return product(difference, applied("tanh", product(HALF, exponent)));
  const numerator = without(left, unary("exp", exponent)); // exp(u) / (1 + exp(u)) too
  return numerator
    ? product(numerator, applied("sigmoid", exponent))
    : product(left, applied("sigmoid", negative(exponent)));
}

type Call = Extract<Expression, { kind: "unary" }>;

function isCall<Name extends UnaryName>(e: Expression, name: Name): e is Call & { readonly name: Name } {
  return e.kind === "unary" && e.name === name;
}

/** The u of exp(u) + 1; null if it is not of that form. */
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
    return isNormal(value) || base.value === 0 && value === 0 ? scaled(value, ONE) : power(base, exponent);
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
  return exponent === -1 ? quotient(ONE, base) : power(base, exponent);
}

// Functions of one argument

/** Whether an inverse function cancels the call: exp(log(u)) is u only where u has a logarithm. */
function isDefinedWhere(call: Call): boolean {
  return (call.name !== "log" && call.name !== "log1p") || isNeverNegative(call.argument);
}

/** Whether -u is the canonical one of u and -u, where the sign does not matter. */
function isMirrored(u: Expression): boolean {
  if (!isSum(u)) return split(u).coefficient < 0;
  if (!isSum(negative(u))) return false; // coefficients that overflow when collected
  return termsOf(u).reduce((least, term) => compareTerms(term, least) < 0 ? term : least).coefficient < 0;
}

function applied(name: UnaryName, u: Expression): Expression {
  if (name === "neg") return negative(u);
  if (u.kind === "number") {
    const value = UNARY_FUNCTIONS[name].value(u.value);
    return Number.isFinite(value) ? number(value + 0) : unary(name, u);
  }
  const { parity, undoes } = UNARY_FUNCTIONS[name];
  if (parity === "even" && isMirrored(u)) return applied(name, negative(u));
  if (parity === "odd" && split(u).coefficient < 0) return negative(applied(name, negative(u)));
  if (parity === "even" && isCall(u, "abs")) return applied(name, u.argument);
  if (u.kind === "unary" && undoes === u.name && isDefinedWhere(u)) return u.argument;
  return CALL_RULES[name]?.(u) ?? unary(name, u);
}

/** Other identities of f(u); null if none applies. */
const CALL_RULES: Readonly<Partial<Record<UnaryName, (u: Expression) => Expression | null>>> = {
  abs: (u) => isNeverNegative(u) ? u : null,
  relu: (u) => {
    if (isNeverNegative(u)) return u;
    return isNeverNegative(negative(u)) ? ZERO : null;
  },
  sqrt: (u) => {
    if (isNeverNegative(negative(u))) return ZERO;
    if (u.kind === "power" && u.exponent === 2) return applied("abs", u.base);
    return isCall(u, "relu") ? applied("sqrt", u.argument) : rescuedRoot(u);
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
    return isCall(u, "gauss") ? negative(raised(u.argument, 2)) : rescuedLogarithm(u);
  },
  log1p: (u) => {
    if (isCall(u, "exp")) return applied("softplus", u.argument);
    const { coefficient, core } = split(u);
    return coefficient === -1 && isCall(core, "sigmoid") ? negative(applied("softplus", core.argument)) : null;
  },
};

// Naive forms, which overflow or cancel, as what they mean

/** Marks an expression that is longer than the naive form. */
function longer(e: Expression): Expression {
  longerForms.add(e);
  now.rescued = true;
  return e;
}

/**
 * In a sum: exp(u) - 1, exp(u) + exp(-u), exp(u) - exp(-u), 2 sigmoid(u) - 1, 1 - sigmoid(u), 1 ± tanh(u),
 * 1 ± erf(u), and expm1(u) + 1; each with a common coefficient.
 */
function rescueTerms(collected: Collected): void {
  const replace = (
    coefficient: number,
    e: Expression,
    ...parts: readonly [coefficient: number, core: Expression][]
  ) => {
    parts.forEach(([coefficient, core]) => addTerm(collected, -coefficient, core));
    const made = split(e);
    addTerm(collected, coefficient * made.coefficient, made.core);
  };
  for (const { core: e, coefficient: c } of [...collected.values()].sort(compareTerms)) {
    if (e.kind !== "unary" || !RESCUED_TERMS.has(e.name) || coefficientIn(collected, e) !== c || !isNormal(c)) continue;
    const u = e.argument, ofOne = coefficientIn(collected, ONE);
    if (e.name === "expm1" && ofOne === c) replace(c, applied("exp", u), [c, e], [c, ONE]);
    if (e.name === "sigmoid" && ofOne === -c / 2) {
      replace(c / 2, applied("tanh", product(HALF, u)), [c, e], [-c / 2, ONE]);
    }
    if (e.name === "sigmoid" && ofOne === -c) replace(ofOne, applied("sigmoid", negative(u)), [c, e], [ofOne, ONE]);
    if (e.name === "tanh" && Math.abs(ofOne) === Math.abs(c)) {
      const twice = product(number(ofOne === c ? 2 : -2), u);
      replace(2 * ofOne, applied("sigmoid", twice), [c, e], [ofOne, ONE]);
    }
    if (e.name === "erf" && Math.abs(ofOne) === Math.abs(c)) {
      replace(ofOne, applied("erfc", ofOne === c ? negative(u) : u), [c, e], [ofOne, ONE]);
    }
    if (e.name !== "exp") continue;
    const mirrored = applied("exp", negative(u)), ofMirrored = coefficientIn(collected, mirrored);
    if (Math.abs(ofMirrored) === Math.abs(c) && Number.isFinite(2 * c)) {
      replace(2 * c, applied(ofMirrored === c ? "cosh" : "sinh", u), [c, e], [ofMirrored, mirrored]);
    } else if (ofOne === -c) replace(c, applied("expm1", u), [c, e], [-c, ONE]);
  }
}

const RESCUED_TERMS: ReadonlySet<UnaryName> = new Set<UnaryName>(["exp", "expm1", "sigmoid", "tanh", "erf"]);

/** sigmoid(-u) * exp(u), a share of exponentials too, whose first factor reaches 0 where the second overflows. */
function rescuedProduct(left: Expression, right: Expression): Expression | null {
  if (!now.rescues || !isCall(left, "sigmoid") || !isCall(right, "exp")) return null;
  return same(left.argument, negative(right.argument)) ? applied("sigmoid", right.argument) : null;
}

/** exp(u) / (exp(u) + exp(v)) = sigmoid(u - v), also where the sum is 2 cosh(u). */
function shareOfExponentials(left: Expression, right: Expression): Expression | null {
  const exponents = isCall(right, "cosh")
    ? [right.argument, negative(right.argument)]
    : isSum(right)
    ? termsOf(right).map(({ coefficient, core }) => coefficient === 1 && isCall(core, "exp") ? core.argument : null)
    : [];
  const [first, second, ...others] = exponents;
  if (!first || !second || others.length > 0) return null;
  for (const [above, other] of [[first, second], [second, first]]) {
    const rest = without(left, applied("exp", above));
    const share = rest && product(rest, applied("sigmoid", added(above, negative(other))));
    if (share) return isCall(right, "cosh") ? product(number(2), share) : share;
  }
  return null;
}

/** log(cosh(u)), log(exp(u) + exp(v)), log(u + sqrt(u^2 + 1)) and log(1 + u). */
function rescuedLogarithm(u: Expression): Expression | null {
  if (!now.rescues) return null;
  const { coefficient, core } = split(u);
  if (isCall(core, "cosh") && (coefficient === 1 || coefficient === 2)) {
    return longer(logOfCosh(applied("abs", core.argument), coefficient));
  }
  if (!isSum(u)) return null;
  const terms = termsOf(u);
  const exponents = terms.map(({ coefficient, core }) => coefficient > 0 && isCall(core, "exp") ? core.argument : null);
  if (terms.length === 2 && exponents[0] && exponents[1]) {
    const [left, right] = exponents.map((exponent, i) => added(exponent!, number(Math.log(terms[i].coefficient))));
    return longer(logOfExponentials(left, right));
  }
  const root = terms.find(({ coefficient, core }) => coefficient === 1 && isCall(core, "hypot1"));
  if (root && terms.length === 2) {
    const other = terms.find((term) => term !== root)!, argument = scaled(other.coefficient, other.core);
    if (same(root.core, applied("hypot1", argument))) return applied("asinh", argument);
  }
  const one = terms.find(({ core }) => isNumber(core, 1));
  return one?.coefficient === 1 ? applied("log1p", sum(terms.filter((term) => term !== one)) ?? ZERO) : null;
}

/** log(cosh(u)) or, with a factor of 2, log(2 cosh(u)), by size = |u|. */
function logOfCosh(size: Expression, factor: 1 | 2): Expression {
  const decay = product(number(-2), size);
  const rest = factor === 2 ? applied("softplus", decay) : applied("log1p", product(HALF, applied("expm1", decay)));
  return added(size, rest);
}

/** log(exp(left) + exp(right)) = max(left, right) + softplus(-|left - right|) */
function logOfExponentials(left: Expression, right: Expression): Expression {
  const distance = applied("abs", added(left, negative(right)));
  return added(larger("max", left, right), applied("softplus", negative(distance)));
}

/** sqrt(u^2 + 1), whose square overflows float32 at 1.8e19. */
function rescuedRoot(u: Expression): Expression | null {
  if (!now.rescues || !isSum(u)) return null;
  const [square, one, ...others] = termsOf(u).sort(compareTerms);
  if (others.length > 0 || one.coefficient !== 1 || !isNumber(one.core, 1) || square.coefficient !== 1) return null;
  const { core } = square;
  return core.kind === "power" && core.exponent === 2 ? applied("hypot1", core.base) : null;
}

function added(left: Expression, right: Expression): Expression {
  return sum([...termsOf(left), ...termsOf(right)]) ?? binary("add", left, right);
}

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
  if (same(left, right) && !mayBeNaN(left)) return comparison === ">" ? otherwise : then;
  if (left.kind === "number" && right.kind === "number") {
    return COMPARE[comparison](left.value, right.value) ? then : otherwise;
  }
  return select(left, right, then, otherwise, comparison);
}

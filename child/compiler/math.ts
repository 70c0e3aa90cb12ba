/**
 * The functions of one argument as operations in float32, for every device: one row per function. Relative error is
 * under 2e-6 against float64 wherever float32 can represent the result (most are under 4 units in the last place), and
 * the limits at 0, +-large, +-inf and NaN are right (tests/child/compiler/math_test.ts). NaN passes through because
 * `min` and `max` keep a NaN of their first operand. Multiply-adds need not be fused, except where a comment says so.
 *
 * Over 400 lines, as it is one table of short functions that share their constants and intermediate results.
 */
import type { UnaryName } from "../activation/expression.ts";
import type { ListBuilder, Value } from "./operations.ts";

type Build = ListBuilder;

/** c[0] + c[1] z + c[2] z^2 + … by Horner's rule: the fewest operations and the least rounding. */
function horner(f: Build, z: Value, c: readonly (() => Value)[]): Value {
  return c.slice(0, -1).reduceRight((sum, term) => f.multiplyAdd(sum, z, term()), c.at(-1)!());
}

/** Coefficients that are written where they are used, as a constant takes a register from there on. */
function constants(f: Build, values: readonly number[]): (() => Value)[] {
  return values.map((value) => () => f.constant(value));
}

/**
 * The same, from degree 3 on in z^2 over pairs (c[0] + c[1] z) + z^2 (…): one operation more but half the latency, as
 * an element takes as long as its longest chain of operations.
 */
function polynomial(f: Build, z: Value, coefficients: readonly number[]): Value {
  const c = constants(f, coefficients);
  if (c.length < 4) return horner(f, z, c);
  const pairs = c.flatMap((low, i) =>
    i % 2 ? [] : [() => i + 1 < c.length ? f.multiplyAdd(c[i + 1](), z, low()) : low()]
  );
  return horner(f, f.mul(z, z), pairs);
}

const SIGN_BIT = 0x80000000;

/** |value| with the sign of `sign`. */
function withSign(f: Build, value: Value, sign: Value): Value {
  return f.numberOf(f.or(f.bitsOf(value), f.and(f.bitsOf(sign), f.bits(SIGN_BIT))));
}

const ROUND = 12582912; // 1.5 * 2^23: adding it rounds to an integer, which then stands in the low bits
/** float32's ln(2), exact to 2e-9: beside n = 128 that is a relative error of 2.4e-7 in exp. */
const LN2 = Math.fround(Math.LN2);
/** exp(x) is finite and normal from MIN_EXPONENT to MAX_EXPONENT. */
const MIN_EXPONENT = -87.3365, MAX_EXPONENT = 88.72283;
/** exp reaches 2^128 here; where the remainder is taken by LN2 none is left, so that the result is the bits of inf. */
const OVERFLOW = 128 * LN2;

/** float32's largest number, and its smallest normal one. */
const MAX_FLOAT32 = 3.4028234663852886e38, MIN_NORMAL = 2 ** -126;

interface ExponentialOptions {
  /** exp(times x), at no cost; 1 by default. */
  readonly times?: 1 | -1 | -2;
  /** Small beside x: exp(times (x - less)). */
  readonly less?: Value;
  /** Half of it, for what overflows later than exp. */
  readonly half?: boolean;
  /** One multiply-add less; where it is fused, exact to 2.4e-7 where |x| is near 88 and to 1e-7 below 40. */
  readonly rough?: boolean;
  /** False if times x is never so large that exp overflows. */
  readonly above?: boolean;
}

/** `slope` is (exp(times r) - 1) / r; where |x| is below 0.34 / |times|, r is x. */
interface Exponential {
  readonly value: Value;
  readonly slope: Value;
}

/**
 * exp(times x) from MIN_EXPONENT to MAX_EXPONENT by times x = n ln(2) + times r, |times r| <= ln(2)/2, a polynomial of
 * r, and n added to its exponent. The rough one is inf at OVERFLOW.
 */
function normalExponential(f: Build, x: Value, options: ExponentialOptions): Exponential {
  const { times = 1, less, half, rough } = options;
  const magic = f.constant(half ? ROUND - 1 : ROUND);
  const shifted = f.multiplyAdd(x, f.constant(times * Math.LOG2E), magic);
  const n = f.sub(shifted, magic);
  let r = x;
  for (const part of rough ? [LN2] : [LN2, Math.LN2 - LN2]) {
    const multiplyAdd = times < 0 ? f.multiplyAdd : f.negativeMultiplyAdd;
    r = multiplyAdd(n, f.constant(part / Math.abs(times)), r);
  }
  if (less !== undefined) r = f.sub(r, less);
  const slope = f.multiplyAdd(polynomial(f, r, EXP.map((c, i) => c * times ** (i + 2))), r, f.constant(times));
  const p = f.multiplyAdd(slope, r, f.constant(1));
  // shifted's low bits are n, or n - 1 for the half: all others leave to the left.
  const value = f.numberOf(f.addIntegers(f.bitsOf(p), f.shiftLeft(f.bitsOf(shifted), 23)));
  return { value, slope };
}

/** exp(times x) of any x: above float32's range inf, below its normal numbers 0. */
function exponential(f: Build, x: Value, options: ExponentialOptions = {}): Exponential {
  const { times = 1, half, above = true } = options;
  /** Of times a and times b. */
  const isLess = (a: Value, b: Value) => times < 0 ? f.less(b, a) : f.less(a, b);
  const bound = (value: number) => f.constant((half ? value + Math.LN2 : value) / times);
  const { value, slope } = normalExponential(f, x, options);
  const bounded = f.zeroWhere(isLess(x, bound(MIN_EXPONENT)), value);
  if (!above) return { value: bounded, slope };
  return { value: f.select(isLess(bound(MAX_EXPONENT), x), f.constant(Infinity), bounded), slope };
}

/**
 * exp(r) = 1 + r + r^2 times the polynomial of least relative error (4e-9) on |r| <= ln(2)/2, by Lawson's algorithm.
 */
const EXP = [
  ...[0.4999999403953552, 0.1666652113199234, 0.04166838899254799],
  ...[0.00836874544620514, 0.0013814540579915047],
];

function exp(f: Build, x: Value): Value {
  return exponential(f, x).value;
}

/** exp(x) - 1, and near 0, where that cancels and exp's r is x itself, x times exp's (exp(r) - 1) / r. */
function expm1(f: Build, x: Value): Value {
  const { value, slope } = exponential(f, x);
  const far = f.sub(value, f.constant(1));
  const near = f.mul(slope, x);
  return f.select(f.less(f.abs(x), f.constant(0.34)), near, far);
}

/**
 * exp(-x^2), corrected for the rounding error of x^2 (from a fused multiply-add; 0 without), as exp turns absolute error
 * into relative.
 */
function gauss(f: Build, x: Value): Value {
  const high = f.mul(x, x);
  return exponential(f, high, { times: -1, less: f.negativeMultiplyAdd(x, x, high), above: false }).value;
}

/**
 * 1 / (1 + exp(-x)), for which an exp below 1e-38 need only be a normal number; beside softplus from its
 * exponential: (x < 0 ? t : 1) / (1 + t), t = exp(-|x|).
 */
function sigmoid(f: Build, x: Value): Value {
  return once(f, "sigmoid", x, () => {
    const one = f.constant(1), t = f.noted("decay", x);
    if (t !== undefined) return f.div(f.select(f.less(x, f.constant(0)), t, one), f.add(one, t));
    return f.div(one, f.add(one, boundedDecay(f, x)));
  });
}

/** The operations already written for this argument, which are reused. */
function once(f: Build, name: string, x: Value, make: () => Value): Value {
  return f.noted(name, x) ?? f.note(name, x, make());
}

/** exp(-x) up to inf at OVERFLOW; no less than 1e-38. */
function boundedDecay(f: Build, x: Value): Value {
  const bounded = f.min(f.max(x, f.constant(-OVERFLOW)), f.constant(-MIN_EXPONENT));
  return normalExponential(f, bounded, { times: -1, rough: true }).value;
}

/** s (exp(-x) s), s = sigmoid(x): 1 - s as a product does not cancel. 0 where it is below float32's normal numbers. */
function dsigmoid(f: Build, x: Value): Value {
  const s = sigmoid(f, x);
  const decay = f.min(boundedDecay(f, x), f.constant(MAX_FLOAT32)); // s is 0 where it is inf
  return f.zeroWhere(f.less(f.constant(-MIN_EXPONENT), x), f.mul(f.mul(decay, s), s));
}

/** 2 atanh(s) = 2 s + s^3 (2/3 + 2/5 s^2 + …), where the polynomial has the least relative error for such s. */
function twiceAtanh(f: Build, s: Value, series: readonly number[]): Value {
  const z = f.mul(s, s);
  return f.multiplyAdd(polynomial(f, z, series), f.mul(z, s), f.add(s, s));
}

/** To 2e-7 on |s| <= 1/3, and to 1.5e-7 on |s| <= 0.1716 = (sqrt(2) - 1) / (sqrt(2) + 1), by Lawson's algorithm. */
const ATANH_TO_THIRD = [0.6667348146438599, 0.39635971188545227, 0.33983558416366577];
const ATANH_OF_MANTISSA = [0.66655621, 0.41202062];

/** max(x, 0) + log(1 + t), t = exp(-|x|), with log(1 + t) = 2 atanh(t / (2 + t)), t / (2 + t) <= 1/3. */
function softplus(f: Build, x: Value): Value {
  const t = once(f, "decay", x, () => exponential(f, f.abs(x), { times: -1, rough: true, above: false }).value);
  const s = f.div(t, f.add(t, f.constant(2)));
  return f.add(twiceAtanh(f, s, ATANH_TO_THIRD), f.max(x, f.constant(0)));
}

/** A normal x above 0 as m 2^e / `times`, m in [sqrt(1/2), sqrt(2)), `times` 1 or 2. */
function mantissaAndExponent(f: Build, x: Value, times: 1 | 2 = 1): { m: Value; e: Value } {
  const least = f.bits(0x3f3504f3); // sqrt(1/2)
  const offset = times === 1 ? least : f.bits(0x3eb504f3);
  const shifted = f.subtractIntegers(f.bitsOf(x), offset);
  const e = f.integerToNumber(f.shiftRight(shifted, 23));
  return { m: f.numberOf(f.addIntegers(f.and(shifted, f.bits(0x007fffff)), least)), e };
}

/**
 * e ln(2) + 2 atanh(s), which is the logarithm of m 2^e where s = (m - 1) / (m + 1). float32's ln(2) is exact to 3e-9,
 * and where e is not 0 the result is not small beside it.
 */
function logarithm(f: Build, e: Value, s: Value): Value {
  return f.multiplyAdd(e, f.constant(Math.LN2), twiceAtanh(f, s, ATANH_OF_MANTISSA));
}

/** Subnormal numbers are scaled up; special cases are left to the caller. */
function log(f: Build, x: Value): Value {
  const subnormal = f.less(x, f.constant(MIN_NORMAL));
  const scaled = f.select(subnormal, f.mul(x, f.constant(2 ** 23)), x);
  const { m, e } = mantissaAndExponent(f, scaled);
  const one = f.constant(1);
  const exponent = f.sub(e, f.keepWhere(subnormal, f.constant(23)));
  const value = logarithm(f, exponent, f.div(f.sub(m, one), f.add(m, one)));
  return withLogarithmOfSpecial(f, x, value);
}

/** The value where x is finite and above 0; else 0 -> -inf, negative -> NaN, inf -> inf, NaN -> NaN. */
function withLogarithmOfSpecial(f: Build, x: Value, value: Value): Value {
  const zero = f.constant(0), infinity = f.constant(Infinity);
  const regular = f.both(f.less(zero, x), f.less(x, infinity));
  const special = f.select(f.equal(x, zero), f.negate(infinity), f.select(f.less(x, zero), f.constant(NaN), x));
  return f.select(regular, value, special);
}

/**
 * The logarithm of w = 1 + x. Where |x| < 0.29, e is 0 and m is w, so that s = (w - 1) / (w + 1) can take x for w - 1,
 * which has lost digits of it; farther out they do not count.
 */
function log1p(f: Build, x: Value): Value {
  const one = f.constant(1);
  const w = f.add(x, one);
  const { m, e } = mantissaAndExponent(f, w);
  const small = f.less(f.abs(x), f.constant(0.29));
  const value = logarithm(f, e, f.div(f.select(small, x, f.sub(m, one)), f.add(m, one)));
  // It has the sign of x, 0 too; -0 is lost in the sum of its parts.
  return withLogarithmOfSpecial(f, w, withSign(f, value, x));
}

/** sinh and cosh need exp(|x|) / 2, which does not overflow before they do. */
function halfExp(f: Build, x: Value): Value {
  return exponential(f, f.abs(x), { half: true }).value;
}

function cosh(f: Build, x: Value): Value {
  const half = halfExp(f, x);
  return f.add(half, f.div(f.constant(0.25), half));
}

/** exp(|x|)/2 - exp(-|x|)/2, and below 1 the Taylor series, where that difference cancels. */
function sinh(f: Build, x: Value): Value {
  const half = halfExp(f, x);
  const large = withSign(f, f.sub(half, f.div(f.constant(0.25), half)), x);
  const z = f.mul(x, x);
  const series = polynomial(f, z, [1 / 6, 1 / 120, 1 / 5040, 1 / 362880]);
  const small = f.multiplyAdd(f.mul(series, z), x, x);
  return f.select(f.less(f.abs(x), f.constant(1)), small, large);
}

/** Beyond, tanh is 1 to 4e-9, and its derivative 8e-9 is taken for 0. */
const TANH_SATURATES = 10;
/** The largest float32 below it. */
const BELOW_SATURATION = 9.999999046325684;

/** t = exp(-2 |x|) with its slope, and 1 / (1 + t), for tanh and its derivative. */
function tanhParts(f: Build, x: Value): { a: Value; t: Value; slope: Value; share: Value } {
  // Large enough that 1 - t is 1, small enough that t is a normal number.
  const a = f.min(f.abs(x), f.constant(2 * TANH_SATURATES));
  const { value: t, slope } = normalExponential(f, a, { times: -2, rough: true });
  const one = f.constant(1);
  return { a, t, slope, share: f.div(one, f.add(one, t)) };
}

/** (1 - t) / (1 + t) with the sign of x; near 0, where 1 - t cancels, it is -a times the exponential's (t - 1) / a. */
function tanh(f: Build, x: Value): Value {
  const { a, t, slope, share } = tanhParts(f, x);
  const near = f.mul(slope, a);
  const difference = f.select(f.less(a, f.constant(0.17)), near, f.sub(t, f.constant(1))); // t - 1
  // It is never positive: its sign is flipped where x is positive.
  const turn = f.andNot(f.bits(SIGN_BIT), f.bitsOf(x));
  return f.numberOf(f.xor(f.bitsOf(f.mul(difference, share)), turn));
}

/** 4 t / (1 + t)^2 */
function dtanh(f: Build, x: Value): Value {
  const { a, t, share } = tanhParts(f, x);
  const twice = f.add(share, share);
  return f.zeroWhere(f.less(f.constant(BELOW_SATURATION), a), f.mul(f.mul(t, twice), twice));
}

/**
 * x P(x^2) / Q(x^2): the rational function of XLA's ErfImpl32, by Horner's rule, as Q cancels. Its rounding error takes
 * it over 1 by two units in the last place where it ends, so that it is cut off there at exactly 1.
 */
function erf(f: Build, x: Value): Value {
  const bound = 3.83;
  const c = f.max(f.min(x, f.constant(bound)), f.constant(-bound));
  const z = f.mul(c, c);
  const above = horner(f, z, constants(f, ERF_ABOVE)), below = horner(f, z, constants(f, ERF_BELOW));
  const one = f.constant(1), quotient = f.div(f.mul(c, above), below);
  return f.max(f.min(quotient, one), f.constant(-1));
}

const ERF_ABOVE = [
  ...[1.128379143519084, 0.18520832239976145, 0.050955695062380861],
  ...[0.0034082910107109506, 0.00022905065861350646],
];
const ERF_BELOW = [
  ...[1, 0.49746925110067538, 0.11098505178285362, 0.014070470171167667],
  ...[0.0010179625278914885, 0.000023547966471313185, -1.1791602954361697e-7],
];

/**
 * exp(-x^2) P(|x|) / Q(|x|), and 2 less that where x is negative: relative to its size as exact as exp. The quotient is
 * of least relative error, 5e-9, on [0, 9.4], beyond which exp(-x^2) is 0; by Lawson's algorithm.
 */
function erfc(f: Build, x: Value): Value {
  const tail = erfcTail(f, x);
  return f.select(f.less(x, f.constant(0)), f.sub(f.constant(2), tail), tail);
}

/** erfc(-x), which shares exp(-x^2) with its derivative, where it stands as that of x. */
export function erfcOfNegative(f: Build, x: Value): Value {
  const tail = erfcTail(f, x);
  return f.select(f.less(f.constant(0), x), f.sub(f.constant(2), tail), tail);
}

/** erfc(|x|) */
function erfcTail(f: Build, x: Value): Value {
  const a = f.min(f.abs(x), f.constant(10));
  return f.mul(gauss(f, x), f.div(polynomial(f, a, ERFC_ABOVE), polynomial(f, a, ERFC_BELOW)));
}

const ERFC_ABOVE = [1, 1.2322638034820557, 0.7251819968223572, 0.22616323828697205, 0.0321570560336113];
const ERFC_BELOW = [
  ...[1, 2.3606433868408203, 2.3888745307922363],
  ...[1.3133819103240967, 0.4008934497833252, 0.05699608474969864],
];

/** sqrt(x^2 + 1). Above 1.8e19 x^2 overflows; the root is never more than |x| + 1, and there that is as exact. */
function hypot1(f: Build, x: Value): Value {
  const one = f.constant(1);
  return f.min(f.add(f.abs(x), one), f.root(f.multiplyAdd(x, x, one)));
}

/**
 * log(a + root) with the sign of x, a = |x|, root = sqrt(a^2 + 1). Where a + root is near 1, its logarithm is 2 atanh
 * of (a + root - 1) / (a + root + 1) = a / (1 + root), which does not cancel. Half of the sum is taken, as it could
 * overflow.
 */
function asinh(f: Build, x: Value): Value {
  const one = f.constant(1), half = f.constant(0.5);
  const a = f.abs(x), root = hypot1(f, x);
  const { m, e } = mantissaAndExponent(f, f.multiplyAdd(a, half, f.mul(root, half)), 2);
  const small = f.less(a, f.constant(0.35)); // there e is 0, as it is to 0.3535
  const s = f.div(f.select(small, a, f.sub(m, one)), f.add(f.select(small, root, m), one));
  const value = logarithm(f, e, s);
  return withSign(f, f.select(f.less(a, f.constant(Infinity)), value, a), x); // inf and NaN as they are
}

/**
 * r + r^3 P(r^2) where |x| <= 1 with r = |x|, and pi/2 more beyond with r = -1/|x|; P is of least relative error,
 * 1.1e-7, by Lawson's algorithm.
 */
function atan(f: Build, x: Value): Value {
  const a = f.abs(x), one = f.constant(1);
  const high = f.less(one, a);
  const r = f.div(f.select(high, f.constant(-1), a), f.select(high, a, one));
  const z = f.mul(r, r);
  const series = polynomial(f, z, ATAN);
  const offset = f.keepWhere(high, f.constant(Math.PI / 2));
  return withSign(f, f.add(offset, f.multiplyAdd(f.mul(series, z), r, r)), x);
}

const ATAN = [
  ...[-0.3333239257335663, 0.1997421383857727, -0.14041326940059662, 0.09968472272157669],
  ...[-0.06020312383770943, 0.02473405748605728, -0.004822532646358013],
];

/** atan(x / sqrt((1 - x)(1 + x))): both differences are exact near 1; the root of a negative number is a NaN. */
function asin(f: Build, x: Value): Value {
  const one = f.constant(1);
  return atan(f, f.div(x, f.root(f.mul(f.sub(one, x), f.add(one, x)))));
}

/** 2 atan(sqrt((1 - x) / (1 + x))), which does not cancel near 1 as pi/2 - asin(x) does. */
function acos(f: Build, x: Value): Value {
  const one = f.constant(1);
  const half = atan(f, f.root(f.div(f.sub(one, x), f.add(one, x))));
  return f.add(half, half);
}

/** log1p(t + sqrt(t) sqrt(t + 2)) of t = x - 1, and log(x) + log(2) where twice x would overflow. */
function acosh(f: Build, x: Value): Value {
  const t = f.sub(x, f.constant(1));
  const root = f.mul(f.root(t), f.root(f.add(t, f.constant(2))));
  const far = f.add(log(f, x), f.constant(Math.LN2));
  return f.select(f.less(f.constant(1e18), x), far, log1p(f, f.add(t, root)));
}

/** log1p(2 a / (1 - a)) / 2 with the sign of x, a = |x|. */
function atanh(f: Build, x: Value): Value {
  const a = f.abs(x);
  const value = log1p(f, f.div(f.add(a, a), f.sub(f.constant(1), a)));
  return withSign(f, f.mul(value, f.constant(0.5)), x);
}

/** y = exp(log|x| / 3) and a step of Newton's method from it, y - (y - |x| / y^2) / 3, with the sign of x. */
function cbrt(f: Build, x: Value): Value {
  const a = f.abs(x), third = f.constant(1 / 3);
  const y = exp(f, f.mul(log(f, a), third));
  const root = f.negativeMultiplyAdd(f.sub(y, f.div(a, f.mul(y, y))), third, y);
  const regular = f.both(f.less(f.constant(0), a), f.less(a, f.constant(Infinity)));
  return withSign(f, f.select(regular, root, a), x); // 0, inf and NaN as they are
}

/** pi/2 in two parts: the first exact in float32, the second what is left of it. */
const HALF_PI = [1.57079637050628662109375, -4.37113900018624283e-8];
/** A little more than pi/4. */
const EIGHTH_TURN = 0.7855;

/**
 * x = n pi/2 + r, |r| <= pi/4, by two parts of pi/2 (exact products with fused multiply-add), which holds the accuracy
 * to |x| about 1e4, except for the few x so near a zero that the third part would matter, and the sign of the result to
 * about 1e6; beyond, r is bounded, so that results stay in [-1, 1] though their phase means nothing (float32 itself has
 * only a few points per period there). The low bits of `n` are n.
 */
function quadrant(f: Build, x: Value): { r: Value; n: Value } {
  const magic = f.constant(ROUND);
  const shifted = f.multiplyAdd(x, f.constant(2 / Math.PI), magic);
  const n = f.sub(shifted, magic);
  const reduced = HALF_PI.reduce((r, part) => f.negativeMultiplyAdd(n, f.constant(part), r), x);
  const r = f.max(f.min(reduced, f.constant(EIGHTH_TURN)), f.constant(-EIGHTH_TURN));
  return { r, n: f.bitsOf(shifted) };
}

/** Both polynomials are Cephes sinf's and cosf's (S. Moshier 1992). `turn` is 0 for the sine, 1 for the cosine. */
function sine(f: Build, x: Value, turn: 0 | 1): Value {
  const { r, n } = quadrant(f, x);
  const z = f.mul(r, r);
  const sines = polynomial(f, z, [-1.6666654611e-1, 8.3321608736e-3, -1.9515295891e-4]);
  const sin = f.multiplyAdd(f.mul(sines, z), r, r);
  const cosines = polynomial(f, z, [4.166664568298827e-2, -1.388731625493765e-3, 2.443315711809948e-5]);
  const cos = f.multiplyAdd(f.multiplyAdd(cosines, z, f.constant(-0.5)), z, f.constant(1));
  // The low two bits of n say the quadrant: odd swaps sine and cosine, the second bit is the sign, of the next
  // quadrant's sine for the cosine.
  const odd = f.maskOf(f.shiftRight(f.shiftLeft(n, 31), 31));
  const k = turn ? f.addIntegers(n, f.bits(1)) : n;
  const sign = f.shiftLeft(f.and(k, f.bits(2)), 30);
  return f.numberOf(f.xor(f.bitsOf(turn ? f.select(odd, sin, cos) : f.select(odd, cos, sin)), sign));
}

/** sin(x)/x; the quotient is 1 already at |x| = 1e-4, and 0 at +-inf. */
function sinc(f: Build, x: Value): Value {
  const a = f.abs(x);
  const infinite = f.equal(a, f.constant(Infinity));
  const finite = f.select(f.less(a, f.constant(1e-4)), f.constant(1), f.div(sine(f, x, 0), x));
  return f.zeroWhere(infinite, finite);
}

/** (cos(x) - sin(x)/x) / x, and below 1 its Taylor series, where the difference cancels; 0 at +-inf. */
function dsinc(f: Build, x: Value): Value {
  const a = f.abs(x);
  const reciprocal = f.div(f.constant(1), x);
  const large = f.mul(f.negativeMultiplyAdd(sine(f, x, 0), reciprocal, sine(f, x, 1)), reciprocal);
  const series = polynomial(f, f.mul(x, x), [-1 / 3, 1 / 30, -1 / 840, 1 / 45360, -1 / 3991680]);
  const infinite = f.equal(a, f.constant(Infinity));
  const finite = f.select(f.less(a, f.constant(1)), f.mul(series, x), large);
  return f.zeroWhere(infinite, finite);
}

function sign(f: Build, x: Value): Value {
  const zero = f.constant(0), one = f.constant(1);
  const value = f.sub(f.keepWhere(f.less(zero, x), one), f.keepWhere(f.less(x, zero), one));
  return f.select(f.less(zero, f.abs(x)), value, x); // NaN and zeros as they are
}

/** How each function of one argument is written in operations. */
export const MATH: Readonly<Record<UnaryName, (f: ListBuilder, x: Value) => Value>> = {
  neg: (f, x) => f.negate(x),
  abs: (f, x) => f.abs(x),
  relu: (f, x) => f.max(x, f.constant(0)),
  sqrt: (f, x) => f.root(f.max(x, f.constant(0))), // sqrt(max(x, 0))
  hypot1,
  log,
  log1p,
  exp,
  expm1,
  sin: (f, x) => sine(f, x, 0),
  cos: (f, x) => sine(f, x, 1),
  sinh,
  cosh,
  tanh,
  asinh,
  acosh,
  atanh,
  asin,
  acos,
  atan,
  cbrt,
  sinc,
  dsinc,
  dtanh,
  dsigmoid,
  datan: (f, x) => f.div(f.constant(1), f.multiplyAdd(x, x, f.constant(1))),
  dasinh: (f, x) => f.div(f.constant(1), hypot1(f, x)),
  sigmoid,
  softplus,
  gauss,
  erf,
  erfc,
  sign,
};

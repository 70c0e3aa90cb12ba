/**
 * The elementwise functions in float32 SIMD, in few operations: each takes a vector and writes the code that computes
 * the function of every lane. Relative error is under 2e-6 against float64 wherever float32 can represent the result,
 * with the right limits at 0, +-large, +-inf and NaN (tests/child/engine/wasm_math_test.ts). NaN passes through because
 * `pmin`/`pmax` keep a NaN of their first operand.
 *
 * Over 400 lines, as it is one table of short functions that share their constants and intermediate results.
 */
import type { UnaryName } from "../../activation/expression.ts";
import { floatBits, type FunctionBuilder, type Vector } from "./function_builder.ts";

type Build = FunctionBuilder;

/** Constants that are loaded where they are used, to leave registers free. */
function constants(f: Build, z: Vector, values: readonly number[]): (() => Vector)[] {
  return values.map((value) => () => f.constant(value, z.length));
}

/** c[0] + c[1] z + c[2] z^2 + … by Horner's rule: the fewest operations and the least rounding. */
function horner(f: Build, z: Vector, c: readonly (() => Vector)[]): Vector {
  return c.slice(0, -1).reduceRight((sum, term) => f.madd(sum, z, term()), c.at(-1)!());
}

/**
 * The same, from degree 3 on in z^2 over pairs (c[0] + c[1] z) + z^2 (…): one operation more but half the latency, as
 * an element takes as long as its longest chain of operations.
 */
function polynomial(f: Build, z: Vector, coefficients: readonly number[]): Vector {
  const c = constants(f, z, coefficients);
  if (c.length < 4) return horner(f, z, c);
  const pairs = c.flatMap((low, i) => i % 2 ? [] : [() => i + 1 < c.length ? f.madd(c[i + 1](), z, low()) : low()]);
  return horner(f, f.memo("square", [z], () => f.mul(z, z)), pairs);
}

/** |value| with the sign of `sign`. */
function withSign(f: Build, value: Vector, sign: Vector): Vector {
  const bit = f.constantBits(0x80000000, value.length);
  return f.or(value, f.and(sign, bit));
}

const ROUND = 12582912; // 1.5 * 2^23: adding it rounds to an integer, which then stands in the low bits
/** float32's ln(2), exact to 2e-9: beside n = 128 that is a relative error of 2.4e-7 in exp. */
const LN2 = Math.fround(Math.LN2);
/** exp(x) is finite and normal from MIN_EXPONENT to MAX_EXPONENT. */
const MIN_EXPONENT = -87.3365, MAX_EXPONENT = 88.72283;
/** exp reaches 2^128 here; where the remainder is taken by LN2 none is left, so that the result is the bits of inf. */
const OVERFLOW = 128 * LN2;

/** float32's largest number. */
const MAX_FLOAT32 = 3.4028234663852886e38;

interface ExponentialOptions {
  /** exp(times x), at no cost; 1 by default. */
  readonly times?: 1 | -1 | -2;
  /** Small beside x: exp(times (x - less)). */
  readonly less?: Vector;
  /** Half of it, for what overflows later than exp. */
  readonly half?: boolean;
  /** One multiply-add less; where it is fused, exact to 2.4e-7 where |x| is near 88 and to 1e-7 below 40. */
  readonly rough?: boolean;
  /** False if times x is never so large that exp overflows. */
  readonly above?: boolean;
  /** Remembers (exp(times r) - 1) / r as "expSlope" of x. Where |x| is below 0.34 / |times|, r is x. */
  readonly keepsSlope?: boolean;
}

/**
 * exp(times x) from MIN_EXPONENT to MAX_EXPONENT by times x = n ln(2) + times r, |times r| <= ln(2)/2, a polynomial of
 * r, and n added to its exponent. The rough one is inf at OVERFLOW.
 */
function normalExponential(f: Build, x: Vector, options: ExponentialOptions): Vector {
  const { times = 1, less, half, rough, keepsSlope } = options;
  const constant = (value: number) => f.constant(value, x.length);
  const magic = constant(half ? ROUND - 1 : ROUND);
  const shifted = f.madd(x, constant(times * Math.LOG2E), magic);
  const n = f.sub(shifted, magic);
  let r = x;
  for (const part of rough ? [LN2] : [LN2, Math.LN2 - LN2]) {
    r = (times < 0 ? f.madd : f.nmadd)(n, constant(part / Math.abs(times)), r);
  }
  if (less) r = f.sub(r, less);
  const slope = f.madd(polynomial(f, r, EXP.map((c, i) => c * times ** (i + 2))), r, constant(times));
  if (keepsSlope) f.memo(`expSlope${times}`, [x], () => slope);
  const p = f.madd(slope, r, constant(1));
  // shifted's low bits are n, or n - 1 for the half: all others leave to the left.
  return f.apply("i32x4.add", p, f.shift("i32x4.shl", shifted, 23));
}

/** exp(times x) of any x: above float32's range inf, below its normal numbers 0. */
function exponential(f: Build, x: Vector, options: ExponentialOptions = {}): Vector {
  const { times = 1, half, above = true } = options;
  /** Of times a and times b. */
  const isLess = (a: Vector, b: Vector) => times < 0 ? f.less(b, a) : f.less(a, b);
  const bound = (value: number) => f.constant((half ? value + Math.LN2 : value) / times, x.length);
  const value = normalExponential(f, x, options);
  const bounded = f.apply("v128.andnot", value, isLess(x, bound(MIN_EXPONENT)));
  if (!above) return bounded;
  return f.select(isLess(bound(MAX_EXPONENT), x), f.constant(Infinity, x.length), bounded);
}

/**
 * exp(r) = 1 + r + r^2 times the polynomial of least relative error (4e-9) on |r| <= ln(2)/2, by Lawson's algorithm.
 */
const EXP = [
  ...[0.4999999403953552, 0.1666652113199234, 0.04166838899254799],
  ...[0.00836874544620514, 0.0013814540579915047],
];

function exp(f: Build, x: Vector): Vector {
  return f.memo("exp", [x], () => exponential(f, x, { keepsSlope: true }));
}

/** exp(x) - 1, and near 0, where that cancels and exp's r is x itself, x times exp's (exp(r) - 1) / r. */
function expm1(f: Build, x: Vector): Vector {
  return f.memo("expm1", [x], () => {
    const parts = x.length;
    const far = f.sub(exp(f, x), f.constant(1, parts));
    const near = f.mul(f.known("expSlope1", [x])!, x);
    return f.select(f.less(f.abs(x), f.constant(0.34, parts)), near, far);
  });
}

/**
 * exp(-x^2), corrected for the rounding error of x^2 (from a fused multiply-add), as exp turns absolute error into
 * relative.
 */
function gauss(f: Build, x: Vector): Vector {
  return f.memo("gauss", [x], () => {
    const high = f.mul(x, x);
    return exponential(f, high, { times: -1, less: f.nmadd(x, x, high), above: false });
  });
}

/**
 * 1 / (1 + exp(-x)), for which an exp below 1e-38 need only be a normal number; beside softplus from its
 * exponential: (x < 0 ? t : 1) / (1 + t), t = exp(-|x|).
 */
function sigmoid(f: Build, x: Vector): Vector {
  return f.memo("sigmoid", [x], () => {
    const parts = x.length, one = f.constant(1, parts), t = f.known("decay", [x]);
    if (t) return f.div(f.select(f.less(x, f.constant(0, parts)), t, one), f.add(one, t));
    return f.div(one, f.add(one, boundedDecay(f, x)));
  });
}

/** exp(-x) up to inf at OVERFLOW; no less than 1e-38. */
function boundedDecay(f: Build, x: Vector): Vector {
  return f.memo("boundedDecay", [x], () => {
    const bounded = f.pmin(f.pmax(x, f.constant(-OVERFLOW, x.length)), f.constant(-MIN_EXPONENT, x.length));
    return normalExponential(f, bounded, { times: -1, rough: true });
  });
}

/** s (exp(-x) s), s = sigmoid(x): 1 - s as a product does not cancel. 0 where it is below float32's normal numbers. */
function dsigmoid(f: Build, x: Vector): Vector {
  return f.memo("dsigmoid", [x], () => {
    const s = sigmoid(f, x);
    const decay = f.pmin(boundedDecay(f, x), f.constant(MAX_FLOAT32, x.length)); // s is 0 where it is inf
    return f.apply("v128.andnot", f.mul(f.mul(decay, s), s), f.less(f.constant(-MIN_EXPONENT, x.length), x));
  });
}

/** 2 atanh(s) = 2 s + s^3 (2/3 + 2/5 s^2 + …), where the polynomial has the least relative error for such s. */
function twiceAtanh(f: Build, s: Vector, series: readonly number[]): Vector {
  const z = f.mul(s, s);
  return f.madd(polynomial(f, z, series), f.mul(z, s), f.add(s, s));
}

/** To 2e-7 on |s| <= 1/3, and to 1.5e-7 on |s| <= 0.1716 = (sqrt(2) - 1) / (sqrt(2) + 1), by Lawson's algorithm. */
const ATANH_TO_THIRD = [0.6667348146438599, 0.39635971188545227, 0.33983558416366577];
const ATANH_OF_MANTISSA = [0.66655621, 0.41202062];

/** max(x, 0) + log(1 + t), t = exp(-|x|), with log(1 + t) = 2 atanh(t / (2 + t)), t / (2 + t) <= 1/3. */
function softplus(f: Build, x: Vector): Vector {
  return f.memo("softplus", [x], () => {
    const parts = x.length;
    const t = f.memo("decay", [x], () => exponential(f, f.abs(x), { times: -1, rough: true, above: false }));
    const s = f.div(t, f.add(t, f.constant(2, parts)));
    return f.add(twiceAtanh(f, s, ATANH_TO_THIRD), f.pmax(x, f.constant(0, parts)));
  });
}

/** A normal x above 0 as m 2^e / `times`, m in [sqrt(1/2), sqrt(2)), `times` 1 or 2. */
function mantissaAndExponent(f: Build, x: Vector, times: 1 | 2 = 1): { m: Vector; e: Vector } {
  const least = f.constantBits(0x3f3504f3, x.length); // sqrt(1/2)
  const offset = times === 1 ? least : f.constantBits(0x3eb504f3, x.length);
  const shifted = f.apply("i32x4.sub", x, offset);
  const e = f.apply("f32x4.convert_i32x4_s", f.shift("i32x4.shr_s", shifted, 23));
  return { m: f.apply("i32x4.add", f.and(shifted, f.constantBits(0x007fffff, x.length)), least), e };
}

/**
 * e ln(2) + 2 atanh(s), which is the logarithm of m 2^e where s = (m - 1) / (m + 1). float32's ln(2) is exact to 3e-9,
 * and where e is not 0 the result is not small beside it.
 */
function logarithm(f: Build, e: Vector, s: Vector): Vector {
  return f.madd(e, f.constant(Math.LN2, s.length), twiceAtanh(f, s, ATANH_OF_MANTISSA));
}

/** With the subnormal numbers scaled up, and what has no logarithm, or itself, for one. */
function log(f: Build, x: Vector): Vector {
  return f.memo("log", [x], () => {
    const parts = x.length;
    const subnormal = f.less(x, f.constantBits(0x00800000, parts));
    const scaled = f.select(subnormal, f.mul(x, f.constant(2 ** 23, parts)), x);
    const { m, e } = mantissaAndExponent(f, scaled);
    const one = f.constant(1, parts);
    const exponent = f.sub(e, f.and(subnormal, f.constant(23, parts)));
    const value = logarithm(f, exponent, f.div(f.sub(m, one), f.add(m, one)));
    return withLogarithmOfSpecial(f, x, value);
  });
}

/** The value where x is finite and above 0; else 0 -> -inf, negative -> NaN, inf -> inf, NaN -> NaN. */
function withLogarithmOfSpecial(f: Build, x: Vector, value: Vector): Vector {
  const zero = f.constant(0, x.length), infinity = f.constant(Infinity, x.length);
  const regular = f.and(f.less(zero, x), f.less(x, infinity));
  const isZero = f.apply("f32x4.eq", x, zero);
  const special = f.select(isZero, f.neg(infinity), f.or(x, f.less(x, zero))); // all bits set is a NaN
  return f.select(regular, value, special);
}

/**
 * The logarithm of w = 1 + x. Where |x| < 0.29, e is 0 and m is w, so that s = (w - 1) / (w + 1) can take x for w - 1,
 * which has lost digits of it; farther out they do not count.
 */
function log1p(f: Build, x: Vector): Vector {
  return f.memo("log1p", [x], () => {
    const parts = x.length, one = f.constant(1, parts);
    const w = f.add(x, one);
    const { m, e } = mantissaAndExponent(f, w);
    const small = f.less(f.abs(x), f.constant(0.29, parts));
    const value = logarithm(f, e, f.div(f.select(small, x, f.sub(m, one)), f.add(m, one)));
    // It has the sign of x, 0 too; -0 is lost in the sum of its parts.
    return withLogarithmOfSpecial(f, w, withSign(f, value, x));
  });
}

/** sinh and cosh need exp(|x|) / 2, which does not overflow before they do. */
function halfExp(f: Build, x: Vector): Vector {
  return f.memo("halfExp", [x], () => exponential(f, f.abs(x), { half: true }));
}

function cosh(f: Build, x: Vector): Vector {
  const half = halfExp(f, x);
  return f.add(half, f.div(f.constant(0.25, x.length), half));
}

/** exp(|x|)/2 - exp(-|x|)/2, and below 1 the Taylor series, where that difference cancels. */
function sinh(f: Build, x: Vector): Vector {
  const parts = x.length;
  const half = halfExp(f, x);
  const large = withSign(f, f.sub(half, f.div(f.constant(0.25, parts), half)), x);
  const z = f.mul(x, x);
  const series = polynomial(f, z, [1 / 6, 1 / 120, 1 / 5040, 1 / 362880]);
  const small = f.madd(f.mul(series, z), x, x);
  return f.select(f.less(f.abs(x), f.constant(1, parts)), small, large);
}

/** Beyond, tanh is 1 to 4e-9, and its derivative 8e-9 is taken for 0. */
const TANH_SATURATES = 10;

/** t = exp(-2 |x|) and 1 / (1 + t), for tanh and its derivative. */
function tanhParts(f: Build, x: Vector): { a: Vector; t: Vector; share: Vector } {
  const parts = x.length;
  // Large enough that 1 - t is 1, small enough that t is a normal number.
  const a = f.memo("tanhArgument", [x], () => f.pmin(f.abs(x), f.constant(2 * TANH_SATURATES, parts)));
  const t = f.memo("tanhDecay", [a], () => normalExponential(f, a, { times: -2, rough: true, keepsSlope: true }));
  const share = f.memo("tanhShare", [t], () => f.div(f.constant(1, parts), f.add(f.constant(1, parts), t)));
  return { a, t, share };
}

/** (1 - t) / (1 + t) with the sign of x; near 0, where 1 - t cancels, it is -a times the exponential's (t - 1) / a. */
function tanh(f: Build, x: Vector): Vector {
  return f.memo("tanh", [x], () => {
    const parts = x.length, { a, t, share } = tanhParts(f, x);
    const near = f.mul(f.known("expSlope-2", [a])!, a);
    const difference = f.select(f.less(a, f.constant(0.17, parts)), near, f.sub(t, f.constant(1, parts))); // t - 1
    // It is never positive: its sign is flipped where x is positive.
    const turn = f.apply("v128.andnot", f.constantBits(0x80000000, parts), x);
    return f.apply("v128.xor", f.mul(difference, share), turn);
  });
}

/** 4 t / (1 + t)^2 */
function dtanh(f: Build, x: Vector): Vector {
  return f.memo("dtanh", [x], () => {
    const { a, t, share } = tanhParts(f, x);
    const twice = f.add(share, share);
    const value = f.mul(f.mul(t, twice), twice);
    return f.apply("v128.andnot", value, f.less(f.constantBits(floatBits(TANH_SATURATES) - 1, x.length), a));
  });
}

/**
 * x P(x^2) / Q(x^2): the rational function of XLA's ErfImpl32, by Horner's rule, as Q cancels. Its rounding error takes
 * it over 1 by two units in the last place where it ends, so that it is cut off there at exactly 1.
 */
function erf(f: Build, x: Vector): Vector {
  return f.memo("erf", [x], () => {
    const parts = x.length, bound = 3.83;
    const c = f.pmax(f.pmin(x, f.constant(bound, parts)), f.constant(-bound, parts));
    const z = f.mul(c, c);
    const above = horner(
      f,
      z,
      constants(f, z, [
        1.128379143519084,
        0.18520832239976145,
        0.050955695062380861,
        0.0034082910107109506,
        0.00022905065861350646,
      ]),
    );
    const below = horner(
      f,
      z,
      constants(f, z, [
        1,
        0.49746925110067538,
        0.11098505178285362,
        0.014070470171167667,
        0.0010179625278914885,
        0.000023547966471313185,
        -1.1791602954361697e-7,
      ]),
    );
    const one = f.constant(1, parts), quotient = f.div(f.mul(c, above), below);
    return f.pmax(f.pmin(quotient, one), f.constant(-1, parts));
  });
}

/**
 * exp(-x^2) P(|x|) / Q(|x|), and 2 less that where x is negative: relative to its size as exact as exp. The quotient is
 * of least relative error, 5e-9, on [0, 9.4], beyond which exp(-x^2) is 0; by Lawson's algorithm.
 */
function erfc(f: Build, x: Vector): Vector {
  return f.memo("erfc", [x], () => {
    const tail = erfcTail(f, x);
    return f.select(f.less(x, f.constant(0, x.length)), f.sub(f.constant(2, x.length), tail), tail);
  });
}

/** erfc(-x), which shares exp(-x^2) with its derivative, where it stands as that of x. */
export function erfcOfNegative(f: Build, x: Vector): Vector {
  return f.memo("erfcOfNegative", [x], () => {
    const tail = erfcTail(f, x);
    return f.select(f.less(f.constant(0, x.length), x), f.sub(f.constant(2, x.length), tail), tail);
  });
}

/** erfc(|x|) */
function erfcTail(f: Build, x: Vector): Vector {
  const a = f.pmin(f.abs(x), f.constant(10, x.length));
  return f.mul(gauss(f, x), f.div(polynomial(f, a, ERFC_ABOVE), polynomial(f, a, ERFC_BELOW)));
}

const ERFC_ABOVE = [1, 1.2322638034820557, 0.7251819968223572, 0.22616323828697205, 0.0321570560336113];
const ERFC_BELOW = [
  ...[1, 2.3606433868408203, 2.3888745307922363],
  ...[1.3133819103240967, 0.4008934497833252, 0.05699608474969864],
];

/** sqrt(x^2 + 1). Above 1.8e19 x^2 overflows; the root is never more than |x| + 1, and there that is as exact. */
function hypot1(f: Build, x: Vector): Vector {
  return f.memo("hypot1", [x], () => {
    const one = f.constant(1, x.length);
    return f.pmin(f.add(f.abs(x), one), f.sqrt(f.madd(x, x, one)));
  });
}

/**
 * log(a + root) with the sign of x, a = |x|, root = sqrt(a^2 + 1). Where a + root is near 1, its logarithm is 2 atanh
 * of (a + root - 1) / (a + root + 1) = a / (1 + root), which does not cancel. Half of the sum is taken, as it could
 * overflow.
 */
function asinh(f: Build, x: Vector): Vector {
  return f.memo("asinh", [x], () => {
    const parts = x.length, one = f.constant(1, parts), half = f.constant(0.5, parts);
    const a = f.abs(x), root = hypot1(f, x);
    const { m, e } = mantissaAndExponent(f, f.madd(a, half, f.mul(root, half)), 2);
    const small = f.less(a, f.constant(0.35, parts)); // there e is 0, as it is to 0.3535
    const s = f.div(f.select(small, a, f.sub(m, one)), f.add(f.select(small, root, m), one));
    const value = logarithm(f, e, s);
    return withSign(f, f.select(f.less(a, f.constant(Infinity, parts)), value, a), x); // inf and NaN as they are
  });
}

/**
 * r + r^3 P(r^2) where |x| <= 1 with r = |x|, and pi/2 more beyond with r = -1/|x|; P is of least relative error,
 * 1.1e-7, by Lawson's algorithm.
 */
function atan(f: Build, x: Vector): Vector {
  return f.memo("atan", [x], () => {
    const parts = x.length;
    const a = f.abs(x), one = f.constant(1, parts);
    const high = f.less(one, a);
    const r = f.div(f.select(high, f.constant(-1, parts), a), f.select(high, a, one));
    const z = f.mul(r, r);
    const series = polynomial(f, z, ATAN);
    const offset = f.and(high, f.constant(Math.PI / 2, parts));
    return withSign(f, f.add(offset, f.madd(f.mul(series, z), r, r)), x);
  });
}

/** atan(x / sqrt((1 - x)(1 + x))): both differences are exact near 1; the root of a negative number is a NaN. */
function asin(f: Build, x: Vector): Vector {
  const one = f.constant(1, x.length);
  return atan(f, f.div(x, f.sqrt(f.mul(f.sub(one, x), f.add(one, x)))));
}

/** 2 atan(sqrt((1 - x) / (1 + x))), which does not cancel near 1 as pi/2 - asin(x) does. */
function acos(f: Build, x: Vector): Vector {
  const one = f.constant(1, x.length);
  const half = atan(f, f.sqrt(f.div(f.sub(one, x), f.add(one, x))));
  return f.add(half, half);
}

/** log1p(t + sqrt(t) sqrt(t + 2)) of t = x - 1, and log(x) + log(2) where twice x would overflow. */
function acosh(f: Build, x: Vector): Vector {
  const parts = x.length, t = f.sub(x, f.constant(1, parts));
  const root = f.mul(f.sqrt(t), f.sqrt(f.add(t, f.constant(2, parts))));
  const far = f.add(log(f, x), f.constant(Math.LN2, parts));
  return f.select(f.less(f.constant(1e18, parts), x), far, log1p(f, f.add(t, root)));
}

/** log1p(2 a / (1 - a)) / 2 with the sign of x, a = |x|. */
function atanh(f: Build, x: Vector): Vector {
  const parts = x.length, a = f.abs(x);
  const value = log1p(f, f.div(f.add(a, a), f.sub(f.constant(1, parts), a)));
  return withSign(f, f.mul(value, f.constant(0.5, parts)), x);
}

/** y = exp(log|x| / 3) and a step of Newton's method from it, y - (y - |x| / y^2) / 3, with the sign of x. */
function cbrt(f: Build, x: Vector): Vector {
  return f.memo("cbrt", [x], () => {
    const parts = x.length, a = f.abs(x), third = f.constant(1 / 3, parts);
    const y = exp(f, f.mul(log(f, a), third));
    const root = f.nmadd(f.sub(y, f.div(a, f.mul(y, y))), third, y);
    const regular = f.and(f.less(f.constant(0, parts), a), f.less(a, f.constant(Infinity, parts)));
    return withSign(f, f.select(regular, root, a), x); // 0, inf and NaN as they are
  });
}

const ATAN = [
  ...[-0.3333239257335663, 0.1997421383857727, -0.14041326940059662, 0.09968472272157669],
  ...[-0.06020312383770943, 0.02473405748605728, -0.004822532646358013],
];

/**
 * x = n pi/2 + r, |r| <= pi/4, by two parts of pi/2 (exact products with fused multiply-add), which holds the accuracy
 * to
 * |x| about 1e4, except for the few x so near a zero that the third part would matter, and the sign of the result to about
 * 1e6; beyond, r is bounded, so that results stay in [-1, 1] though their phase means nothing (float32 itself has only a
 * few points per period there).
 */
function quadrant(f: Build, x: Vector): { r: Vector; n: Vector } {
  const parts = x.length;
  const magic = f.constant(ROUND, parts);
  const shifted = f.memo("quadrantN", [x], () => f.madd(x, f.constant(2 / Math.PI, parts), magic));
  const r = f.memo("quadrantR", [x], () => {
    const n = f.sub(shifted, magic);
    const halfPi = [1.57079637050628662109375, -4.37113900018624283e-8];
    const reduced = halfPi.reduce((r, part) => f.nmadd(n, f.constant(part, parts), r), x);
    const bound = 0.7855;
    return f.pmax(f.pmin(reduced, f.constant(bound, parts)), f.constant(-bound, parts));
  });
  return { r, n: shifted };
}

/** Both polynomials are Cephes sinf's and cosf's (S. Moshier 1992). `turn` is 0 for the sine, 1 for the cosine. */
function sine(f: Build, x: Vector, turn: 0 | 1): Vector {
  const parts = x.length;
  const { r, n } = quadrant(f, x);
  const z = f.memo("quadrantZ", [r], () => f.mul(r, r));
  const sin = f.memo("sinR", [r], () => {
    const series = polynomial(f, z, [-1.6666654611e-1, 8.3321608736e-3, -1.9515295891e-4]);
    return f.madd(f.mul(series, z), r, r);
  });
  const cos = f.memo("cosR", [r], () => {
    const series = polynomial(f, z, [4.166664568298827e-2, -1.388731625493765e-3, 2.443315711809948e-5]);
    return f.madd(f.madd(series, z, f.constant(-0.5, parts)), z, f.constant(1, parts));
  });
  // The low two bits of n say the quadrant: odd swaps sine and cosine, the second bit is the sign, of the next
  // quadrant's sine for the cosine.
  const odd = f.memo("quadrantOdd", [n], () => f.shift("i32x4.shr_s", f.shift("i32x4.shl", n, 31), 31));
  const k = turn ? f.apply("i32x4.add", n, f.constantBits(1, parts)) : n;
  const sign = f.shift("i32x4.shl", f.and(k, f.constantBits(2, parts)), 30);
  return f.apply("v128.xor", turn ? f.select(odd, sin, cos) : f.select(odd, cos, sin), sign);
}

function sin(f: Build, x: Vector): Vector {
  return f.memo("sin", [x], () => sine(f, x, 0));
}

function cos(f: Build, x: Vector): Vector {
  return f.memo("cos", [x], () => sine(f, x, 1));
}

/** sin(x)/x; the quotient is 1 already at |x| = 1e-4, and 0 at +-inf. */
function sinc(f: Build, x: Vector): Vector {
  return f.memo("sinc", [x], () => {
    const parts = x.length;
    const a = f.abs(x);
    const infinite = f.apply("f32x4.eq", a, f.constant(Infinity, parts));
    const finite = f.select(f.less(a, f.constant(1e-4, parts)), f.constant(1, parts), f.div(sin(f, x), x));
    return f.apply("v128.andnot", finite, infinite);
  });
}

/** (cos(x) - sin(x)/x) / x, and below 1 its Taylor series, where the difference cancels; 0 at +-inf. */
function dsinc(f: Build, x: Vector): Vector {
  const parts = x.length;
  const a = f.abs(x);
  const reciprocal = f.div(f.constant(1, parts), x);
  const large = f.mul(f.nmadd(sin(f, x), reciprocal, cos(f, x)), reciprocal);
  const series = polynomial(f, f.mul(x, x), [-1 / 3, 1 / 30, -1 / 840, 1 / 45360, -1 / 3991680]);
  const infinite = f.apply("f32x4.eq", a, f.constant(Infinity, parts));
  const finite = f.select(f.less(a, f.constant(1, parts)), f.mul(series, x), large);
  return f.apply("v128.andnot", finite, infinite);
}

/** 1 in the lanes of the mask, else 0. */
function indicator(f: Build, mask: Vector): Vector {
  return f.and(mask, f.constant(1, mask.length));
}

function sign(f: Build, x: Vector): Vector {
  const zero = f.constant(0, x.length);
  const value = f.sub(indicator(f, f.less(zero, x)), indicator(f, f.less(x, zero)));
  return f.select(f.less(zero, f.abs(x)), value, x); // NaN and zeros as they are
}

/** sqrt(max(x, 0)) */
function sqrt(f: Build, x: Vector): Vector {
  return f.memo("sqrt", [x], () => f.sqrt(f.pmax(x, f.constant(0, x.length))));
}

/** The code generator of each function of one argument. */
export const UNARY: Readonly<Record<UnaryName, (f: FunctionBuilder, x: Vector) => Vector>> = {
  neg: (f, x) => f.neg(x),
  abs: (f, x) => f.abs(x),
  relu: (f, x) => f.pmax(x, f.constant(0, x.length)),
  sqrt,
  hypot1,
  log,
  log1p,
  exp,
  expm1,
  sin,
  cos,
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
  datan: (f, x) => f.memo("datan", [x], () => f.div(f.constant(1, x.length), f.madd(x, x, f.constant(1, x.length)))),
  dasinh: (f, x) => f.memo("dasinh", [x], () => f.div(f.constant(1, x.length), hypot1(f, x))),
  sigmoid,
  softplus,
  gauss,
  erf,
  erfc,
  sign,
};

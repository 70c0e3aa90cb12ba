/**
 * A fingerprint that is the same for equal functions, so that a run trains each function once: a hash of values of the
 * simplified expression, and of its derivative, at fixed points of (x, b), rounded.
 *
 * Values of equal functions written differently agree to about 1e-15 of their size, more where the formula cancels, and
 * the rounding is 1e-5 of their size (1e-9 near 0). A value that lies within its error of a rounding boundary could
 * still separate two equal functions: about 1e-10 per point, 1e-8 per pair; simplifying first makes most pairs the same
 * formula, for which it cannot happen. The points are irregular so that values are too; constants such as 0 or 1,
 * which are not, are computed exactly.
 *
 * The points are of every magnitude, so that a function clipped at 20, or at 1e6, is another function. Far out, values
 * are rounded by the size of x and b, as formulas cancel in terms of that size; and the sine of a number so large that
 * rounding decides it is replaced by that of two fixed angles in turn: where the value depends on which, it counts as
 * unknown. Functions that still cannot be distinguished from rounding errors count as two; that costs a training,
 * whereas merging distinct functions would give wrong results. Distinct functions have one fingerprint only if at all
 * points their values and derivatives differ by less than the rounding.
 *
 * Those of mirror images, which train alike, are saved in run stores: any change here needs a new FINGERPRINT_VERSION,
 * with which older runs recompute theirs.
 */
import { derive } from "./derive.ts";
import { compileWith, type Replacements } from "./evaluate.ts";
import type { Expression } from "./expression.ts";
import { simplify } from "./simplify.ts";

/**
 * 1: until November 2026, values at |x| <= 12 and b in [-1.6, 2.4]. 2: values and derivatives at all magnitudes. 3: one
 * for a function and its mirror image.
 */
export const FINGERPRINT_VERSION = 3;

/** Where the rounding changes from absolute to relative, as a share of the point's size. */
const SMALL = 1e-4;
/** Steps of rounding to a unit of log(value): near points, and far ones. */
const STEPS = 1e5, FAR_STEPS = 50;
const NOT_FINITE = 0x7fffffff;
const UNKNOWN = 0x7ffffffd;

interface Point {
  readonly x: number;
  readonly b: number;
}

/** Multiples of the golden ratio and of sqrt(2), modulo 1, are spread evenly and are never round. */
const spread = (i: number) => fraction((i + 1) * 0.6180339887498949);
const betaAt = (i: number) => 4 * fraction((i + 1) * Math.SQRT2) - 1.6;
const signAt = (i: number) => i % 2 === 0 ? 1 : -1;

/**
 * In turn, 3 points with x in [-4, 4], where its bulk lies after batch normalisation, one at a scale from 1e-5 (the
 * epsilon of the search space) to 1, and one with |x| in [4, 12], where cos(x) first exceeds sinc(x) again; b in
 * [-1.6, 2.4].
 */
const BODY: readonly Point[] = Array.from({ length: 120 }, (_, i) => {
  const body = signAt(i) * 4 * spread(i);
  const x = [body, body, body, signAt(i) * 10 ** (-5 * spread(i)), signAt(i) * (4 + 8 * spread(i))][i % 5];
  return { x, b: betaAt(i) };
});

/**
 * Farther out on both sides of 0, up to 3e4, where published functions may have kinks, and tiny values. None has an x,
 * x^2, x^3 or exp(x) near PERIODIC_LIMIT, where equal functions could come to lie on either side of it.
 */
const OUTER: readonly Point[] = [
  ...[13.03, 15.37, 20.71, 27.93, 41.17, 53.29, 68.83, 151.3, 313.7, 561.9, 2213, 7727, 31337],
  ...[1.3e-7, 1.7e-9],
].flatMap((x, i) => [{ x, b: betaAt(2 * i) }, { x: -x, b: betaAt(2 * i + 1) }]);

/** Betas of other sizes, both signs of each, with x in the bulk and where b * x is about 1. */
const BETAS: readonly Point[] = [2.57, 3.31, 4.73, 7.19, 13.7, 47.3, 131, 1013, 8101, 0.00137].flatMap((b, i) => [
  { x: 3 * spread(i), b },
  { x: -3 * spread(i + 20), b },
  { x: 0.3 * spread(i + 40), b: -b },
  { x: -0.3 * spread(i + 60), b: -b },
  { x: 1.3 / b, b },
  { x: 0.7 / b, b: -b },
]);

/**
 * As far as float32 reaches, except for betas, whose squares cancel in b^2 x + (1 - b) b x; rounded to a few percent.
 */
const FAR: readonly Point[] = [
  ...[3.7e5, 7.3e8, 2.9e12, 5.3e19, 1.7e30, 1.3e37].flatMap((x, i) => [{ x, b: 0.83 + i / 7 }, { x: -x, b: 0.71 }]),
  ...[3.7e5, 7.3e8].flatMap((b, i) => [{ x: 0.37 + i / 9, b }, { x: -0.43, b }, { x: 0.59, b: -b }]),
];

/** Where the derivative is compared: a ripple of 1e-7 x may have a slope of 1. */
const SLOPES: readonly Point[] = BODY.filter((_, i) => i % 5 === 1);

/**
 * Arguments of sines beyond which rounding errors of 1e-16 of them are no longer small beside the rounding of values.
 */
const PERIODIC_LIMIT = 1e6;
/** Angles used for sines of larger arguments, in turn. */
const ANGLES = [0.7, 2.6] as const;

/** 16 hexadecimal digits; equal for equal functions of (x, b), however written. */
export function fingerprint(expression: Expression): string {
  return new Sampled(expression).print(1);
}

/**
 * The same for a function f(x) and its mirror image -f(-x), and no others: the fingerprint of one of the two. No network
 * here tells them apart, but for the max pooling of resnet18 and resnet50. What f computes from one set of weights,
 * -f(-x) computes from those in which the layers that read the images and give the logits have the other sign, as
 * convolutions, sums, average poolings and normalisations (whose shift starts at 0) only turn with their inputs; either
 * set is as likely at the start, and so it stays in training.
 */
export function mirrorFingerprint(expression: Expression): string {
  return fingerprintsOf(expression).mirror;
}

export interface Fingerprints {
  readonly fingerprint: string;
  /** The one that its mirror image has too. */
  readonly mirror: string;
}

/** Both, for little more than one takes. */
export function fingerprintsOf(expression: Expression): Fingerprints {
  const sampled = new Sampled(expression), own = sampled.print(1), other = sampled.print(-1);
  return { fingerprint: own, mirror: own < other ? own : other };
}

/** A function and its derivative. */
class Sampled {
  readonly #value: SampledValue;
  readonly #byX: SampledValue;

  constructor(expression: Expression) {
    const simplified = simplify(expression);
    this.#value = new SampledValue(simplified);
    this.#byX = new SampledValue(derive(simplified, "x"));
  }

  /** The fingerprint of the function, or with sign -1 of its mirror image, whose derivative is f'(-x). */
  print(sign: 1 | -1): string {
    const turned = ({ x, b }: Point) => ({ x: sign * x, b });
    const value = (point: Point, round: Round) => this.#value.at(turned(point), (v, size) => round(sign * v, size));
    const slope = (point: Point) => this.#byX.at(turned(point), near);
    return hash([
      ...[...BODY, ...OUTER, ...BETAS].map((point) => value(point, near)),
      ...FAR.map((point) => value(point, far)),
      ...SLOPES.map((point) => value(point, near) === NOT_FINITE ? NOT_FINITE : slope(point)),
    ]);
  }
}

type Round = (value: number, size: number) => number;

/** A function with the sines of large numbers replaced. */
class SampledValue {
  readonly #value;
  #angle: number = ANGLES[0];
  #replaced = false;

  constructor(expression: Expression) {
    const periodic = (of: (u: number) => number, far: (u: number, angle: number) => number) => (u: number) => {
      if (!(Math.abs(u) > PERIODIC_LIMIT) || !Number.isFinite(u)) return of(u);
      this.#replaced = true;
      return far(u, this.#angle);
    };
    this.#value = compileWith(
      expression,
      {
        sin: (of) => periodic(of, (u, angle) => Math.sign(u) * Math.sin(angle)),
        cos: (of) => periodic(of, (_u, angle) => Math.cos(angle)),
        sinc: (of) => periodic(of, (u, angle) => Math.sign(u) * Math.sin(angle) / u),
      } satisfies Replacements,
    );
  }

  /** The rounded value at the point; UNKNOWN if it depends on the sines of large numbers. */
  at({ x, b }: Point, round: Round): number {
    const size = Math.max(1, Math.abs(x) > 12 ? Math.abs(x) : 1, Math.abs(b) > 2.5 ? Math.abs(b) : 1);
    this.#angle = ANGLES[0];
    this.#replaced = false;
    const first = this.#value(x, b);
    if (!this.#replaced) return round(first, size);
    this.#angle = ANGLES[1];
    const second = this.#value(x, b), scale = Math.max(Math.abs(first), size);
    const agree = Object.is(first, second) || Math.abs(first - second) <= 1e-8 * scale;
    return agree ? round(first, size) : UNKNOWN;
  }
}

const near = (value: number, size: number) => rounded(value, size, STEPS);
/** 0 where it is small beside the point. */
const far = (value: number, size: number) => Math.abs(value) < 1e-6 * size ? 0 : rounded(value, size, FAR_STEPS);

/** An int32 that grows with the value: linear near 0, logarithmic elsewhere. */
function rounded(value: number, size: number, steps: number): number {
  if (!Number.isFinite(value)) return NOT_FINITE;
  return Math.round(Math.asinh(value / (SMALL * size)) * steps) | 0; // |result| < 8e7
}

/** Two 32-bit lanes of multiply and shift, with the constants of MurmurHash3's and lowbias32's finishers. */
function hash(values: readonly number[]): string {
  let high = 0x9e3779b9;
  let low = 0x85ebca6b;
  for (const value of values) {
    high = Math.imul(high ^ value, 0x85ebca6b);
    high ^= high >>> 13;
    low = Math.imul(low ^ value, 0x7feb352d);
    low ^= low >>> 15;
  }
  return hex(Math.imul(high, 0xc2b2ae35)) + hex(Math.imul(low, 0x846ca68b));
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, "0");
}

function fraction(value: number): number {
  return value - Math.floor(value);
}

/**
 * A fingerprint under which equal functions are one, so that a run trains each function once: a hash of the values of
 * the simplified expression at fixed points of (x, b), rounded.
 *
 * Values of equal functions written differently agree to about 1e-15 of their size, more where the formula cancels, and
 * the rounding is 1e-5 of their size (1e-9 near 0). A value that lies within its error of a rounding boundary could
 * still part two equal functions: about 1e-10 a point, 1e-8 a pair; simplifying first makes most pairs the same
 * formula, for which it cannot happen. The points are irregular so that values are too, and constants such as 0 or 1,
 * which are not, are computed exactly. What cannot be told apart by rounding, as the sine of a huge number computed in
 * two ways, counts as two functions; that costs a training, whereas distinct functions as one would cost the truth.
 * Distinct functions agree at every point only if they differ by less than the rounding or only between the points.
 */
import { compileToClosure } from "./evaluate.ts";
import type { Expression } from "./expression.ts";
import { simplify } from "./simplify.ts";

/** Where the rounding turns from absolute to relative. */
const SMALL = 1e-4;
/** Steps of rounding to a unit of log(value). */
const STEPS = 1e5;
const NOT_A_NUMBER = 0x7fffffff;
const INFINITE = 0x7ffffffe;

interface Point {
  readonly x: number;
  readonly b: number;
}

/**
 * By turns 3 points with x in [-4, 4], where its body lies after batch normalisation, one at a scale from 1e-5 (the
 * epsilon of the search space) to 1, and one with |x| in [4, 12], where cos(x) first exceeds sinc(x) again; b in
 * [-1.6, 2.4]. Multiples of the golden ratio and of sqrt(2), modulo 1, are spread evenly and are never round.
 */
const POINTS: readonly Point[] = Array.from({ length: 120 }, (_, i) => {
  const spread = fraction((i + 1) * 0.6180339887498949);
  const sign = i % 2 === 0 ? 1 : -1;
  const body = sign * 4 * spread;
  const x = [body, body, body, sign * 10 ** (-5 * spread), sign * (4 + 8 * spread)][i % 5];
  return { x, b: 4 * fraction((i + 1) * Math.SQRT2) - 1.6 };
});

/** 16 hexadecimal digits; equal for equal functions of (x, b), however written. */
export function fingerprint(expression: Expression): string {
  const value = compileToClosure(simplify(expression));
  return hash(POINTS.map(({ x, b }) => rounded(value(x, b))));
}

/** An int32 that grows with the value: linear near 0, logarithmic elsewhere. */
function rounded(value: number): number {
  if (Number.isNaN(value)) return NOT_A_NUMBER;
  if (!Number.isFinite(value)) return Math.sign(value) * INFINITE;
  return Math.round(Math.asinh(value / SMALL) * STEPS) | 0; // |result| < 8e7
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

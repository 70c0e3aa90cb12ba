/**
 * The shape of a function of x at a fixed beta, found by float64 evaluation: its limits, whether it is bounded and
 * monotone, where it turns, bends and jumps. Everything here is numerical: it holds at the sampled points,
 * which are dense near 0, reach every magnitude, and are refined where the function turns, but it is not a proof.
 */
import { type Bend, bends } from "./bends.ts";
import { derive } from "./derive.ts";
import { compileToClosure } from "./evaluate.ts";
import type { Expression } from "./expression.ts";
import { simplify } from "./simplify.ts";

/** A function's behaviour at infinity on one side. */
export type Limit =
  /** Tends to a number, or to Infinity or -Infinity. */
  | { readonly kind: "value"; readonly value: number }
  /** Oscillates without a limit. */
  | { readonly kind: "oscillates" }
  /** Is not a number from some point on. */
  | { readonly kind: "undefined"; readonly from: number };

export interface Analysis {
  /** Value and derivative at 0; NaN if undefined there. */
  readonly valueAt0: number;
  readonly slopeAt0: number;
  readonly atMinusInfinity: Limit;
  readonly atInfinity: Limit;
  /** Least and greatest value found, and whether they are bounds of the function; infinite if it has none. */
  readonly least: number;
  readonly greatest: number;
  /** "constant", "increasing" and "decreasing" allow for parts that are level; null if it is not a number somewhere. */
  readonly monotone: "constant" | "increasing" | "decreasing" | "no" | null;
  /** Extrema, inflections, kinks, jumps and poles from -8 to 8, from left to right; at most twelve. */
  readonly bends: readonly Bend[];
}

type Curve = (x: number) => number;

/** The function as it is computed after simplification. `b` is beta's value. */
export function analyse(expression: Expression, b: number): Analysis {
  const simplified = simplify(expression);
  const [value, slope] = [simplified, derive(simplified, "x")].map(compileToClosure);
  const f: Curve = (x) => value(x, b);
  const sides = { minus: limit((m) => f(-m)), plus: limit(f) };
  const [least, most] = range(f, [sides.minus, sides.plus]);
  return {
    valueAt0: f(0) + 0,
    slopeAt0: slope(0, b) + 0,
    atMinusInfinity: sides.minus,
    atInfinity: sides.plus,
    least,
    greatest: most,
    monotone: monotony(f),
    bends: bends({ value: f, slope: (x) => slope(x, b) }, 8),
  };
}

/** Whether every value lies between two numbers. */
export function isBounded({ least, greatest }: Analysis): boolean {
  return Number.isFinite(least) && Number.isFinite(greatest);
}

// Limits

/** Magnitudes to float32's largest, each times an irrational number, so that none is a multiple of a period. */
const FAR = Array.from({ length: 124 }, (_, i) => 2 ** (3 + i) * (1 + ((i * Math.SQRT2) % 1) * 0.7));
/** How many of the largest magnitudes must agree. */
const TAIL = 24;

function limit(f: Curve): Limit {
  const values = FAR.map(f);
  const undefinedFrom = values.findIndex(Number.isNaN);
  if (undefinedFrom >= 0) return { kind: "undefined", from: firstNaN(f, undefinedFrom) };
  const tail = values.slice(-TAIL);
  const last = tail[tail.length - 1];
  if (tail.some((value) => !Number.isFinite(value))) {
    return tail.every((value) => Math.sign(value) === Math.sign(last))
      ? { kind: "value", value: Math.sign(last) * Infinity }
      : { kind: "oscillates" };
  }
  const size = Math.max(1, ...tail.map(Math.abs));
  const spread = Math.max(...tail) - Math.min(...tail);
  if (spread <= 1e-9 * Math.min(size, 1e3)) {
    const vanishes = Math.abs(last) <= 1e-3 * Math.abs(tail[0]);
    return { kind: "value", value: vanishes ? 0 : tidied(last) };
  }
  const steps = tail.slice(1).map((value, i) => Math.sign(value - tail[i]));
  if (!steps.every((step) => step === steps[0])) return { kind: "oscillates" };
  return { kind: "value", value: steps[0] * Infinity };
}

/** Where a function becomes NaN, between two magnitudes, to four digits. */
function firstNaN(f: Curve, index: number): number {
  let [low, high] = [index === 0 ? 0 : FAR[index - 1], FAR[index]];
  for (let halvings = 0; halvings < 60 && high - low > 1e-4 * high; halvings++) {
    const middle = (low + high) / 2;
    if (Number.isNaN(f(middle))) high = middle;
    else low = middle;
  }
  return high < 1e-9 ? 0 : Number(high.toPrecision(3));
}

/** The number without digits that are rounding errors: 1 for 0.9999999999999998. */
function tidied(value: number): number {
  return Number(value.toPrecision(12)) + 0;
}

// Range and monotony

/** Dense where preactivations lie, then wider, then every magnitude of float32 on both sides, in order. */
const POINTS: readonly number[] = (() => {
  const sizes = [
    ...Array.from({ length: 4000 }, (_, i) => (i + 0.5) * 2e-3),
    ...Array.from({ length: 1600 }, (_, i) => 8 + (i + 0.5) * 2e-2),
    ...Array.from({ length: 667 }, (_, i) => 10 ** (-45 + i / 8)).filter((size) => size > 40 || size < 1e-3),
  ].sort((a, b) => a - b);
  return [...sizes.toReversed().map((size) => -size), 0, ...sizes];
})();

/** Least and greatest of the values found, refined where they turn; infinite if a side has no bound. */
function range(f: Curve, limits: readonly Limit[]): [number, number] {
  return [-greatest((x) => -f(x), limits.map(mirrored)) + 0, greatest(f, limits)];
}

function mirrored(limit: Limit): Limit {
  return limit.kind === "value" ? { kind: "value", value: -limit.value } : limit;
}

function greatest(f: Curve, limits: readonly Limit[]): number {
  const values = POINTS.map(f);
  let most = limits.reduce((most, limit) => limit.kind === "value" ? Math.max(most, limit.value) : most, -Infinity);
  values.forEach((value, i) => {
    if (!Number.isNaN(value)) most = Math.max(most, value);
    const [before, after] = [values[i - 1], values[i + 1]];
    if (!(value >= before && value >= after && (value > before || value > after))) return;
    const peak = highest(f, POINTS[i - 1], POINTS[i + 1]);
    const around = Math.max(1, ...[before, after].map(Math.abs).filter(Number.isFinite));
    most = Math.max(most, peak > POLE * around ? Infinity : peak); // a pole keeps growing under refinement
  });
  if (limits.some(({ kind }) => kind === "oscillates") && waves(f) > 1e6) return Infinity;
  return tidied(most);
}

/** Ratio of a peak to its neighbourhood from which it counts as a pole. */
const POLE = 1e5;

/** Ratio of the largest values far out to those near 0. */
function waves(f: Curve): number {
  const most = (points: readonly number[]) =>
    points.flatMap((m) => [f(m), f(-m)]).reduce((most, value) => value > most ? value : most, 0);
  return most(FAR.slice(-TAIL)) / Math.max(1, most(FAR.slice(0, TAIL)));
}

/** The maximum between two points, by golden-section search. */
function highest(f: Curve, left: number, right: number): number {
  const ratio = (Math.sqrt(5) - 1) / 2;
  let [a, b] = [left, right];
  let best = -Infinity;
  for (let i = 0; i < 90; i++) {
    const [c, d] = [b - ratio * (b - a), a + ratio * (b - a)];
    const [fc, fd] = [f(c), f(d)];
    best = Math.max(best, Number.isNaN(fc) ? best : fc, Number.isNaN(fd) ? best : fd);
    if (fc > fd) b = d;
    else a = c;
  }
  return best;
}

function monotony(f: Curve): Analysis["monotone"] {
  const values = POINTS.map(f);
  if (values.some(Number.isNaN)) return null;
  let [rises, falls] = [false, false];
  for (let i = 1; i < values.length; i++) {
    const [before, after] = [values[i - 1], values[i]];
    // Steps smaller than the rounding error of values of this size, or of 1 if they cancelled, do not count.
    const noise = 1e-14 * Math.max(1, Math.min(Math.abs(before), Math.abs(after)));
    if (after - before > noise) rises = true;
    if (before - after > noise) falls = true;
  }
  if (rises && falls) return "no";
  return rises ? "increasing" : falls ? "decreasing" : "constant";
}

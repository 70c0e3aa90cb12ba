/**
 * How alike two functions are: the distance between their values at points where preactivations fall. Values are taken
 * relative to their spread and squashed, since what follows is normalised and an explosion is an explosion. The map lays
 * them out by their two principal components (Pearson 1901): near each other there means alike here, and the same
 * functions always give the same map.
 */
import type { TrialRow } from "../../controller/trial.ts";
import { mathOf } from "./function_math.ts";

/** Quantiles of the normal distribution at 1/66, 3/66, ... 65/66: where batch-normalised preactivations are. */
const POINTS = Float64Array.from({ length: 33 }, (_, index) => normalQuantile((2 * index + 1) / 66));
const features = new Map<string, Float32Array | null>();

/** 33 numbers; null if the function is not finite at the points or cannot be parsed. */
export function featuresOf(expression: string): Float32Array | null {
  const known = features.get(expression);
  if (known !== undefined) return known;
  const made = makeFeatures(expression);
  features.set(expression, made);
  return made;
}

/**
 * Computes missing features from the trial at `from` on, until all are done or the time is up. Returns how many trials are
 * done. Ten thousand functions take seconds, in which the page must stay responsive.
 */
export function prepare(trials: readonly TrialRow[], from: number, ms: number): number {
  const end = performance.now() + ms;
  for (let index = from; index < trials.length; index++) {
    const { expression } = trials[index];
    if (features.has(expression)) continue;
    if (performance.now() > end) return index;
    featuresOf(expression);
  }
  return trials.length;
}

function makeFeatures(expression: string): Float32Array | null {
  const math = mathOf(expression);
  if (math instanceof Error) return null;
  const values = POINTS.map((x) => math.f(x, math.betaStart));
  if (!values.every(Number.isFinite)) return null;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const spread = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  return Float32Array.from(values, (value) => spread > 1e-9 ? Math.tanh((value - mean) / spread) : 0);
}

/** Trials of the most similar other functions, each function once, most similar first. */
export function nearest(trials: readonly TrialRow[], to: TrialRow, most: number): TrialRow[] {
  const own = featuresOf(to.expression);
  if (!own) return [];
  const seen = new Set([to.fingerprint]);
  const found: { readonly trial: TrialRow; readonly distance: number }[] = [];
  for (const trial of trials) {
    if (seen.has(trial.fingerprint)) continue;
    seen.add(trial.fingerprint);
    const other = featuresOf(trial.expression);
    if (other) found.push({ trial, distance: squaredDistance(own, other) });
  }
  return found.sort((one, other) => one.distance - other.distance).slice(0, most).map(({ trial }) => trial);
}

function squaredDistance(one: Float32Array, other: Float32Array): number {
  let sum = 0;
  for (let index = 0; index < one.length; index++) sum += (one[index] - other[index]) ** 2;
  return sum;
}

export interface Place {
  readonly trial: TrialRow;
  readonly x: number;
  readonly y: number;
}

/** Trials whose function is finite, laid out in the plane; each function once, by its best trial. */
export function layOut(trials: readonly TrialRow[]): Place[] {
  const best = new Map<string, TrialRow>();
  for (const trial of trials) {
    const other = best.get(trial.fingerprint);
    if (!other || (trial.score ?? -1) > (other.score ?? -1)) {
      best.set(trial.fingerprint, trial);
    }
  }
  const rows: Float32Array[] = [];
  const kept: TrialRow[] = [];
  for (const trial of best.values()) {
    const row = featuresOf(trial.expression);
    if (!row) continue;
    rows.push(row);
    kept.push(trial);
  }
  if (rows.length < 3) return [];
  const mean = POINTS.map((_, index) => rows.reduce((sum, row) => sum + row[index], 0) / rows.length);
  const covariance = covarianceOf(rows, mean);
  const first = principal(covariance, []);
  const second = principal(covariance, [first]);
  const along = (row: Float32Array, axis: Float64Array) =>
    axis.reduce((sum, weight, index) => sum + weight * (row[index] - mean[index]), 0);
  return kept.map((trial, index) => ({ trial, x: along(rows[index], first), y: along(rows[index], second) }));
}

function covarianceOf(rows: readonly Float32Array[], mean: Float64Array): Float64Array[] {
  const size = mean.length;
  const covariance = Array.from({ length: size }, () => new Float64Array(size));
  for (const row of rows) {
    for (let i = 0; i < size; i++) {
      const left = row[i] - mean[i];
      for (let j = 0; j < size; j++) covariance[i][j] += left * (row[j] - mean[j]);
    }
  }
  return covariance;
}

/** The direction of greatest variance at right angles to others, by power iteration. */
function principal(covariance: readonly Float64Array[], others: readonly Float64Array[]): Float64Array {
  let axis = Float64Array.from(covariance, (_, index) => 1 + 0.5 * Math.sin(1 + index * 1.7));
  for (let turn = 0; turn < 60; turn++) {
    let next = Float64Array.from(covariance, (row) => row.reduce((sum, value, index) => sum + value * axis[index], 0));
    for (const other of others) {
      const share = next.reduce((sum, value, index) => sum + value * other[index], 0);
      next = next.map((value, index) => value - share * other[index]);
    }
    const length = Math.hypot(...next) || 1;
    axis = next.map((value) => value / length);
  }
  return axis;
}

/** Winitzki's approximation of the inverse error function, within 0.002: precise enough to choose points. */
function normalQuantile(share: number): number {
  const z = 2 * share - 1;
  const log = Math.log(1 - z * z);
  const a = 0.147;
  const half = 2 / (Math.PI * a) + log / 2;
  return Math.SQRT2 * Math.sign(z) * Math.sqrt(Math.sqrt(half * half - log / a) - half);
}

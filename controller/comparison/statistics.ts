/**
 * The statistics of comparing functions and samplers: summaries of several seeds, paired tests with their correction,
 * rank correlations, and the robust means of Agarwal et al. 2021 (arXiv 2108.13264). Accuracies may be in any unit.
 */
import { erf } from "../../child/activation/erf.ts";

export interface Summary {
  readonly mean: number;
  /** Of the sample; null for one value. */
  readonly standard_deviation: number | null;
  readonly median: number;
  readonly n: number;
}

/** Null if there is no value. */
export function summarise(values: readonly number[]): Summary | null {
  const sorted = values.toSorted((a, b) => a - b), n = sorted.length;
  if (n === 0) return null;
  const deviation = n > 1 ? Math.sqrt(varianceOf(sorted)) : null;
  return { mean: meanOf(sorted), standard_deviation: deviation, median: medianOf(sorted), n };
}

/** NaN without a value. */
export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b), n = sorted.length;
  return (sorted[Math.floor((n - 1) / 2)] + sorted[Math.floor(n / 2)]) / 2;
}

export interface SignTest {
  /** Pairs whose first value is larger. */
  readonly wins: number;
  readonly losses: number;
  readonly ties: number;
  /**
   * Probability of a difference in wins at least this large, in either direction, if both are equally good; 1 without a
   * difference.
   */
  readonly two_sided_p: number;
  /** Probability of at least this many wins if both are equally good: the paper's test. */
  readonly one_sided_p: number;
}

/** The exact paired sign test (Dixon & Mood 1946): wins follow Binomial(wins + losses, 1/2), ties are dropped. */
export function signTest(pairs: readonly (readonly [number, number])[]): SignTest {
  const wins = pairs.filter(([first, second]) => first > second).length;
  const losses = pairs.filter(([first, second]) => first < second).length;
  const n = wins + losses;
  return {
    wins,
    losses,
    ties: pairs.length - n,
    two_sided_p: Math.min(1, 2 * atLeast(Math.max(wins, losses), n)),
    one_sided_p: atLeast(wins, n),
  };
}

/** P(X >= successes) of X ~ Binomial(n, 1/2), in logarithms as 2^-n vanishes for large n. */
function atLeast(successes: number, n: number): number {
  let logTerm = -n * Math.LN2, sum = 0;
  for (let k = 0; k <= n; k++) {
    if (k >= successes) sum += Math.exp(logTerm);
    logTerm += Math.log((n - k) / (k + 1));
  }
  return Math.min(1, sum);
}

export interface PairedTest {
  /** Mean of first - second. */
  readonly difference: number;
  /** Of the mean difference; 0 where all differences are equal. */
  readonly standardError: number;
  /** Pairs. */
  readonly n: number;
  /** Probability of a mean difference at least this large if both are equally good: small if the first is better. */
  readonly oneSidedP: number;
  readonly twoSidedP: number;
}

/**
 * Student's paired t test. A single pair has no standard error (NaN) and p 1; so do pairs whose differences are all 0.
 * Throws a RangeError if there is no pair.
 */
export function pairedT(pairs: readonly (readonly [number, number])[]): PairedTest {
  const n = pairs.length;
  if (n === 0) throw new RangeError("Cannot compare two functions as they have no seed in common");
  const differences = pairs.map(([first, second]) => first - second);
  const difference = meanOf(differences);
  if (n === 1) return { difference, standardError: NaN, n, oneSidedP: 1, twoSidedP: 1 };
  const standardError = Math.sqrt(varianceOf(differences) / n);
  if (standardError === 0) {
    const [oneSidedP, twoSidedP] = difference === 0 ? [1, 1] : difference > 0 ? [0, 0] : [1, 0];
    return { difference, standardError, n, oneSidedP, twoSidedP };
  }
  const oneSidedP = studentUpperTail(difference / standardError, n - 1);
  return { difference, standardError, n, oneSidedP, twoSidedP: 2 * Math.min(oneSidedP, 1 - oneSidedP) };
}

/**
 * Wilcoxon's signed-rank test (Wilcoxon 1945): one-sided p that the first of the pairs is larger. Zero differences are
 * dropped, ties share their mean rank; exact by counting for up to 25 pairs without ties, else the normal approximation
 * with the corrections for ties and continuity. 1 where no pair differs.
 */
export function wilcoxon(pairs: readonly (readonly [number, number])[]): number {
  const differences = pairs.map(([first, second]) => first - second).filter((difference) => difference !== 0);
  const n = differences.length;
  if (n === 0) return 1;
  const ranks = ranksOf(differences.map(Math.abs));
  const positive = ranks.reduce((sum, rank, i) => differences[i] > 0 ? sum + rank : sum, 0);
  const tied = new Set(ranks).size < n;
  if (n <= 25 && !tied) return signedRankUpperTail(positive, n);
  const ties = [...Map.groupBy(ranks, (rank) => rank).values()].reduce((sum, { length: t }) => sum + t ** 3 - t, 0);
  const sd = Math.sqrt(n * (n + 1) * (2 * n + 1) / 24 - ties / 48);
  return normalUpperTail((positive - n * (n + 1) / 4 - 0.5) / sd);
}

/** Share of the 2^n sign patterns whose positive ranks sum to at least `statistic`. */
function signedRankUpperTail(statistic: number, n: number): number {
  const most = n * (n + 1) / 2, counts = new Float64Array(most + 1);
  counts[0] = 1;
  for (let rank = 1; rank <= n; rank++) {
    for (let sum = most; sum >= rank; sum--) counts[sum] += counts[sum - rank];
  }
  return counts.subarray(Math.ceil(statistic)).reduce((sum, count) => sum + count, 0) / 2 ** n;
}

/** Holm's step-down correction (Holm 1979): p-values adjusted for all of them together, in the order given. */
export function holm(pValues: readonly number[]): number[] {
  const order = pValues.map((_, i) => i).sort((a, b) => pValues[a] - pValues[b]);
  const adjusted = new Array<number>(pValues.length);
  let largest = 0;
  order.forEach((at, rank) => {
    largest = Math.max(largest, Math.min(1, (pValues.length - rank) * pValues[at]));
    adjusted[at] = largest;
  });
  return adjusted;
}

/** Half the width of the 95 % confidence interval of a mean, from the standard error of n values. */
export function halfWidth95(standardError: number, n: number): number {
  return n < 2 ? NaN : standardError * studentQuantile(0.975, n - 1);
}

/**
 * Mean of the middle half of the values, those at the quartiles weighted by their share (Agarwal et al. 2021). NaN of
 * none.
 */
export function interquartileMean(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b), n = sorted.length;
  let sum = 0;
  sorted.forEach((value, i) => {
    const inside = Math.min(i + 1, 0.75 * n) - Math.max(i, 0.25 * n);
    if (inside > 0) sum += value * inside;
  });
  return sum / (n / 2);
}

/**
 * Percentile interval of a statistic of several strata by the stratified bootstrap (Agarwal et al. 2021): each
 * stratum's values are resampled within the stratum. `draw` gives an integer from 0 below its argument.
 */
export function stratifiedBootstrap(
  strata: readonly (readonly number[])[],
  statistic: (values: readonly number[]) => number,
  draw: (below: number) => number,
  { samples = 2000, level = 0.95 } = {},
): readonly [low: number, high: number] {
  const results = Array.from(
    { length: samples },
    () => statistic(strata.flatMap((values) => values.map(() => values[draw(values.length)]))),
  ).sort((a, b) => a - b);
  return [quantileOf(results, (1 - level) / 2), quantileOf(results, (1 + level) / 2)];
}

/** Spearman's rank correlation, ties sharing their mean rank; NaN where one of the two does not vary. */
export function spearman(x: readonly number[], y: readonly number[]): number {
  return correlation(ranksOf(x), ranksOf(y));
}

/** Kendall's tau-b; NaN where one of the two does not vary. */
export function kendall(x: readonly number[], y: readonly number[]): number {
  let [agree, onlyX, onlyY] = [0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    for (let j = 0; j < i; j++) {
      const a = Math.sign(x[i] - x[j]), b = Math.sign(y[i] - y[j]);
      agree += a * b;
      if (a !== 0) onlyX++;
      if (b !== 0) onlyY++;
    }
  }
  return agree / Math.sqrt(onlyX * onlyY);
}

/** Ranks from 1, ties sharing their mean. */
export function ranksOf(values: readonly number[]): number[] {
  const order = values.map((_, i) => i).sort((a, b) => values[a] - values[b]);
  const ranks = new Array<number>(values.length);
  for (let first = 0; first < order.length;) {
    let last = first;
    while (last + 1 < order.length && values[order[last + 1]] === values[order[first]]) last++;
    for (let i = first; i <= last; i++) ranks[order[i]] = (first + last) / 2 + 1;
    first = last + 1;
  }
  return ranks;
}

export function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Of the sample (n - 1); NaN of one value. */
export function varianceOf(values: readonly number[]): number {
  const mean = meanOf(values);
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
}

/** By linear interpolation between the sorted values. */
function quantileOf(sorted: readonly number[], share: number): number {
  const at = share * (sorted.length - 1), below = Math.floor(at);
  return sorted[below] + (at - below) * ((sorted[below + 1] ?? sorted[below]) - sorted[below]);
}

function correlation(x: readonly number[], y: readonly number[]): number {
  const meanX = meanOf(x), meanY = meanOf(y);
  let [xy, xx, yy] = [0, 0, 0];
  x.forEach((value, i) => {
    xy += (value - meanX) * (y[i] - meanY);
    xx += (value - meanX) ** 2;
    yy += (y[i] - meanY) ** 2;
  });
  return xy / Math.sqrt(xx * yy);
}

/** P(T > t) of Student's t with `freedom` degrees, by the incomplete beta function (Abramowitz & Stegun 26.7.1). */
export function studentUpperTail(t: number, freedom: number): number {
  const half = incompleteBeta(freedom / (freedom + t * t), freedom / 2, 0.5) / 2;
  return t >= 0 ? half : 1 - half;
}

/** The t that is exceeded with probability 1 - p, by bisection. */
export function studentQuantile(p: number, freedom: number): number {
  let [low, high] = [-1e3, 1e3];
  for (let i = 0; i < 100; i++) {
    const middle = (low + high) / 2;
    if (1 - studentUpperTail(middle, freedom) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Regularised, by Lentz's continued fraction (Numerical Recipes, 3rd ed., 6.4): within 1e-12. */
function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  // The fraction converges fast only on one side; the other follows by symmetry.
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a);
  const TINY = 1e-300;
  let c = 1, d = 1 / clear(1 - (a + b) * x / (a + 1)), fraction = d;
  for (let m = 1; m < 1000; m++) {
    const even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    const odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    let change = 1;
    for (const term of [even, odd]) {
      d = 1 / clear(1 + term * d);
      c = clear(1 + term / c);
      change = c * d;
      fraction *= change;
    }
    if (Math.abs(change - 1) < 1e-15) break;
  }
  const front = Math.exp(a * Math.log(x) + b * Math.log1p(-x) - logBeta(a, b));
  return front * fraction / a;

  function clear(value: number): number {
    return Math.abs(value) < TINY ? TINY : value;
  }
}

function logBeta(a: number, b: number): number {
  return logGamma(a) + logGamma(b) - logGamma(a + b);
}

/** Lanczos's approximation with g = 7 and 9 terms, within 1e-14 relative for x > 0. */
function logGamma(x: number): number {
  const TERMS = [
    0.99999999999980993,
    676.5203681218851,
    -1259.1392167224028,
    771.32342877765313,
    -176.61502916214059,
    12.507343278686905,
    -0.13857109526572012,
    9.9843695780195716e-6,
    1.5056327351493116e-7,
  ];
  const series = TERMS.slice(1).reduce((sum, term, i) => sum + term / (x + i), TERMS[0]);
  const t = x + 6.5;
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(series);
}

/** x with P(X <= x) = p of a standard normal X, by bisection to the last bits; p is in (0, 1). */
export function normalQuantile(p: number): number {
  let [low, high] = [-10, 10];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (normalCdf(middle) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

function normalCdf(z: number): number {
  return 0.5 * (1 + erf(z / Math.SQRT2));
}

/** From 3 on by Laplace's continued fraction, since the difference from 1 loses all digits by 8. */
function normalUpperTail(z: number): number {
  if (z < 3) return 1 - normalCdf(z);
  let fraction = z;
  for (let k = 60; k > 0; k--) fraction = z + k / fraction;
  return Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI) / fraction;
}

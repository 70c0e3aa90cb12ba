/** What several seeds came to: median, mean and spread, and the sign test of one function against another. */

export interface Summary {
  readonly mean: number;
  /** Of the sample; null for one value. */
  readonly standard_deviation: number | null;
  readonly median: number;
  readonly n: number;
}

/** Null where there is no value. */
export function summarise(values: readonly number[]): Summary | null {
  const sorted = values.toSorted((a, b) => a - b), n = sorted.length;
  if (n === 0) return null;
  const mean = sorted.reduce((sum, value) => sum + value, 0) / n;
  const variance = sorted.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1);
  const median = (sorted[Math.floor((n - 1) / 2)] + sorted[Math.floor(n / 2)]) / 2;
  return { mean, standard_deviation: n > 1 ? Math.sqrt(variance) : null, median, n };
}

export interface SignTest {
  /** Pairs whose first value is the larger one. */
  readonly wins: number;
  readonly losses: number;
  readonly ties: number;
  /** Probability of a difference in wins at least so large, either way, were both equally good; 1 without a difference. */
  readonly two_sided_p: number;
  /** Probability of at least so many wins, were both equally good: the paper's test. */
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

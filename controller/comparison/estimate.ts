/**
 * Estimates of what candidates are worth, from a few noisy trainings on common seeds. The model of a score is
 *
 *     score = value of the function + effect of the seed + noise
 *
 * Seed effects are common to all candidates (same start, same batches), so that they are estimated once and subtracted.
 * The value itself is shrunken, because the best of many noisy means is the luckiest: each mean is weighed against the
 * distribution of all values in this run (empirical Bayes). That distribution is neither normal nor unimodal, as many
 * functions hardly train; it is estimated non-parametrically, by maximum likelihood on a grid (Kiefer & Wolfowitz 1956,
 * with the EM steps of Laird 1978; Jiang & Zhang 2009 show that it does nearly as well as knowing it).
 */

import { meanOf } from "./statistics.ts";

/** One candidate's trainings. */
export interface CandidateScores {
  /** By seed: `scores[k]` is that of seed k; undefined if it was not trained from that seed. */
  readonly scores: readonly (number | undefined)[];
}

/** What a candidate is worth, in the unit of the scores. */
export interface Estimate {
  /** Shrunken: the posterior mean, given its scores and those of all others. */
  readonly value: number;
  /** Posterior standard deviation: from noise and shrinking, without that of the seeds' common effect. */
  readonly deviation: number;
  /** Mean of the scores less seed effects; NaN without trainings. */
  readonly mean: number;
  /** Trainings. */
  readonly n: number;
}

export interface Estimates {
  /** In the order of the candidates. */
  readonly candidates: readonly Estimate[];
  /** Standard deviation of a single training, given its function and seed. */
  readonly noise: number;
  /** By seed. */
  readonly seedEffects: readonly number[];
}

/** Prior knowledge of a single training's noise, before any function has been trained twice. */
export interface NoisePrior {
  /** Standard deviation, in the unit of the scores. */
  readonly deviation: number;
  /** Degrees of freedom that this knowledge counts as. */
  readonly freedom: number;
}

/** Points of the grid, where nothing asks for a finer one, on which the distribution of values is estimated, and steps of EM. */
const GRID = 64;
const EM_STEPS = 100;
/** How fast the grid widens beside a mean that is known precisely, as a share of the distance from it. */
const WIDENING = 0.25;
/**
 * Deviations are those under a distribution that is still smooth: in EM's limit, a few points, values look more certain
 * than they are. Over simulated truths (`tests/controller/comparison/estimate_test.ts`, 150 runs) the errors of
 * functions trained 1, 6, 12 and 30 times, in units of their deviations, have a root mean square of 1.0 to 1.1 after 2
 * steps, 1.2 to 1.4 after 8.
 */
const SMOOTH_STEPS = 2;
/** Means in one cell of this share of the range are merged: far finer than the noise. */
const CELLS = 256;
/**
 * Seed effects are shrunken as if their variance were this share of the noise's: 30 % of both is common (2026-11-25).
 */
const SEED_SHARE = 0.3 / 0.7;

/**
 * Estimates of all candidates together. A candidate without trainings has the mean of all. Scores must be finite.
 * Throws a RangeError if one is not.
 */
export function estimate(candidates: readonly CandidateScores[], prior: NoisePrior): Estimates {
  candidates.forEach(({ scores }, i) => {
    const wrong = scores.find((score) => score !== undefined && !Number.isFinite(score));
    if (wrong !== undefined) throw new RangeError(`Cannot estimate candidate ${i} as a score is ${wrong}`);
  });
  const seedEffects = effectsOfSeeds(candidates);
  const adjusted = candidates.map(({ scores }) =>
    scores.flatMap((score, seed) => score === undefined ? [] : [score - seedEffects[seed]])
  );
  const noise = Math.sqrt(noiseVariance(adjusted, seedEffects.length, prior));
  const means = adjusted.map((scores) => ({ mean: meanOf(scores), n: scores.length }));
  return { candidates: shrink(means, noise), noise, seedEffects };
}

/** Least squares with a ridge on the seeds, alternating: values given effects, effects given values. */
function effectsOfSeeds(candidates: readonly CandidateScores[]): number[] {
  const seeds = Math.max(0, ...candidates.map(({ scores }) => scores.length));
  const effects = new Array<number>(seeds).fill(0);
  // A candidate trained once tells nothing about seed effects: its value absorbs them.
  const repeated = candidates.filter(({ scores }) => scores.filter((score) => score !== undefined).length > 1);
  if (repeated.length === 0) return effects;
  for (let turn = 0; turn < 30; turn++) {
    const sums = effects.map(() => 0), counts = effects.map(() => 0);
    for (const { scores } of repeated) {
      const value = meanOf(scores.flatMap((score, k) => score === undefined ? [] : [score - effects[k]]));
      scores.forEach((score, k) => {
        if (score === undefined) return;
        sums[k] += score - value;
        counts[k]++;
      });
    }
    effects.forEach((_, k) => effects[k] = sums[k] / (counts[k] + 1 / SEED_SHARE));
  }
  return effects;
}

/** Pooled within candidates, with what was known before. */
function noiseVariance(adjusted: readonly (readonly number[])[], seeds: number, prior: NoisePrior): number {
  let squares = prior.freedom * prior.deviation ** 2, freedom = prior.freedom;
  let repeated = 0;
  for (const scores of adjusted) {
    if (scores.length < 2) continue;
    const mean = meanOf(scores);
    squares += scores.reduce((sum, score) => sum + (score - mean) ** 2, 0);
    freedom += scores.length - 1;
    repeated++;
  }
  // Being shrunken, the seed effects use up some degrees of freedom, never all.
  return squares / (repeated > 0 ? Math.max(freedom - (seeds - 1), freedom / 2) : freedom);
}

/** Posterior mean and deviation of each, under the distribution of values that makes all means most likely. */
function shrink(means: readonly { readonly mean: number; readonly n: number }[], noise: number): Estimate[] {
  const known = means.filter(({ n }) => n > 0);
  if (known.length === 0) return means.map(({ n }) => ({ value: NaN, deviation: NaN, mean: NaN, n }));
  const low = Math.min(...known.map(({ mean }) => mean)), high = Math.max(...known.map(({ mean }) => mean));
  const errorOf = (n: number) => noise / Math.sqrt(n);
  if (low === high) { // nothing says how values differ
    return means.map(({ n }) => ({ value: low, deviation: errorOf(Math.max(1, n)), mean: n > 0 ? low : NaN, n }));
  }
  const grid = gridOf(low, high, known.map(({ mean, n }) => ({ mean, error: errorOf(n) })));
  const likelihood = (mean: number, n: number) =>
    grid.map((value) => Math.exp(-n * (mean - value) ** 2 / (2 * noise ** 2)));
  // No wider than the error of a mean, which would otherwise have no likelihood under what its cell has made likely.
  const cell = ({ mean, n }: { readonly mean: number; readonly n: number }) =>
    `${Math.round((mean - low) / Math.min((high - low) / CELLS, errorOf(n)))} ${n}`;
  const rows = [...Map.groupBy(known, cell).values()].map((alike) => ({
    likelihood: likelihood(meanOf(alike.map(({ mean }) => mean)), alike[0].n),
    count: alike.length,
  }));
  const smooth = moreLikely(uniformOn(grid), rows, known.length, SMOOTH_STEPS);
  const weights = moreLikely(smooth, rows, known.length, EM_STEPS - SMOOTH_STEPS);
  return means.map(({ mean, n }) => {
    const under = (prior: readonly number[], of: (value: number) => number) => {
      const posterior = n > 0 ? likelihood(mean, n).map((l, i) => l * prior[i]) : prior;
      return posterior.reduce((sum, p, i) => sum + p * of(grid[i]), 0) / posterior.reduce((sum, p) => sum + p, 0);
    };
    const value = under(weights, (v) => v);
    const deviation = Math.sqrt(under(smooth, (v) => (v - value) ** 2));
    return { value, deviation, mean: n > 0 ? mean : NaN, n };
  });
}

/**
 * Points from the lowest mean to the highest, near each mean no farther apart than its standard error: on a coarser grid
 * a function of many trainings is rounded to a point, and looks certain.
 */
function gridOf(
  low: number,
  high: number,
  means: readonly { readonly mean: number; readonly error: number }[],
): readonly number[] {
  const grid = [low], widest = (high - low) / (GRID - 1);
  for (let at = low; at < high; grid.push(at)) {
    const spacing = means.reduce((least, { mean, error }) => {
      const here = error + WIDENING * Math.abs(mean - at);
      return here < least ? here : least;
    }, widest);
    at = high - at < 1.5 * spacing ? high : at + spacing;
  }
  return grid;
}

/** Weights of the points under which every stretch between them counts by its width. */
function uniformOn(grid: readonly number[]): readonly number[] {
  if (grid.length === 1) return [1];
  const last = grid.length - 1, range = grid[last] - grid[0];
  return grid.map((_, i) => (grid[Math.min(i + 1, last)] - grid[Math.max(i - 1, 0)]) / (2 * range));
}

/** Weights of the grid's points under which the rows, each counted so often, are more likely, by steps of EM. */
function moreLikely(
  weights: readonly number[],
  rows: readonly { readonly likelihood: readonly number[]; readonly count: number }[],
  total: number,
  steps: number,
): readonly number[] {
  const likelihoods = rows.map(({ likelihood }) => Float64Array.from(likelihood));
  let now = Float64Array.from(weights);
  for (let step = 0; step < steps; step++) {
    const next = new Float64Array(now.length);
    for (let r = 0; r < rows.length; r++) {
      const likelihood = likelihoods[r];
      let evidence = 0;
      for (let i = 0; i < now.length; i++) evidence += likelihood[i] * now[i];
      const share = rows[r].count / (evidence * total);
      for (let i = 0; i < now.length; i++) next[i] += share * likelihood[i] * now[i];
    }
    now = next;
  }
  return [...now];
}

/**
 * Predicting a function's reward from those judged so far, by how much it is like them: a Gaussian process over values
 * and slopes at normal inputs (`featuresOf`), after AQuaSurF (Bingham & Miikkulainen 2023, arXiv 2301.05785). What
 * `surrogate` proposes by, and `ppo` screens its draws with.
 */
import { setImmediate as yieldToEventLoop } from "node:timers/promises";
import { normalQuantile, ranksOf } from "../comparison/statistics.ts";
import type { FunctionFacts } from "./function_facts.ts";
import { GaussianProcess, type ProcessSettings } from "./gaussian_process.ts";
import type { Judged, Known } from "./sampler.ts";

/**
 * With this kernel the leave-one-out predictions for the 74 functions that `featuresOf` speaks of correlate 0.71 with
 * their accuracy, within 0.02 for any length from 0.6 to 5 and noise of 0.03 or 0.3 (three nearest neighbours: 0.64).
 * The noise is the variance of one training's reward about the function's, as a share of that of all rewards.
 */
export const KERNEL: ProcessSettings = { length: 2.5, noise: 0.03 };

/**
 * Maximum number of observations behind a prediction; of more, the best and the latest are used, half each, as the cost
 * is quadratic.
 */
export const MAX_SAMPLES = 400;

/** A function that was judged. */
export interface Sample {
  readonly features: Float32Array;
  readonly reward: number;
  /** Its key among the members; null for a function found elsewhere. */
  readonly fingerprint: string | null;
}

/** The functions found elsewhere and those told, at most `MAX_SAMPLES`. */
export function samplesOf(facts: FunctionFacts, known: readonly Known[], told: readonly Judged[]): readonly Sample[] {
  const all = [
    ...known.map(({ expression, reward }) => ({
      features: facts.found(expression).features,
      reward,
      fingerprint: null,
    })),
    ...told.map(({ tokens, reward }) => ({
      features: facts.featuresOf(tokens),
      reward,
      fingerprint: facts.of(tokens).fingerprint,
    })),
  ];
  if (all.length < MAX_SAMPLES) return all;
  const latest = all.slice(-MAX_SAMPLES / 2);
  const best = all.slice(0, -MAX_SAMPLES / 2).toSorted((a, b) => b.reward - a.reward).slice(0, MAX_SAMPLES / 2);
  return [...best, ...latest];
}

/**
 * What the process learns instead of rewards: the quantiles of the standard normal distribution at their ranks, equal
 * ones at their mean rank (van der Waerden's scores). Half of the functions hardly train, and beside them the good ones,
 * which are to be told apart, all look alike.
 */
export function normalScores(samples: readonly Sample[]): number[] {
  return ranksOf(samples.map(({ reward }) => reward)).map((rank) => normalQuantile((rank - 0.5) / samples.length));
}

/** A process over the samples, which come first and are observed, and the functions with those features. */
export async function processOf(
  samples: readonly Sample[],
  features: readonly Float32Array[],
  turns: Turns,
): Promise<GaussianProcess> {
  const process = new GaussianProcess([...samples.map(({ features }) => features), ...features], KERNEL);
  await observeAll(process, [...samples.keys()], turns);
  return process;
}

/** Observes the points at `places`, in their order, from the first that the process has not observed. */
export async function observeAll(process: GaussianProcess, places: readonly number[], turns: Turns): Promise<void> {
  while (process.observations < places.length) {
    process.observe(places[process.observations]);
    await turns.next();
  }
}

/** Proposals of one batch that count as observed; only a batch of nearly all remaining members has more. */
const MAX_IMAGINED = 50;

interface Choice {
  /** Posterior deviations added to a prediction: the weight of uncertainty. */
  readonly hope: number;
  readonly count: number;
  /** The points to choose from. */
  readonly among: Iterable<number>;
  /** Whether the point's function may be proposed, and was not before: it is then marked as proposed. */
  readonly take: (at: number) => boolean;
}

/**
 * Takes the points with the highest upper confidence bound (Srinivas et al. 2010), prediction plus uncertainty, one after
 * another; at most `count`. Each then counts as observed at its prediction, so that a batch is not twenty variants of one
 * function. The samples must have been observed.
 */
export async function takeHopeful(
  process: GaussianProcess,
  samples: readonly Sample[],
  { hope, count, among, take }: Choice,
  turns: Turns,
): Promise<readonly number[]> {
  const means = process.means(normalScores(samples)), left = new Set(among);
  const boundOf = (at: number) => means[at] + hope * Math.sqrt(process.variance[at]);
  return await process.imagining(async () => {
    const taken: number[] = [];
    while (taken.length < count && left.size > 0) {
      const at = highest(left, boundOf);
      left.delete(at);
      if (!take(at)) continue;
      taken.push(at);
      if (taken.length < MAX_IMAGINED) process.observe(at); // at its own prediction, which changes no prediction
      await turns.next();
    }
    return taken;
  });
}

/** The first of those with the highest value. */
function highest(among: Iterable<number>, valueOf: (at: number) => number): number {
  let best = -1, most = -Infinity;
  for (const at of among) {
    const value = valueOf(at);
    if (value > most) [best, most] = [at, value];
  }
  return best;
}

/** Yields to the event loop after every 10 ms of work. */
export class Turns {
  #since = performance.now();

  async next(): Promise<void> {
    if (performance.now() - this.#since < 10) return;
    await yieldToEventLoop();
    this.#since = performance.now();
  }
}

/** Trials as input for the statistics: which are judged together, and how much noise to expect. */
import { estimate, type Estimates } from "./comparison/estimate.ts";
import type { Standing } from "./pruners/pruner.ts";
import { counts, type Trial } from "./trial.ts";

/** Trials with a judged training that counts, in order. Duplicates are judged by their originals. */
export function standingsOf(trials: readonly Pick<Trial, "id" | "trainings" | "duplicateOf">[]): Standing[] {
  return trials.filter(({ duplicateOf }) => duplicateOf === null).flatMap(({ id, trainings }) => {
    const judged = trainings.filter((training) => counts(training) && training.score !== null);
    if (judged.length === 0) return [];
    const scores = new Array<number | undefined>(Math.max(...judged.map(({ seed }) => seed)) + 1).fill(undefined);
    for (const { seed, score } of judged) scores[seed] = score!;
    return [{ id, scores }];
  });
}

/**
 * A child's noise before any function was trained twice. At least that of judging `images` images, sqrt(p (1 - p) /
 * images) with p the best score; varying the seed adds about a fifth to it (0.87 against 0.70 points of 42 % on 5,000
 * images, ResNet-8 for 200 steps of 64 on CIFAR-10, 2026-11-25). Of a likelihood (`objectives.ts`) it assumes too much at
 * first, 0.7 points of 21 % where 0.5 were measured (ResNet-14 of 16x16 images, 400 steps of 64, 2026-11-26).
 */
const NOISE_OVER_BINOMIAL = 1.2;
/** The weight of that assumption: it counts as this many repeated trainings. */
const NOISE_FREEDOM = 4;

/** Scores of the standings, judged on `images` validation images of `classes` classes. */
export function estimateTrials(standings: readonly Standing[], images: number, classes: number): Estimates {
  const all = standings.flatMap(({ scores }) => scores.filter((score) => score !== undefined));
  const best = Math.max(1 / classes, ...all);
  // At least half an image wrong: a perfect score does not make the noise zero.
  const share = Math.min(best, 1 - 1 / (2 * images));
  const deviation = NOISE_OVER_BINOMIAL * Math.sqrt(share * (1 - share) / images);
  return estimate(standings, { deviation, freedom: NOISE_FREEDOM });
}

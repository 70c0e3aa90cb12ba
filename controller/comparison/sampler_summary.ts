/** Summary of many simulated searches with each sampler, and how clearly the samplers differ from random. */
import { Random } from "../../datasets/random.ts";
import type { SimulatedResult, Truths } from "./simulated_search.ts";
import { holm, interquartileMean, meanOf, stratifiedBootstrap, wilcoxon } from "./statistics.ts";

export interface SamplerSummary {
  readonly sampler: string;
  readonly seeds: number;
  /** Share of the searches whose named function lies in the true top 1 %. */
  readonly top1_rate: number;
  /**
   * Trainings until a function of the top 1 % was trained, and one truly better than ReLU and Swish; null if half never
   * did.
   */
  readonly median_trainings_to_top1: number | null;
  readonly median_trainings_to_beat: number | null;
  /**
   * Means over the searches. Regret: the truth of the table's best function minus that of the named one. Optimism:
   * reported minus true.
   */
  readonly regret: number;
  readonly optimism: number;
  /** Mean over the trainings of the best truth so far: its interquartile mean over the searches, with 95 % interval. */
  readonly area: number;
  readonly area_interval: readonly [number, number];
  /** Interquartile mean over the searches of the best truth at the end, with 95 % interval. */
  readonly best: number;
  readonly best_interval: readonly [number, number];
  /**
   * For a larger area than random's: Wilcoxon's signed-rank test over the seeds after Holm's correction; null for
   * random itself.
   */
  readonly p_over_random: number | null;
}

export interface Band {
  readonly sampler: string;
  /** After 1, 2, … trainings: quartiles over the searches of the best truth so far, and its interquartile mean. */
  readonly low: readonly number[];
  readonly middle: readonly number[];
  readonly high: readonly number[];
}

/** In the order of `samplers`; results are compared seed by seed. */
export function summariseSamplers(
  results: readonly SimulatedResult[],
  samplers: readonly string[],
  { top1, best: most }: Pick<Truths, "top1"> & { readonly best: number },
): readonly SamplerSummary[] {
  const of = (sampler: string) => results.filter((result) => result.sampler === sampler);
  const areas = new Map(samplers.map((sampler) => [sampler, of(sampler).map(({ bestSoFar }) => meanOf(bestSoFar))]));
  const random = areas.get("random");
  const others = samplers.filter((sampler) => sampler !== "random");
  const pValues = random
    ? holm(others.map((sampler) => wilcoxon(areas.get(sampler)!.map((area, at) => [area, random[at]] as const))))
    : [];
  return samplers.map((sampler) => {
    const own = of(sampler), ends = own.map(({ bestSoFar }) => bestSoFar[bestSoFar.length - 1]);
    const draws = new Random(0).split("bootstrap", sampler);
    const interval = (values: readonly number[]) =>
      stratifiedBootstrap([values], interquartileMean, (below) => draws.integer(below));
    return {
      sampler,
      seeds: own.length,
      top1_rate: meanOf(own.map(({ truth }) => truth >= top1 ? 1 : 0)),
      median_trainings_to_top1: medianReached(own.map(({ trainingsToTop1 }) => trainingsToTop1)),
      median_trainings_to_beat: medianReached(own.map(({ trainingsToBeat }) => trainingsToBeat)),
      regret: meanOf(own.map(({ truth }) => most - truth)),
      optimism: meanOf(own.map(({ truth, reported }) => reported - truth)),
      area: interquartileMean(areas.get(sampler)!),
      area_interval: interval(areas.get(sampler)!),
      best: interquartileMean(ends),
      best_interval: interval(ends),
      p_over_random: pValues[others.indexOf(sampler)] ?? null,
    };
  });
}

/** The median of counts, where null is larger than any number: the lower of the two middle ones. */
export function medianReached(counts: readonly (number | null)[]): number | null {
  const sorted = counts.map((count) => count ?? Infinity).sort((a, b) => a - b);
  const median = sorted[Math.floor((sorted.length - 1) / 2)];
  return Number.isFinite(median) ? median : null;
}

export function bandsOf(results: readonly SimulatedResult[], samplers: readonly string[]): readonly Band[] {
  return samplers.map((sampler) => {
    const own = results.filter((result) => result.sampler === sampler);
    const length = Math.min(...own.map(({ bestSoFar }) => bestSoFar.length));
    const after = Array.from({ length }, (_, at) => own.map(({ bestSoFar }) => bestSoFar[at]).sort((a, b) => a - b));
    const quantile = (sorted: readonly number[], share: number) => sorted[Math.round(share * (sorted.length - 1))];
    return {
      sampler,
      low: after.map((sorted) => quantile(sorted, 0.25)),
      middle: after.map((sorted) => interquartileMean(sorted)),
      high: after.map((sorted) => quantile(sorted, 0.75)),
    };
  });
}

/**
 * What a training of a search trains: one child, or two of different networks from the same seed, whose mean is its
 * result. Two that are wrong about different functions rank as a larger network does where neither does alone
 * (docs/search.md).
 */
import type { Dataset } from "../datasets/dataset.ts";
import type { Keeping } from "./model/kept_child.ts";
import { type PairSettings, secondCheckpoint } from "./pair_settings.ts";
import { type ChildHooks, type ChildRequest, type Outcome, trainChild } from "./trainer.ts";

export interface PairRequest extends ChildRequest {
  readonly settings: PairSettings;
  /** The images of the second child, where they are not those of the first. */
  readonly secondDataset?: Dataset;
}

/**
 * Trains and judges the child, then the second one if there is one. Steps are counted through both; the score, the
 * losses and beta are means of the two. One that does not end well ends both; `whyStop` is asked of the first alone.
 */
export async function trainPair(
  { secondDataset, ...request }: PairRequest,
  hooks: ChildHooks = {},
  keeping?: Keeping,
): Promise<Outcome> {
  const { second, ...settings } = request.settings;
  const first = await trainChild({ ...request, settings }, hooks, keeping);
  if (second === undefined || first.outcome !== "complete") return first;
  const after = await trainChild(
    { ...request, settings: second, dataset: secondDataset ?? request.dataset },
    {
      ...hooks,
      whyStop: undefined,
      onProgress: (point, speed) => hooks.onProgress?.(later(point, first.steps), speed),
    },
    keeping && { ...keeping, path: secondCheckpoint(keeping.path) },
  );
  return together(first, after, second.network);
}

function later<T extends { readonly step: number }>(point: T, steps: number): T {
  return { ...point, step: steps + point.step };
}

function together(first: Outcome & { readonly outcome: "complete" }, second: Outcome, network: string): Outcome {
  const mean = (one: number, other: number) => (one + other) / 2;
  const both = {
    steps: first.steps + second.steps,
    seconds: first.seconds + second.seconds,
    finalLoss: mean(first.finalLoss, second.finalLoss),
    betaMean: first.betaMean === null || second.betaMean === null ? null : mean(first.betaMean, second.betaMean),
  };
  if (second.outcome === "complete") {
    return { ...second, ...both, score: mean(first.score, second.score), loss: mean(first.loss, second.loss) };
  }
  return { ...second, ...both, ..."reason" in second && { reason: `in ${network}, ${second.reason}` } };
}

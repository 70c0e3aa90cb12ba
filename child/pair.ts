/**
 * What a training of a search trains: one child, or two of different networks from the same seed, whose mean is its
 * result. Two that are wrong about different functions rank as a larger network does where neither does alone
 * (docs/search.md).
 */
import type { Dataset } from "../datasets/dataset.ts";
import type { Keeping } from "./model/kept_child.ts";
import { type PairSettings, secondCheckpoint } from "./pair_settings.ts";
import {
  type ChildHooks,
  type ChildRequest,
  type ChildSettings,
  type JudgedChild,
  type Outcome,
  trainChild,
} from "./trainer.ts";

export interface PairRequest extends ChildRequest {
  readonly settings: PairSettings;
  /** The images of the second child, where they are not those of the first. */
  readonly secondDataset?: Dataset;
  /** How the first child did, where that is known from before: it is not trained then. */
  readonly first?: JudgedChild;
}

/**
 * Trains and judges the child, then the second one if there is one. Steps are counted through both; the score, the
 * losses and beta are means of the two, the speed is that of the last. One that does not end well ends both; `whyStop`
 * is asked of the first alone.
 */
export async function trainPair(
  { secondDataset, first: known, ...request }: PairRequest,
  hooks: ChildHooks = {},
  keeping?: Keeping,
): Promise<Outcome> {
  const { second, ...settings } = request.settings;
  const first = known
    ? { ...known, outcome: "complete" as const, ...trainedElsewhere(settings) }
    : await trainChild({ ...request, settings }, hooks, keeping);
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

type Complete = Outcome & { readonly outcome: "complete" };

/** What can be said of the training of a child that was trained elsewhere, besides how it ended. */
export function trainedElsewhere({ steps }: Pick<ChildSettings, "steps">) {
  return { steps, finalLoss: NaN, seconds: 0, imagesPerSecond: 0, betaMean: null };
}

function later<T extends { readonly step: number }>(point: T, steps: number): T {
  return { ...point, step: steps + point.step };
}

function together(first: Complete, second: Outcome, network: string): Outcome {
  const both = {
    steps: first.steps + second.steps,
    seconds: first.seconds + second.seconds,
    finalLoss: meanOfKnown(first.finalLoss, second.finalLoss) ?? NaN,
    betaMean: meanOfKnown(first.betaMean, second.betaMean),
  };
  if (second.outcome === "complete") {
    const score = (first.score + second.score) / 2, loss = (first.loss + second.loss) / 2;
    return { ...second, ...both, score, loss };
  }
  return { ...second, ...both, ..."reason" in second && { reason: `in ${network}, ${second.reason}` } };
}

/** Null if neither is a number. */
function meanOfKnown(...values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null && !Number.isNaN(value)) as number[];
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value) / known.length;
}

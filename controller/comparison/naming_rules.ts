/**
 * Rules by which a search of a given number of trainings names one function at its end, and reports how good it is:
 * some of the trainings go to the sampler's candidates, one each, the rest to fresh seeds of the best.
 */
import type { Train } from "./simulated_training.ts";
import { meanOf } from "./statistics.ts";

/** A candidate and what its one training scored. */
export interface Trained {
  readonly fingerprint: string;
  readonly score: number;
}

export interface Named {
  readonly fingerprint: string;
  /** The score that the search reports for the function. */
  readonly reported: number;
}

export interface NamingRule {
  readonly description: string;
  /** Share of the trainings that the sampler's candidates get. */
  readonly searching: number;
  /** Throws nothing; `trained` has at least one candidate, `left` trainings may be spent. */
  name(trained: readonly Trained[], train: Train, left: number): Named;
}

const FINALISTS = 10;

export const NAMING_RULES = {
  half: {
    description:
      `half of the trainings search with one seed per function; the rest are fresh seeds of the best ${FINALISTS}`,
    searching: 0.5,
    name(trained, train, left) {
      const finalists = byScore(trained).slice(0, FINALISTS);
      const seeds = Math.max(1, Math.floor(left / finalists.length));
      const judged = finalists.map(({ fingerprint }) => ({
        fingerprint,
        // Seed 1 chose the finalists, so it is excluded from the reported score.
        score: meanOf(Array.from({ length: seeds }, (_, at) => train(fingerprint, 2 + at))),
      }));
      const [{ fingerprint, score }] = byScore(judged);
      return { fingerprint, reported: score };
    },
  },
  maximum: {
    description: "every training searches; the highest single score is named",
    searching: 1,
    name(trained) {
      const [{ fingerprint, score }] = byScore(trained);
      return { fingerprint, reported: score };
    },
  },
} as const satisfies Record<string, NamingRule>;

export type NamingRuleName = keyof typeof NAMING_RULES;

/** Best first; of equals, the earlier. */
function byScore(trained: readonly Trained[]): readonly Trained[] {
  return trained.toSorted((a, b) => b.score - a.score);
}

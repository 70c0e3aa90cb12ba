/**
 * A pruner decides which candidates are worth another training. It decides between batches, from the scores of all
 * candidates so far and nothing else, so that a run does not depend on how many workers it had.
 */
import type { CandidateScores, Estimates } from "../comparison/estimate.ts";

/** A candidate as a pruner sees it. */
export interface Standing extends CandidateScores {
  /** Of the trial. */
  readonly id: number;
}

/** A candidate to train from all seeds below `seeds` from which it has not yet trained. */
export interface Promotion {
  readonly id: number;
  readonly seeds: number;
}

export interface Pruner {
  /**
   * Share of a candidate's first training after which it stops if its training loss is above the median of earlier
   * candidates' (`bar.ts`); null for none.
   */
  readonly stopsAt: number | null;
  /** Maximum number of trainings per candidate. */
  readonly maxSeeds: number;
  /**
   * The candidates that have now earned more trainings. `estimates` are of `standings`, in the same order; all
   * trainings requested before are in them. Candidates with fewer trainings than requested, because some failed, are
   * left out.
   */
  promote(standings: readonly Standing[], estimates: Estimates): readonly Promotion[];
}

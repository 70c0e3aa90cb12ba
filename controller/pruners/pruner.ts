/**
 * A pruner says which candidates are worth another training. It decides between batches, from the scores of all
 * candidates so far and nothing else, so that a run does not depend on how many workers it had.
 */
import type { CandidateScores, Estimates } from "../comparison/estimate.ts";

/** A candidate as a pruner sees it. */
export interface Standing extends CandidateScores {
  /** Of the trial. */
  readonly id: number;
}

/** A candidate to train from all seeds before `seeds`, those it has trained from left out. */
export interface Promotion {
  readonly id: number;
  readonly seeds: number;
}

export interface Pruner {
  readonly name: string;
  /** For `--help`: one line. */
  readonly summary: string;
  /** The most trainings it gives a candidate. */
  readonly maxSeeds: number;
  /**
   * Those that have earned more trainings now. `estimates` are of `standings`, in the same order; all trainings asked for
   * before are in them. Candidates that trained from fewer seeds than asked for, since they failed, are left out.
   */
  promote(standings: readonly Standing[], estimates: Estimates): readonly Promotion[];
}

/** The runs that a dashboard can show: what it needs of them, wherever they are stored. */
import type { RunSettings, RunSource, RunState } from "./events.ts";
import type { Reports } from "./reports.ts";
import { bestTrial, trainingsJudged, type Trial, type TrialState } from "../trial.ts";

/** The best function of a run. */
export interface Best {
  readonly trial: number;
  readonly expression: string;
  readonly score: number;
  /** Standard deviation of the score; null where it is not known. */
  readonly deviation: number | null;
  /** Children that the score rests on. */
  readonly n: number;
}

/** A run in the list of runs. */
export interface RunSummary {
  readonly name: string;
  readonly state: RunState;
  readonly settings: RunSettings;
  readonly engine: string;
  readonly dataset: string;
  readonly synthetic: boolean;
  readonly createdAt: number;
  readonly elapsedMs: number;
  readonly counts: Readonly<Record<TrialState, number>>;
  readonly best: Best | null;
  readonly notes: string;
  readonly tags: readonly string[];
  /** Being searched by this process. */
  readonly live: boolean;
}

/** Absent fields stay unchanged. */
export interface RunChange {
  readonly name?: string;
  readonly notes?: string;
  readonly tags?: readonly string[];
}

export type Release = () => Promise<void>;

export interface RunRegistry {
  /** The run that this process searches; null if it only shows runs. */
  readonly live: string | null;
  /** Newest first. */
  list(): Promise<readonly RunSummary[]>;
  /** Null if no run has the name. */
  open(name: string): Promise<RunSource | null>;
  /**
   * Resolves to null when done, else to the reason it was refused. `release` is called once nothing prevents it, before
   * the run's folder is moved, so that nothing holds the run open.
   */
  change(name: string, change: RunChange, release?: Release): Promise<string | null>;
  /** Deletes the run's folder; answers and releases as `change` does. */
  remove(name: string, release?: Release): Promise<string | null>;
  /** Comparisons and confirmations beside the runs. */
  readonly reports: Reports;
}

export function summarize(source: RunSource, kept: Pick<RunSummary, "notes" | "tags" | "live">): RunSummary {
  const { run, state, trials, elapsedMs } = source.snapshot();
  return {
    name: run.name,
    state,
    settings: run.settings,
    engine: run.engine,
    dataset: run.dataset,
    synthetic: run.synthetic,
    createdAt: run.createdAt,
    elapsedMs,
    counts: countStates(trials),
    best: bestOf(trials),
    ...kept,
  };
}

export function countStates(trials: readonly Pick<Trial, "state">[]): Record<TrialState, number> {
  const counts = { queued: 0, running: 0, complete: 0, pruned: 0, diverged: 0, failed: 0 };
  for (const trial of trials) counts[trial.state]++;
  return counts;
}

type Judged = Pick<
  Trial,
  "id" | "state" | "simplified" | "score" | "deviation" | "trainings" | "role" | "duplicateOf" | "fingerprint"
>;

/** The best of `bestTrial`, as the list of runs has it. */
export function bestOf(trials: readonly Judged[]): Best | null {
  return asBest(bestTrial(trials));
}

export function asBest(trial: Judged | null): Best | null {
  if (trial === null) return null;
  const { id, simplified, score, deviation } = trial;
  return { trial: id, expression: simplified, score: score!, deviation, n: trainingsJudged(trial) };
}

/**
 * The one union that the run store, the console and the dashboard consume. The search emits every change as an event
 * with the next sequence number; a snapshot is the fold of all events up to its `seq` (`run_fold.ts`), so that
 * snapshot + later events is always the current state.
 */
import type { ControllerSettings } from "../samplers/ppo/config.ts";
import type { PairSettings } from "../../child/pair_settings.ts";
import type { ChildSettings } from "../../child/trainer.ts";
import type { ImageStatistics } from "../../datasets/dataset.ts";
import type { PrunerName } from "../pruners/pruners.ts";
import type { Units } from "../search_space.ts";
import type { CurvePoint, Trial } from "../trial.ts";

export type RunState = "starting" | "running" | "paused" | "stopping" | "interrupted" | "finished" | "failed";

/** Whether nothing more will happen, unless the run is continued. */
export function isOver({ state }: { readonly state: RunState }): boolean {
  return state === "finished" || state === "failed" || state === "interrupted";
}

/** Whether the run is at work: its elapsed time passes. */
export function isAtWork({ state }: { readonly state: RunState }): boolean {
  return state !== "paused" && !isOver({ state });
}

/** The value of the named metric; null if the sampler does not report it. */
export function metricOf({ metrics }: Pick<SamplerUpdate, "metrics">, name: string): number | null {
  return metrics.find((metric) => metric.name === name)?.value ?? null;
}

/** Everything that determines a run, besides the machine and engine. */
export interface RunSettings {
  readonly sampler: string;
  readonly preset: string;
  readonly dataset: string;
  /** True if the user named the data set (then it must be available), false if it was the default. */
  readonly datasetNamed: boolean;
  readonly dataDirectory: string | null;
  readonly units: Units;
  readonly trials: number;
  /** Time for proposals and playoff, in ms: proposals stop when the playoff's share of it is left; null for no limit. */
  readonly timeLimitMs: number | null;
  readonly seed: number;
  /** Candidates per batch. */
  readonly batch: number;
  /** How samplers with a policy learn. */
  readonly controller: ControllerSettings;
  /** Milliseconds of running time that a child may take; null for no limit. */
  readonly childTimeMs: number | null;
  readonly workers: number;
  readonly engine: string;
  readonly child: PairSettings;
  readonly judging: JudgingSettings;
  /** What the validation split measures. */
  readonly objective: Objective;
  /** The run or table that the sampler learnt from at first; null if there is none. */
  readonly learnFrom: string | null;
  /** The k-th training has seed k, as in tables, so that those of a table of the same child need not be repeated. */
  readonly tableSeeds: boolean;
}

/**
 * `validation`: by accuracy; `shift`: on images that are changed, see `datasets/shift.ts`; `likelihood`: by the
 * geometric mean of the probability that the child gives to the right class, but for the verdict.
 */
export type Objective = "validation" | "shift" | "likelihood";

/** How candidates are judged: see `pruners/`, `finals.ts`, `comparison/playoff.ts` and `comparison/verdict.ts`. */
export interface JudgingSettings {
  /** Which pruner decides what trains more than once. */
  readonly pruner: PrunerName;
  /** Names of the catalogue, or expressions, that are trained first and compared with. */
  readonly references: readonly string[];
  /** Share of the trainings, or of the time, that is reserved for the playoff. */
  readonly finals: number;
  /** Candidates in the playoff. */
  readonly finalists: number;
  /** Fresh seeds that the function named and the references are judged on at the end. */
  readonly verdictSeeds: number;
  /** Null if the verdict is of the search's own child. */
  readonly target: Target | null;
}

/** A child nearer to what the function is meant for: the best of the playoff train it, and the verdict is made on it. */
export interface Target {
  readonly child: ChildSettings;
  /** The best of the playoff, which meet in rounds as there. */
  readonly candidates: number;
  /** Trainings of each, on average: the better half of a round trains twice as often in the next. */
  readonly seeds: number;
}

/** The stage of a run. The trainings that a stage requests are in the trials, saved in the same transaction. */
export type Stage =
  /** Number of batches whose promotions are decided. */
  | { readonly name: "search"; readonly promoted: number }
  /** Rounds of the playoff, or on the target's child, that are decided, the finalists, and the trainings to spend. */
  | {
    readonly name: "playoff" | "target";
    readonly round: number;
    readonly finalists: readonly number[];
    readonly trainings: number;
  }
  /** The trial that the run names, judged on fresh seeds. */
  | { readonly name: "verdict"; readonly trial: number };

export interface RunInfo {
  readonly name: string;
  readonly settings: RunSettings;
  /** The engine that `auto` chose, its device, and why others were passed over. */
  readonly engine: string;
  readonly device: string;
  readonly engineNotices: readonly string[];
  /** Bytes of the device that a child takes, with Swish; missing where the engine does not know. */
  readonly childBytes?: number;
  /** The data set actually used, and whether it is synthetic. */
  readonly dataset: string;
  readonly synthetic: boolean;
  readonly classes: number;
  /** Absent in older runs. */
  readonly images?: ImageStatistics;
  /**
   * Work of a training of the target's child, in trainings of the search's own, by their multiply-adds; absent without a
   * target, and in older runs.
   */
  readonly targetWork?: number;
  /** What a score is: "validation accuracy", … (`objectives.ts`). */
  readonly metric: string;
  readonly createdAt: number;
}

export interface WorkerStatus {
  readonly id: number;
  readonly state: "starting" | "idle" | "training" | "restarting" | "stopped";
  readonly trial: number | null;
  readonly step: number;
  readonly steps: number;
  readonly imagesPerSecond: number | null;
  /** Trials it finished, and times it had to be replaced; null if that is not known. */
  readonly finished: number;
  readonly restarts: number | null;
  /** Milliseconds since the epoch of the last change of state, for the time line. */
  readonly since: number;
  readonly lastError: string | null;
}

/** One number that a sampler reports after a batch. */
export interface SamplerMetric {
  /** Name of the field in --json: "mean_reward". */
  readonly name: string;
  /** Name for people: "mean reward". */
  readonly label: string;
  /** "reward" (a score in [0, 1]), "nats", …; "" for a plain number. */
  readonly unit: string;
  readonly value: number;
}

/** What the sampler reports after learning from a batch. */
export interface SamplerUpdate {
  readonly batch: number;
  /** `mean_reward` and `best_reward` of the batch, which every sampler reports, then the sampler's own. */
  readonly metrics: readonly SamplerMetric[];
  /** Probability of each token at each position after the update, [positions][tokens]; null without a policy. */
  readonly probabilities: readonly (readonly number[])[] | null;
}

export type SearchEvent =
  & { readonly seq: number; readonly at: number }
  & (
    | { readonly event: "run_started"; readonly run: RunInfo }
    | { readonly event: "state_changed"; readonly state: RunState; readonly reason: string | null }
    | { readonly event: "stage_changed"; readonly stage: Stage }
    | { readonly event: "trial_changed"; readonly trial: Trial }
    | {
      readonly event: "trial_progress";
      readonly trial: number;
      /** Which of the trial's trainings; the trial's curve is that of the first, 0. */
      readonly training: number;
      /** Null if it is not known. */
      readonly worker: number | null;
      readonly point: CurvePoint;
      readonly imagesPerSecond: number;
    }
    | { readonly event: "worker_changed"; readonly worker: WorkerStatus }
    | { readonly event: "sampler_updated"; readonly update: SamplerUpdate }
    | { readonly event: "notice"; readonly level: "info" | "warning" | "error"; readonly message: string }
  );

export type Notice = Extract<SearchEvent, { event: "notice" }>;

/** An event without its sequence number. */
export type UnnumberedEvent = SearchEvent extends infer E ? E extends SearchEvent ? Omit<E, "seq" | "at"> : never
  : never;

/** The events for those who keep trials in another form, as the dashboard does without their training curves. */
export type EventOf<T> = SearchEvent extends infer E
  ? E extends { event: "trial_changed" } ? Omit<E, "trial"> & { readonly trial: T } : E
  : never;

/** The current state of a run: what a newly connected client needs. */
export interface RunSnapshot<T = Trial> {
  /** Sequence number of the last event folded in. */
  readonly seq: number;
  readonly run: RunInfo;
  readonly state: RunState;
  readonly stage: Stage;
  readonly trials: readonly T[];
  readonly workers: readonly WorkerStatus[];
  readonly updates: readonly SamplerUpdate[];
  readonly notices: readonly Notice[];
  /** Milliseconds that the run has been at work (`isAtWork`). */
  readonly elapsedMs: number;
}

/** What a watcher may ask of a running search; resolves to a sentence if it is refused. */
export type SearchControl =
  | { readonly control: "pause" | "resume" | "stop" }
  | { readonly control: "set_workers"; readonly workers: number }
  | { readonly control: "add_candidate"; readonly expression: string; readonly seeds?: number };

/** A run as the dashboard sees it: running here, or finished and read from its store. */
export interface RunSource {
  snapshot(): RunSnapshot;
  /**
   * The listener is called in order for every event after the call. Returns the function that unsubscribes. It must not
   * throw.
   */
  subscribe(listener: (event: SearchEvent) => void): () => void;
  /** Null if the run is read-only. Resolves to null when done, else to the reason it was refused. */
  control: ((request: SearchControl) => Promise<string | null>) | null;
}

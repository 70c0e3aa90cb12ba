/**
 * A trial is one candidate and its result. It has one or more trainings, each from one of the run's common seeds; its
 * score is what they say together.
 */

/** Pruned: stopped within its first training, as the pruner had it (`pruners/bar.ts`). */
export type TrialState = "queued" | "running" | "complete" | "pruned" | "diverged" | "failed";

/** The states that follow each state; a trial in a state with none is finished. */
export const NEXT_STATES: Readonly<Record<TrialState, readonly TrialState[]>> = {
  queued: ["running", "failed", "complete", "pruned", "diverged"], // straight to an end if an equal function was judged
  running: ["queued", "complete", "pruned", "diverged", "failed"], // back to queued when its worker died
  complete: [],
  pruned: [],
  diverged: [],
  failed: [],
};

/** A point of a training curve. */
export interface CurvePoint {
  readonly step: number;
  /** Training loss, a mean over the steps since the last point. */
  readonly loss: number;
}

/** Role of a trial. */
export type Role =
  /** Proposed by the sampler, which learns from it. */
  | "candidate"
  /** A known function, trained first, that candidates are compared with. */
  | "reference"
  /** Asked for by a user. The sampler is told of it, as of a function found elsewhere. */
  | "by hand";

/** From how many seeds a user may have a candidate trained. */
export const MAX_SEEDS_BY_HAND = 20;

/** One child, trained from one seed and judged once. */
export interface Training {
  /** k: the k-th seed of the stage's own sequence (`seedsOf`), common to all candidates. */
  readonly seed: number;
  /** All but the verdict's choose, those of the target among the best; only the verdict's are reported. */
  readonly stage: "search" | "playoff" | "target" | "verdict";
  readonly state: "queued" | "complete" | "pruned" | "diverged" | "failed";
  /**
   * By the run's metric (`objectives.ts`), in [0, 1]; that of guessing if the child diverged; null if the training is
   * unfinished, was pruned or failed.
   */
  readonly score: number | null;
  /** Validation loss in nats, where there is a score of the child's own; absent in older runs and from a table. */
  readonly loss?: number;
  /**
   * "table" if the result, or that of the first of two children, was taken from a table of the same child
   * (`warm_start.ts`); absent if it was trained here.
   */
  readonly from?: "table";
  /** Engine that trained it; absent in older runs, and before. One run may have used several. */
  readonly engine?: string;
}

export interface Trial {
  /** 0, 1, 2, … in the order of proposal. */
  readonly id: number;
  /** Which batch of candidates of the sampler it belongs to, 0, 1, 2, … */
  readonly batch: number;
  /** Text form as proposed. */
  readonly expression: string;
  /** Text form of the simplified function, for display. */
  readonly simplified: string;
  /** Functions that train alike, equal ones and mirror images, share it (`mirrorFingerprint`). */
  readonly fingerprint: string;
  /** The sampler's choices; empty for a candidate added by hand. */
  readonly tokens: readonly number[];
  readonly state: TrialState;
  readonly role: Role;
  /** In the order they were requested; empty for a duplicate. */
  readonly trainings: readonly Training[];
  /**
   * The candidate's estimated value by the run's metric, in [0, 1], from all trainings that count (`counts`); shrunken
   * (`comparison/estimate.ts`). Of a pruned one, the accuracy where it stopped. Null unless complete or pruned.
   */
  readonly score: number | null;
  /** Standard deviation of the score; null until it is estimated. */
  readonly deviation: number | null;
  /** What the sampler learnt; null until finished, of a reference, and by hand until the sampler is told. */
  readonly reward: number | null;
  readonly finalLoss: number | null;
  readonly curve: readonly CurvePoint[];
  /** Mean of the trained betas over sites and channels; null without beta. */
  readonly betaMean: number | null;
  /** Steps trained, of `stepsOf(RunSettings.child)`. */
  readonly steps: number;
  /** Earlier trial of this run whose result was taken because the functions are equal; null if trained itself. */
  readonly duplicateOf: number | null;
  /** Number of times it was assigned to a worker. */
  readonly attempts: number;
  readonly worker: number | null;
  /** Why it was pruned, diverged or failed; null otherwise. */
  readonly reason: string | null;
  /** Milliseconds since the epoch. */
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
}

/** A trial without its training curve: the row that tables, CSV, --json and the wire are made from. */
export type TrialRow = Omit<Trial, "curve">;

export function trialRow(trial: Trial): TrialRow {
  const { curve: _, ...row } = trial;
  return row;
}

export const FINISHED_STATES = (Object.keys(NEXT_STATES) as TrialState[]).filter((state) =>
  NEXT_STATES[state].length === 0
);

export function isFinished(trial: Pick<Trial, "state">): boolean {
  return FINISHED_STATES.includes(trial.state);
}

/** Whether it, or one of its trainings, is still to be trained. */
export function hasWorkLeft(trial: Pick<Trial, "state" | "trainings">): boolean {
  return !isFinished(trial) || trial.trainings.some(({ state }) => state === "queued");
}

/** Whether the sampler proposed it. */
export function isCandidate(trial: Pick<Trial, "role">): boolean {
  return trial.role === "candidate";
}

/** Whether a user asked for it. */
export function isByHand(trial: Pick<Trial, "role">): boolean {
  return trial.role === "by hand";
}

/** Whether the search itself trains it; what a user adds is trained beside it. */
export function isOwn(trial: Pick<Trial, "role">): boolean {
  return !isByHand(trial);
}

/** Engines of the trainings, each once. */
export function enginesOf(trials: readonly Pick<Trial, "trainings">[]): string[] {
  const engines = trials.flatMap(({ trainings }) => trainings.map(({ engine }) => engine));
  return [...new Set(engines.filter((engine) => engine !== undefined))];
}

/**
 * The sequence of seeds that the stage's trainings have. Trainings of one sequence are paired; the search and the playoff
 * share one, and the others begin afresh.
 */
export function seedsOf(stage: Training["stage"]): "training" | "target" | "verdict" {
  return stage === "target" || stage === "verdict" ? stage : "training";
}

/** Whether it counts for the trial's score: whether it is of the search or the playoff. */
export function counts({ stage }: Pick<Training, "stage">): boolean {
  return seedsOf(stage) === "training";
}

/** Number of trainings behind the trial's score. */
export function trainingsJudged(trial: Pick<Trial, "trainings">): number {
  return trial.trainings.filter((training) => counts(training) && training.score !== null).length;
}

/** Whether a table had all of it: nothing was trained here. */
export function isTakenWhole({ from, engine }: Pick<Training, "from" | "engine">): boolean {
  return from === "table" && engine === undefined;
}

/** Of these, the number that the search's budget counts: what a table has of further seeds costs nothing. */
export function trainingsSpent({ trainings }: Pick<Trial, "trainings">): number {
  return trainingsJudged({ trainings: trainings.filter((one) => one.seed === 0 || !isTakenWhole(one)) });
}

/** What ranks trials. */
type Ranked = Pick<Trial, "id" | "state" | "score" | "role" | "duplicateOf" | "fingerprint">;

/** Those trained to the end, without references and what trains like one. */
function rankable<T extends Ranked>(trials: readonly T[]): T[] {
  const references = trials.filter(({ role }) => role === "reference").map(({ fingerprint }) => fingerprint);
  return trials.filter(({ state, role, duplicateOf, fingerprint }) =>
    state === "complete" && role !== "reference" && duplicateOf === null && !references.includes(fingerprint)
  );
}

/** The trials that can be named, the highest score first, and of equal ones the earlier. */
export function ranked<T extends Ranked>(trials: readonly T[]): T[] {
  return rankable(trials).sort((a, b) => b.score! - a.score! || a.id - b.id);
}

/** The first of `ranked`; null before there is one. */
export function bestTrial<T extends Ranked>(trials: readonly T[]): T | null {
  return rankable(trials).reduce<T | null>((best, trial) => best && best.score! >= trial.score! ? best : trial, null);
}

/**
 * How much a run has left to do, and how long that takes. Work is counted in trainings of the search's own child; one of
 * the target's child is worth several of them (`RunInfo.targetWork`) until workers tell how fast they train it.
 */
import { targetChild } from "./finals.ts";
import { meanOf, medianOf } from "./comparison/statistics.ts";
import type { RunInfo, Stage, WorkerStatus } from "./runs/events.ts";
import { isCandidate, isFinished, isTakenWhole, type Training, trainingsSpent, type TrialRow } from "./trial.ts";

export interface Work {
  readonly done: number;
  /** Until the last proposal is judged. */
  readonly proposals: number;
  readonly playoff: number;
  /** The verdict, where it is by the search's own child. */
  readonly verdict: number;
  /** Trainings of the target's child, of the verdict too, counted in their own number. */
  readonly onTarget: number;
  /** Milliseconds that a first training now takes on its worker; null before one was trained whole. */
  readonly trainingMs: number | null;
}

/** A run as far as its work is concerned. */
export interface Progress {
  readonly run: Pick<RunInfo, "settings" | "targetWork">;
  readonly stage: Stage;
  readonly trials: readonly Pick<TrialRow, "role" | "state" | "trainings" | "startedAt" | "finishedAt">[];
}

/** How fast a run is. */
export interface Pace extends Pick<Progress, "run" | "stage"> {
  /** Running time so far. */
  readonly elapsedMs: number;
  readonly workers: readonly Pick<WorkerStatus, "state" | "step" | "imagesPerSecond">[];
}

/** First trainings from which it is told how long one takes. */
const LATEST = 15;

/** The stages in their order. */
const STAGES = ["search", "playoff", "target", "verdict"] as const;

/**
 * Milliseconds until the run's end; null before the first training. Proposals go on at the speed that they have had,
 * with what a batch leaves idle, and end so early that the playoff ends with the time limit. All workers train in what
 * comes after.
 */
export function timeLeft(work: Work, pace: Pace): number | null {
  const { done, proposals, playoff, verdict, onTarget, trainingMs } = work, { elapsedMs, workers } = pace;
  if (done === 0) return null;
  const soFar = elapsedMs / done, atOnce = workers.filter(({ state }) => state !== "stopped").length;
  const each = trainingMs === null || atOnce === 0 ? soFar : trainingMs / atOnce;
  const { settings: { timeLimitMs }, targetWork = 1 } = pace.run;
  const limit = timeLimitMs === null || proposals === 0 ? Infinity : Math.max(0, timeLimitMs - elapsedMs);
  const ms = msOnTarget(pace), eachOnTarget = ms === null ? targetWork * each : ms / atOnce;
  return Math.min(proposals * soFar + playoff * each, limit) + verdict * each + onTarget * eachOnTarget;
}

/** Milliseconds that a training of the target's child takes on its worker, as those say that train it; null before. */
function msOnTarget({ run: { settings }, stage, workers }: Pace): number | null {
  const child = stage.name === "search" ? null : targetChild(settings.judging, stage.name);
  const speeds = workers.flatMap(({ state, step, imagesPerSecond }) =>
    state === "training" && step > 0 && imagesPerSecond ? [imagesPerSecond] : []
  );
  if (child === null || speeds.length === 0) return null;
  return 1000 * child.steps * child.batch / meanOf(speeds);
}

/**
 * The candidates to come are taken to be like those so far, of which some diverge at once, or equal others. One pass, as
 * the dashboard asks after every event, of up to 46,000 trials.
 */
export function workOf(
  { run: { settings: { judging, trials: wanted }, targetWork = 1 }, stage, trials }: Progress,
): Work {
  const isOnTarget = (name: Training["stage"]) => targetChild(judging, name) !== null;
  const requested = { search: 0, playoff: 0, target: 0, verdict: 0 }, queued = { own: 0, onTarget: 0 };
  const finished = { candidates: 0, spent: 0, trained: 0 };
  let done = 0, candidates = 0;
  for (const trial of trials) {
    let trained = 0;
    for (const training of trial.trainings) {
      requested[training.stage]++;
      if (training.state === "queued") queued[isOnTarget(training.stage) ? "onTarget" : "own"]++;
      if (!isTrained(training)) continue;
      trained++;
      done += isOnTarget(training.stage) ? targetWork : 1;
    }
    if (!isCandidate(trial)) continue;
    candidates++;
    if (!isFinished(trial)) continue;
    finished.candidates++;
    finished.spent += trainingsSpent(trial);
    finished.trained += trained;
  }
  const perCandidate = (count: number) => finished.candidates === 0 ? 1 : count / finished.candidates;
  const planned = {
    playoff: wanted * perCandidate(finished.spent) * judging.finals / (1 - judging.finals),
    target: judging.target ? judging.target.candidates * judging.target.seeds : 0,
    verdict: judging.verdictSeeds * (1 + judging.references.length),
    ...stage.name === "playoff" || stage.name === "target" ? { [stage.name]: stage.trainings } : {},
  };
  const toCome = (name: keyof typeof planned) => {
    if (judging.verdictSeeds === 0 || STAGES.indexOf(name) < STAGES.indexOf(stage.name)) return 0;
    return Math.max(0, planned[name] - requested[name]);
  };
  const verdictOnTarget = isOnTarget("verdict");
  const left = {
    proposals: stage.name === "search" ? (wanted - candidates) * perCandidate(finished.trained) : 0,
    playoff: toCome("playoff"),
    verdict: verdictOnTarget ? 0 : toCome("verdict"),
    onTarget: toCome("target") + (verdictOnTarget ? toCome("verdict") : 0) + queued.onTarget,
  };
  const now = stage.name === "search" ? "proposals" : stage.name === "playoff" ? "playoff" : "verdict";
  return { done, ...left, [now]: left[now] + queued.own, trainingMs: trainingMsOf(trials) };
}

/** The median of the latest: the machine may be busier since the earlier ones, or have been suspended in some. */
function trainingMsOf(trials: Progress["trials"]): number | null {
  const latest: number[] = [];
  for (let i = trials.length - 1; i >= 0 && latest.length < LATEST; i--) {
    const ms = firstMs(trials[i]);
    if (ms !== null) latest.push(ms);
  }
  return latest.length === 0 ? null : medianOf(latest);
}

/** How long its first training took; null unless it was trained here, whole and to the end. */
function firstMs({ trainings, startedAt, finishedAt }: Progress["trials"][number]): number | null {
  const [first] = trainings;
  if (first?.state !== "complete" || first.from === "table" || startedAt === null || finishedAt === null) return null;
  return finishedAt - startedAt;
}

/**
 * Whether it took time here, if only that of a second child, of which a table has the first; what diverges hardly does.
 */
function isTrained(training: Training): boolean {
  return training.state === "complete" && !isTakenWhole(training);
}

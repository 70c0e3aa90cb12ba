/**
 * How much a run has left to do, so that its time left can be told. Work is counted in trainings of the search's own
 * child, of which one of the target's child is worth several (`RunInfo.targetWork`).
 */
import { targetChild } from "./finals.ts";
import type { RunInfo, RunSettings, Stage } from "./runs/events.ts";
import { isCandidate, isFinished, type Training, trainingsJudged, type TrialRow } from "./trial.ts";

export interface Work {
  readonly done: number;
  /** Until the last proposal is judged. */
  readonly proposals: number;
  readonly playoff: number;
  /** The target and the verdict. */
  readonly after: number;
}

/** A run as far as its work is concerned. */
export interface Progress {
  readonly run: Pick<RunInfo, "settings" | "targetWork">;
  readonly stage: Stage;
  readonly trials: readonly Pick<TrialRow, "role" | "state" | "trainings">[];
}

/** The stages in their order. */
const STAGES = ["search", "playoff", "target", "verdict"] as const;

/**
 * Milliseconds until the run's end at the speed it has had in `elapsedMs` of running time; null before the first
 * training. Proposals end so early that the playoff ends with the time limit.
 */
export function timeLeft(
  { done, proposals, playoff, after }: Work,
  { timeLimitMs }: Pick<RunSettings, "timeLimitMs">,
  elapsedMs: number,
): number | null {
  if (done === 0) return null;
  const each = elapsedMs / done;
  const limit = timeLimitMs === null || proposals === 0 ? Infinity : Math.max(0, timeLimitMs - elapsedMs);
  return Math.min((proposals + playoff) * each, limit) + after * each;
}

/** The candidates to come are taken to be like those so far, of which some diverge at once, or equal others. */
export function workOf(
  { run: { settings: { judging, trials: wanted }, targetWork = 1 }, stage, trials }: Progress,
): Work {
  const workOfOne = (name: Training["stage"]) => targetChild(judging, name) === null ? 1 : targetWork;
  const trainings = trials.flatMap(({ trainings }) => trainings);
  const work = (of: readonly Training[]) => of.reduce((sum, { stage }) => sum + workOfOne(stage), 0);
  const done = work(trainings.filter(isTrained)), queued = work(trainings.filter(({ state }) => state === "queued"));

  const candidates = trials.filter(isCandidate), finished = candidates.filter(isFinished);
  const perCandidate = (count: (trial: Pick<TrialRow, "trainings">) => number) =>
    finished.length === 0 ? 1 : finished.reduce((sum, trial) => sum + count(trial), 0) / finished.length;
  const planned = {
    playoff: wanted * perCandidate(trainingsJudged) * judging.finals / (1 - judging.finals),
    target: judging.target ? judging.target.candidates * judging.target.seeds : 0,
    verdict: judging.verdictSeeds * (1 + judging.references.length),
    ...stage.name === "playoff" || stage.name === "target" ? { [stage.name]: stage.trainings } : {},
  };
  const toCome = (name: keyof typeof planned) => {
    if (judging.verdictSeeds === 0 || STAGES.indexOf(name) < STAGES.indexOf(stage.name)) return 0;
    const requested = trainings.filter(({ stage }) => stage === name).length;
    return Math.max(0, planned[name] - requested) * workOfOne(name);
  };
  const trainedPerCandidate = perCandidate(({ trainings }) => trainings.filter(isTrained).length);
  const left = {
    proposals: stage.name === "search" ? (wanted - candidates.length) * trainedPerCandidate : 0,
    playoff: toCome("playoff"),
    after: toCome("target") + toCome("verdict"),
  };
  const now = stage.name === "search" ? "proposals" : stage.name === "playoff" ? "playoff" : "after";
  return { done, ...left, [now]: left[now] + queued };
}

/** Whether it took the time of a training here; one that diverges hardly does. */
function isTrained({ state, from }: Training): boolean {
  return state === "complete" && from === undefined;
}

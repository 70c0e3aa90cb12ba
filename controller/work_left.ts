/**
 * How much a run has left to do, so that its time left can be told. Work is counted in trainings of the search's own
 * child, of which one of the target's child is worth several (`RunInfo.targetWork`).
 */
import { targetChild } from "./finals.ts";
import type { RunInfo, RunSettings, Stage } from "./runs/events.ts";
import { isCandidate, isFinished, isTakenWhole, type Training, trainingsSpent, type TrialRow } from "./trial.ts";

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

/**
 * The candidates to come are taken to be like those so far, of which some diverge at once, or equal others. One pass, as
 * the dashboard asks after every event, of up to 46,000 trials.
 */
export function workOf(
  { run: { settings: { judging, trials: wanted }, targetWork = 1 }, stage, trials }: Progress,
): Work {
  const workOfOne = (name: Training["stage"]) => targetChild(judging, name) === null ? 1 : targetWork;
  const requested = { search: 0, playoff: 0, target: 0, verdict: 0 };
  const finished = { candidates: 0, spent: 0, trained: 0 };
  let done = 0, queued = 0, candidates = 0;
  for (const trial of trials) {
    let trained = 0;
    for (const training of trial.trainings) {
      requested[training.stage]++;
      if (training.state === "queued") queued += workOfOne(training.stage);
      if (!isTrained(training)) continue;
      trained++;
      done += workOfOne(training.stage);
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
    return Math.max(0, planned[name] - requested[name]) * workOfOne(name);
  };
  const left = {
    proposals: stage.name === "search" ? (wanted - candidates) * perCandidate(finished.trained) : 0,
    playoff: toCome("playoff"),
    after: toCome("target") + toCome("verdict"),
  };
  const now = stage.name === "search" ? "proposals" : stage.name === "playoff" ? "playoff" : "after";
  return { done, ...left, [now]: left[now] + queued };
}

/**
 * Whether it took time here, if only that of a second child, of which a table has the first; what diverges hardly does.
 */
function isTrained(training: Training): boolean {
  return training.state === "complete" && !isTakenWhole(training);
}

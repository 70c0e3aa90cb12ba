/**
 * The functions of a run by what their children came to. A function may have been trained several times, from several
 * seeds: what is said of it rests on all of them, how many they are and how far they spread, never on its luckiest one.
 */
import { meanOf, varianceOf } from "../../controller/comparison/statistics.ts";
import type { TrialRow } from "../protocol.ts";

export interface RankedFunction {
  readonly fingerprint: string;
  /** Its best trial, which stands for it in pictures and links. */
  readonly trial: TrialRow;
  /** What its trials are worth by the run's metric: their scores, weighted by their children. */
  readonly score: number;
  /** Children judged, those of the verdict apart; results taken over from an equal function are not counted again. */
  readonly n: number;
  /** Of the children's own scores, as they are; a trial's score is shrunken. */
  readonly mean: number;
  /** Sample standard deviation of them; null of one. */
  readonly deviation: number | null;
  /** Children that diverged or failed, and trials that were pruned. */
  readonly lost: number;
}

/** Functions with a complete trial, the highest score first, then the earlier. References apart, unless asked for. */
export function rankFunctions(trials: readonly TrialRow[], withReferences = false): RankedFunction[] {
  const groups = new Map<string, TrialRow[]>();
  for (const trial of onePerChild(trials)) {
    if (trial.role === "reference" && !withReferences) continue;
    const group = groups.get(trial.fingerprint);
    if (group) group.push(trial);
    else groups.set(trial.fingerprint, [trial]);
  }
  return [...groups.values()].filter((group) => group.some(isComplete)).map(summarise)
    .sort((one, other) => other.score - one.score || one.trial.id - other.trial.id);
}

/** A trial that took the result of another is the same child: it only stands for it where the other is not among them. */
function onePerChild(trials: readonly TrialRow[]): Iterable<TrialRow> {
  const first = new Map<number, TrialRow>();
  for (const trial of trials) {
    const child = trial.duplicateOf ?? trial.id;
    if (trial.duplicateOf === null || !first.has(child)) first.set(child, trial);
  }
  return first.values();
}

function isComplete({ state, score }: TrialRow): boolean {
  return state === "complete" && score !== null;
}

function summarise(group: readonly TrialRow[]): RankedFunction {
  const complete = group.filter(isComplete);
  const counted = complete.map((trial) => ({ trial, scores: childScores(trial) }));
  const scores = counted.flatMap(({ scores }) => scores);
  const trial = complete.reduce((best, one) => one.score! > best.score! ? one : best);
  return {
    fingerprint: trial.fingerprint,
    trial,
    score: counted.reduce((sum, { trial, scores }) => sum + trial.score! * scores.length, 0) / scores.length,
    n: scores.length,
    mean: meanOf(scores),
    deviation: scores.length > 1 ? Math.sqrt(varianceOf(scores)) : null,
    lost: group.reduce((sum, trial) => sum + lostOf(trial), 0),
  };
}

/** Trials of versions that trained each once keep no trainings: their score is the child's. */
function childScores({ trainings, score }: TrialRow): number[] {
  const judged = trainings.filter((training) => training.stage !== "verdict" && training.score !== null);
  return judged.length > 0 ? judged.map((training) => training.score!) : [score!];
}

function lostOf({ state, trainings }: TrialRow): number {
  const lost = trainings.filter(({ stage, state }) =>
    stage !== "verdict" && (state === "diverged" || state === "failed")
  );
  return Math.max(lost.length, state === "pruned" || state === "diverged" || state === "failed" ? 1 : 0);
}

/** The greatest score of a complete trial up to each of them; NaN before the first. */
export function bestSoFar(trials: readonly Pick<TrialRow, "state" | "score">[]): number[] {
  let best = NaN;
  return trials.map(({ state, score }) => {
    if (state === "complete" && score !== null && !(score <= best)) best = score;
    return best;
  });
}

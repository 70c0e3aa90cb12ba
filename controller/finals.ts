/**
 * The end of a search, as a function of its trials: the playoff's finalists, its rounds, and the verdict on the named
 * function.
 */
import { playoffRound, roundsOf } from "./comparison/playoff.ts";
import { type SeedScores, type Verdict, verdictOf } from "./comparison/verdict.ts";
import type { JudgingSettings, Stage } from "./runs/events.ts";
import { isCandidate, trainingsJudged, type Trial } from "./trial.ts";

type Playoff = Extract<Stage, { name: "playoff" }>;

/**
 * The playoff before its first round: the sampler's best candidates, and the trainings reserved for them. Candidates
 * added by hand are excluded, as they must not affect the sampler's own: `confirm` compares them.
 */
export function playoffOf(trials: readonly Trial[], { finals, finalists }: JudgingSettings): Playoff {
  const able = trials.filter((trial) => isCandidate(trial) && trial.state === "complete" && trial.duplicateOf === null)
    .sort((a, b) => b.score! - a.score! || a.id - b.id);
  const spent = trials.filter(isCandidate).reduce((sum, trial) => sum + trainingsJudged(trial), 0);
  return {
    name: "playoff",
    round: 0,
    finalists: able.slice(0, finalists).map(({ id }) => id),
    trainings: Math.round(spent * finals / (1 - finals)),
  };
}

export interface Round {
  /** Trials that train. */
  readonly field: readonly number[];
  /** Their seeds: `seeds` of them from `firstSeed`. */
  readonly firstSeed: number;
  readonly seeds: number;
  /** State after this round. */
  readonly stage: Playoff;
}

/**
 * The next round; null after the last one. Its seeds follow those of the rounds before, the first ones those that the
 * search may use (`searchSeeds` of them), so that all finalists of a round train from the same ones.
 */
export function nextRound(trials: readonly Trial[], stage: Playoff, searchSeeds: number): Round | null {
  const { round, finalists } = stage;
  if (round >= roundsOf(finalists.length)) return null;
  const played = finalists.flatMap((id) => trials[id].trainings.filter((training) => training.stage === "playoff"));
  const firstSeed = Math.max(searchSeeds, ...played.map(({ seed }) => seed + 1));
  const standing = finalists.map((id) => ({ id, value: trials[id].score ?? -Infinity }));
  const left = stage.trainings - played.length;
  const { field, trainings } = playoffRound(standing, { finalists: finalists.length, round, left });
  return { field, firstSeed, seeds: trainings, stage: { ...stage, round: round + 1 } };
}

/** What the verdict needs of a trial. */
type Judged = Pick<Trial, "role" | "expression" | "trainings">;

/** The result of a run: which trial it names, and its score on fresh seeds. */
export interface Outcome<T extends Judged = Trial> {
  readonly trial: T;
  readonly verdict: Verdict;
}

/** Null before the verdict: the trial named is the one, besides references, that trains on fresh seeds. */
export function outcomeOf<T extends Judged>(trials: readonly T[]): Outcome<T> | null {
  const trial = trials.find(({ role, trainings }) =>
    role !== "reference" && trainings.some(({ stage }) => stage === "verdict")
  );
  if (!trial) return null;
  const references = trials.filter(({ role }) => role === "reference").map((trial) =>
    [trial.expression.toLowerCase(), freshScores(trial)] as const
  );
  const verdict = verdictOf(freshScores(trial), Object.fromEntries(references));
  return verdict && { trial, verdict };
}

function freshScores({ trainings }: Judged): SeedScores {
  const scores: (number | undefined)[] = [];
  for (const { seed, stage, score } of trainings) if (stage === "verdict") scores[seed] = score ?? undefined;
  return Array.from(scores);
}

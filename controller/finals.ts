/**
 * Decides what to train next from a search's trials: promotions after a batch, the playoff's finalists and rounds, the
 * few that meet on the target's child, and the verdict on the named function. A real search (search.ts) and a simulated
 * one (comparison/simulated_search.ts) both decide here.
 */
import type { ChildSettings } from "../child/trainer.ts";
import type { Estimates } from "./comparison/estimate.ts";
import { affordableFinalists, type Finalist, playoffRound, roundsOf } from "./comparison/playoff.ts";
import { meanOf } from "./comparison/statistics.ts";
import { type SeedScores, type Verdict, verdictOf } from "./comparison/verdict.ts";
import type { Standing } from "./pruners/pruner.ts";
import { PRUNERS } from "./pruners/pruners.ts";
import type { JudgingSettings, Stage, Target } from "./runs/events.ts";
import { counts, isCandidate, ranked, seedsOf, type Training, trainingsSpent, type Trial } from "./trial.ts";

/** A stage of rounds, from which the better half advances each time. */
type Rounds = Extract<Stage, { name: "playoff" | "target" }>;

/** What a decision depends on. */
export type Contestant = Pick<Trial, "id" | "role" | "state" | "score" | "duplicateOf" | "fingerprint" | "trainings">;

/** Trials with the trainings that are requested, and the stage of the search from then on. */
export interface Decision<T> {
  readonly changed: readonly T[];
  readonly stage: Stage;
}

/** Further trainings of leading candidates after batch `batch`; `estimates` are of `standings`. */
export function promotionsAfter<T extends Contestant>(
  batch: number,
  trials: readonly T[],
  { pruner }: JudgingSettings,
  standings: readonly Standing[],
  estimates: Estimates,
): Decision<T> {
  const promotions = PRUNERS[pruner].promote(standings, estimates);
  return {
    changed: promotions.map(({ id, seeds }) => withSeeds(trials[id], "search", 0, seeds)),
    stage: { name: "search", promoted: batch + 1 },
  };
}

/**
 * The next decision of a search that proposes no more, once all that was requested is trained and scored: the playoff,
 * the target if there is one, each of their rounds, and the verdict. Null if nothing was trained to the end, so that there
 * is nothing to name, and after the verdict.
 */
export function nextDecision<T extends Contestant>(
  trials: readonly T[],
  stage: Stage,
  judging: JudgingSettings,
): Decision<T> | null {
  if (stage.name === "verdict") return null;
  if (stage.name === "search") return { changed: [], stage: playoffOf(trials, judging) };
  const round = nextRound(trials, stage, PRUNERS[judging.pruner].maxSeeds);
  if (round !== null) {
    const changed = round.field.map((id) => withSeeds(trials[id], stage.name, round.firstSeed, round.seeds));
    return { changed, stage: round.stage };
  }
  if (stage.name === "playoff" && judging.target && stage.finalists.length > 1) {
    return { changed: [], stage: targetOf(trials, stage, judging.target) };
  }
  return verdictOn(leaderOf(trials, stage), trials, judging);
}

/** The function named, and the references, with the trainings of the verdict; null if none is named. */
function verdictOn<T extends Contestant>(
  named: T | null,
  trials: readonly T[],
  judging: JudgingSettings,
): Decision<T> | null {
  if (named === null) return null;
  const judged = [named, ...trials.filter(({ role }) => role === "reference")];
  return {
    changed: judged.map((trial) => withSeeds(trial, "verdict", 0, judging.verdictSeeds)),
    stage: { name: "verdict", trial: named.id },
  };
}

/** The trial with trainings of that stage from `seeds` seeds starting at `firstSeed`; existing ones are kept. */
function withSeeds<T extends Contestant>(trial: T, stage: Training["stage"], firstSeed: number, seeds: number): T {
  const has = (seed: number) =>
    trial.trainings.some((training) => training.seed === seed && seedsOf(training.stage) === seedsOf(stage));
  const asked = Array.from({ length: seeds }, (_, i) => firstSeed + i).filter((seed) => !has(seed))
    .map((seed): Training => ({ seed, stage, state: "queued", score: null }));
  return { ...trial, trainings: [...trial.trainings, ...asked] };
}

/**
 * The playoff before its first round: the sampler's best candidates, and the trainings reserved for them; fewer finalists
 * where those do not suffice for all rounds. Candidates added by hand are excluded, as they must not affect the
 * sampler's own: `confirm` compares them.
 */
function playoffOf(trials: readonly Contestant[], { finals, finalists }: JudgingSettings): Rounds {
  const able = ranked(trials).filter(isCandidate);
  const spent = trials.filter(isCandidate).reduce((sum, trial) => sum + trainingsSpent(trial), 0);
  const trainings = Math.round(spent * finals / (1 - finals));
  const most = Math.min(finalists, affordableFinalists(trainings));
  return { name: "playoff", round: 0, finalists: able.slice(0, most).map(({ id }) => id), trainings };
}

/** The target before its first round: the best finalists of the playoff, of which there are several. */
function targetOf(trials: readonly Contestant[], playoff: Rounds, { candidates, seeds }: Target): Rounds {
  const best = standingOf(trials, playoff).sort((a, b) => b.value - a.value || a.id - b.id).slice(0, candidates);
  return { name: "target", round: 0, finalists: best.map(({ id }) => id), trainings: best.length * seeds };
}

interface Round {
  /** Trials that train. */
  readonly field: readonly number[];
  /** Their seeds: `seeds` of them from `firstSeed`. */
  readonly firstSeed: number;
  readonly seeds: number;
  /** State after this round. */
  readonly stage: Rounds;
}

/**
 * The next round; null after the last one. Its seeds follow those of the rounds before, the first ones of the playoff
 * those that the search may use (`searchSeeds` of them) and those that a table had of a finalist, so that all finalists
 * of a round train from the same ones, which none of them had.
 */
function nextRound(trials: readonly Contestant[], stage: Rounds, searchSeeds: number): Round | null {
  const { name, round, finalists } = stage;
  if (round >= roundsOf(finalists.length)) return null;
  const trained = finalists.flatMap((id) => trials[id].trainings.filter((one) => seedsOf(one.stage) === seedsOf(name)));
  const firstSeed = Math.max(name === "playoff" ? searchSeeds : 0, ...trained.map(({ seed }) => seed + 1));
  const left = stage.trainings - trained.filter((training) => training.stage === name).length;
  const { field, trainings } = playoffRound(standingOf(trials, stage), { finalists: finalists.length, round, left });
  return { field, firstSeed, seeds: trainings, stage: { ...stage, round: round + 1 } };
}

/**
 * What decides between the finalists. In the playoff it is the shrunken score, which compares whatever the trainings
 * behind it. On the target it is the mean there, which compares only between those that reached the last round, as they
 * trained from the same seeds.
 */
function standingOf(trials: readonly Contestant[], { name, finalists }: Rounds): Finalist[] {
  const among = finalists.map((id) => trials[id]);
  if (name === "playoff") return among.map(({ id, score }) => ({ id, value: score ?? -Infinity }));
  const trained = ({ trainings }: Contestant) => trainings.filter(({ stage }) => stage === name).length;
  const most = Math.max(...among.map(trained));
  return among.filter((trial) => trained(trial) === most)
    .map((trial) => ({ id: trial.id, value: meetingOf(trial)?.mean ?? -Infinity }));
}

/** How a function did on the target's child before the verdict: the mean of its n trainings there. */
export interface Meeting<T> {
  readonly trial: T;
  readonly mean: number;
  readonly n: number;
}

/** Null if it has no score there. */
function meetingOf<T extends Pick<Trial, "trainings">>(trial: T): Meeting<T> | null {
  const scores = scoresOf(trial, "target").filter((score) => score !== undefined);
  return scores.length === 0 ? null : { trial, mean: meanOf(scores), n: scores.length };
}

/** The functions that met on the target's child, those of the last round first, then by their means; else none. */
export function meetingsOf<T extends Pick<Trial, "trainings">>(trials: readonly T[]): readonly Meeting<T>[] {
  return trials.flatMap((trial) => meetingOf(trial) ?? []).sort((a, b) => b.n - a.n || b.mean - a.mean);
}

/** The first of the finalists with the highest standing; null if none has one. */
function leaderOf<T extends Contestant>(trials: readonly T[], stage: Rounds): T | null {
  const standing = standingOf(trials, stage), highest = Math.max(...standing.map(({ value }) => value));
  return highest === -Infinity ? null : trials[standing.find(({ value }) => value === highest)!.id];
}

/** The target's child if the stage's trainings are of it; null if they are of the search's own. */
export function targetChild({ target }: JudgingSettings, stage: Training["stage"]): ChildSettings | null {
  return counts({ stage }) ? null : target?.child ?? null;
}

/** What the verdict needs of a trial. */
type Judged = Pick<Trial, "role" | "expression" | "trainings">;

/** The result of a run: which trial it names, and its score on fresh seeds. */
export interface Outcome<T extends Judged = Trial> {
  readonly trial: T;
  /** `found` only once nothing is left: looked at after every seed, chance would find something five times as often. */
  readonly verdict: Verdict;
  /** Trainings on fresh seeds, its own and the references', that are still to be done. */
  readonly left: number;
}

/** Null before the verdict: the trial named is the one, besides references, that trains on fresh seeds. */
export function outcomeOf<T extends Judged>(trials: readonly T[]): Outcome<T> | null {
  const trial = trials.find(({ role, trainings }) =>
    role !== "reference" && trainings.some(({ stage }) => stage === "verdict")
  );
  if (!trial) return null;
  const references = trials.filter(({ role }) => role === "reference");
  const scores = references.map((trial) => [trial.expression.toLowerCase(), scoresOf(trial, "verdict")] as const);
  const verdict = verdictOf(scoresOf(trial, "verdict"), Object.fromEntries(scores));
  const left = [trial, ...references].flatMap(({ trainings }) => trainings)
    .filter(({ stage, state }) => stage === "verdict" && state === "queued").length;
  return verdict && { trial, verdict: { ...verdict, found: verdict.found && left === 0 }, left };
}

/** Expressions of the references that have no score on fresh seeds: each of their trainings failed. */
export function unjudgedReferences(trials: readonly Judged[]): readonly string[] {
  return trials.filter((trial) =>
    trial.role === "reference" && scoresOf(trial, "verdict").every((score) => score === undefined)
  ).map(({ expression }) => expression);
}

/** By the stage's seeds. */
function scoresOf({ trainings }: Pick<Trial, "trainings">, of: Training["stage"]): SeedScores {
  const scores: (number | undefined)[] = [];
  for (const { seed, stage, score } of trainings) if (stage === of) scores[seed] = score ?? undefined;
  return Array.from(scores);
}

/**
 * The functions of a run by their results. A function may have been trained several times, from several seeds: its
 * result is the mean of all of them, with their number and spread, never the luckiest one.
 */
import { counts, type TrialRow } from "../../controller/trial.ts";

export interface RankedFunction {
  readonly fingerprint: string;
  /** Its best trial, which represents it in plots and links. */
  readonly trial: TrialRow;
  /** The mean of its trials' scores, weighted by their number of children. */
  readonly score: number;
  /** Children judged that count for the score; duplicates are not counted again. */
  readonly n: number;
  /** Mean of the children's own scores; a trial's score is shrunken. */
  readonly mean: number;
  /** Their sample standard deviation; null for a single child. */
  readonly deviation: number | null;
  /** Children that diverged or failed, and trials that were pruned. */
  readonly lost: number;
}

/** Functions with a complete trial, by score and then by trial number; without references unless asked for. */
export function rankFunctions(trials: readonly TrialRow[], withReferences = false): RankedFunction[] {
  const tallies = new Map<string, Tally>();
  for (const trial of onePerChild(trials)) {
    if (trial.role === "reference" && !withReferences) continue;
    let tally = tallies.get(trial.fingerprint);
    if (!tally) tallies.set(trial.fingerprint, tally = new Tally());
    tally.add(trial);
  }
  return [...tallies].flatMap(([fingerprint, tally]) => tally.summary(fingerprint) ?? [])
    .sort((one, other) => other.score - one.score || one.trial.id - other.trial.id);
}

/** A duplicate is the same child as its original: it only counts if the original is not among them. */
function* onePerChild(trials: readonly TrialRow[]): Iterable<TrialRow> {
  const present = new Set<number>();
  for (const { id, duplicateOf } of trials) if (duplicateOf === null) present.add(id);
  for (const trial of trials) {
    if (trial.duplicateOf !== null) {
      if (present.has(trial.duplicateOf)) continue;
      present.add(trial.duplicateOf);
    }
    yield trial;
  }
}

/** Results of one function, summed in one pass: 46,000 trials are ranked again whenever one of them changes. */
class Tally {
  #best: TrialRow | null = null;
  /** Sum of the trials' scores, each weighted by its children. */
  #weighted = 0;
  #n = 0;
  #mean = 0;
  /** Sum of squared differences from the mean (Welford 1962). */
  #squares = 0;
  #lost = 0;

  add(trial: TrialRow): void {
    this.#lost += lostOf(trial);
    if (trial.state !== "complete" || trial.score === null) return;
    if (this.#best === null || trial.score > this.#best.score!) this.#best = trial;
    const before = this.#n;
    for (const training of trial.trainings) {
      if (counts(training) && training.score !== null) this.#addChild(training.score);
    }
    // A duplicate has no trainings of its own.
    if (this.#n === before) this.#addChild(trial.score);
    this.#weighted += trial.score * (this.#n - before);
  }

  /** Null without a complete trial. */
  summary(fingerprint: string): RankedFunction | null {
    if (this.#best === null) return null;
    return {
      fingerprint,
      trial: this.#best,
      score: this.#weighted / this.#n,
      n: this.#n,
      mean: this.#mean,
      deviation: this.#n > 1 ? Math.sqrt(this.#squares / (this.#n - 1)) : null,
      lost: this.#lost,
    };
  }

  #addChild(score: number): void {
    const difference = score - this.#mean;
    this.#mean += difference / ++this.#n;
    this.#squares += difference * (score - this.#mean);
  }
}

function lostOf({ state, trainings }: TrialRow): number {
  let lost = 0;
  for (const training of trainings) {
    if (counts(training) && (training.state === "diverged" || training.state === "failed")) lost++;
  }
  return Math.max(lost, state === "pruned" || state === "diverged" || state === "failed" ? 1 : 0);
}

/** The highest score of a complete trial up to each trial; NaN before the first. */
export function bestSoFar(trials: readonly Pick<TrialRow, "state" | "score">[]): number[] {
  let best = NaN;
  return trials.map(({ state, score }) => {
    if (state === "complete" && score !== null && !(score <= best)) best = score;
    return best;
  });
}

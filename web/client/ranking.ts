/**
 * The functions of a run by what their children came to. A function may have been trained several times, from several
 * seeds: what is said of it rests on all of them, how many they are and how far they spread, never on its luckiest one.
 */
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

/** A trial that took the result of another is the same child: it only stands for it where the other is not among them. */
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

/** What the trials of one function came to, added up in one pass: 46,000 trials are ranked whenever one of them changes. */
class Tally {
  #best: TrialRow | null = null;
  /** Of trials' scores, each times its children. */
  #weighted = 0;
  #n = 0;
  #mean = 0;
  /** Of the children's differences from their mean (Welford 1962). */
  #squares = 0;
  #lost = 0;

  add(trial: TrialRow): void {
    this.#lost += lostOf(trial);
    if (trial.state !== "complete" || trial.score === null) return;
    if (this.#best === null || trial.score > this.#best.score!) this.#best = trial;
    const before = this.#n;
    for (const { stage, score } of trial.trainings) if (stage !== "verdict" && score !== null) this.#addChild(score);
    // A trial that took the result of another keeps no trainings of its own.
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
  for (const { stage, state } of trainings) {
    if (stage !== "verdict" && (state === "diverged" || state === "failed")) lost++;
  }
  return Math.max(lost, state === "pruned" || state === "diverged" || state === "failed" ? 1 : 0);
}

/** The greatest score of a complete trial up to each of them; NaN before the first. */
export function bestSoFar(trials: readonly Pick<TrialRow, "state" | "score">[]): number[] {
  let best = NaN;
  return trials.map(({ state, score }) => {
    if (state === "complete" && score !== null && !(score <= best)) best = score;
    return best;
  });
}

/** A trial is one candidate trained and judged. */

export type TrialState = "queued" | "running" | "complete" | "pruned" | "diverged" | "failed";

/** The states that follow each state; a trial in a state with none is finished. */
export const NEXT_STATES: Readonly<Record<TrialState, readonly TrialState[]>> = {
  queued: ["running", "failed", "complete", "pruned", "diverged"], // straight to an end when an equal function was judged
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

export interface Trial {
  /** 0, 1, 2, … in the order of proposal. */
  readonly id: number;
  /** Which batch of candidates of the sampler it belongs to, 0, 1, 2, … */
  readonly batch: number;
  /** Text form as proposed. */
  readonly expression: string;
  /** Text form of the simplified function, for display. */
  readonly simplified: string;
  /** Equal functions share it (`child/activation/fingerprint.ts`). */
  readonly fingerprint: string;
  /** The sampler's choices; empty for a candidate added by hand. */
  readonly tokens: readonly number[];
  readonly state: TrialState;
  /** Of the trained child on the validation split, in [0, 1]; null unless complete or pruned. */
  readonly score: number | null;
  /** What the sampler learns from; null until finished. */
  readonly reward: number | null;
  readonly finalLoss: number | null;
  readonly curve: readonly CurvePoint[];
  /** Mean of the trained betas over sites and channels; null without beta. */
  readonly betaMean: number | null;
  /** Steps trained, of `RunSettings.child.steps`. */
  readonly steps: number;
  /** Earlier trial of this run whose result was taken because the functions are equal; null if trained itself. */
  readonly duplicateOf: number | null;
  /** Times it was given to a worker. */
  readonly attempts: number;
  readonly worker: number | null;
  /** Why it was pruned, diverged or failed; null otherwise. */
  readonly reason: string | null;
  /** Milliseconds since the epoch. */
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
}

export const FINISHED_STATES = (Object.keys(NEXT_STATES) as TrialState[]).filter((state) =>
  NEXT_STATES[state].length === 0
);

export function isFinished(trial: Trial): boolean {
  return FINISHED_STATES.includes(trial.state);
}

/** Whether a user, not the sampler, asked for it: the sampler does not learn from it. */
export function isByHand(trial: Trial): boolean {
  return trial.tokens.length === 0;
}

/** The trial of the highest validation accuracy, the earlier of equals; null before there is one. */
export function bestTrial<T extends Pick<Trial, "state" | "score">>(trials: Iterable<T>): T | null {
  let best: T | null = null;
  for (const trial of trials) {
    if (trial.state !== "complete") continue;
    if (best === null || trial.score! > best.score!) best = trial;
  }
  return best;
}

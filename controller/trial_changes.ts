/**
 * How a trial changes: it is created, queued again, given trainings from more seeds, takes their results, and the sampler
 * is told of it. Pure functions from one trial to the next; `trial_judge.ts` and `search.ts` decide which change comes
 * when.
 */
import { activationFrom } from "../child/activation/catalog.ts";
import { mirrorFingerprint } from "../child/activation/fingerprint.ts";
import { printExpression } from "../child/activation/print.ts";
import { simplify } from "../child/activation/simplify.ts";
import type { JobResult } from "../workers/pool.ts";
import type { Known } from "./samplers/sampler.ts";
import { isByHand, type Role, type Training, type Trial } from "./trial.ts";

/** Smaller changes of a score are not reported: a fiftieth of a point. */
const SAME_SCORE = 0.0002;

/** A trial whose child will be trained from its first step. */
export function requeued(trial: Trial): Trial {
  return { ...trial, state: "queued", worker: null, curve: [], steps: 0, startedAt: null };
}

/** The trial with the result of one of its trainings. */
export function withResult(
  trial: Trial,
  index: number,
  result: Exclude<JobResult, { readonly outcome: "interrupted" }>,
  classes: number,
  from?: "table",
): Trial {
  const of = (): Pick<Training, "state" | "score" | "loss"> => {
    switch (result.outcome) {
      case "complete":
        return { state: "complete", score: result.score, ...Number.isFinite(result.loss) && { loss: result.loss } };
      case "diverged":
        return { state: "diverged", score: 1 / classes };
      case "pruned":
        return { state: "pruned", score: null };
      case "timed_out":
      case "failed":
        return { state: "failed", score: null };
    }
  };
  const { engine } = result;
  const training = { ...trial.trainings[index], ...of(), ...from && { from }, ...engine !== undefined && { engine } };
  return { ...trial, trainings: trial.trainings.with(index, training) };
}

/** Whether the scores are the same to a reader. */
export function isNear(one: Trial, other: Trial): boolean {
  const near = (a: number | null, b: number | null) => a !== null && b !== null && Math.abs(a - b) < SAME_SCORE;
  return near(one.score, other.score) && near(one.deviation, other.deviation);
}

interface NewTrial {
  readonly id: number;
  readonly batch: number;
  readonly role: Role;
  readonly expression: string;
  readonly tokens: readonly number[];
  /** Number of trainings from the run's first seeds. */
  readonly seeds: number;
}

export function newTrial(trial: NewTrial): Trial {
  const parsed = activationFrom(trial.expression).expression;
  const simplified = printExpression(simplify(parsed));
  return queuedTrial({ ...trial, simplified, fingerprint: mirrorFingerprint(parsed) });
}

/** A new trial of which the simplified expression and the fingerprint are known. */
export function queuedTrial({ seeds, ...known }: NewTrial & Pick<Trial, "simplified" | "fingerprint">): Trial {
  return {
    ...known,
    trainings: Array.from({ length: seeds }, (_, seed) => ({ seed, stage: "search", state: "queued", score: null })),
    state: "queued",
    score: null,
    deviation: null,
    reward: null,
    finalLoss: null,
    curve: [],
    betaMean: null,
    steps: 0,
    duplicateOf: null,
    attempts: 0,
    worker: null,
    reason: null,
    startedAt: null,
    finishedAt: null,
  };
}

/**
 * The trials that the sampler did not propose and is to be told of before it proposes the batch, with what it learns as
 * their reward: those added by hand that were judged since and, after the first batch, with which their scores are
 * estimated, the references.
 */
export function toTell(trials: readonly Trial[], batch: number): readonly Trial[] {
  return trials.filter((trial) =>
    (isByHand(trial) || (batch > 0 && trial.role === "reference")) && trial.state === "complete" &&
    trial.reward === null
  ).map((trial) => ({ ...trial, reward: trial.score }));
}

/** What the sampler is told of such a trial. */
export function knownOf({ expression, reward, role }: Pick<Trial, "expression" | "reward" | "role">): Known {
  return { expression, reward: reward!, isOwn: true, ...role === "reference" && { isReference: true } };
}

/**
 * A trial as programs see it: the fields of `--json`, of `deno task export` and of the dashboard's CSV, one table for
 * all.
 */
import { trainingsJudged, type Trial } from "./trial.ts";

/** A trial without its training curve. */
type Row = Omit<Trial, "curve">;

const FIELDS = {
  trial: ({ id }: Row) => id,
  batch: ({ batch }: Row) => batch,
  expression: ({ expression }: Row) => expression,
  simplified: ({ simplified }: Row) => simplified,
  state: ({ state }: Row) => state,
  role: ({ role }: Row) => role,
  score: ({ score }: Row) => score,
  deviation: ({ deviation }: Row) => deviation,
  n: (trial: Row) => trainingsJudged(trial),
  reward: ({ reward }: Row) => reward,
  final_loss: ({ finalLoss }: Row) => finalLoss,
  beta_mean: ({ betaMean }: Row) => betaMean,
  steps: ({ steps }: Row) => steps,
  duplicate_of: ({ duplicateOf }: Row) => duplicateOf,
  attempts: ({ attempts }: Row) => attempts,
  reason: ({ reason }: Row) => reason,
  seconds: ({ startedAt, finishedAt }: Row) =>
    startedAt === null || finishedAt === null ? null : (finishedAt - startedAt) / 1000,
  /** Milliseconds since the epoch. */
  started_at: ({ startedAt }: Row) => startedAt,
  finished_at: ({ finishedAt }: Row) => finishedAt,
  worker: ({ worker }: Row) => worker,
  fingerprint: ({ fingerprint }: Row) => fingerprint,
  tokens: ({ tokens }: Row) => tokens,
} as const satisfies Readonly<Record<string, (trial: Row) => unknown>>;

/** Names of the fields, in the order of the columns. */
export const TRIAL_FIELDS = Object.keys(FIELDS) as readonly (keyof typeof FIELDS)[];

export function recordOfTrial(trial: Row): Record<keyof typeof FIELDS, unknown> {
  return Object.fromEntries(TRIAL_FIELDS.map((name) => [name, FIELDS[name](trial)])) as Record<
    keyof typeof FIELDS,
    unknown
  >;
}

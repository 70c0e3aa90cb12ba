/**
 * A trial as programs see it: the fields of `--json`, of `deno task export` and of the dashboard's CSV, one table for
 * all; and its trainings, a row each.
 */
import { childText } from "./child_text.ts";
import { targetChild } from "./finals.ts";
import type { RunSettings } from "./runs/events.ts";
import { enginesOf, trainingsJudged, type TrialRow } from "./trial.ts";

const FIELDS = {
  trial: ({ id }: TrialRow) => id,
  batch: ({ batch }: TrialRow) => batch,
  expression: ({ expression }: TrialRow) => expression,
  simplified: ({ simplified }: TrialRow) => simplified,
  state: ({ state }: TrialRow) => state,
  role: ({ role }: TrialRow) => role,
  score: ({ score }: TrialRow) => score,
  deviation: ({ deviation }: TrialRow) => deviation,
  n: (trial: TrialRow) => trainingsJudged(trial),
  /** How many of its trainings were not done here, as a table has them. */
  from_table: ({ trainings }: TrialRow) => trainings.filter(({ from }) => from === "table").length,
  /** Engines of its trainings. */
  engines: (trial: TrialRow) => enginesOf([trial]),
  reward: ({ reward }: TrialRow) => reward,
  final_loss: ({ finalLoss }: TrialRow) => finalLoss,
  beta_mean: ({ betaMean }: TrialRow) => betaMean,
  steps: ({ steps }: TrialRow) => steps,
  duplicate_of: ({ duplicateOf }: TrialRow) => duplicateOf,
  attempts: ({ attempts }: TrialRow) => attempts,
  reason: ({ reason }: TrialRow) => reason,
  seconds: ({ startedAt, finishedAt }: TrialRow) =>
    startedAt === null || finishedAt === null ? null : (finishedAt - startedAt) / 1000,
  /** Milliseconds since the epoch. */
  started_at: ({ startedAt }: TrialRow) => startedAt,
  finished_at: ({ finishedAt }: TrialRow) => finishedAt,
  worker: ({ worker }: TrialRow) => worker,
  fingerprint: ({ fingerprint }: TrialRow) => fingerprint,
  tokens: ({ tokens }: TrialRow) => tokens,
} as const satisfies Readonly<Record<string, (trial: TrialRow) => unknown>>;

/** Names of the fields, in the order of the columns. */
export const TRIAL_FIELDS = Object.keys(FIELDS) as readonly (keyof typeof FIELDS)[];

export function recordOfTrial(trial: TrialRow): Record<keyof typeof FIELDS, unknown> {
  return Object.fromEntries(TRIAL_FIELDS.map((name) => [name, FIELDS[name](trial)])) as Record<
    keyof typeof FIELDS,
    unknown
  >;
}

/** Names of the fields of `trainingRecords`. */
export const TRAINING_FIELDS = [
  ...["trial", "expression", "role", "stage", "seed", "child", "state", "score", "loss", "from", "engine"] as const,
];

/** The trial's trainings in the order they were requested; `child` as `childText` has it. */
export function trainingRecords(
  { id, expression, role, trainings }: TrialRow,
  { judging, child }: Pick<RunSettings, "judging" | "child">,
): Record<typeof TRAINING_FIELDS[number], unknown>[] {
  return trainings.map(({ stage, seed, state, score, loss = null, from = null, engine = null }) => ({
    ...{ trial: id, expression, role, stage, seed, child: childText(targetChild(judging, stage) ?? child) },
    ...{ state, score, loss, from, engine },
  }));
}

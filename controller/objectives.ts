/** What children are judged on (`--objective`): what a training's score is, and what it is called. */
import type { PairSettings } from "../child/pair_settings.ts";
import type { JudgedChild } from "../child/trainer.ts";
import type { Objective, RunSettings } from "./runs/events.ts";
import type { Training } from "./trial.ts";

interface ObjectiveKind {
  /** What the score of a candidate is called. */
  readonly metric: string;
  /** What the verdict's scores are called: what a search chooses by need not be what it reports. */
  readonly verdictMetric: string;
  /** The score by which a search chooses, in [0, 1], 1 / classes where the child guesses. */
  readonly scoreOf: (judged: JudgedChild) => number;
}

const accuracyOf = ({ score }: JudgedChild) => score;

const OBJECTIVES: Readonly<Record<Objective, ObjectiveKind>> = {
  validation: {
    metric: "validation accuracy",
    verdictMetric: "validation accuracy",
    scoreOf: accuracyOf,
  },
  shift: {
    metric: "validation accuracy under shift",
    verdictMetric: "validation accuracy under shift",
    scoreOf: accuracyOf,
  },
  likelihood: {
    metric: "validation likelihood",
    verdictMetric: "validation accuracy",
    scoreOf: ({ loss }) => Math.exp(-loss),
  },
};

export const DEFAULT_OBJECTIVE: Objective = "validation";

export const OBJECTIVE_NAMES = Object.keys(OBJECTIVES) as readonly Objective[];

type Settings = Pick<RunSettings, "objective">;

export function objectiveOf({ objective }: Settings): ObjectiveKind {
  return OBJECTIVES[objective];
}

/** What the scores are called by which a run chooses: "validation accuracy", "mean validation accuracy" of two children. */
export function metricName(settings: Pick<RunSettings, "objective" | "child">): string {
  return nameOf(objectiveOf(settings).metric, settings.child);
}

/** What the scores of the verdict are called. */
export function verdictMetricName(settings: Pick<RunSettings, "objective" | "child" | "judging">): string {
  return nameOf(objectiveOf(settings).verdictMetric, settings.judging.target?.child ?? settings.child);
}

function nameOf(metric: string, { second }: PairSettings): string {
  return second === undefined ? metric : `mean ${metric}`;
}

/** The score of a training of that stage whose child was judged so. */
export function scoreOf(settings: Settings, stage: Training["stage"], judged: JudgedChild): number {
  return stage === "verdict" ? accuracyOf(judged) : objectiveOf(settings).scoreOf(judged);
}

/** What children are judged on (`--objective`): what a training's score is, and what it is called. */
import type { JudgedChild } from "../child/trainer.ts";
import type { Objective, RunInfo } from "./runs/events.ts";
import type { Training } from "./trial.ts";

interface ObjectiveKind {
  /** What the score of a candidate is called. */
  readonly metric: string;
  /** What the verdict's scores are called: what a search chooses by need not be what it reports. */
  readonly verdictMetric: string;
  /** The score by which a search chooses, in [0, 1], 1 / classes where the child guesses. */
  readonly scoreOf: (judged: JudgedChild) => number;
}

export const OBJECTIVES: Readonly<Record<Objective, ObjectiveKind>> = {
  validation: {
    metric: "validation accuracy",
    verdictMetric: "validation accuracy",
    scoreOf: ({ score }) => score,
  },
  shift: {
    metric: "validation accuracy under shift",
    verdictMetric: "validation accuracy under shift",
    scoreOf: ({ score }) => score,
  },
  likelihood: {
    metric: "validation likelihood",
    verdictMetric: "validation accuracy",
    scoreOf: ({ loss }) => Math.exp(-loss),
  },
};

export const OBJECTIVE_NAMES = Object.keys(OBJECTIVES) as readonly Objective[];

/** The score of a training of that stage whose child was judged so. */
export function scoreOf(objective: Objective = "validation", stage: Training["stage"], judged: JudgedChild): number {
  return stage === "verdict" ? judged.score : OBJECTIVES[objective].scoreOf(judged);
}

/** What the verdict's scores are called. */
export function verdictMetric({ settings: { objective = "validation" } }: Pick<RunInfo, "settings">): string {
  return OBJECTIVES[objective].verdictMetric;
}

/** A score in lists and cards: always with its number of children, as a single one may be lucky. */
import type { VNode } from "preact";
import { trainingsJudged, type TrialRow } from "../../controller/trial.ts";
import { percent } from "./format.ts";

/** A trial's score, or its state if it has none. A duplicate has no children of its own. */
export function TrialScore({ trial }: { trial: Pick<TrialRow, "state" | "score" | "trainings"> }): VNode {
  const { state, score } = trial;
  if (score === null) return <b class="number">{state}</b>;
  return <Score score={score} n={trainingsJudged(trial)} />;
}

export function Score({ score, n }: { score: number; n: number }): VNode {
  return (
    <>
      <b class="number">{percent(score)}</b>
      {n > 0 && <span class="children" title="number of children behind the score">n={n}</span>}
    </>
  );
}

/** A score as it stands in lists and cards: never without how many children it rests on, as one may be lucky. */
import type { VNode } from "preact";
import { trainingsJudged } from "../../controller/trial.ts";
import type { TrialRow } from "../protocol.ts";
import { percent } from "./format.ts";

/** A trial's score, or its state where it has none. One that took another's result has no children of its own. */
export function TrialScore({ trial }: { trial: Pick<TrialRow, "state" | "score" | "trainings"> }): VNode {
  const { state, score } = trial;
  if (score === null) return <b class="number">{state}</b>;
  return <Score score={score} n={trainingsJudged(trial)} />;
}

export function Score({ score, n }: { score: number; n: number }): VNode {
  return (
    <>
      <b class="number">{percent(score)}</b>
      {n > 0 && <span class="children" title="children that the score rests on">n={n}</span>}
    </>
  );
}

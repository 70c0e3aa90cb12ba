/** What the run names at its end: judged on fresh seeds, beside the references. Nothing before that. */
import type { VNode } from "preact";
import { type Outcome, outcomeOf } from "../../controller/finals.ts";
import type { TrialRow } from "../protocol.ts";
import { useDashboard } from "./dashboard.ts";
import { percent, points, signedPoints } from "./format.ts";
import { Formula } from "./formula.tsx";
import { FormulaBox } from "./formula_box.tsx";

export function Verdict(): VNode | null {
  const { view } = useDashboard();
  const outcome = outcomeOf(view.trials);
  return outcome && <VerdictPanel outcome={outcome} metric={view.run.metric} />;
}

function VerdictPanel({ outcome, metric }: { outcome: Outcome<TrialRow>; metric: string }): VNode {
  const { trial, verdict: { score, halfWidth, n, versus, found } } = outcome;
  return (
    <section class="panel whole verdict" aria-label="Verdict">
      <h2>
        {found ? "Found" : "Named, not shown to be better"}{" "}
        <span class="h-note">trial {trial.id}, on {n} fresh seeds that had no part in choosing it</span>
      </h2>
      <FormulaBox>
        <Formula text={trial.expression} />
      </FormulaBox>
      <dl class="verdict-numbers">
        <div>
          <dt>{metric}</dt>
          <dd>{percent(score)}{Number.isFinite(halfWidth) && ` ± ${points(halfWidth)} (95 %)`}</dd>
        </div>
        {Object.entries(versus).map(([name, { difference, p }]) => (
          <div key={name}>
            <dt>against {name}, paired</dt>
            <dd>{signedPoints(difference)}, p = {p.toPrecision(2)}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

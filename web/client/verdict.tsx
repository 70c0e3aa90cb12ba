/** The function that the run names at its end, judged on fresh seeds beside the references; nothing before. */
import type { VNode } from "preact";
import { childText } from "../../controller/child_text.ts";
import { type Outcome, outcomeOf, targetChild } from "../../controller/finals.ts";
import { verdictMetricName } from "../../controller/objectives.ts";
import type { RunInfo } from "../../controller/runs/events.ts";
import type { TrialRow } from "../../controller/trial.ts";
import { useDashboard, useOfTrials } from "./dashboard.ts";
import { percent, points, signedPoints } from "./format.ts";
import { Formula } from "./formula.tsx";
import { FormulaBox } from "./formula_box.tsx";

export function Verdict(): VNode | null {
  const { view } = useDashboard();
  const outcome = useOfTrials(view, (trials) => outcomeOf(trials));
  const names = useOfTrials(view, namesOfReferences);
  return outcome && <VerdictPanel outcome={outcome} names={names} run={view.run} />;
}

interface PanelProps {
  readonly outcome: Outcome<TrialRow>;
  /** The references' display names, by their names in the verdict. */
  readonly names: ReadonlyMap<string, string>;
  readonly run: RunInfo;
}

function VerdictPanel({ outcome, names, run: { settings } }: PanelProps): VNode {
  const child = targetChild(settings.judging, "verdict");
  const { trial, verdict: { score, halfWidth, n, versus, found }, left } = outcome;
  return (
    <section class="panel whole verdict" aria-label="Verdict">
      <h2>
        {found ? "Found" : left > 0 ? "Being judged" : "Named, not shown to be better"}{" "}
        <span class="h-note">
          trial {trial.id}, on {n} fresh seeds that had no part in choosing it{child && `, of ${childText(child)}`}
          {left > 0 && `; trainings left, with those of the references: ${left}`}
        </span>
      </h2>
      <div class="verdict-body">
        <FormulaBox>
          <Formula text={trial.expression} />
        </FormulaBox>
        <dl class="verdict-numbers">
          <div>
            <dt>{verdictMetricName(settings)}</dt>
            <dd>
              <b>{percent(score)}</b>
              {Number.isFinite(halfWidth) && ` ± ${points(halfWidth)} (95\u202f%)`}
            </dd>
          </div>
          {Object.entries(versus).map(([name, { difference, p, n }]) => (
            <div key={name}>
              <dt>against {names.get(name) ?? name}</dt>
              <dd>
                <b>{signedPoints(difference)}</b>, {pValue(p)}, n = {n}
              </dd>
            </div>
          ))}
        </dl>
      </div>
      <p class="muted verdict-how">
        {Object.keys(versus).length === 0
          ? "There is no reference to compare it with."
          : "Paired by seed; p-values of one-sided t tests, corrected for the number of references (Holm). Found: below 0.05 against each."}
      </p>
    </section>
  );
}

function namesOfReferences(trials: readonly TrialRow[]): Map<string, string> {
  const references = trials.filter(({ role }) => role === "reference");
  return new Map(references.map(({ expression }) => [expression.toLowerCase(), expression]));
}

function pValue(p: number): string {
  return p < 0.001 ? "p < 0.001" : `p = ${p.toPrecision(2)}`;
}

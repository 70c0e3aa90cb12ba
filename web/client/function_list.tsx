/** A list of functions with their plots and a value each; choosing one selects its trial. */
import type { VNode } from "preact";
import type { TrialRow } from "../../controller/trial.ts";
import { useDashboard } from "./dashboard.ts";
import { Formula } from "./formula.tsx";
import { Thumb } from "./function_plot.tsx";

export interface FunctionRow {
  readonly trial: TrialRow;
  readonly value: string;
  /** What the value rests on. */
  readonly note: string;
}

export function FunctionList({ rows }: { readonly rows: readonly FunctionRow[] }): VNode {
  const { go, view, route } = useDashboard();
  const selected = route.trial === null ? null : view.trials[route.trial]?.fingerprint;
  return (
    <ol class="function-list">
      {rows.map(({ trial, value, note }) => (
        <li key={trial.fingerprint}>
          <button
            type="button"
            class="row-button"
            aria-pressed={trial.fingerprint === selected}
            onClick={() => go({ trial: trial.id })}
          >
            <Thumb text={trial.expression} beta={trial.betaMean} width={64} height={36} />
            <span class="clip fade">
              <Formula text={trial.expression} />
            </span>
            <span class="row-value">
              <b class="number">{value}</b>
              <span class="row-note number">{note}</span>
            </span>
          </button>
        </li>
      ))}
    </ol>
  );
}

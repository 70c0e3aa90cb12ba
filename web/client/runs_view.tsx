/** Many runs: a list, several compared in one plot with what differs between them, names, notes and tags. */
import type { ComponentChildren, VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { RunSummary } from "../../controller/runs/registry.ts";
import { ask, useDashboard } from "./dashboard.ts";
import { count, dateTime, duration } from "./format.ts";
import { Formula } from "./formula.tsx";
import { StatePill } from "./header.tsx";
import { Empty } from "./empty.tsx";
import { StateBar } from "./state_bar.tsx";
import { Score } from "./score.tsx";
import { writeRoute } from "./route.ts";
import { RunForm } from "./run_form.tsx";
import { Comparison } from "./run_comparison.tsx";

const REFRESH_MS = 5_000;

/** The number of distinguishable colours. */
const MAX_COMPARED = 8;

export function RunsView(): VNode {
  const { route, go } = useDashboard();
  const { runs, problem, refresh } = useRuns();
  const compared = (runs ?? []).filter(({ name }) => route.compared.includes(name));
  const toggle = (name: string) => {
    const next = route.compared.includes(name)
      ? route.compared.filter((other) => other !== name)
      : [...route.compared, name];
    go({ compared: next.slice(-MAX_COMPARED) });
  };
  return (
    <div class="runs">
      {compared.length > 0 && (
        <section class="panel" aria-label="Comparison">
          <h2>
            Comparison <span class="h-note">{compared.length} run{compared.length > 1 ? "s" : ""}</span>
          </h2>
          <Comparison runs={compared} />
        </section>
      )}
      <section class="panel" aria-label="Runs">
        <h2>
          Runs <span class="h-note">tick some to compare them</span>
        </h2>
        {problem && <p class="problem" role="alert">{problem}</p>}
        {runs === null ? <Empty>Reading …</Empty> : runs.length === 0 ? <Empty>No runs yet.</Empty> : (
          <RunTable>
            {runs.map((run) => (
              <RunRow
                key={run.name}
                run={run}
                compared={route.compared.includes(run.name)}
                onCompare={() => toggle(run.name)}
                onChanged={refresh}
              />
            ))}
          </RunTable>
        )}
      </section>
    </div>
  );
}

/** Columns of the table of runs; the classes hide some on narrow screens. */
const COLUMNS: readonly { readonly name: string; readonly class?: string; readonly isHidden?: true }[] = [
  { name: "compare", isHidden: true },
  { name: "run" },
  { name: "state", class: "wide-only" },
  { name: "best trial", class: "right" },
  { name: "function", class: "wide-only" },
  { name: "trials" },
  { name: "sampler", class: "wide-only roomy-only" },
  { name: "data set", class: "wide-only roomy-only" },
  { name: "searched", class: "right wide-only roomy-only" },
  { name: "created", class: "wide-only" },
  { name: "edit", isHidden: true },
];

function RunTable({ children }: { children: ComponentChildren }): VNode {
  return (
    <div class="scroll-x">
      <table class="plain run-list">
        <thead>
          <tr>
            {COLUMNS.map((column) => (
              <th key={column.name} class={column.class}>
                {column.isHidden ? <span class="visually-hidden">{column.name}</span> : column.name}
              </th>
            ))}
          </tr>
        </thead>
        {children}
      </table>
    </div>
  );
}

function useRuns() {
  const [runs, setRuns] = useState<readonly RunSummary[] | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const refresh = useRef(() => {});
  useEffect(() => {
    let isGone = false;
    refresh.current = () =>
      void ask<{ readonly runs: readonly RunSummary[] }>("api/runs").then(
        (answer) => !isGone && (setRuns(answer.runs), setProblem(null)),
        (error) => !isGone && setProblem(error.message),
      );
    refresh.current();
    const timer = setInterval(() => document.visibilityState === "visible" && refresh.current(), REFRESH_MS);
    return () => {
      isGone = true;
      clearInterval(timer);
    };
  }, []);
  return { runs, problem, refresh: () => refresh.current() };
}

function RunRow(
  { run, compared, onCompare, onChanged }: {
    run: RunSummary;
    compared: boolean;
    onCompare: () => void;
    onChanged: () => void;
  },
): VNode {
  const [editing, setEditing] = useState(false);
  const close = () => {
    setEditing(false);
    onChanged();
  };
  return (
    <tbody>
      <tr>
        <td>
          <input type="checkbox" checked={compared} onChange={onCompare} aria-label={`Compare ${run.name}`} />
        </td>
        <RunCells run={run} />
        <td>
          <button
            type="button"
            class="small"
            aria-expanded={editing}
            onClick={() => setEditing(!editing)}
          >
            Edit
          </button>
        </td>
      </tr>
      {editing && (
        <tr>
          <td colSpan={COLUMNS.length}>
            <RunForm run={run} onDone={close} />
          </td>
        </tr>
      )}
    </tbody>
  );
}

/** The cells of a run between those that compare and edit it. */
function RunCells({ run }: { run: RunSummary }): VNode {
  const { route } = useDashboard();
  const total = Object.values(run.counts).reduce((sum, value) => sum + value, 0);
  return (
    <>
      <td class="clip-cell">
        <a href={writeRoute({ ...route, run: run.name, view: "overview", trial: null })}>{run.name}</a>
        {run.live && <span class="pill live">live</span>}
        {run.tags.map((tag) => <span key={tag} class="tag">{tag}</span>)}
        {run.notes !== "" && <div class="muted clip">{run.notes}</div>}
      </td>
      <td class="wide-only">
        <StatePill state={run.state} />
      </td>
      <td class="right number">{run.best ? <Score score={run.best.score} n={run.best.n} /> : "–"}</td>
      <td class="wide-only">
        <div class="clip fade run-formula">{run.best && <Formula text={run.best.expression} />}</div>
      </td>
      <td>
        <span class="number">{count(total)}</span>{" "}
        <StateBar counts={run.counts} total={Math.max(total, run.settings.trials)} />
      </td>
      <td class="wide-only roomy-only">{run.settings.sampler}</td>
      <td class="wide-only roomy-only">
        {run.dataset}
        {run.synthetic && <span class="pill synthetic">synthetic</span>}
      </td>
      <td class="right number wide-only roomy-only">{duration(run.elapsedMs)}</td>
      <td class="number nowrap wide-only">{dateTime(run.createdAt)}</td>
    </>
  );
}

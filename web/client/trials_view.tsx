/** All trials as a table, of which only the visible rows are rendered. */
import type { ComponentChildren, VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { trainingsJudged, type TrialRow } from "../../controller/trial.ts";
import type { SortKey } from "../trial_query.ts";
import { runPath, useDashboard } from "./dashboard.ts";
import { clock, count, decimal, duration, percent, points } from "./format.ts";
import { Thumb } from "./function_plot.tsx";
import { memo } from "./memo.ts";
import { Empty } from "./empty.tsx";
import type { Route } from "./route.ts";
import { useVisibleRows } from "./virtual.ts";

interface Column {
  readonly name: string;
  readonly key: SortKey;
  /** A width of the CSS grid. */
  readonly width: string;
  readonly align?: "right";
  readonly show: (trial: TrialRow) => ComponentChildren;
}

const COLUMNS: Readonly<Record<string, Column>> = {
  id: { name: "trial", key: "id", width: "52px", align: "right", show: ({ id }) => id },
  state: {
    name: "state",
    key: "state",
    width: "92px",
    show: ({ state }) => (
      <span class={`state-text state-${state}`}>
        <span class={`dot state-${state}`} />
        {state}
      </span>
    ),
  },
  accuracy: {
    name: "score",
    key: "accuracy",
    width: "86px",
    align: "right",
    show: ({ score, state }) => score === null ? <span class="muted">{state}</span> : percent(score),
  },
  deviation: {
    name: "±",
    key: "deviation",
    width: "52px",
    align: "right",
    show: ({ deviation }) => deviation === null ? "–" : points(deviation),
  },
  n: { name: "n", key: "n", width: "40px", align: "right", show: (trial) => trainingsJudged(trial) || "–" },
  role: {
    name: "role",
    key: "role",
    width: "84px",
    show: ({ role }) => role === "candidate" ? <span class="muted">{role}</span> : role,
  },
  plot: {
    name: "f",
    key: "simplified",
    width: "56px",
    show: (trial) => <Thumb text={trial.expression} beta={trial.betaMean} width={48} height={26} />,
  },
  simplified: {
    name: "function",
    key: "simplified",
    width: "minmax(110px, 2fr)",
    show: ({ simplified }) => <code>{simplified}</code>,
  },
  expression: {
    name: "as proposed",
    key: "expression",
    width: "minmax(150px, 2fr)",
    show: ({ expression }) => <code>{expression}</code>,
  },
  loss: { name: "loss", key: "loss", width: "72px", align: "right", show: ({ finalLoss }) => decimal(finalLoss) },
  beta: { name: "beta", key: "beta", width: "66px", align: "right", show: ({ betaMean }) => decimal(betaMean, 2) },
  steps: { name: "steps", key: "steps", width: "70px", align: "right", show: ({ steps }) => count(steps) },
  duration: {
    name: "took",
    key: "duration",
    width: "94px",
    align: "right",
    show: ({ startedAt, finishedAt }) =>
      startedAt === null || finishedAt === null ? "–" : duration(finishedAt - startedAt),
  },
  reward: { name: "reward", key: "reward", width: "72px", align: "right", show: ({ reward }) => decimal(reward) },
  batch: { name: "batch", key: "batch", width: "62px", align: "right", show: ({ batch }) => batch },
  attempts: { name: "attempts", key: "attempts", width: "76px", align: "right", show: ({ attempts }) => attempts },
  worker: { name: "worker", key: "worker", width: "68px", align: "right", show: ({ worker }) => worker ?? "–" },
  started: {
    name: "started",
    key: "started",
    width: "78px",
    align: "right",
    show: ({ startedAt }) => startedAt === null ? "–" : clock(startedAt, true),
  },
  reason: { name: "reason", key: "reason", width: "minmax(120px, 1fr)", show: ({ reason }) => reason ?? "" },
};

const USUAL = [
  ...["id", "role", "state", "accuracy", "deviation", "n", "plot", "simplified"],
  ...["loss", "beta", "steps", "duration", "reason"],
];
/** What fits the width of a phone. */
const USUAL_NARROW = ["id", "accuracy", "n", "plot", "simplified"];
const NARROW = matchMedia("(max-width: 640px)");
const ROW = 32;
const GAP = 12;

export function TrialsView(): VNode {
  const { route, go } = useDashboard();
  const usual = NARROW.matches ? USUAL_NARROW : USUAL;
  const chosen = (route.columns ?? usual).filter((name) => Object.hasOwn(COLUMNS, name));
  return (
    <div class="trials">
      <div class="toolbar">
        <ColumnChoice chosen={chosen} usual={usual} onChange={(names) => go({ columns: names })} />
        <span class="grow" />
        <Downloads />
      </div>
      <TrialTable names={chosen} />
      <p class="muted hint">
        Arrow keys move, Enter opens, <kbd>/</kbd> filters.
      </p>
    </div>
  );
}

/** Downloads of the trials shown. */
function Downloads(): VNode {
  const { view, route } = useDashboard();
  const path = runPath(view.run.name), search = exportSearch(route);
  return (
    <>
      <a class="button" href={`${path}/trials.csv?${search}`} download>CSV</a>
      <a
        class="button"
        href={`${path}/trials.csv?${search}&for=spreadsheet`}
        download
        title="CSV for spreadsheets: an apostrophe keeps expressions from being run as formulas"
      >
        Spreadsheet
      </a>
      <a class="button" href={`${path}/trials?${search}`} download={`${view.run.name}.json`}>JSON</a>
    </>
  );
}

function TrialTable({ names }: { names: readonly string[] }): VNode {
  const { route, shown, go } = useDashboard();
  const columns = names.map((name) => COLUMNS[name]);
  const template = columns.map(({ width }) => width).join(" ");
  const minWidth = columns.reduce((sum, { width }) => sum + Number(/\d+/.exec(width)![0]) + GAP, GAP);
  const place = useRef<HTMLDivElement>(null);
  const { first, end } = useVisibleRows(place, shown.length, ROW);
  const move = useSelectionKeys(place);
  return (
    <div
      class="table scroller"
      role="grid"
      aria-label="Trials"
      aria-rowcount={shown.length + 1}
      tabIndex={0}
      aria-activedescendant={route.trial === null ? undefined : `row-${route.trial}`}
      onKeyDown={move}
    >
      <div
        class="table-head"
        role="row"
        aria-rowindex={1}
        style={{ gridTemplateColumns: template, minWidth: `${minWidth}px` }}
      >
        {columns.map((column) => <Head key={column.name} column={column} route={route} go={go} />)}
      </div>
      <div
        ref={place}
        class="table-body"
        role="rowgroup"
        style={{ height: `${shown.length * ROW}px`, minWidth: `${minWidth}px` }}
      >
        {shown.slice(first, end).map((trial, index) => (
          <Row
            key={trial.id}
            trial={trial}
            at={first + index}
            columns={names.join()}
            template={template}
            selected={trial.id === route.trial}
            go={go}
          />
        ))}
      </div>
      {shown.length === 0 && <Empty>No trial passes the filter.</Empty>}
    </div>
  );
}

/** Rows that a key moves the selection by, among `count`. */
function rowsBy(key: string, count: number): number | undefined {
  return { ArrowDown: 1, ArrowUp: -1, PageDown: 15, PageUp: -15, Home: -count, End: count }[key];
}

/** Keys that move and open the selection; a row selected by a link or another view is scrolled into view. */
function useSelectionKeys(place: { readonly current: HTMLElement | null }): (event: KeyboardEvent) => void {
  const { route, shown, go } = useDashboard();
  useEffect(() => {
    const at = shown.findIndex(({ id }) => id === route.trial);
    if (at >= 0) keepInSight(place.current!, at);
  }, []);
  return (event) => {
    if (event.key === "Enter" && event.target === event.currentTarget && route.trial !== null) {
      return go({ view: "functions" });
    }
    const by = rowsBy(event.key, shown.length);
    if (by === undefined || shown.length === 0) return;
    event.preventDefault();
    const at = shown.findIndex(({ id }) => id === route.trial);
    const next = Math.max(0, Math.min(shown.length - 1, at + by));
    go({ trial: shown[next].id });
    keepInSight(place.current!, next);
  };
}

function keepInSight(body: HTMLElement, row: number): void {
  const scroller = body.closest(".scroller")!;
  const top = row * ROW;
  const room = scroller.clientHeight - ROW; // the head stays
  if (top < scroller.scrollTop) scroller.scrollTop = top;
  else if (top + ROW > scroller.scrollTop + room) scroller.scrollTop = top + ROW - room;
}

function Head({ column, route, go }: { column: Column; route: Route; go: (change: Partial<Route>) => void }): VNode {
  const { query } = route;
  const isSorted = query.sort === column.key;
  const sort = isSorted ? query.descending ? "descending" : "ascending" : "none";
  // Numbers start with the greatest, names with the first in the alphabet.
  const descending = isSorted
    ? !query.descending
    : column.align === "right" && column.key !== "id" && column.key !== "loss";
  return (
    <div role="columnheader" aria-sort={sort} class={column.align === "right" ? "right" : ""}>
      <button type="button" onClick={() => go({ query: { ...query, sort: column.key, descending } })}>
        {column.name}
        <span class="arrow" aria-hidden="true">{isSorted ? query.descending ? "▼" : "▲" : ""}</span>
      </button>
    </div>
  );
}

interface RowProps {
  readonly trial: TrialRow;
  readonly at: number;
  /** Names joined by commas, so that equal lists are equal props. */
  readonly columns: string;
  readonly template: string;
  readonly selected: boolean;
  readonly go: (change: Partial<Route>) => void;
}

const Row = memo(function Row({ trial, at, columns, template, selected, go }: RowProps): VNode {
  return (
    <div
      class="table-row"
      id={`row-${trial.id}`}
      role="row"
      aria-rowindex={at + 2}
      aria-selected={selected}
      style={{ top: `${at * ROW}px`, gridTemplateColumns: template }}
      onClick={() => go({ trial: trial.id })}
      onDblClick={() => go({ trial: trial.id, view: "functions" })}
    >
      {columns.split(",").map((name) => {
        const { align, show } = COLUMNS[name];
        return <div key={name} role="gridcell" class={align === "right" ? "right number" : "clip"}>{show(trial)}</div>;
      })}
    </div>
  );
});

function ColumnChoice(
  { chosen, usual, onChange }: {
    chosen: readonly string[];
    usual: readonly string[];
    onChange: (names: string[] | null) => void;
  },
): VNode {
  const toggle = (name: string) => {
    const names = Object.keys(COLUMNS).filter((other) =>
      other === name ? !chosen.includes(name) : chosen.includes(other)
    );
    const isUsual = names.length === usual.length && names.every((other) => usual.includes(other));
    onChange(isUsual ? null : names);
  };
  return (
    <details class="menu">
      <summary>Columns</summary>
      <fieldset>
        <legend class="visually-hidden">Columns shown</legend>
        {Object.entries(COLUMNS).map(([name, column]) => (
          <label key={name}>
            <input type="checkbox" checked={chosen.includes(name)} onChange={() => toggle(name)} /> {column.name}
          </label>
        ))}
      </fieldset>
    </details>
  );
}

/** The filter and order as the API takes them. */
function exportSearch({ query }: Route): string {
  const parameters = new URLSearchParams({ sort: query.sort, order: query.descending ? "desc" : "asc" });
  if (query.text !== "") parameters.set("q", query.text);
  if (query.states !== null) parameters.set("state", [...query.states].join(","));
  return parameters.toString();
}

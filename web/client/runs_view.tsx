/** Many runs: a list, several compared in one plot with what differs between them, names, notes and tags. */
import type { VNode } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { TrialRow } from "../protocol.ts";
import { selectTrials } from "../trial_query.ts";
import type { RunChange, RunSummary } from "../../controller/runs/registry.ts";
import { ask, runPath, useDashboard } from "./dashboard.ts";
import { count, dateTime, duration } from "./format.ts";
import { Formula } from "./formula.tsx";
import { StatePill } from "./header.tsx";
import { Empty } from "./empty.tsx";
import { StateBar } from "./state_bar.tsx";
import { Chart } from "./picture.tsx";
import { bestSoFar } from "./ranking.ts";
import { Score } from "./score.tsx";
import { settingRows } from "./settings.ts";
import { writeRoute } from "./route.ts";

const REFRESH_MS = 5_000;
/** As many as the plot has colours that can be told apart. */
const MAX_COMPARED = 8;

export function RunsView(): VNode {
  const { route, go } = useDashboard();
  const { runs, changeable, problem, refresh } = useRuns();
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
        {runs === null
          ? <Empty>Reading …</Empty>
          : runs.length === 0
          ? <Empty>No run is kept.</Empty>
          : (
            <div class="scroll-x">
              <table class="plain run-list">
                <thead>
                  <tr>
                    <th>
                      <span class="visually-hidden">compare</span>
                    </th>
                    <th>run</th>
                    <th class="wide-only">state</th>
                    <th class="right">best trial</th>
                    <th class="wide-only">function</th>
                    <th>trials</th>
                    <th class="wide-only roomy-only">sampler</th>
                    <th class="wide-only roomy-only">data set</th>
                    <th class="right wide-only roomy-only">searched</th>
                    <th class="wide-only">created</th>
                    <th>
                      <span class="visually-hidden">edit</span>
                    </th>
                  </tr>
                </thead>
                {runs.map((run) => (
                  <RunRow
                    key={run.name}
                    run={run}
                    compared={route.compared.includes(run.name)}
                    changeable={changeable}
                    onCompare={() => toggle(run.name)}
                    onChanged={refresh}
                  />
                ))}
              </table>
            </div>
          )}
      </section>
    </div>
  );
}

interface Runs {
  readonly runs: readonly RunSummary[];
  /** Whether runs can be renamed, described and deleted here. */
  readonly changeable: boolean;
}

function useRuns() {
  const [{ runs, changeable }, setRuns] = useState<Runs | { runs: null; changeable: false }>({
    runs: null,
    changeable: false,
  });
  const [problem, setProblem] = useState<string | null>(null);
  const refresh = useRef(() => {});
  useEffect(() => {
    let isGone = false;
    refresh.current = () =>
      void ask<Runs>("api/runs").then(
        (answer) => !isGone && (setRuns(answer), setProblem(null)),
        (error) => !isGone && setProblem(error.message),
      );
    refresh.current();
    const timer = setInterval(() => document.visibilityState === "visible" && refresh.current(), REFRESH_MS);
    return () => {
      isGone = true;
      clearInterval(timer);
    };
  }, []);
  return { runs, changeable, problem, refresh: () => refresh.current() };
}

function RunRow(
  { run, compared, changeable, onCompare, onChanged }: {
    run: RunSummary;
    compared: boolean;
    changeable: boolean;
    onCompare: () => void;
    onChanged: () => void;
  },
): VNode {
  const { route } = useDashboard();
  const [editing, setEditing] = useState(false);
  const total = Object.values(run.counts).reduce((sum, value) => sum + value, 0);
  return (
    <tbody>
      <tr>
        <td>
          <input type="checkbox" checked={compared} onChange={onCompare} aria-label={`Compare ${run.name}`} />
        </td>
        <td class="clip-cell">
          <a href={writeRoute({ ...route, run: run.name, view: "overview", trial: null })}>{run.name}</a>
          {run.live && <span class="pill live">live</span>}
          {run.tags.map((tag) => <span key={tag} class="tag">{tag}</span>)}
          {run.notes !== "" && <div class="muted clip">{run.notes}</div>}
        </td>
        <td class="wide-only">
          <StatePill state={run.state} />
        </td>
        <td class="right number">
          {run.best ? <Score score={run.best.score} n={run.best.n} /> : "–"}
        </td>
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
        <td>
          {changeable && (
            <button
              type="button"
              class="small"
              aria-expanded={editing}
              onClick={() => setEditing(!editing)}
            >
              Edit
            </button>
          )}
        </td>
      </tr>
      {editing && (
        <tr>
          <td colSpan={11}>
            <RunForm
              run={run}
              onDone={() => {
                setEditing(false);
                onChanged();
              }}
            />
          </td>
        </tr>
      )}
    </tbody>
  );
}

function RunForm({ run, onDone }: { run: RunSummary; onDone: () => void }): VNode {
  const { say, route, go } = useDashboard();
  const [name, setName] = useState(run.name);
  const [tags, setTags] = useState(run.tags.join(" "));
  const [notes, setNotes] = useState(run.notes);
  const [confirm, setConfirm] = useState<string | null>(null);
  /** `now` is what the run is called when it is done; null when it is gone. */
  const send = async (method: string, body: unknown, done: string, now: string | null) => {
    try {
      await ask(runPath(run.name), method, body);
      say(done);
      if (route.run === run.name && now !== run.name) go({ run: now });
      onDone();
    } catch (error) {
      say((error as Error).message, "problem");
    }
  };
  const save = (event: Event) => {
    event.preventDefault();
    const change: RunChange = {
      notes,
      tags: tags.split(/[\s,]+/).filter((tag) => tag !== ""),
      ...name === run.name ? {} : { name },
    };
    send("PATCH", change, `${name} is saved.`, name);
  };
  return (
    <form class="run-form" onSubmit={save}>
      <label class="field">
        Name{" "}
        <input
          value={name}
          maxLength={80}
          disabled={run.live}
          onInput={(event) => setName(event.currentTarget.value)}
        />
      </label>
      <label class="field">
        Tags{" "}
        <input
          value={tags}
          placeholder="words, separated by spaces"
          onInput={(event) => setTags(event.currentTarget.value)}
        />
      </label>
      <label class="field wide-field">
        Notes{" "}
        <textarea rows={2} value={notes} maxLength={10000} onInput={(event) => setNotes(event.currentTarget.value)} />
      </label>
      <div class="dialog-row">
        <button type="submit" class="primary">Save</button>
        <button type="button" onClick={onDone}>Cancel</button>
        <span class="grow" />
        {run.live
          ? null
          : confirm === null
          ? <button type="button" class="danger" onClick={() => setConfirm("")}>Delete …</button>
          : (
            <>
              <label>
                Type <b>{run.name}</b> to delete it for good{" "}
                <input value={confirm} onInput={(event) => setConfirm(event.currentTarget.value)} />
              </label>
              <button
                type="button"
                class="danger"
                disabled={confirm !== run.name}
                onClick={() => send("DELETE", { confirm }, `${run.name} is deleted.`, null)}
              >
                Delete
              </button>
            </>
          )}
      </div>
    </form>
  );
}

function Comparison({ runs }: { runs: readonly RunSummary[] }): VNode {
  const { query } = useDashboard().route;
  const trials = useTrialsOf(runs);
  const plotted = useMemo(
    () =>
      runs.map(({ name }) =>
        selectTrials(trials.get(name) ?? [], { ...query, sort: "id", descending: false })
          .filter(({ role }) => role !== "reference")
      ),
    [runs, trials, query],
  );
  const series = runs.flatMap(({ name }, index) => stepsOf(name, plotted[index], index));
  const differing = useMemo(() => differingSettings(runs), [runs]);
  return (
    <>
      <Chart
        spec={{
          height: 280,
          description: `Best validation accuracy so far of ${runs.map(({ name }) => name).join(", ")}`,
          x: { label: "trial", whole: true },
          y: { label: "best validation accuracy (%)" },
          series,
          legend: true,
        }}
        read={(x, y) => readNearest(series, x, y)}
      />
      <div class="scroll-x">
        <table class="plain differing">
          <thead>
            <tr>
              <th>differs</th>
              {runs.map(({ name }) => <th key={name}>{name}</th>)}
            </tr>
          </thead>
          <tbody>
            <tr>
              <th scope="row">best</th>
              {runs.map(({ name, best }) => (
                <td key={name} class="number">
                  {best ? <Score score={best.score} n={best.n} /> : "–"}
                </td>
              ))}
            </tr>
            <tr>
              <th scope="row">trials plotted</th>
              {plotted.map(({ length }, index) => <td key={index} class="number">{count(length)}</td>)}
            </tr>
            {differing.map(([setting, values]) => (
              <tr key={setting}>
                <th scope="row">{setting}</th>
                {values.map((value, index) => <td key={index}>{value}</td>)}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

/** Judged trials of runs, fetched once a run and again when it has more. */
function useTrialsOf(runs: readonly RunSummary[]): ReadonlyMap<string, readonly TrialRow[]> {
  const [trials, setTrials] = useState<ReadonlyMap<string, readonly TrialRow[]>>(new Map());
  const { say } = useDashboard();
  const key = runs.map(({ name, counts }) => `${name} ${counts.complete}`).join("|");
  useEffect(() => {
    let isGone = false;
    Promise.all(runs.map(async ({ name }) => {
      const answer = await ask<{ trials: TrialRow[] }>(`${runPath(name)}/trials?state=complete`);
      return [name, answer.trials] as const;
    })).then((entries) => !isGone && setTrials(new Map(entries)), (error) => say(error.message, "problem"));
    return () => void (isGone = true);
  }, [key]);
  return trials;
}

/** The best of the run whose line is nearest at a trial. */
function readNearest(series: ReturnType<typeof stepsOf>, x: number, y: number) {
  const ends = series.flatMap(({ label, x: ids, y: bests }) => {
    const at = ids.findLastIndex((id) => id <= x);
    return at < 0 || !Number.isFinite(bests[at]) ? [] : [{ label, x, y: bests[at] }];
  });
  const near = ends.reduce<typeof ends[number] | null>(
    (near, one) => near === null || Math.abs(one.y - y) < Math.abs(near.y - y) ? one : near,
    null,
  );
  return near && { x: near.x, y: near.y, text: `${near.label}, trial ${Math.round(near.x)}: ${near.y.toFixed(2)} %` };
}

/** Against the trials' numbers, so that those which diverged or were pruned take their room. */
function stepsOf(label: string, trials: readonly TrialRow[], colour: number) {
  if (trials.length === 0) return [];
  const y = bestSoFar(trials).map((best) => 100 * best);
  return [{ label, kind: "step" as const, x: trials.map(({ id }) => id), y, colour }];
}

function differingSettings(runs: readonly RunSummary[]): [string, string[]][] {
  const tables = runs.map((run) =>
    new Map([...settingRows(run.settings), ["engine", run.engine], ["data set", run.dataset]])
  );
  const names = [...new Set(tables.flatMap((table) => [...table.keys()]))];
  return names.map((name): [string, string[]] => [name, tables.map((table) => table.get(name) ?? "–")])
    .filter(([, values]) => new Set(values).size > 1);
}

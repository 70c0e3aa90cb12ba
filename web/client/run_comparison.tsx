/** Several runs compared: their best so far in one plot, and a table of what differs between them. */
import type { VNode } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import type { TrialRow } from "../../controller/trial.ts";
import { selectTrials } from "../trial_query.ts";
import type { RunSummary } from "../../controller/runs/registry.ts";
import { ask, runPath, useDashboard } from "./dashboard.ts";
import { count } from "./format.ts";
import { Chart } from "./picture.tsx";
import { bestSoFar } from "./ranking.ts";
import { Score } from "./score.tsx";
import { settingRows } from "./settings.ts";

export function Comparison({ runs }: { runs: readonly RunSummary[] }): VNode {
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
  return (
    <>
      <Chart
        spec={{
          height: 280,
          description: `Best score so far of ${runs.map(({ name }) => name).join(", ")}`,
          x: { label: "trial", whole: true },
          y: { label: "best score so far (%)" },
          series,
          legend: true,
        }}
        read={(x, y) => readNearest(series, x, y)}
      />
      <Differences runs={runs} plotted={plotted.map(({ length }) => length)} />
    </>
  );
}

/** The results and the settings that differ between runs; `plotted` is the number of trials plotted of each. */
function Differences({ runs, plotted }: { runs: readonly RunSummary[]; plotted: readonly number[] }): VNode {
  const differing = useMemo(() => differingSettings(runs), [runs]);
  return (
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
              <td key={name} class="number">{best ? <Score score={best.score} n={best.n} /> : "–"}</td>
            ))}
          </tr>
          <tr>
            <th scope="row">trials plotted</th>
            {plotted.map((trials, index) => <td key={index} class="number">{count(trials)}</td>)}
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
  );
}

/** Judged trials of runs, fetched once per run and again when it has more. */
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

/** The best score so far of the run whose line is nearest at a trial. */
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

/** Plotted against the trials' numbers, so that diverged and pruned trials take up their space. */
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

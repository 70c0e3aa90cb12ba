/** A run at a glance: progress, best function, history, settings and notices. */
import type { TrialRow } from "../../controller/trial.ts";
import type { VNode } from "preact";
import type { RunView } from "../run_view.ts";
import { baselines, useDashboard, useOfTrials } from "./dashboard.ts";
import { clock, dateTime, percent, spread, worth } from "./format.ts";
import { Formula } from "./formula.tsx";
import { FormulaBox } from "./formula_box.tsx";
import { FunctionList, type FunctionRow } from "./function_list.tsx";
import { FunctionPlot } from "./function_plot.tsx";
import { SYNTHETIC } from "./header.tsx";
import type { RankedFunction } from "./ranking.ts";
import { settingRows } from "./settings.ts";
import { Target } from "./target.tsx";
import { Verdict } from "./verdict.tsx";
import { Empty } from "./empty.tsx";
import { Figures } from "./figures.tsx";
import { History } from "./history.tsx";
import { Learning } from "./learning.tsx";

export function OverviewView(): VNode {
  const { view, route, shown, functions } = useDashboard();
  const lines = useOfTrials(view, baselines);
  // Before the first trial is complete, the running one is shown.
  const selected = route.trial !== null
    ? view.trials[route.trial]
    : functions[0]?.trial ?? shown.find(({ state }) => state === "running");
  return (
    <div class="overview">
      <Figures lines={lines} />
      <Verdict />
      <section class="panel history" aria-label="History">
        <h2>
          History <span class="h-note">on {view.run.dataset}{view.run.synthetic && ", synthetic images"}</span>
        </h2>
        <History lines={lines} />
      </section>
      <section class="panel selected" aria-label="Selected function">
        {selected ? <Selected trial={selected} /> : <Empty>No trial yet.</Empty>}
      </section>
      <section class="panel whole" aria-label="What the sampler learns">
        <h2>Learning</h2>
        <Learning />
      </section>
      <section class="panel best" aria-label="Best functions">
        <h2>
          Best functions <span class="h-note">with mean ± standard deviation of n children</span>
        </h2>
        {functions.length === 0
          ? <Empty>No trial is complete.</Empty>
          : <FunctionList rows={functions.slice(0, MAX_BEST).map(rowOf)} />}
      </section>
      <Target />
      <section class="panel narrow" aria-label="Settings">
        <h2>Settings</h2>
        <Settings view={view} />
      </section>
      <section class="panel narrow" aria-label="Notices">
        <h2>Notices</h2>
        <Notices view={view} />
      </section>
    </div>
  );
}

const MAX_BEST = 8;

function rowOf(found: RankedFunction): FunctionRow {
  const { trial, score, lost } = found;
  return { trial, value: percent(score), note: `${spread(found)}${lost > 0 ? `, ${lost} lost` : ""}` };
}

function Selected({ trial }: { trial: TrialRow }): VNode {
  const { go, functions } = useDashboard();
  const own = functions.find(({ fingerprint }) => fingerprint === trial.fingerprint);
  const isBest = own !== undefined && own === functions[0];
  return (
    <>
      <h2>
        {isBest ? "Best function" : `Trial ${trial.id}`}
        <span class="h-note">
          {trial.role !== "candidate" && `${trial.role}, `}
          {own ? `${percent(own.score)}, ${spread(own)}` : trial.score === null ? trial.state : worth(trial)}
        </span>
        <button type="button" class="small h-right" onClick={() => go({ view: "functions", trial: trial.id })}>
          Details
        </button>
      </h2>
      <FormulaBox>
        <Formula text={trial.expression} block />
      </FormulaBox>
      <FunctionPlot text={trial.expression} beta={trial.betaMean} height={246} />
    </>
  );
}

function Settings({ view }: { view: RunView }): VNode {
  const { run } = view;
  return (
    <dl class="settings">
      <dt>engine</dt>
      <dd title={run.engineNotices.join("\n") || undefined}>
        {run.engine} <small>{run.device}</small>
      </dd>
      <dt>data set</dt>
      <dd>
        {run.dataset} {run.synthetic && <span class="pill synthetic" title={SYNTHETIC}>synthetic</span>}
      </dd>
      {settingRows(run.settings).map(([name, value]) => (
        <>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </>
      ))}
      <dt>created</dt>
      <dd>{dateTime(run.createdAt)}</dd>
    </dl>
  );
}

function Notices({ view }: { view: RunView }): VNode {
  const latest = view.notices.slice(-30).reverse();
  if (latest.length === 0) return <Empty>No notices.</Empty>;
  return (
    <ul class="notices">
      {latest.map(({ seq, at, level, message }) => (
        <li key={seq} class={`notice-${level}`}>
          <time title={dateTime(at)}>{clock(at)}</time> <span class="visually-hidden">{level}:</span> {message}
        </li>
      ))}
    </ul>
  );
}

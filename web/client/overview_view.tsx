/** A run at a glance: how far, how good, how it got there, and what it is a function of. */
import type { ComponentChildren, VNode } from "preact";
import { useMemo } from "preact/hooks";
import type { Series } from "../plot/chart.ts";
import { padded } from "../plot/scale.ts";
import { isOver } from "../../controller/runs/events.ts";
import { isFinished, type TrialState } from "../../controller/trial.ts";
import type { TrialRow } from "../protocol.ts";
import { countStates } from "../../controller/runs/registry.ts";
import type { RunView } from "../run_view.ts";
import { STATES } from "../trial_query.ts";
import { type Baseline, baselines, useDashboard, useOfTrials } from "./dashboard.ts";
import { clock, count, dateTime, decimal, duration, percent, points, signedPoints, spread, worth } from "./format.ts";
import { Formula } from "./formula.tsx";
import { FormulaBox } from "./formula_box.tsx";
import { FunctionPlot, Thumb } from "./function_plot.tsx";
import { Chart } from "./picture.tsx";
import { SYNTHETIC } from "./header.tsx";
import { bestSoFar, type RankedFunction } from "./ranking.ts";
import { settingRows } from "./settings.ts";
import { Verdict } from "./verdict.tsx";

export function OverviewView(): VNode {
  const { view, route, shown, functions } = useDashboard();
  const lines = useOfTrials(view, baselines);
  // Before the first is complete, the one in training is more to look at than nothing.
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
        <BestList functions={functions.slice(0, MAX_BEST)} />
      </section>
      <section class="panel" aria-label="Settings">
        <h2>Settings</h2>
        <Settings view={view} />
      </section>
      <section class="panel" aria-label="Notices">
        <h2>Notices</h2>
        <Notices view={view} />
      </section>
    </div>
  );
}

const MAX_BEST = 8;

export function Empty({ children }: { children: ComponentChildren }): VNode {
  return <p class="empty">{children}</p>;
}

function Figures({ lines }: { lines: readonly Baseline[] }): VNode {
  const { view, now, connection, functions, shown } = useDashboard();
  const counts = useOfTrials(view, countStates);
  // What is asked for are candidates: references are trained besides.
  const done = useOfTrials(view, (trials) => trials.filter((t) => isFinished(t) && t.role !== "reference").length);
  const best = functions[0];
  const elapsed = view.elapsedAtTime(now);
  const rate = recentRate(view, now);
  const { trials: wanted, timeLimitMs } = view.run.settings;
  const left = remaining(view, done, rate, elapsed);
  const relu = lines[0].found?.score ?? null;
  const isFiltered = shown.length < view.trials.length;
  return (
    <section class="figures" aria-label="Figures">
      <Figure
        name={isFiltered ? "Best of those shown" : "Best validation accuracy"}
        value={best ? percent(best.score) : "–"}
        note={best
          ? `${relu === null ? "" : `${signedPoints(best.score - relu)} on ReLU, `}n\u00a0=\u00a0${best.n}`
          : "no trial is complete"}
      />
      {lines.slice(0, 2).map((line) => (
        <BaselineFigure
          key={line.name}
          line={line}
          canTrain={connection.controllable}
        />
      ))}
      <Figure
        name="Trials"
        value={`${count(done)} / ${count(wanted)}`}
        note={<StateBar counts={counts} total={Math.max(wanted, view.trials.length)} />}
      />
      <Figure name="Rate" value={rate === null ? "–" : count(rate)} note="children an hour" />
      <Figure
        name="Elapsed"
        value={duration(elapsed)}
        note={left === null
          ? (timeLimitMs ? `of ${duration(timeLimitMs)}` : `since ${clock(view.run.createdAt)}`)
          : `about ${duration(left)} left`}
      />
    </section>
  );
}

function Figure({ name, value, note }: { name: string; value: string; note: ComponentChildren }): VNode {
  return (
    <div class="figure">
      <span class="figure-name">{name}</span>
      <span class="figure-value">{value}</span>
      <span class="figure-note">{note}</span>
    </div>
  );
}

function BaselineFigure({ line, canTrain }: { line: Baseline; canTrain: boolean }): VNode {
  const { control, say, view } = useDashboard();
  const train = async () => {
    if (await control({ control: "add_candidate", expression: line.expression })) {
      say(`${line.name} is queued on this run's child.`);
    }
  };
  const note = line.found !== null
    ? `same child, ${line.found.deviation === null ? "" : `± ${points(line.found.deviation)}, `}n = ${line.found.n}`
    : line.pending > 0
    ? "in the queue"
    : canTrain && !isOver(view)
    ? <button type="button" class="small" onClick={train}>Train it on this child</button>
    : "not trained in this run";
  return <Figure name={line.name} value={percent(line.found?.score ?? null)} note={note} />;
}

/** Trials by state as one bar, in the colours of the states. */
export function StateBar({ counts, total }: { counts: Readonly<Record<TrialState, number>>; total: number }): VNode {
  let at = 0;
  const text = STATES.filter((state) => counts[state] > 0).map((state) => `${counts[state]} ${state}`).join(", ");
  return (
    <svg class="state-bar" viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label={text || "no trials"}>
      <title>{text}</title>
      <rect class="state-bar-paper" width="100" height="6" />
      {(["complete", "pruned", "diverged", "failed", "running"] as const).map((state) => {
        const width = 100 * counts[state] / Math.max(1, total);
        const x = at;
        at += width;
        return <rect key={state} class={`fill-${state}`} x={x} width={width} height="6" />;
      })}
    </svg>
  );
}

/** Trials that ended in the last tenth of the run (at least five minutes), an hour; null before the second one. */
function recentRate(view: RunView, now: number): number | null {
  let first = Infinity, latest = 0;
  for (const { startedAt, finishedAt } of view.trials) {
    first = Math.min(first, startedAt ?? Infinity);
    latest = Math.max(latest, finishedAt ?? 0);
  }
  const last = view.state === "running" ? now : latest;
  const window = Math.min(last - first, Math.max(300_000, (last - first) / 10));
  let ended = 0, ends = 0;
  for (const { finishedAt } of view.trials) {
    if (finishedAt === null) continue;
    ends++;
    if (finishedAt >= last - window) ended++;
  }
  return ends < 2 ? null : ended / (window / 3_600_000);
}

function remaining(view: RunView, done: number, rate: number | null, elapsed: number): number | null {
  if (view.state !== "running") return null;
  const { trials, timeLimitMs } = view.run.settings;
  const byTrials = rate ? (trials - done) / rate * 3_600_000 : Infinity;
  const left = Math.min(byTrials, timeLimitMs === null ? Infinity : timeLimitMs - elapsed);
  return Number.isFinite(left) ? Math.max(0, left) : null;
}

/** A trial that came to something, with what its batch's mean counts it as: [0, 1]. */
interface Judged {
  readonly trial: TrialRow;
  readonly value: number;
}

/** Null while nothing is known. Who asked for a trial, and whether a sampler learns from it, makes no difference. */
function valueOf({ state, score, reward }: TrialRow, guessing: number): number | null {
  return score ?? reward ?? (state === "diverged" || state === "failed" ? guessing : null);
}

/** What is drawn, by trial: references are lines across it. */
function judgedOf(trials: readonly TrialRow[], guessing: number): Judged[] {
  const judged: Judged[] = [];
  for (const trial of trials) {
    const value = trial.role === "reference" ? null : valueOf(trial, guessing);
    if (value !== null) judged.push({ trial, value });
  }
  return judged.sort((one, other) => one.trial.id - other.trial.id);
}

function History({ lines }: { lines: readonly Baseline[] }): VNode {
  const { view, shown, go } = useDashboard();
  const judged = useMemo(() => judgedOf(shown, 1 / view.run.classes), [shown, view.run.classes]);
  const spec = useMemo(() => historySpec(judged, view, lines), [judged, view.updates.length, lines]);
  if (judged.length === 0) {
    return (
      <div class="place-300">
        <Empty>
          {view.trials.length === shown.length ? "The first candidate is on its way." : "No trial passes the filter."}
        </Empty>
      </div>
    );
  }
  const nearest = (x: number, y: number) => nearestTrial(judged, x, y);
  return (
    <Chart
      spec={spec}
      stops={() => judged.map(({ trial, value }) => ({ x: trial.id, y: 100 * value }))}
      read={(x, y) => {
        const { trial, value } = nearest(x, y);
        const what = trial.score === null
          ? `${trial.state}, counts as ${percent(value)}`
          : `${worth(trial)}${trial.state === "complete" ? "" : ` (${trial.state})`}`;
        return { x: trial.id, y: value * 100, text: `${trial.id}: ${what}  ${short(trial.simplified)}` };
      }}
      onPick={(x, y) => go({ trial: nearest(x, y).trial.id })}
    />
  );
}

function short(text: string): string {
  return text.length > 48 ? `${text.slice(0, 47)}…` : text;
}

/** The judged trial nearest in the plot, where a trial in a hundred is as far as a point of accuracy in a hundred. */
function nearestTrial(judged: readonly Judged[], x: number, y: number): Judged {
  const span = Math.max(1, judged[judged.length - 1].trial.id - judged[0].trial.id);
  let best = judged[0];
  let least = Infinity;
  for (const one of judged) {
    const distance = ((one.trial.id - x) / span * 3) ** 2 + (one.value - y / 100) ** 2;
    if (distance < least) [least, best] = [distance, one];
  }
  return best;
}

/** Trials by what became of them: all that the batches' means count are drawn. */
const OUTCOMES: readonly { readonly label: string; readonly colour: number; readonly states: readonly TrialState[] }[] =
  [
    { label: "complete", colour: 5, states: ["complete"] },
    { label: "pruned", colour: 6, states: ["pruned"] },
    { label: "diverged or failed, as guessing", colour: 7, states: ["diverged", "failed"] },
  ];

function historySpec(judged: readonly Judged[], view: RunView, lines: readonly Baseline[]) {
  const ids = judged.map(({ trial }) => trial.id);
  const dots = OUTCOMES.map(({ label, colour, states }): Series => {
    const own = judged.filter(({ trial }) => states.includes(trial.state));
    const [x, y] = [own.map(({ trial }) => trial.id), own.map(({ value }) => 100 * value)];
    return { label, kind: "dots", colour, x, y };
  }).filter(({ x }) => x.length > 0);
  const series: Series[] = [
    ...dots,
    {
      label: "best so far",
      kind: "step",
      x: ids,
      y: bestSoFar(judged.map(({ trial }) => trial)).map((best) => 100 * best),
      colour: 0,
    },
  ];
  if (view.updates.length > 0) {
    const last = lastOfBatches(view.trials);
    const x = view.updates.map(({ batch }) => last[batch] ?? NaN);
    series.push({
      label: "mean reward of a batch",
      kind: "line",
      x,
      y: view.updates.map(({ meanReward }) => 100 * meanReward),
      colour: 1,
    });
  }
  return {
    height: 300,
    description: `Validation accuracy of ${judged.length} trials and the best so far`,
    // Dots at either end are not cut.
    x: { label: "trial", whole: true, domain: padded([0, ids[ids.length - 1]], 0.008) },
    y: { label: "validation accuracy (%)" },
    series,
    rules: lines.filter(({ found }) => found !== null)
      .map(({ name, found }) => ({ axis: "y" as const, value: 100 * found!.score, label: name })),
  };
}

/** The last candidate of each batch: references, and what was added by hand, stand between them. */
function lastOfBatches(trials: readonly TrialRow[]): number[] {
  const last: number[] = [];
  for (const { id, batch, role } of trials) if (role === "candidate") last[batch] = Math.max(last[batch] ?? 0, id);
  return last;
}

const LEARNT = [
  { key: "entropy", label: "entropy (nats)", colour: 2 },
  { key: "kl", label: "KL divergence (nats)", colour: 3 },
  { key: "baseline", label: "baseline (reward)", colour: 0 },
  { key: "loss", label: "loss", colour: 6 },
] as const;

function Learning(): VNode {
  const { view } = useDashboard();
  const { updates } = view;
  const present = LEARNT.filter(({ key }) => updates.some((update) => update[key] !== null));
  if (present.length === 0) {
    return (
      <Empty>
        {updates.length === 0
          ? "Nothing is learnt before the first batch is done."
          : `${view.run.settings.sampler} does not learn.`}
      </Empty>
    );
  }
  return (
    <div class="learning">
      {present.map(({ key, label, colour }) => (
        <Chart
          key={key}
          spec={{
            height: 150,
            x: { label: "batch", whole: true },
            y: { label },
            series: [{
              label,
              kind: updates.length > 1 ? "line" : "dots",
              x: updates.map(({ batch }) => batch),
              y: updates.map((update) => update[key] ?? NaN),
              colour,
            }],
          }}
          read={(x) => {
            const update = updates.reduce((near, one) =>
              Math.abs(one.batch - x) < Math.abs(near.batch - x) ? one : near
            );
            const value = update[key];
            return value === null
              ? null
              : { x: update.batch, y: value, text: `batch ${update.batch}: ${decimal(value, 4)}` };
          }}
        />
      ))}
    </div>
  );
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
          Look closer
        </button>
      </h2>
      <FormulaBox>
        <Formula text={trial.expression} block />
      </FormulaBox>
      <FunctionPlot text={trial.expression} beta={trial.betaMean} height={246} />
    </>
  );
}

function BestList({ functions }: { functions: readonly RankedFunction[] }): VNode {
  const { go, view, route } = useDashboard();
  if (functions.length === 0) return <Empty>No trial is complete.</Empty>;
  const selected = route.trial === null ? null : view.trials[route.trial]?.fingerprint;
  return (
    <ol class="best-list">
      {functions.map((found) => {
        const { trial, fingerprint, score, lost } = found;
        return (
          <li key={fingerprint}>
            <button
              type="button"
              class="row-button"
              aria-pressed={fingerprint === selected}
              onClick={() => go({ trial: trial.id })}
            >
              <Thumb text={trial.expression} beta={trial.betaMean} width={64} height={36} />
              <span class="clip fade">
                <Formula text={trial.expression} />
              </span>
              <span class="best-value">
                <b class="number">{percent(score)}</b>
                <span class="best-note number">
                  {spread(found)}
                  {lost > 0 && `, ${lost} lost`}
                </span>
              </span>
            </button>
          </li>
        );
      })}
    </ol>
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
  if (latest.length === 0) return <Empty>Nothing happened that you need to know.</Empty>;
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

/** The workers: what each does, how fast, and where time was lost. */
import type { VNode } from "preact";
import { useMemo, useRef, useState } from "preact/hooks";
import { isOver, type WorkerStatus } from "../../controller/runs/events.ts";
import type { TrialState } from "../../controller/trial.ts";
import { padded } from "../plot/scale.ts";
import type { TrialRow } from "../protocol.ts";
import type { RunView } from "../run_view.ts";
import { useDashboard } from "./dashboard.ts";
import { bytes, clock, count, dateTime, duration, percent } from "./format.ts";
import { Empty } from "./empty.tsx";
import { Chart, Spoken, step, useWidth } from "./picture.tsx";

export function WorkersView(): VNode {
  const { view, shown, connection, now } = useDashboard();
  const workers = [...view.workers.values()].sort((one, other) => one.id - other.id);
  const active = workers.filter(({ state }) => state !== "stopped");
  const busy = busyShare(view, now, active.length);
  return (
    <div class="workers">
      <section class="panel" aria-label="Workers">
        <h2>
          Workers
          <span class="h-note">
            {active.length} active, {count(throughput(active))} images/s
          </span>
          {connection.controllable && !isOver(view) && <WorkerCount active={active.length} />}
        </h2>
        {workers.length === 0 ? <Empty>No worker was given a trial.</Empty> : <WorkerTable workers={workers} />}
      </section>
      <section class="panel" aria-label="Time line">
        <h2>
          Time line
          <span class="h-note">
            the last {duration(timeLine(view, now).span)}
            {busy !== null && `, workers busy ${percent(busy, 1)} of it`}
          </span>
        </h2>
        <TimeLine workers={workers} />
        <TimeLineLegend />
      </section>
      <section class="panel" aria-label="Throughput">
        <h2>
          Throughput{" "}
          <span class="h-note">
            children that ended in each minute{shown.length < view.trials.length && ", of those the filter shows"}
          </span>
        </h2>
        <Throughput />
      </section>
      {connection.controllable && (
        <section class="panel" aria-label="Memory">
          <h2>
            Memory <span class="h-note">{memoryNote(connection.memory)}</span>
          </h2>
          <Memory />
        </section>
      )}
      <section class="panel" aria-label="Retries and errors">
        <h2>Retries and errors</h2>
        <Troubles />
      </section>
    </div>
  );
}

function throughput(workers: readonly WorkerStatus[]): number {
  return workers.reduce(
    (sum, { state, imagesPerSecond }) => sum + (state === "training" ? imagesPerSecond ?? 0 : 0),
    0,
  );
}

function WorkerTable({ workers }: { workers: readonly WorkerStatus[] }): VNode {
  const { view, go, now } = useDashboard();
  return (
    <div class="scroll-x">
      <table class="plain">
        <thead>
          <tr>
            <th class="right">worker</th>
            <th>state</th>
            <th>trial</th>
            <th class="wide">progress</th>
            <th class="right wide-only">images/s</th>
            <th class="right wide-only">for</th>
            <th class="right wide-only">finished</th>
            <th class="right wide-only">restarts</th>
            <th class="wide-only">last error</th>
          </tr>
        </thead>
        <tbody>
          {workers.map((worker) => (
            <tr key={worker.id}>
              <td class="right number">{worker.id}</td>
              <td>
                <span class={`state-text worker-${worker.state}`}>
                  <span class={`dot worker-${worker.state}`} />
                  {worker.state}
                </span>
              </td>
              <td class="clip-cell">
                {worker.trial === null
                  ? "–"
                  : (
                    <button type="button" class="link" onClick={() => go({ trial: worker.trial, view: "functions" })}>
                      {worker.trial}: {view.trials[worker.trial]?.simplified ?? ""}
                    </button>
                  )}
              </td>
              <td>
                {worker.trial !== null && (
                  <progress
                    value={worker.step}
                    max={worker.steps}
                    aria-label={`step ${worker.step} of ${worker.steps}`}
                  />
                )}
              </td>
              <td class="right number wide-only">
                {worker.state !== "training" || worker.imagesPerSecond === null ? "–" : count(worker.imagesPerSecond)}
              </td>
              <td class="right number wide-only">{duration(now - worker.since)}</td>
              <td class="right number wide-only">{worker.finished}</td>
              <td class="right number wide-only">{worker.restarts ?? "–"}</td>
              <td class="clip-cell wide-only" title={worker.lastError ?? undefined}>{worker.lastError ?? ""}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function WorkerCount({ active }: { active: number }): VNode {
  const { control, say } = useDashboard();
  const [wanted, setWanted] = useState<number | null>(null);
  const apply = async (event: Event) => {
    event.preventDefault();
    if (wanted === null || !await control({ control: "set_workers", workers: wanted })) return;
    say(`The search goes on with ${wanted} worker${wanted > 1 ? "s" : ""}.`);
    setWanted(null);
  };
  return (
    <form class="h-right worker-count" onSubmit={apply}>
      <label>
        Number of workers{" "}
        <input
          type="number"
          min={1}
          max={256}
          value={wanted ?? active}
          onInput={(event) => setWanted(Math.max(1, Math.min(256, Math.round(Number(event.currentTarget.value)) || 1)))}
        />
      </label>
      <button type="submit" class="small" disabled={wanted === null || wanted === active}>Set</button>
    </form>
  );
}

/** The time line shows a run from its beginning, but no more than its last minutes. */
const TIME_LINE_MS = { least: 60_000, most: 10 * 60_000 };

function timeLine(view: RunView, now: number): { readonly from: number; readonly end: number; readonly span: number } {
  const end = isOver(view) ? lastEnd(view) : now;
  const span = Math.max(TIME_LINE_MS.least, Math.min(TIME_LINE_MS.most, end - view.run.createdAt));
  return { from: end - span, end, span };
}
const LANE = 22;
const GUTTER = 30;

/** A stretch of a worker's time on the time line. */
interface Stretch {
  readonly worker: number;
  /** The state of the trial while it trained, else of the worker. */
  readonly look: `worker-${WorkerStatus["state"]}` | `fill-${TrialState}`;
  readonly from: number;
  readonly to: number;
  readonly name: string;
  /** Null where it is not a trial's. */
  readonly trial: number | null;
}

/** What each worker did in the last minutes; the gaps between trials are idle time, and what the filter hides is faint. */
function TimeLine({ workers }: { workers: readonly WorkerStatus[] }): VNode {
  const { view, shown, now, go } = useDashboard();
  const ids = useMemo(() => new Set(shown.map(({ id }) => id)), [shown]);
  const place = useRef<HTMLDivElement>(null);
  const width = useWidth(place);
  const { from, end, span } = timeLine(view, now);
  const stretches = stretchesOf(view, from, end);
  const inOrder = stretches.toSorted((one, other) => one.worker - other.worker || one.from - other.from);
  const [stop, setStop] = useState<number | null>(null);
  const marked = stop === null ? undefined : inOrder[Math.min(stop, inOrder.length - 1)];
  const walk = (event: KeyboardEvent) => {
    if (event.key === "Enter" && marked?.trial != null) return go({ trial: marked.trial, view: "functions" });
    const next = step(event, stop, inOrder.length);
    if (next === undefined) return;
    event.preventDefault();
    setStop(next);
  };
  const at = (time: number) => GUTTER + Math.max(0, (time - from) / span) * (width - GUTTER - 4);
  const height = workers.length * LANE + 22;
  const times = Array.from({ length: 5 }, (_, index) => end - index * span / 5);
  return (
    <div
      ref={place}
      class="time-line"
      style={{ height: `${height}px` }}
      tabIndex={0}
      role="group"
      aria-label="Time line: arrow keys go from trial to trial, worker by worker, Enter looks closer"
      onKeyDown={walk}
      onBlur={() => setStop(null)}
    >
      {width > 0 && (
        <svg
          class="plot"
          width={width}
          height={height}
          role="img"
          aria-label="What each worker did in the last minutes"
        >
          {times.map((time, index) => (
            <g key={index}>
              <path class="plot-grid" d={`M${at(time)} 0V${height - 18}`} />
              <text x={at(time)} y={height - 5} text-anchor={index === 0 ? "end" : "middle"}>
                {clock(time, span < TIME_LINE_MS.most)}
              </text>
            </g>
          ))}
          {workers.map(({ id }, lane) => (
            <g key={id}>
              <text x={GUTTER - 8} y={lane * LANE + 14} text-anchor="end">{id}</text>
              <rect class="lane" x={GUTTER} y={lane * LANE + 3} width={width - GUTTER - 4} height={LANE - 7} rx="2" />
              {stretches.filter(({ worker }) => worker === id).map((stretch) => (
                <rect
                  key={`${stretch.look} ${stretch.from}`}
                  class={`span ${stretch.look}${stretch.trial === null || ids.has(stretch.trial) ? "" : " faint"}${
                    stretch === marked ? " marked" : ""
                  }`}
                  x={at(stretch.from)}
                  y={lane * LANE + 3}
                  width={Math.max(1, at(stretch.to) - at(stretch.from) - 0.5)}
                  height={LANE - 7}
                  rx="2"
                >
                  <title>{describe(stretch)}</title>
                </rect>
              ))}
            </g>
          ))}
        </svg>
      )}
      {marked && (
        <span class="chart-readout time-readout">
          {describe(marked)}
        </span>
      )}
      <Spoken text={marked ? describe(marked) : ""} />
    </div>
  );
}

function describe({ worker, name, from, to }: Stretch): string {
  return `worker ${worker}: ${name}, ${duration(to - from)}`;
}

const LEGEND: readonly (readonly [Stretch["look"] | "lane", string])[] = [
  ["fill-running", "training"],
  ["fill-complete", "complete"],
  ["fill-pruned", "pruned"],
  ["fill-diverged", "diverged"],
  ["fill-failed", "failed"],
  ["worker-restarting", "restarting"],
  ["lane", "idle"],
];

function TimeLineLegend(): VNode {
  return (
    <ul class="time-legend">
      {LEGEND.map(([look, name]) => (
        <li key={name}>
          <svg width="10" height="10" aria-hidden="true">
            <rect class={look === "lane" ? look : `span ${look}`} width="10" height="10" rx="2" />
          </svg>
          {name}
        </li>
      ))}
    </ul>
  );
}

const MINUTE_MS = 60_000;
/** The last two hours. */
const MINUTES_SHOWN = 120;

/** How many children ended in each minute: what a slow machine, pauses and lost workers cost is seen here. */
function Throughput(): VNode {
  const { view, shown, now } = useDashboard();
  const last = Math.floor((isOver(view) ? lastEnd(view) : now) / MINUTE_MS);
  const counts = useMemo(() => endsByMinute(shown, last), [shown, last]);
  if (counts.length === 0) {
    return (
      <div class="place-160">
        <Empty>No child has ended.</Empty>
      </div>
    );
  }
  const first = last - counts.length + 1;
  return (
    <Chart
      spec={{
        height: 160,
        description: `Children that ended in each of the last ${counts.length} minutes`,
        x: {
          label: "time",
          whole: true,
          domain: [first - 0.5, last + 0.5],
          format: (minute) => clock(minute * MINUTE_MS),
        },
        y: { label: "children", whole: true },
        series: [{
          label: "children",
          kind: "bars",
          x: counts.map((_, index) => first + index),
          y: counts,
          colour: 2,
        }],
      }}
      read={(x) => {
        const minute = Math.round(x);
        const ended = counts[minute - first];
        return ended === undefined ? null : { x: minute, y: ended, text: `${clock(minute * MINUTE_MS)}: ${ended}` };
      }}
    />
  );
}

/** From the minute of the first end (or the earliest shown) to minute `last` since the epoch. */
function endsByMinute(trials: readonly TrialRow[], last: number): number[] {
  const counts = new Array<number>(MINUTES_SHOWN).fill(0);
  let first = Infinity;
  for (const { finishedAt } of trials) {
    if (finishedAt === null) continue;
    const minute = Math.floor(finishedAt / MINUTE_MS);
    const index = minute - last + MINUTES_SHOWN - 1;
    if (index >= 0 && index < MINUTES_SHOWN) counts[index]++;
    first = Math.min(first, minute);
  }
  // Bars as wide as a screen for the first minutes of a run say nothing: twenty at least.
  return Number.isFinite(first) ? counts.slice(-Math.max(20, last - first + 1)) : [];
}

function memoryNote(memory: readonly { readonly bytes: number }[]): string {
  const now = memory.at(-1);
  return now ? `${bytes(now.bytes)}: the search, its workers and this server` : "";
}

function Memory(): VNode {
  const { memory } = useDashboard().connection;
  const from = memory[0]?.at ?? 0;
  const minutes = memory.map(({ at }) => (at - from) / 60_000);
  const mebibytes = memory.map(({ bytes }) => bytes / 2 ** 20);
  const most = Math.max(1, ...mebibytes);
  return (
    <Chart
      spec={{
        height: 160,
        description: "Memory of the searching process since this page was opened",
        x: { label: "since this page was opened (min)", domain: padded([0, Math.max(1, minutes.at(-1) ?? 1)], 0.01) },
        y: { label: "MiB", domain: [0, most * 1.1] },
        series: [{ label: "memory", kind: memory.length > 1 ? "line" : "dots", x: minutes, y: mebibytes, colour: 0 }],
      }}
      read={(x) => {
        if (memory.length === 0) return null;
        const index = minutes.reduce((near, at, one) => Math.abs(at - x) < Math.abs(minutes[near] - x) ? one : near, 0);
        return { x: minutes[index], y: mebibytes[index], text: bytes(memory[index].bytes) };
      }}
    />
  );
}

/** Trials say when they were trained, also before this page was opened; the rest of a worker's life is seen live. */
function stretchesOf(view: RunView, from: number, end: number): Stretch[] {
  const trained = view.trials.filter(({ worker, startedAt, finishedAt }) =>
    worker !== null && startedAt !== null && (finishedAt ?? end) >= from
  ).map(({ id, worker, state, startedAt, finishedAt }): Stretch => ({
    worker: worker!,
    look: `fill-${state}`,
    from: startedAt!,
    to: finishedAt ?? end,
    name: `trial ${id}, ${state}`,
    trial: id,
  }));
  const others = view.spans.filter(({ state, to }) => state !== "training" && state !== "idle" && (to ?? end) >= from)
    .map(({ worker, state, from, to }): Stretch => ({
      worker,
      look: `worker-${state}`,
      from,
      to: to ?? end,
      name: state,
      trial: null,
    }));
  return [...others, ...trained];
}

function lastEnd(view: RunView): number {
  return view.trials.reduce((last, { finishedAt }) => Math.max(last, finishedAt ?? 0), 0);
}

/** Share of the time line, since the first trial in it, that active workers trained; null before there is one. */
function busyShare(view: RunView, now: number, workers: number): number | null {
  const { from, end } = timeLine(view, now);
  const trained = stretchesOf(view, from, end).filter(({ look }) => look.startsWith("fill-"));
  if (trained.length === 0 || workers === 0) return null;
  const begin = Math.max(from, Math.min(...trained.map(({ from }) => from)));
  const busy = trained.reduce((sum, { from, to }) => sum + to - Math.max(from, begin), 0);
  return Math.min(1, busy / (workers * Math.max(1, end - begin)));
}

function Troubles(): VNode {
  const { view, shown, go } = useDashboard();
  const troubled = shown.filter(({ attempts, state }) => attempts > 1 || state === "failed")
    .sort((one, other) => other.id - one.id).slice(0, 50);
  const notices = view.notices.filter(({ level }) => level !== "info").slice(-50).reverse();
  if (troubled.length === 0 && notices.length === 0) return <Empty>No trial had to be given to a second worker.</Empty>;
  return (
    <div class="troubles">
      <ul class="notices">
        {notices.map(({ seq, at, level, message }) => (
          <li key={seq} class={`notice-${level}`}>
            <time title={dateTime(at)}>{clock(at)}</time> {message}
          </li>
        ))}
      </ul>
      <ul class="notices">
        {troubled.map((trial) => (
          <li key={trial.id}>
            <button type="button" class="link" onClick={() => go({ trial: trial.id, view: "functions" })}>
              trial {trial.id}
            </button>{" "}
            {trial.attempts} attempts, {trial.state}
            {trial.reason ? `: ${trial.reason}` : ""}
          </li>
        ))}
      </ul>
    </div>
  );
}

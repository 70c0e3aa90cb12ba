/** The workers: what each does, how fast, and where time was lost. */
import type { VNode } from "preact";
import { useRef, useState } from "preact/hooks";
import type { WorkerStatus } from "../../controller/events.ts";
import type { RunView, Span } from "../run_view.ts";
import { useDashboard } from "./dashboard.ts";
import { clock, count, duration } from "./format.ts";
import { Empty } from "./overview_view.tsx";
import { useWidth } from "./picture.tsx";

export function WorkersView(): VNode {
  const { view, connection } = useDashboard();
  const workers = [...view.workers.values()].sort((one, other) => one.id - other.id);
  const active = workers.filter(({ state }) => state !== "stopped");
  const isOver = view.state === "finished" || view.state === "failed" || view.state === "interrupted";
  return (
    <div class="workers">
      <section class="panel" aria-label="Workers">
        <h2>
          Workers <span class="h-note">{active.length} active, {count(throughput(active))} images/s</span>
          {connection.controllable && !isOver && <WorkerCount active={active.length} />}
        </h2>
        {workers.length === 0 ? <Empty>No worker has started.</Empty> : <WorkerTable workers={workers} />}
      </section>
      <section class="panel" aria-label="Time line">
        <h2>
          Time line <span class="h-note">the last {duration(TIME_LINE_MS)}</span>
        </h2>
        <TimeLine view={view} workers={workers} />
      </section>
      <section class="panel" aria-label="Retries and errors">
        <h2>Retries and errors</h2>
        <Troubles view={view} />
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
            <th class="right">images/s</th>
            <th class="right">for</th>
            <th class="right">finished</th>
            <th class="right">restarts</th>
            <th>last error</th>
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
              <td class="right number">{worker.imagesPerSecond === null ? "–" : count(worker.imagesPerSecond)}</td>
              <td class="right number">{duration(now - worker.since)}</td>
              <td class="right number">{worker.finished}</td>
              <td class="right number">{worker.restarts}</td>
              <td class="clip-cell" title={worker.lastError ?? undefined}>{worker.lastError ?? ""}</td>
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

const TIME_LINE_MS = 10 * 60_000;
const LANE = 22;

/** What each worker did in the last minutes; the gaps between trials are idle time. */
function TimeLine({ view, workers }: { view: RunView; workers: readonly WorkerStatus[] }): VNode {
  const { now } = useDashboard();
  const place = useRef<HTMLDivElement>(null);
  const width = useWidth(place);
  const isOver = view.state === "finished" || view.state === "failed" || view.state === "interrupted";
  const end = isOver ? view.spans.reduce((last, span) => Math.max(last, span.to ?? span.from), 0) : now;
  const from = end - TIME_LINE_MS;
  const left = 30;
  const at = (time: number) => left + Math.max(0, (time - from) / TIME_LINE_MS) * (width - left - 4);
  const lanes = new Map(workers.map((worker, index) => [worker.id, index]));
  const height = workers.length * LANE + 22;
  const minutes = Array.from({ length: 6 }, (_, index) => end - index * TIME_LINE_MS / 5);
  return (
    <div ref={place} class="time-line" style={{ height: `${height}px` }}>
      {width > 0 && (
        <svg
          class="plot"
          width={width}
          height={height}
          role="img"
          aria-label="What each worker did in the last minutes"
        >
          {minutes.slice(0, 5).map((time) => (
            <g key={Math.round((end - time) / 1000)}>
              <path class="plot-grid" d={`M${at(time)} 0V${height - 18}`} />
              <text x={at(time)} y={height - 5} text-anchor={time === end ? "end" : "middle"}>{clock(time)}</text>
            </g>
          ))}
          {workers.map(({ id }, index) => (
            <text key={id} x={left - 8} y={index * LANE + 14} text-anchor="end">{id}</text>
          ))}
          {view.spans.filter(({ to }) => to === null || to >= from).map((span) => (
            <SpanBar
              key={`${span.worker} ${span.from} ${span.state}`}
              span={span}
              lane={lanes.get(span.worker) ?? 0}
              at={at}
              end={end}
            />
          ))}
        </svg>
      )}
    </div>
  );
}

function SpanBar(
  { span, lane, at, end }: { span: Span; lane: number; at: (time: number) => number; end: number },
): VNode | null {
  const left = at(span.from);
  const width = Math.max(1, at(span.to ?? end) - left - 0.5);
  const took = duration((span.to ?? end) - span.from);
  return (
    <rect class={`span worker-${span.state}`} x={left} y={lane * LANE + 3} width={width} height={LANE - 7} rx="2">
      <title>{span.trial === null ? `${span.state}, ${took}` : `trial ${span.trial}, ${took}`}</title>
    </rect>
  );
}

function Troubles({ view }: { view: RunView }): VNode {
  const { go } = useDashboard();
  const troubled = view.trials.filter(({ attempts, state }) => attempts > 1 || state === "failed").slice(-50).reverse();
  const notices = view.notices.filter(({ level }) => level !== "info").slice(-50).reverse();
  if (troubled.length === 0 && notices.length === 0) return <Empty>No trial had to be given to a second worker.</Empty>;
  return (
    <div class="troubles">
      <ul class="notices">
        {notices.map(({ seq, at, level, message }) => (
          <li key={seq} class={`notice-${level}`}>
            <time>{clock(at)}</time> {message}
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

/** A time line of what each worker did in the last minutes. */
import type { VNode } from "preact";
import { useMemo, useRef, useState } from "preact/hooks";
import { isOver, type WorkerStatus } from "../../controller/runs/events.ts";
import type { TrialState } from "../../controller/trial.ts";
import type { RunView } from "../run_view.ts";
import { useDashboard } from "./dashboard.ts";
import { clock, duration } from "./format.ts";
import { Spoken, step, useWidth } from "./picture.tsx";

/** The time line shows a run from its start, but at most its last ten minutes, in ms. */
const TIME_LINE_MS = { least: 60_000, most: 10 * 60_000 };

export function timeLine(
  view: RunView,
  now: number,
): { readonly from: number; readonly end: number; readonly span: number } {
  const end = isOver(view) ? lastEnd(view) : now;
  const span = Math.max(TIME_LINE_MS.least, Math.min(TIME_LINE_MS.most, end - view.run.createdAt));
  return { from: end - span, end, span };
}

const LANE = 22;

const GUTTER = 30;

/** An interval of a worker's time on the time line. */
interface Stretch {
  readonly worker: number;
  /** The trial's state while it was trained, otherwise the worker's. */
  readonly look: `worker-${WorkerStatus["state"]}` | `fill-${TrialState}`;
  readonly from: number;
  readonly to: number;
  readonly name: string;
  /** Null if it is no training. */
  readonly trial: number | null;
}

/** The work of each worker in the last minutes. Gaps are idle time; trials that the filter hides are faint. */
export function TimeLine({ workers }: { workers: readonly WorkerStatus[] }): VNode {
  const { view, shown, now } = useDashboard();
  const ids = useMemo(() => new Set(shown.map(({ id }) => id)), [shown]);
  const place = useRef<HTMLDivElement>(null);
  const width = useWidth(place);
  const { from, end, span } = timeLine(view, now);
  const stretches = stretchesOf(view, from, end);
  const { marked, walk, leave } = useStretchKeys(stretches);
  const height = workers.length * LANE + 22;
  const scale: TimeScale = { from, end, span, width, height };
  return (
    <div
      ref={place}
      class="time-line"
      style={{ height: `${height}px` }}
      tabIndex={0}
      role="group"
      aria-label="Time line: arrow keys go from trial to trial, worker by worker, Enter opens it"
      onKeyDown={walk}
      onBlur={leave}
    >
      {width > 0 && (
        <svg
          class="plot"
          width={width}
          height={height}
          role="img"
          aria-label="What each worker did in the last minutes"
        >
          <TimeGrid scale={scale} />
          {workers.map(({ id }, lane) => (
            <g key={id}>
              <text x={GUTTER - 8} y={lane * LANE + 14} text-anchor="end">{id}</text>
              <rect class="lane" x={GUTTER} y={lane * LANE + 3} width={width - GUTTER - 4} height={LANE - 7} rx="2" />
              {stretches.filter(({ worker }) => worker === id).map((stretch) => (
                <StretchBar
                  key={`${stretch.look} ${stretch.from}`}
                  stretch={stretch}
                  lane={lane}
                  scale={scale}
                  isFaint={stretch.trial !== null && !ids.has(stretch.trial)}
                  isMarked={stretch === marked}
                />
              ))}
            </g>
          ))}
        </svg>
      )}
      {marked && <span class="chart-readout time-readout">{describe(marked)}</span>}
      <Spoken text={marked ? describe(marked) : ""} />
    </div>
  );
}

/** The interval selected by the arrow keys, worker by worker; Enter opens its trial. */
function useStretchKeys(stretches: readonly Stretch[]) {
  const { go } = useDashboard();
  const [stop, setStop] = useState<number | null>(null);
  const inOrder = stretches.toSorted((one, other) => one.worker - other.worker || one.from - other.from);
  const marked = stop === null ? undefined : inOrder[Math.min(stop, inOrder.length - 1)];
  const walk = (event: KeyboardEvent) => {
    if (event.key === "Enter" && marked?.trial != null) return go({ trial: marked.trial, view: "functions" });
    const next = step(event, stop, inOrder.length);
    if (next === undefined) return;
    event.preventDefault();
    setStop(next);
  };
  return { marked, walk, leave: () => setStop(null) };
}

/** The times shown, in ms since the epoch, and the pixels that they are drawn on. */
interface TimeScale {
  readonly from: number;
  readonly end: number;
  readonly span: number;
  readonly width: number;
  readonly height: number;
}

/** Pixels from the left. */
function placeOf(time: number, { from, span, width }: TimeScale): number {
  return GUTTER + Math.max(0, (time - from) / span) * (width - GUTTER - 4);
}

/** Times below the line, and the pixels that each needs. */
const MAX_TIMES = 5, TIME_PLACE = 90;

function TimeGrid({ scale }: { scale: TimeScale }): VNode {
  const { end, span, height, width } = scale;
  const count = Math.max(2, Math.min(MAX_TIMES, Math.floor(width / TIME_PLACE)));
  return (
    <>
      {Array.from({ length: count }, (_, index) => {
        const time = end - index * span / count, x = placeOf(time, scale);
        return (
          <g key={index}>
            <path class="plot-grid" d={`M${x} 0V${height - 18}`} />
            <text x={x} y={height - 5} text-anchor={index === 0 ? "end" : "middle"}>
              {clock(time, span < TIME_LINE_MS.most)}
            </text>
          </g>
        );
      })}
    </>
  );
}

function StretchBar({ stretch, lane, scale, isFaint, isMarked }: {
  stretch: Stretch;
  lane: number;
  scale: TimeScale;
  isFaint: boolean;
  isMarked: boolean;
}): VNode {
  const x = placeOf(stretch.from, scale);
  return (
    <rect
      class={`span ${stretch.look}${isFaint ? " faint" : ""}${isMarked ? " marked" : ""}`}
      x={x}
      y={lane * LANE + 3}
      width={Math.max(1, placeOf(stretch.to, scale) - x - 0.5)}
      height={LANE - 7}
      rx="2"
    >
      <title>{describe(stretch)}</title>
    </rect>
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

export function TimeLineLegend(): VNode {
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

/** Trainings come from the trials, also before this page was opened; other states only from the time since. */
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

export function lastEnd(view: RunView): number {
  return view.trials.reduce((last, { finishedAt }) => Math.max(last, finishedAt ?? 0), 0);
}

/** Share of the time since the first trial shown that active workers spent training; null before there is one. */
export function busyShare(view: RunView, now: number, workers: number): number | null {
  const { from, end } = timeLine(view, now);
  const trained = stretchesOf(view, from, end).filter(({ look }) => look.startsWith("fill-"));
  if (trained.length === 0 || workers === 0) return null;
  const begin = Math.max(from, Math.min(...trained.map(({ from }) => from)));
  const busy = trained.reduce((sum, { from, to }) => sum + to - Math.max(from, begin), 0);
  return Math.min(1, busy / (workers * Math.max(1, end - begin)));
}

/** Functions as plots: a gallery of small ones, and the selected function in detail. */
import type { VNode } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { isOver } from "../../controller/runs/events.ts";
import { printExpression } from "../../child/activation/print.ts";
import { type PairSettings, stepsOf } from "../../child/pair_settings.ts";
import type { CurvePoint, Trial, TrialRow } from "../../controller/trial.ts";
import type { Series } from "../plot/chart.ts";
import { ask, runPath, transferCommand, useDashboard } from "./dashboard.ts";
import { count, decimal, duration, worth } from "./format.ts";
import { Formula } from "./formula.tsx";
import { FormulaBox } from "./formula_box.tsx";
import { bends, mathOf, tendency } from "./function_math.ts";
import { FunctionPlot, Thumb } from "./function_plot.tsx";
import { memo } from "./memo.ts";
import { Empty } from "./empty.tsx";
import { Chart, useWidth } from "./picture.tsx";
import { usePrepared } from "./prepared.ts";
import { TrialScore } from "./score.tsx";
import { nearest } from "./similarity.ts";
import { useVisibleRows } from "./virtual.ts";

/** Pixels; the width is a minimum, and cards share what is left of a row. */
const CARD = { width: 150, height: 124, gap: 8 };

export function FunctionsView(): VNode {
  const { view, route, shown } = useDashboard();
  const [isPointed, setPointed] = useState(false);
  const present = useMemo(() => route.query.sort === "id" ? byAccuracy(shown) : shown, [shown, route.query.sort]);
  // Cards keep their order while the pointer is over them, even if better functions are found meanwhile.
  const held = useRef({ view, query: route.query, trials: present });
  const isHeld = isPointed && held.current.view === view && held.current.query === route.query;
  if (!isHeld) held.current = { view, query: route.query, trials: present };
  const inOrder = isHeld ? held.current.trials.map(({ id }) => view.trials[id]) : present;
  const selected = (route.trial !== null ? view.trials[route.trial] : inOrder[0]) ?? null;
  return (
    <div class="functions">
      <Gallery trials={inOrder} selected={selected?.id ?? null} onPoint={setPointed} />
      <section class="panel detail" aria-label="Selected function">
        {selected ? <Detail key={selected.id} trial={selected} /> : <Empty>No trial passes the filter.</Empty>}
      </section>
    </div>
  );
}

/** Best first; those without accuracy after the others, newest first. */
function byAccuracy(trials: readonly TrialRow[]): TrialRow[] {
  return [...trials].sort((one, other) => (other.score ?? -1) - (one.score ?? -1) || other.id - one.id);
}

function Gallery({ trials, selected, onPoint }: {
  trials: readonly TrialRow[];
  selected: number | null;
  onPoint: (isPointed: boolean) => void;
}): VNode {
  const { go } = useDashboard();
  const place = useRef<HTMLDivElement>(null);
  const width = useWidth(place);
  const columns = Math.max(1, Math.floor((width + CARD.gap) / (CARD.width + CARD.gap)));
  const cardWidth = Math.floor((width - CARD.gap * (columns - 1)) / columns);
  const rowHeight = CARD.height + CARD.gap;
  const rows = Math.ceil(trials.length / columns);
  const { first, end } = useVisibleRows(place, rows, rowHeight);
  const drawn = trials.slice(first * columns, end * columns);
  // The gallery's one tab stop, from which the arrow keys move on: the selected card, or the first visible one.
  const stop = drawn.some(({ id }) => id === selected) ? selected : drawn[0]?.id;
  const step = (event: KeyboardEvent) => {
    const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
    if (by === undefined) return;
    const at = trials.findIndex(({ id }) => id === selected);
    const next = trials[Math.max(0, Math.min(trials.length - 1, at + by))];
    if (!next) return;
    event.preventDefault();
    go({ trial: next.id });
    showRow(place.current!, Math.floor(trials.indexOf(next) / columns), rowHeight);
    requestAnimationFrame(() =>
      requestAnimationFrame(() => document.getElementById(`card-${next.id}`)?.focus({ preventScroll: true }))
    );
  };
  return (
    <section
      class="gallery scroller"
      aria-label={`Gallery of ${trials.length} functions`}
      onKeyDown={step}
      onPointerEnter={() => onPoint(true)}
      onPointerLeave={() => onPoint(false)}
    >
      <div ref={place} class="gallery-all" style={{ height: `${rows * rowHeight}px` }}>
        {width > 0 && drawn.map((trial, index) => {
          const at = first * columns + index;
          return (
            <Card
              key={trial.id}
              trial={trial}
              left={at % columns * (cardWidth + CARD.gap)}
              width={cardWidth}
              top={Math.floor(at / columns) * rowHeight}
              selected={trial.id === selected}
              isStop={trial.id === stop}
              onSelect={go}
            />
          );
        })}
      </div>
      {trials.length === 0 && <Empty>No trial passes the filter.</Empty>}
    </section>
  );
}

/** Scrolls a row into view, so that its cards are rendered. */
function showRow(all: HTMLElement, row: number, height: number): void {
  const scroller = all.closest(".scroller")!;
  const top = row * height;
  if (top < scroller.scrollTop) scroller.scrollTop = top;
  else if (top + height > scroller.scrollTop + scroller.clientHeight) {
    scroller.scrollTop = top + height - scroller.clientHeight;
  }
}

interface CardProps {
  readonly trial: TrialRow;
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly selected: boolean;
  /** Whether the Tab key stops here. */
  readonly isStop: boolean;
  readonly onSelect: (change: { trial: number }) => void;
}

const Card = memo(function Card({ trial, left, top, width, selected, isStop, onSelect }: CardProps): VNode {
  return (
    <button
      type="button"
      id={`card-${trial.id}`}
      class="card"
      tabIndex={isStop ? 0 : -1}
      style={{ transform: `translate(${left}px,${top}px)`, width: `${width}px`, height: `${CARD.height}px` }}
      aria-pressed={selected}
      title={trial.simplified}
      aria-label={`Trial ${trial.id}, ${trial.state}, ${worth(trial)}: ${trial.simplified}`}
      onClick={() => onSelect({ trial: trial.id })}
    >
      <Thumb text={trial.expression} beta={trial.betaMean} width={width - 18} height={72} />
      <span class="clip card-text" aria-hidden="true">{trial.simplified}</span>
      <span class="card-foot" aria-hidden="true">
        <span class={`dot state-${trial.state}`} />
        <TrialScore trial={trial} />
        {trial.betaMean !== null && <span class="beta">β {trial.betaMean.toFixed(2)}</span>}
        <span class="grow" />
        <span class="muted">{trial.duplicateOf === null ? trial.id : `${trial.id} = ${trial.duplicateOf}`}</span>
      </span>
    </button>
  );
});

function Detail({ trial }: { trial: TrialRow }): VNode {
  const { view, go } = useDashboard();
  const math = mathOf(trial.expression);
  return (
    <>
      <h2>
        Trial {trial.id}
        <span class={`state-text state-${trial.state}`}>{trial.state}</span>
        <span class="h-note">
          {trial.role !== "candidate" && `${trial.role}, `}
          {worth(trial)}
        </span>
      </h2>
      <FormulaBox>
        <Formula text={trial.expression} asWritten block />
      </FormulaBox>
      {!(math instanceof Error) && printExpression(math.expression) !== trial.simplified && (
        <FormulaBox isSimplified>
          <span class="muted">simplified</span> <Formula text={trial.expression} block />
        </FormulaBox>
      )}
      <code class="expression">{trial.expression}</code>
      <Actions expression={trial.expression} />
      <FunctionPlot text={trial.expression} beta={trial.betaMean} height={280} />
      {!(math instanceof Error) && <Shape math={math} beta={trial.betaMean ?? math.betaStart} />}
      <h3>Training</h3>
      <Curve trial={trial} child={view.run.settings.child} />
      <TrainingFacts trial={trial} />
      <Relatives trial={trial} onSelect={(id) => go({ trial: id })} />
    </>
  );
}

/** Buttons that copy the function or queue it again. */
function Actions({ expression }: { expression: string }): VNode {
  const { connection, view, propose, say, control } = useDashboard();
  const copy = async (text: string, what: string) => {
    try {
      await navigator.clipboard.writeText(text);
      say(`${what} was copied.`);
    } catch {
      say("The browser did not allow copying.", "problem");
    }
  };
  const again = async () => {
    if (await control({ control: "add_candidate", expression, seeds: 3 })) say("Queued with 3 other seeds.");
  };
  return (
    <div class="buttons">
      <button type="button" onClick={() => copy(expression, "The expression")}>Copy expression</button>
      <button type="button" onClick={() => copy(transferCommand(expression), "The command")}>
        Copy <code>deno task cifar100</code>
      </button>
      {connection.controllable && !isOver(view) && (
        <>
          <button type="button" onClick={again}>Queue with 3 other seeds</button>
          <button type="button" onClick={() => propose(expression)}>Edit and queue</button>
        </>
      )}
    </div>
  );
}

function TrainingFacts({ trial }: { trial: TrialRow }): VNode {
  const { connection, view } = useDashboard();
  const { startedAt, finishedAt, duplicateOf, reason, state } = trial;
  const took = startedAt === null ? "–" : duration((finishedAt ?? connection.now()) - startedAt);
  return (
    <dl class="facts">
      <Fact name="reward" value={decimal(trial.reward)} />
      <Fact name="final loss" value={decimal(trial.finalLoss)} />
      <Fact name="mean beta" value={decimal(trial.betaMean)} />
      <Fact name="steps" value={`${count(trial.steps)} of ${count(stepsOf(view.run.settings.child))}`} />
      <Fact name="took" value={took} />
      <Fact name="attempts" value={String(trial.attempts)} />
      <Fact name="batch" value={String(trial.batch)} />
      {duplicateOf !== null && (
        <Fact name="result of" value={`trial ${duplicateOf}, the same function or its mirror image`} />
      )}
      {reason !== null && <Fact name={`why ${state}`} value={reason} />}
    </dl>
  );
}

function Fact({ name, value }: { name: string; value: string }): VNode {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

/** Extrema, inflections, kinks and limits of the function. */
function Shape({ math, beta }: { math: Exclude<ReturnType<typeof mathOf>, Error>; beta: number }): VNode {
  const points = useMemo(() => bends(math, beta), [math, beta]);
  const round = (value: number) => String(Math.round(value * 100) / 100 || 0).replace("-", "−");
  return (
    <dl class="facts shape">
      <Fact name="towards −∞" value={tendency(math, beta, -1)} />
      <Fact name="towards +∞" value={tendency(math, beta, 1)} />
      <Fact name="f(0)" value={round(math.f(0, beta))} />
      <Fact
        name="bends (|x| ≤ 6)"
        value={points.length === 0
          ? "nowhere"
          : points.map(({ kind, x, y }) => `${kind} (${round(x)}, ${round(y)})`).join("  ·  ")}
      />
    </dl>
  );
}

/** The training curve: stored points from the server, then live ones. */
function Curve({ trial, child }: { trial: TrialRow; child: PairSettings }): VNode {
  const { view } = useDashboard();
  const [kept, setKept] = useState<readonly CurvePoint[]>([]);
  useEffect(() => {
    let isGone = false;
    ask<Trial>(`${runPath(view.run.name)}/trials/${trial.id}`).then(
      ({ curve }) => !isGone && setKept(curve),
      () => {}, // the live points are shown
    );
    return () => void (isGone = true);
  }, [trial.id, trial.state, trial.attempts]);
  const live = view.curves.get(trial.id) ?? [];
  const first = live[0]?.step ?? Infinity;
  const points = [...kept.filter(({ step }) => step < first), ...live];
  if (points.length === 0) {
    return (
      <div class="place-160">
        <Empty>{trial.state === "queued" ? "Waiting for a worker." : "No training curve."}</Empty>
      </div>
    );
  }
  return (
    <Chart
      spec={{
        height: 160,
        description: `Training loss of trial ${trial.id}`,
        x: { label: "step", whole: true, domain: [0, stepsOf(child)] },
        y: { label: "training loss" },
        series: lossLines(points, child),
      }}
      read={(x) => {
        const point = points.reduce((near, one) => Math.abs(one.step - x) < Math.abs(near.step - x) ? one : near);
        return { x: point.step, y: point.loss, text: `step ${point.step}: ${point.loss.toFixed(3)}` };
      }}
    />
  );
}

/** One line; of two children one each, by their networks. */
function lossLines(points: readonly CurvePoint[], { network, steps, second }: PairSettings): Series[] {
  const line = (label: string, some: readonly CurvePoint[], colour: number): Series => ({
    ...{ label, kind: "line", colour },
    x: some.map(({ step }) => step),
    y: some.map(({ loss }) => loss),
  });
  if (second === undefined) return [line("loss", points, 1)];
  return [
    line(network, points.filter(({ step }) => step <= steps), 1),
    line(second.network, points.filter(({ step }) => step > steps), 2),
  ];
}

function Relatives({ trial, onSelect }: { trial: TrialRow; onSelect: (id: number) => void }): VNode {
  const { view } = useDashboard();
  const same = useMemo(
    () => view.trials.filter(({ fingerprint }) => fingerprint === trial.fingerprint),
    [view, view.version, trial.fingerprint],
  );
  const equal = same.filter(({ id }) => id !== trial.id);
  const isReady = usePrepared(view.trials) === 1;
  const near = useMemo(() => isReady ? nearest(view.trials, trial, 6) : [], [isReady, trial.id, view.trials.length]);
  const list = (trials: readonly TrialRow[]) => (
    <ul class="relatives">
      {trials.slice(0, 12).map((one) => (
        <li key={one.id}>
          <button type="button" class="row-button" onClick={() => onSelect(one.id)}>
            <Thumb text={one.expression} beta={one.betaMean} width={56} height={32} />
            <span class="clip">{one.simplified}</span>
            <TrialScore trial={one} />
          </button>
        </li>
      ))}
    </ul>
  );
  return (
    <>
      {equal.length > 0 && (
        <>
          <h3>The same function, or its mirror image -f(-x) ({count(equal.length)})</h3>
          {list(equal)}
        </>
      )}
      {near.length > 0 && (
        <>
          <h3>Similar functions</h3>
          {list(near)}
        </>
      )}
    </>
  );
}

/** The policy: what the controller would propose, what the good functions have in common, and all functions as a map. */
import type { VNode } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { SamplerUpdate } from "../../controller/runs/events.ts";
import { type Position, positions } from "../../controller/search_space.ts";
import { extent, linearScale, padded } from "../plot/scale.ts";
import type { TrialRow } from "../protocol.ts";
import { accuracyColour } from "./colours.ts";
import { ask, ranked, runPath, useDashboard } from "./dashboard.ts";
import { count, percent } from "./format.ts";
import { Thumb } from "./function_plot.tsx";
import { type HeatColumn, HeatLegend, HeatMap } from "./heat_map.tsx";
import { Empty } from "./empty.tsx";
import { useWidth } from "./picture.tsx";
import { usePrepared } from "./prepared.ts";
import type { RankedFunction } from "./ranking.ts";
import { TrialScore } from "./score.tsx";
import { layOut, type Place } from "./similarity.ts";
import { useTheme } from "./theme.ts";

export function PolicyView(): VNode {
  return (
    <div class="policy">
      <section class="panel map-panel" aria-label="Map of functions">
        <h2>
          Map of functions <span class="h-note">near means alike; colour is accuracy</span>
        </h2>
        <FunctionMap />
      </section>
      <section class="panel" aria-label="What the best functions are made of">
        <h2>What the best functions are made of</h2>
        <Composition />
      </section>
      <section class="panel heat-panel" aria-label="Probabilities through time">
        <h2>
          What the sampler would choose <span class="h-note">probability of each token, batch by batch</span>
          <span class="h-right">
            <HeatLegend />
          </span>
        </h2>
        <Probabilities />
      </section>
    </div>
  );
}

const MAP_HEIGHT = 500;

function FunctionMap(): VNode {
  const { shown, functions, route, go } = useDashboard();
  const place = useRef<HTMLDivElement>(null);
  const width = useWidth(place);
  // Laid out anew with every judged trial while they are few, then in twenties: the map rests while one looks at it.
  const judged = shown.reduce((sum, { score }) => sum + (score === null ? 0 : 1), 0);
  const round = judged < 40 ? judged : 40 + Math.floor(judged / 20);
  const prepared = usePrepared(shown);
  const isReady = prepared === 1;
  const places = useMemo(() => isReady ? coloured(layOut(shown), functions) : [], [isReady, round, route.query]);
  const range = useMemo(() => accuracyRange(places), [places]);
  const [pointed, setPointed] = useState<Dot | null>(null);
  const [x, y] = useMemo(
    () => [
      mapScale(places.map(({ x }) => x), [14, width - 14]),
      mapScale(
        places.map(({ y }) => y),
        [MAP_HEIGHT - 14, 14],
      ),
    ],
    [places, width],
  );
  const near = (event: MouseEvent): Dot | null => {
    const box = place.current!.getBoundingClientRect();
    return nearestPlace(places, x.invert(event.clientX - box.left), y.invert(event.clientY - box.top), x, y);
  };
  const walk = (event: KeyboardEvent) => {
    const towards = DIRECTIONS[event.key];
    if (!towards || places.length === 0) return;
    event.preventDefault();
    const from = places.find(({ trial }) => trial.id === route.trial);
    const next = from ? nextPlace(places, from, towards, x, y) : bestPlace(places);
    if (next) go({ trial: next.trial.id });
    setPointed(null);
  };
  const named = pointed?.trial ??
    (route.trial !== null ? places.find(({ trial }) => trial.id === route.trial)?.trial : undefined);
  return (
    <>
      <div
        ref={place}
        class="map pickable"
        style={{ height: `${MAP_HEIGHT}px` }}
        tabIndex={0}
        role="group"
        aria-label="Map of functions: arrow keys go from one to the next"
        onKeyDown={walk}
        onPointerMove={(event) => setPointed(near(event))}
        onPointerLeave={() => setPointed(null)}
        onClick={(event) => go({ trial: near(event)?.trial.id ?? null })}
      >
        {places.length === 0
          ? (
            <Empty>
              {isReady ? "The map needs three different functions." : `Comparing functions: ${percent(prepared, 0)}`}
            </Empty>
          )
          : width > 0 && (
            <MapDots places={places} x={x} y={y} width={width} range={range} selected={named?.id ?? null} />
          )}
      </div>
      <div class="map-foot">
        <Legend range={range} />
        <span class="map-name" role="status">
          {named && (
            <>
              <Thumb text={named.expression} beta={named.betaMean} width={72} height={40} />
              <span class="clip">
                <TrialScore trial={named} /> {named.id}: <code>{named.simplified}</code>
              </span>
              <button type="button" class="small" onClick={() => go({ view: "functions", trial: named.id })}>
                Look closer
              </button>
            </>
          )}
        </span>
      </div>
    </>
  );
}

function mapScale(values: readonly number[], range: readonly [number, number]) {
  return linearScale(padded(extent([...values, 0])!, 0.02), range);
}

/** A place on the map with what the function there is worth; null where it has none. */
interface Dot extends Place {
  readonly accuracy: number | null;
}

function coloured(places: readonly Place[], functions: readonly RankedFunction[]): Dot[] {
  const scores = new Map(functions.map(({ fingerprint, score }) => [fingerprint, score]));
  return places.map((place) => ({
    ...place,
    accuracy: scores.get(place.trial.fingerprint) ?? place.trial.score,
  }));
}

const DIRECTIONS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowRight: [1, 0],
  ArrowLeft: [-1, 0],
  ArrowDown: [0, 1],
  ArrowUp: [0, -1],
};

function bestPlace(places: readonly Dot[]): Dot {
  return places.reduce((best, one) => (one.accuracy ?? -1) > (best.accuracy ?? -1) ? one : best);
}

/** The nearest in a direction, where what is aside counts three times. */
function nextPlace(
  places: readonly Dot[],
  from: Dot,
  [right, down]: readonly [number, number],
  x: Pixels,
  y: Pixels,
): Dot | null {
  let best: Dot | null = null;
  let least = Infinity;
  for (const one of places) {
    const [dx, dy] = [x.at(one.x) - x.at(from.x), y.at(one.y) - y.at(from.y)];
    const ahead = dx * right + dy * down;
    const distance = ahead + 3 * Math.abs(dx * down + dy * right);
    if (one !== from && ahead > 0.5 && distance < least) [least, best] = [distance, one];
  }
  return best;
}

type Pixels = ReturnType<typeof linearScale>;

function nearestPlace(places: readonly Dot[], atX: number, atY: number, x: Pixels, y: Pixels): Dot | null {
  let best: Dot | null = null;
  let least = 24 ** 2; // pixels: further off, nothing is meant
  for (const one of places) {
    const distance = (x.at(one.x) - x.at(atX)) ** 2 + (y.at(one.y) - y.at(atY)) ** 2;
    if (distance < least) [least, best] = [distance, one];
  }
  return best;
}

/** Dots on a canvas: ten thousand of them are drawn in a few milliseconds. */
function MapDots(props: {
  places: readonly Dot[];
  x: Pixels;
  y: Pixels;
  width: number;
  range: readonly [number, number];
  selected: number | null;
}): VNode {
  const { places, x, y, width, range, selected } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const theme = useTheme();
  useEffect(() => {
    const context = canvas.current!.getContext("2d")!;
    const ratio = devicePixelRatio;
    canvas.current!.width = Math.round(width * ratio);
    canvas.current!.height = Math.round(MAP_HEIGHT * ratio);
    context.scale(ratio, ratio);
    const radius = places.length > 2000 ? 2 : places.length > 300 ? 3 : 4.5;
    // The best are drawn last, on top.
    const inOrder = [...places].sort((one, other) => (one.accuracy ?? -1) - (other.accuracy ?? -1));
    // Yellow on white and violet on black are hardly seen: each dot has a rim of the ink.
    context.strokeStyle = getComputedStyle(canvas.current!).color;
    context.lineWidth = radius > 3 ? 1 : 0.75;
    for (const place of inOrder) {
      context.beginPath();
      context.arc(x.at(place.x), y.at(place.y), radius, 0, 2 * Math.PI);
      context.fillStyle = accuracyColour(place.accuracy, range);
      context.fill();
      context.stroke();
    }
  }, [places, x, y, width, range, theme]);
  const marked = places.find(({ trial }) => trial.id === selected);
  return (
    <>
      <canvas
        ref={canvas}
        class="map-canvas"
        role="img"
        aria-label={`${places.length} functions laid out by similarity`}
      />
      {marked && <span class="map-mark" style={{ left: `${x.at(marked.x)}px`, top: `${y.at(marked.y)}px` }} />}
    </>
  );
}

function accuracyRange(places: readonly Dot[]): [number, number] {
  const values = places.map(({ accuracy }) => accuracy).filter((value) => value !== null).sort((a, b) => a - b);
  if (values.length === 0) return [0, 1];
  return [values[Math.floor(values.length * 0.05)], values[values.length - 1]];
}

function Legend({ range }: { range: readonly [number, number] }): VNode {
  return (
    <span class="legend">
      <span class="number">{percent(range[0], 1)}</span>
      <svg width="120" height="10" aria-hidden="true">
        {Array.from(
          { length: 24 },
          (_, index) => (
            <rect
              key={index}
              x={index * 5}
              width="5.5"
              height="10"
              fill={accuracyColour(range[0] + (range[1] - range[0]) * index / 23, range)}
            />
          ),
        )}
      </svg>
      <span class="number">{percent(range[1], 1)}</span>
    </span>
  );
}

interface Share {
  readonly name: string;
  readonly top: number;
  readonly all: number;
}

/** Complete trials before the best tenth of them says something: five of them then. */
const MIN_COMPLETE = 50;

/** How often each function is chosen among the best tenth against overall. */
function Composition(): VNode {
  const { view, shown } = useDashboard();
  const spots = positions(view.run.settings.units);
  const best = useMemo(() => ranked(shown), [shown]);
  const top = best.slice(0, Math.round(best.length / 10));
  const proposed = shown.filter(({ tokens }) => tokens.length === spots.length);
  const inTop = top.filter(({ tokens }) => tokens.length === spots.length);
  if (best.length < MIN_COMPLETE || inTop.length === 0) {
    return (
      <Empty>
        A few trials tell nothing: this compares the best tenth with all from {MIN_COMPLETE} complete trials on. So far:
        {" "}
        {count(best.length)}.
      </Empty>
    );
  }
  return (
    <>
      <p class="muted">
        Best {count(inTop.length)} (a tenth of the complete trials shown) against all {count(proposed.length)}{" "}
        proposals; counts in brackets. What was chosen, not why it is good.
      </p>
      <div class="composition">
        {(["unary", "binary"] as const).map((kind) => (
          <ShareTable
            key={kind}
            kind={kind}
            shares={shares(kind, spots, inTop, proposed)}
            topTotal={inTop.length}
            allTotal={proposed.length}
            slots={spots.filter((spot) => spot.kind === kind).length}
          />
        ))}
      </div>
    </>
  );
}

function shares(
  kind: Position["kind"],
  spots: readonly Position[],
  top: readonly TrialRow[],
  all: readonly TrialRow[],
): Share[] {
  const names = spots.find((spot) => spot.kind === kind)!.choices;
  const tally = (trials: readonly TrialRow[]) => {
    const counts = new Array<number>(names.length).fill(0);
    for (const { tokens } of trials) {
      for (const [index, spot] of spots.entries()) if (spot.kind === kind) counts[tokens[index]]++;
    }
    return counts;
  };
  const [inTop, inAll] = [tally(top), tally(all)];
  return names.map((name, index) => ({ name, top: inTop[index], all: inAll[index] }));
}

function ShareTable({ kind, shares, topTotal, allTotal, slots }: {
  kind: string;
  shares: readonly Share[];
  topTotal: number;
  allTotal: number;
  slots: number;
}): VNode {
  const rows = shares.map((share) => ({
    ...share,
    topShare: share.top / (topTotal * slots),
    allShare: share.all / Math.max(1, allTotal * slots),
  }))
    .sort((one, other) => other.topShare - one.topShare || other.allShare - one.allShare);
  const most = Math.max(...rows.map(({ topShare, allShare }) => Math.max(topShare, allShare)), 0.01);
  return (
    <table class="shares">
      <caption>{kind} functions</caption>
      <thead class="visually-hidden">
        <tr>
          <th>function</th>
          <th>share of the best and of all</th>
          <th>counts</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ name, top, all, topShare, allShare }) => (
          <tr key={name}>
            <th scope="row">
              <code>{name}</code>
            </th>
            <td>
              <svg class="share-bars" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
                <rect class="share-top" width={100 * topShare / most} height="6" />
                <rect class="share-all" y="6.5" width={100 * allShare / most} height="3" />
              </svg>
            </td>
            <td class="right number">
              {percent(topShare, 0)} <span class="muted">({top} of {all})</span>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Updates that carry probabilities in the heat map; more than its columns of pixels would not be seen. */
const MAX_COLUMNS = 200;

function Probabilities(): VNode {
  const { view } = useDashboard();
  const [earlier, setEarlier] = useState<readonly SamplerUpdate[] | null>(null);
  useEffect(() => {
    let isGone = false;
    ask<{ updates: SamplerUpdate[] }>(`${runPath(view.run.name)}/updates?probabilities=${MAX_COLUMNS}`).then(
      ({ updates }) => !isGone && setEarlier(updates.filter(({ probabilities }) => probabilities !== null)),
      () => !isGone && setEarlier([]),
    );
    return () => void (isGone = true);
  }, [view.run.name]);
  const spots = useMemo(() => positions(view.run.settings.units), [view.run.settings.units]);
  const last = earlier?.at(-1)?.batch ?? -1;
  const later = view.updates.filter(({ batch, probabilities }) => batch > last && probabilities !== null);
  const tables = useMemo(
    () => heatTables(spots, [...earlier ?? [], ...later]),
    [spots, earlier, later.length],
  );
  if (earlier === null) return <Empty>Reading …</Empty>;
  if (earlier.length + later.length === 0) {
    return <Empty>{view.run.settings.sampler} keeps no probabilities, or has not learnt yet.</Empty>;
  }
  const heatMap = (name: string) => {
    const spot = spots.find((spot) => spot.name === name)!;
    if (spot.choices.length === 1) return null;
    return <HeatMap key={name} title={name} rows={spot.choices} columns={tables.get(name)!} />;
  };
  return (
    <>
      {Array.from({ length: view.run.settings.units }, (_, before) => `unit ${before + 1}`).map((unit) => (
        <div key={unit} class="heat-maps">
          {heatMap(`${unit} unary 1`)}
          {heatMap(`${unit} unary 2`)}
          <div>
            {["binary", "input 1", "input 2"].map((part) =>
              heatMap(`${unit} ${part}`)
            )}
          </div>
        </div>
      ))}
    </>
  );
}

/** For each position by its name, a column an update. */
function heatTables(spots: readonly Position[], updates: readonly SamplerUpdate[]): Map<string, HeatColumn[]> {
  return new Map(spots.map(({ name }, index) => [
    name,
    updates.map(({ batch, probabilities }) => ({ label: `batch ${batch}`, values: probabilities![index] ?? [] })),
  ]));
}

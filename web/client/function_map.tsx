/** All functions as a map: near means alike, colour is accuracy. */
import type { TrialRow } from "../../controller/trial.ts";
import type { VNode } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { extent, linearScale, padded } from "../plot/scale.ts";
import { accuracyColour } from "./colours.ts";
import { useDashboard } from "./dashboard.ts";
import { percent } from "./format.ts";
import { Thumb } from "./function_plot.tsx";
import { Empty } from "./empty.tsx";
import { useWidth } from "./picture.tsx";
import { usePrepared } from "./prepared.ts";
import type { RankedFunction } from "./ranking.ts";
import { TrialScore } from "./score.tsx";
import { layOut, type Place } from "./similarity.ts";
import { useTheme } from "./theme.ts";

const MAP_HEIGHT = 500;

/** The functions shown, laid out by similarity once `prepared`, the share of them that was compared, is 1. */
function usePlaces(): { places: readonly Dot[]; prepared: number } {
  const { shown, functions, route } = useDashboard();
  // Recomputed with every judged trial while there are few, then with every 20th: so the map stays still to be read.
  const judged = shown.reduce((sum, { score }) => sum + (score === null ? 0 : 1), 0);
  const round = judged < 40 ? judged : 40 + Math.floor(judged / 20);
  const prepared = usePrepared(shown);
  const isReady = prepared === 1;
  const places = useMemo(() => isReady ? coloured(layOut(shown), functions) : [], [isReady, round, route.query]);
  return { places, prepared };
}

export function FunctionMap(): VNode {
  const { route, go } = useDashboard();
  const place = useRef<HTMLDivElement>(null);
  const width = useWidth(place);
  const { places, prepared } = usePlaces();
  const range = useMemo(() => accuracyRange(places), [places]);
  const [pointed, setPointed] = useState<Dot | null>(null);
  const [x, y] = useMemo(() => mapScales(places, width), [places, width]);
  const near = (event: MouseEvent): Dot | null => {
    const box = place.current!.getBoundingClientRect();
    return nearestPlace(places, x.invert(event.clientX - box.left), y.invert(event.clientY - box.top), x, y);
  };
  const selected = places.find(({ trial }) => trial.id === route.trial);
  const walk = (event: KeyboardEvent) => {
    const towards = DIRECTIONS[event.key];
    if (!towards || places.length === 0) return;
    event.preventDefault();
    const next = selected ? nextPlace(places, selected, towards, x, y) : bestPlace(places);
    if (next) go({ trial: next.trial.id });
    setPointed(null);
  };
  const named = (pointed ?? selected)?.trial;
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
              {prepared === 1
                ? "The map needs three different functions."
                : `Comparing functions: ${percent(prepared, 0)}`}
            </Empty>
          )
          : width > 0 && (
            <MapDots places={places} x={x} y={y} width={width} range={range} selected={named?.id ?? null} />
          )}
      </div>
      <div class="map-foot">
        <Legend range={range} />
        <span class="map-name" role="status">{named && <NamedTrial trial={named} />}</span>
      </div>
    </>
  );
}

/** The function under the pointer, or the selected one. */
function NamedTrial({ trial }: { trial: TrialRow }): VNode {
  const { go } = useDashboard();
  return (
    <>
      <Thumb text={trial.expression} beta={trial.betaMean} width={72} height={40} />
      <span class="clip">
        <TrialScore trial={trial} /> {trial.id}: <code>{trial.simplified}</code>
      </span>
      <button type="button" class="small" onClick={() => go({ view: "functions", trial: trial.id })}>
        Details
      </button>
    </>
  );
}

/** The horizontal and the vertical scale of a map `width` pixels wide. */
function mapScales(places: readonly Place[], width: number): readonly [Pixels, Pixels] {
  const scale = (values: readonly number[], range: readonly [number, number]) =>
    linearScale(padded(extent([...values, 0])!, 0.02), range);
  return [
    scale(places.map(({ x }) => x), [14, width - 14]),
    scale(places.map(({ y }) => y), [MAP_HEIGHT - 14, 14]),
  ];
}

/** A place on the map, with the accuracy of its function; null where it has none. */
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

/** The nearest dot in a direction; sideways distance counts three times. */
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
  let least = 24 ** 2; // pixels: nothing is selected beyond 24
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
    // Yellow on white and violet on black have little contrast: each dot gets an outline in the text colour.
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

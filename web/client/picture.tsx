/** Charts of `plot/` on screen: as wide as their place, with the values under the pointer. */
import { h, type VNode } from "preact";
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { type ChartSpec, layoutChart } from "../plot/chart.ts";
import type { SvgElement } from "../plot/svg.ts";

export function Picture({ picture }: { picture: SvgElement }): VNode {
  return h(
    picture.tag,
    picture.attributes as Record<string, string | number>,
    ...picture.children.map((child) => typeof child === "string" ? child : h(Picture, { picture: child })),
  );
}

export interface Readout {
  /** Pixels of the point that is read out. */
  readonly x: number;
  readonly y: number;
  readonly text: string;
}

interface Point {
  readonly x: number;
  readonly y: number;
}

interface ChartProps {
  readonly spec: Omit<ChartSpec, "width">;
  /** Readout of the point nearest to data coordinates; null for none. */
  readonly read?: (x: number, y: number) => Point & { readonly text: string } | null;
  readonly onPick?: (x: number, y: number) => void;
  /** Stops of the arrow keys, in data coordinates, from left to right; by default the points of the longest series. */
  readonly stops?: () => readonly Point[];
}

/**
 * A chart of fixed height, as wide as its container, which has its size before the chart is drawn. The arrow keys read out
 * the same points as the pointer.
 */
export function Chart({ spec, read, onPick, stops }: ChartProps): VNode {
  const place = useRef<HTMLDivElement>(null);
  const width = useWidth(place);
  const [pointer, setPointer] = useState<Point | null>(null);
  const [stop, setStop] = useState<number | null>(null);
  // Not on every move of the pointer.
  const layout = useMemo(() => width > 0 ? layoutChart({ ...spec, width }) : null, [spec, width]);
  const at = (event: PointerEvent | MouseEvent) => {
    const box = place.current!.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const ways = () => stops?.() ?? pointsOf(spec);
  const stopped = stop === null ? null : ways().at(Math.min(stop, ways().length - 1)) ?? null;
  const asked = stopped ?? (layout && pointer && { x: layout.x.invert(pointer.x), y: layout.y.invert(pointer.y) });
  const found = asked && read?.(asked.x, asked.y);
  const shown = layout && found && { x: layout.x.at(found.x), y: layout.y.at(found.y), text: found.text };
  const walk = (event: KeyboardEvent) => {
    if (event.key === "Enter" && stopped) onPick?.(stopped.x, stopped.y);
    const next = step(event, stop, ways().length);
    if (next === undefined) return;
    event.preventDefault();
    setStop(next);
  };
  return (
    <div
      class={`chart${onPick ? " pickable" : ""}`}
      ref={place}
      style={{ height: `${spec.height}px` }}
      {...read && {
        tabIndex: 0,
        role: "group",
        "aria-label": `${spec.description ?? spec.y.label}: arrow keys read its values${
          onPick ? ", Enter selects" : ""
        }`,
      }}
      onKeyDown={(event) => read && walk(event)}
      onBlur={() => setStop(null)}
      onPointerMove={(event) => {
        if (!read) return;
        setStop(null);
        setPointer(at(event));
      }}
      onPointerLeave={() => setPointer(null)}
      onClick={(event) => {
        const { x, y } = at(event);
        if (layout) onPick?.(layout.x.invert(x), layout.y.invert(y));
      }}
    >
      {layout && <Picture picture={layout.picture} />}
      {shown && Number.isFinite(shown.x) && Number.isFinite(shown.y) && <ReadoutMark readout={shown} width={width} />}
      {read && <Spoken text={stop === null ? "" : found?.text ?? ""} />}
    </div>
  );
}

/** The point that is read out, and its text on the side that has room in a chart of that width. */
function ReadoutMark({ readout: { x, y, text }, width }: { readout: Readout; width: number }): VNode {
  const top = `${Math.max(0, y - 26)}px`;
  return (
    <>
      <span class="chart-point" style={{ left: `${x}px`, top: `${y}px` }} />
      <span
        class="chart-readout"
        style={x > width / 2 ? { right: `${width - x + 10}px`, top } : { left: `${x + 10}px`, top }}
      >
        {text}
      </span>
    </>
  );
}

/** Read out by screen readers when it changes. */
export function Spoken({ text }: { text: string }): VNode {
  return <span class="visually-hidden" role="status">{text}</span>;
}

/** The finite points of the longest series, from left to right. */
function pointsOf({ series }: Omit<ChartSpec, "width">): readonly Point[] {
  const longest = series.reduce((most, one) => one.x.length > most.x.length ? one : most, series[0]);
  return Array.from(longest?.x ?? [], (x, index) => ({ x, y: longest.y[index] })).filter(({ y }) => Number.isFinite(y))
    .sort((one, other) => one.x - other.x);
}

/** The stop that a key leads to among `count`: null for none, undefined if the key has no meaning. */
export function step({ key }: KeyboardEvent, from: number | null, count: number): number | null | undefined {
  if (count === 0) return undefined;
  if (key === "Escape") return from === null ? undefined : null;
  if (key === "Home") return 0;
  if (key === "End") return count - 1;
  const leap = Math.max(2, Math.round(count / 20));
  const by = { ArrowRight: 1, ArrowLeft: -1, PageUp: leap, PageDown: -leap }[key];
  if (by === undefined) return undefined;
  if (from === null) return by > 0 ? 0 : count - 1;
  return Math.max(0, Math.min(count - 1, from + by));
}

/** Width of an element in pixels, kept up to date. */
export function useWidth(place: { readonly current: HTMLElement | null }): number {
  const [width, setWidth] = useState(0);
  // Before the first paint, so that no empty plot is shown.
  useLayoutEffect(() => {
    setWidth(Math.round(place.current!.clientWidth));
    const observer = new ResizeObserver(([entry]) => setWidth(Math.round(entry.contentRect.width)));
    observer.observe(place.current!);
    return () => observer.disconnect();
  }, []);
  return width;
}

/** Charts of `plot/` on screen: as wide as their place, with the values under the pointer. */
import { h, type VNode } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
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

interface ChartProps {
  readonly spec: Omit<ChartSpec, "width">;
  /** What to say of the point nearest to data coordinates; null to say nothing. */
  readonly read?: (x: number, y: number) => { readonly x: number; readonly y: number; readonly text: string } | null;
  readonly onPick?: (x: number, y: number) => void;
}

/** A chart of fixed height and its place's width. The place keeps its size before the chart is drawn. */
export function Chart({ spec, read, onPick }: ChartProps): VNode {
  const place = useRef<HTMLDivElement>(null);
  const width = useWidth(place);
  const [pointer, setPointer] = useState<{ readonly x: number; readonly y: number } | null>(null);
  const layout = width > 0 ? layoutChart({ ...spec, width }) : null;
  const at = (event: PointerEvent | MouseEvent) => {
    const box = place.current!.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const found = layout && pointer && read?.(layout.x.invert(pointer.x), layout.y.invert(pointer.y));
  const shown = found && { x: layout.x.at(found.x), y: layout.y.at(found.y), text: found.text };
  return (
    <div
      class={`chart${onPick ? " pickable" : ""}`}
      ref={place}
      style={{ height: `${spec.height}px` }}
      onPointerMove={(event) => read && setPointer(at(event))}
      onPointerLeave={() => setPointer(null)}
      onClick={(event) => {
        const { x, y } = at(event);
        if (layout) onPick?.(layout.x.invert(x), layout.y.invert(y));
      }}
    >
      {layout && <Picture picture={layout.picture} />}
      {shown && Number.isFinite(shown.x) && Number.isFinite(shown.y) && (
        <>
          <span class="chart-point" style={{ left: `${shown.x}px`, top: `${shown.y}px` }} />
          <span
            class="chart-readout"
            style={shown.x > width / 2
              ? { right: `${width - shown.x + 10}px`, top: `${Math.max(0, shown.y - 26)}px` }
              : { left: `${shown.x + 10}px`, top: `${Math.max(0, shown.y - 26)}px` }}
          >
            {shown.text}
          </span>
        </>
      )}
    </div>
  );
}

/** Pixels across an element, kept up to date. */
export function useWidth(place: { readonly current: HTMLElement | null }): number {
  const [width, setWidth] = useState(0);
  // Before the first paint: an empty plot is never seen.
  useLayoutEffect(() => {
    setWidth(Math.round(place.current!.clientWidth));
    const observer = new ResizeObserver(([entry]) => setWidth(Math.round(entry.contentRect.width)));
    observer.observe(place.current!);
    return () => observer.disconnect();
  }, []);
  return width;
}

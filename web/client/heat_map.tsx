/** A table of probabilities through time as shades, on a canvas; the value under the pointer in words. */
import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { heatColour } from "./colours.ts";
import { percent } from "./format.ts";
import { useWidth } from "./picture.tsx";

export interface HeatColumn {
  readonly label: string;
  /** In the order of the rows. */
  readonly values: readonly number[];
}

interface HeatMapProps {
  readonly title: string;
  readonly rows: readonly string[];
  readonly columns: readonly HeatColumn[];
}

const ROW = 13;
const LABELS = 112;

/** Shades go with the square root, so that the differences between unlikely tokens show. */
function shade(probability: number): string {
  return heatColour(Math.sqrt(probability));
}

const LEGEND_STEPS = 32;

/** What the shades stand for. */
export function HeatLegend(): VNode {
  return (
    <span class="legend number">
      0
      <svg width="96" height="10" aria-hidden="true">
        {Array.from(
          { length: LEGEND_STEPS },
          (_, index) => (
            <rect key={index} x={index * 3} width="3.5" height="10" fill={shade(index / (LEGEND_STEPS - 1))} />
          ),
        )}
      </svg>
      {percent(1, 0)}
    </span>
  );
}

export function HeatMap({ title, rows, columns }: HeatMapProps): VNode {
  const place = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const width = useWidth(place);
  const [pointed, setPointed] = useState<{ readonly row: number; readonly column: number } | null>(null);
  const height = rows.length * ROW;
  const wide = Math.max(1, width - LABELS);
  useEffect(() => {
    if (width === 0) return;
    const element = canvas.current!;
    const ratio = devicePixelRatio;
    element.width = Math.round(wide * ratio);
    element.height = Math.round(height * ratio);
    const context = element.getContext("2d")!;
    const step = element.width / columns.length;
    for (const [at, { values }] of columns.entries()) {
      for (const [row, value] of values.entries()) {
        context.fillStyle = shade(value);
        context.fillRect(Math.floor(at * step), row * ROW * ratio, Math.ceil(step), ROW * ratio - 1);
      }
    }
  }, [columns, width, height]);
  const latest = columns[columns.length - 1].values;
  const likeliest = latest.indexOf(Math.max(...latest));
  const found = pointed && columns[pointed.column];
  return (
    <figure class="heat-map">
      <figcaption>
        {title}
        <span class="h-note">
          {found
            ? `${found.label}: ${rows[pointed!.row]} ${percent(found.values[pointed!.row] ?? 0, 1)}`
            : `now likeliest: ${rows[likeliest]} ${percent(latest[likeliest], 0)}`}
        </span>
      </figcaption>
      <div ref={place} class="heat-place" style={{ height: `${height}px` }}>
        <div class="heat-labels" aria-hidden="true">{rows.map((row) => <span key={row} class="clip">{row}</span>)}</div>
        <canvas
          ref={canvas}
          role="img"
          aria-label={`${title}: probability of ${rows.length} tokens over ${columns.length} batches; now likeliest is ${
            rows[likeliest]
          }`}
          style={{ width: `${wide}px`, height: `${height}px` }}
          onPointerMove={(event) => {
            const box = canvas.current!.getBoundingClientRect();
            const column = Math.floor((event.clientX - box.left) / box.width * columns.length);
            const row = Math.floor((event.clientY - box.top) / ROW);
            const isInside = column >= 0 && column < columns.length && row >= 0 && row < rows.length;
            setPointed(isInside ? { row, column } : null);
          }}
          onPointerLeave={() => setPointed(null)}
        />
      </div>
      <div class="heat-axis" aria-hidden="true">
        <span>{columns[0].label}</span>
        {columns.length > 1 && <span>{columns[columns.length - 1].label}</span>}
      </div>
    </figure>
  );
}

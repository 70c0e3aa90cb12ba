/** A table of probabilities through time as shades, on a canvas; the value under the pointer in words. */
import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { heatColour } from "./colours.ts";
import { percent } from "./format.ts";
import { Spoken, useWidth } from "./picture.tsx";

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
  const [isKeyed, setKeyed] = useState(false);
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
  const said = found ? `${found.label}: ${rows[pointed!.row]} ${percent(found.values[pointed!.row] ?? 0, 1)}` : "";
  const walk = (event: KeyboardEvent) => {
    const by = ({ ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] } as const)[event.key];
    if (event.key === "Escape" && pointed) return setPointed(null);
    if (!by) return;
    event.preventDefault();
    setKeyed(true);
    const inside = (value: number, count: number) => Math.max(0, Math.min(count - 1, value));
    setPointed((from) =>
      from === null ? { row: likeliest, column: columns.length - 1 } : {
        row: inside(from.row + by[0], rows.length),
        column: inside(from.column + by[1], columns.length),
      }
    );
  };
  return (
    <figure class="heat-map">
      <figcaption>
        {title}
        <span class="h-note">
          {found ? said : `now likeliest: ${rows[likeliest]} ${percent(latest[likeliest], 0)}`}
        </span>
      </figcaption>
      <div
        ref={place}
        class="heat-place"
        style={{ height: `${height}px` }}
        tabIndex={0}
        role="group"
        aria-label={`${title}: arrow keys read its probabilities`}
        onKeyDown={walk}
        onBlur={() => setPointed(null)}
      >
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
            setKeyed(false);
            setPointed(isInside ? { row, column } : null);
          }}
          onPointerLeave={() => setPointed(null)}
        />
        {pointed && (
          <span
            class="heat-mark"
            style={{
              left: `${LABELS + pointed.column * wide / columns.length}px`,
              top: `${pointed.row * ROW}px`,
              width: `${Math.max(3, wide / columns.length)}px`,
              height: `${ROW}px`,
            }}
          />
        )}
        <Spoken text={isKeyed ? said : ""} />
      </div>
      <div class="heat-axis" aria-hidden="true">
        <span>{columns[0].label}</span>
        {columns.length > 1 && <span>{columns[columns.length - 1].label}</span>}
      </div>
    </figure>
  );
}

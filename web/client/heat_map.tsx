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

/** Shades follow the square root, so that differences between unlikely tokens are visible. */
function shade(probability: number): string {
  return heatColour(Math.sqrt(probability));
}

const LEGEND_STEPS = 32;

/** The legend of the shades. */
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

/** A cell of the heat map. */
interface Cell {
  readonly row: number;
  readonly column: number;
}

export function HeatMap({ title, rows, columns }: HeatMapProps): VNode {
  const place = useRef<HTMLDivElement>(null);
  const wide = Math.max(1, useWidth(place) - LABELS);
  const latest = columns[columns.length - 1].values;
  const likeliest = latest.indexOf(Math.max(...latest));
  const cursor = useCursor(rows.length, columns.length, likeliest);
  const found = cursor.at && columns[cursor.at.column];
  const said = found ? `${found.label}: ${rows[cursor.at!.row]} ${percent(found.values[cursor.at!.row] ?? 0, 1)}` : "";
  const height = `${rows.length * ROW}px`;
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
        style={{ height }}
        tabIndex={0}
        role="group"
        aria-label={`${title}: arrow keys read its probabilities`}
        onKeyDown={cursor.walk}
        onBlur={() => cursor.point(null)}
      >
        <div class="heat-labels" aria-hidden="true">{rows.map((row) => <span key={row} class="clip">{row}</span>)}</div>
        <Cells
          label={`${title}: probability of ${rows.length} tokens over ${columns.length} batches; now likeliest is ${
            rows[likeliest]
          }`}
          rows={rows.length}
          columns={columns}
          wide={wide}
          onPoint={cursor.point}
        />
        {cursor.at && <Mark at={cursor.at} step={wide / columns.length} />}
        <Spoken text={cursor.isKeyed ? said : ""} />
      </div>
      <div class="heat-axis" aria-hidden="true">
        <span>{columns[0].label}</span>
        {columns.length > 1 && <span>{columns[columns.length - 1].label}</span>}
      </div>
    </figure>
  );
}

/**
 * The cell that is read out: by the pointer, or by the arrow keys, which start at the token that is now the likeliest.
 */
function useCursor(rows: number, columns: number, likeliest: number) {
  const [at, setAt] = useState<Cell | null>(null);
  const [isKeyed, setKeyed] = useState(false);
  const point = (cell: Cell | null) => {
    if (cell) setKeyed(false);
    setAt(cell);
  };
  const walk = (event: KeyboardEvent) => {
    const by = ({ ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] } as const)[event.key];
    if (event.key === "Escape" && at) return setAt(null);
    if (!by) return;
    event.preventDefault();
    setKeyed(true);
    const inside = (value: number, count: number) => Math.max(0, Math.min(count - 1, value));
    setAt((from) =>
      from === null
        ? { row: likeliest, column: columns - 1 }
        : { row: inside(from.row + by[0], rows), column: inside(from.column + by[1], columns) }
    );
  };
  return { at, isKeyed, point, walk };
}

/** The cells on a canvas `wide` pixels wide. */
function Cells({ label, rows, columns, wide, onPoint }: {
  label: string;
  rows: number;
  columns: readonly HeatColumn[];
  wide: number;
  onPoint: (cell: Cell | null) => void;
}): VNode {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => drawCells(canvas.current!, rows, columns, wide), [columns, rows, wide]);
  const point = (event: PointerEvent) => {
    const box = canvas.current!.getBoundingClientRect();
    const column = Math.floor((event.clientX - box.left) / box.width * columns.length);
    const row = Math.floor((event.clientY - box.top) / ROW);
    const isInside = column >= 0 && column < columns.length && row >= 0 && row < rows;
    onPoint(isInside ? { row, column } : null);
  };
  return (
    <canvas
      ref={canvas}
      role="img"
      aria-label={label}
      style={{ width: `${wide}px`, height: `${rows * ROW}px` }}
      onPointerMove={point}
      onPointerLeave={() => onPoint(null)}
    />
  );
}

function drawCells(canvas: HTMLCanvasElement, rows: number, columns: readonly HeatColumn[], wide: number): void {
  const ratio = devicePixelRatio;
  canvas.width = Math.round(wide * ratio);
  canvas.height = Math.round(rows * ROW * ratio);
  const context = canvas.getContext("2d")!;
  const step = canvas.width / columns.length;
  for (const [at, { values }] of columns.entries()) {
    for (const [row, value] of values.entries()) {
      context.fillStyle = shade(value);
      context.fillRect(Math.floor(at * step), row * ROW * ratio, Math.ceil(step), ROW * ratio - 1);
    }
  }
}

/** A frame around a cell, in a map whose columns are `step` pixels wide. */
function Mark({ at: { row, column }, step }: { at: Cell; step: number }): VNode {
  return (
    <span
      class="heat-mark"
      style={{
        left: `${LABELS + column * step}px`,
        top: `${row * ROW}px`,
        width: `${Math.max(3, step)}px`,
        height: `${ROW}px`,
      }}
    />
  );
}

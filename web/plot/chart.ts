/**
 * The one chart of the project: axes with units, grid, series as lines, steps, dots, areas or bars, horizontal and
 * vertical rules, a legend. `layoutChart` gives a picture as data with its scales (the dashboard reads values under the
 * pointer with them); `drawChart` gives a complete SVG file, light or dark like the reader's system.
 */
import { extent, formatTick, linearScale, logScale, padded, type Scale, ticks, tickStep } from "./scale.ts";
import { element, pixel, type SvgElement, toText } from "./svg.ts";
import { FILE_STYLE, SERIES_COLOURS } from "./theme.ts";

export interface Axis {
  /** The quantity with its unit: "loss", "elapsed time (min)". */
  readonly label: string;
  readonly kind?: "linear" | "log";
  /** A count: no ticks between integers. */
  readonly whole?: boolean;
  /** Chosen from the data if absent. */
  readonly domain?: readonly [number, number];
  /** Text of a tick; `step` is the distance between ticks. */
  readonly format?: (value: number, step: number) => string;
}

export interface Series {
  readonly label: string;
  readonly kind: "line" | "step" | "dots" | "area" | "bars";
  readonly x: ArrayLike<number>;
  /** Of x's length. A value that is not finite breaks the line. */
  readonly y: ArrayLike<number>;
  /** 0 to 7; by default its place among the series. */
  readonly colour?: number;
  readonly dashed?: boolean;
}

/** A straight line across the plot, such as ReLU's accuracy. */
export interface Rule {
  readonly axis: "x" | "y";
  readonly value: number;
  readonly label: string;
}

export interface ChartSpec {
  /** Pixels of the whole picture. */
  readonly width: number;
  readonly height: number;
  readonly title?: string;
  /** Text for screen readers; the title if absent. */
  readonly description?: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly Series[];
  readonly rules?: readonly Rule[];
  /** By default if there are at least two series. */
  readonly legend?: boolean;
}

export interface ChartLayout {
  readonly picture: SvgElement;
  readonly x: Scale;
  readonly y: Scale;
}

interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Pixels that a character of the 11 px label font takes, on average, generously. */
const CHARACTER = 6.4;
const TICK_SPACE = { x: 76, y: 34 };

/** A complete SVG file. */
export function drawChart(spec: ChartSpec): string {
  const { picture } = layoutChart(spec);
  const style = `<style>${FILE_STYLE}</style>`;
  const text = toText({ ...picture, attributes: { xmlns: "http://www.w3.org/2000/svg", ...picture.attributes } });
  const end = text.indexOf(">") + 1;
  return text.slice(0, end) + style + text.slice(end) + "\n";
}

export function layoutChart(spec: ChartSpec): ChartLayout {
  const yDomain = spec.y.domain ?? dataDomain(spec, "y");
  const xDomain = spec.x.domain ?? dataDomain(spec, "x");
  const legend = legendRows(spec);
  const top = (spec.title ? 22 : 8) + legend.length * 16;
  const bottom = spec.height - 34;
  const y = makeScale(spec.y, yDomain, [bottom, top]);
  const yTicks = labelled(y, spec.y, Math.max(2, Math.round((bottom - top) / TICK_SPACE.y)));
  const left = 28 + Math.max(...yTicks.map((tick) => tick.text.length)) * CHARACTER;
  const box: Box = { left, right: spec.width - 10, top, bottom };
  const x = makeScale(spec.x, xDomain, [box.left, box.right]);
  const xTicks = labelled(x, spec.x, Math.max(2, Math.round((box.right - box.left) / TICK_SPACE.x)));
  const picture = element("svg", {
    class: "plot",
    viewBox: `0 0 ${spec.width} ${spec.height}`,
    width: spec.width,
    height: spec.height,
    role: "img",
    "aria-label": spec.description ?? spec.title ?? `${spec.y.label} against ${spec.x.label}`,
  }, [
    ...(spec.title ? [element("text", { class: "plot-title", x: 8, y: 15 }, [spec.title])] : []),
    ...legend,
    ...drawAxes(spec, box, x, y, xTicks, yTicks),
    drawData(spec, box, x, y),
    ...(spec.rules ?? []).flatMap((rule, index) => labelRule(rule, index, box, rule.axis === "x" ? x : y, spec.rules!)),
  ]);
  return { picture, x, y };
}

function makeScale(axis: Axis, domain: readonly [number, number], range: readonly [number, number]): Scale {
  return axis.kind === "log" ? logScale(domain, range) : linearScale(domain, range);
}

function dataDomain(spec: ChartSpec, axis: "x" | "y"): [number, number] {
  const isLog = spec[axis].kind === "log";
  let found: [number, number] | null = null;
  const include = (values: ArrayLike<number>) => {
    const one = extent(values);
    if (one) found = found ? [Math.min(found[0], one[0]), Math.max(found[1], one[1])] : one;
  };
  for (const series of spec.series) {
    include(isLog ? Array.from(series[axis]).filter((value) => value > 0) : series[axis]);
    if (axis === "y" && standsOnZero(series)) include([0]);
  }
  include((spec.rules ?? []).filter((rule) => rule.axis === axis).map((rule) => rule.value));
  if (!found) return isLog ? [0.1, 1] : [0, 1];
  const [low, high] = withoutRounding(found);
  if (isLog) return low < high ? [low, high] : [low / 2, high * 2];
  if (axis === "x") return low < high ? [low, high] : padded([low, high]);
  const [bottom, top] = padded([low, high]);
  // Bars and areas stand on the axis.
  return low === 0 && spec.series.some(standsOnZero) ? [0, top] : [bottom, top];
}

/** Values that differ only by rounding count as equal: an axis of them would show rounding errors. */
function withoutRounding([low, high]: readonly [number, number]): readonly [number, number] {
  const size = Math.max(Math.abs(low), Math.abs(high));
  return high - low <= 1e-6 * size ? [low, low] : [low, high];
}

function standsOnZero({ kind }: Series): boolean {
  return kind === "bars" || kind === "area";
}

interface Tick {
  readonly at: number;
  readonly text: string;
}

function labelled(scale: Scale, axis: Axis, count: number): Tick[] {
  const values = ticks(scale, count).filter((value) => !axis.whole || Number.isInteger(value));
  const step = values.length > 1 ? values[1] - values[0] : tickStep(scale.domain[1] - scale.domain[0] || 1, count);
  const format = axis.format ?? formatTick;
  return values.map((value) => ({
    at: scale.at(value),
    text: format(value, scale.kind === "log" ? value : step),
  }));
}

function drawAxes(
  spec: ChartSpec,
  box: Box,
  x: Scale,
  y: Scale,
  xTicks: readonly Tick[],
  yTicks: readonly Tick[],
): SvgElement[] {
  const grid = [
    ...yTicks.map((tick) => `M${pixel(box.left)} ${pixel(tick.at)}H${pixel(box.right)}`),
    ...xTicks.map((tick) => `M${pixel(tick.at)} ${pixel(box.top)}V${pixel(box.bottom)}`),
  ].join("");
  const middle = pixel((box.top + box.bottom) / 2);
  return [
    element("path", { class: "plot-grid", d: grid }),
    element("path", { class: "plot-frame", d: `M${pixel(box.left)} ${box.top}V${box.bottom}H${box.right}` }),
    ...yTicks.map((tick) =>
      element("text", { x: pixel(box.left - 6), y: pixel(tick.at + 4), "text-anchor": "end" }, [tick.text])
    ),
    ...xTicks.map((tick) => {
      // A label that would leave the picture is aligned to its edge.
      const isLast = tick.at + tick.text.length * CHARACTER / 2 > spec.width;
      const place = isLast ? { x: spec.width, "text-anchor": "end" } : { x: pixel(tick.at), "text-anchor": "middle" };
      return element("text", { ...place, y: box.bottom + 14 }, [tick.text]);
    }),
    element("text", { x: pixel((box.left + box.right) / 2), y: spec.height - 4, "text-anchor": "middle" }, [
      spec.x.label,
    ]),
    element("text", { x: 11, y: middle, "text-anchor": "middle", transform: `rotate(-90 11 ${middle})` }, [
      spec.y.label,
    ]),
    ...(spec.rules ?? []).flatMap((rule) => drawRule(rule, box, rule.axis === "x" ? x : y)),
  ];
}

function drawRule({ axis, value }: Rule, box: Box, scale: Scale): SvgElement[] {
  const at = pixel(scale.at(value));
  if (!isInside(axis, at, box)) return [];
  const d = axis === "x" ? `M${at} ${box.top}V${box.bottom}` : `M${pixel(box.left)} ${at}H${box.right}`;
  return [element("path", { class: "plot-rule", d })];
}

/**
 * Drawn over the data with an outline. Rules may be close: neighbours have their labels at opposite ends, and the highest has
 * its label above it.
 */
function labelRule({ axis, value, label }: Rule, index: number, box: Box, scale: Scale, all: readonly Rule[]) {
  const at = pixel(scale.at(value));
  if (label === "" || !isInside(axis, at, box)) return [];
  const isHighest = all.length > 1 && all.every((other) => other.axis === "y" && other.value <= value);
  const y = isHighest ? at - 4 : at + 12;
  const place: Record<string, string | number> = axis === "x"
    ? { x: at + 4, y: box.top + 10 }
    : index % 2 === 0
    ? { x: box.right - 4, y, "text-anchor": "end" }
    : { x: pixel(box.left) + 4, y };
  return [element("text", { class: "plot-rule-label", ...place }, [label])];
}

function isInside(axis: Rule["axis"], at: number, box: Box): boolean {
  return axis === "x" ? at >= box.left && at <= box.right : at >= box.top && at <= box.bottom;
}

/** Series are drawn inside an svg of their own, which clips them to the plot without needing an id. */
function drawData(spec: ChartSpec, box: Box, x: Scale, y: Scale): SvgElement {
  const width = box.right - box.left;
  const height = box.bottom - box.top;
  return element("svg", {
    x: pixel(box.left),
    y: box.top,
    width: pixel(width),
    height: pixel(height),
    viewBox: `${pixel(box.left)} ${box.top} ${pixel(width)} ${pixel(height)}`,
  }, spec.series.map((series, index) => drawSeries(series, (series.colour ?? index) % SERIES_COLOURS, x, y)));
}

const DRAW: Readonly<Record<Series["kind"], (series: Series, colour: number, x: Scale, y: Scale) => SvgElement>> = {
  line: (series, colour, x, y) =>
    element("path", { class: lineClass(series, colour), d: linePath(series.x, series.y, x, y) }),
  step: (series, colour, x, y) =>
    element("path", { class: lineClass(series, colour), d: stepPath(series.x, series.y, x, y) }),
  dots: (series, colour, x, y) =>
    element("path", {
      class: `plot-dots s${colour}${series.x.length <= FEW_DOTS ? " few" : ""}`,
      d: dotsPath(series.x, series.y, x, y),
    }),
  area: (series, colour, x, y) => element("path", { class: `plot-area f${colour}`, d: areaPath(series, x, y) }),
  bars: (series, colour, x, y) => element("path", { class: `plot-bar f${colour}`, d: barsPath(series, x, y) }),
};

function drawSeries(series: Series, colour: number, x: Scale, y: Scale): SvgElement {
  return DRAW[series.kind](series, colour, x, y);
}

function lineClass(series: Series, colour: number): string {
  return `plot-line s${colour}${series.dashed ? " plot-dash" : ""}`;
}

/**
 * A path through the points. Where many points share a pixel column only the first, the extremes and the last are kept,
 * so that a series of any length costs a few points per pixel and loses no spike.
 */
export function linePath(xs: ArrayLike<number>, ys: ArrayLike<number>, x: Scale, y: Scale): string {
  const parts: string[] = [];
  let pen = false;
  let column = NaN;
  let low = 0;
  let high = 0;
  let last = 0;
  let count = 0;
  const flush = () => {
    if (count < 2) return;
    for (const value of new Set([low, high, last])) parts.push(`L${column} ${pixel(value)}`);
  };
  for (let index = 0; index < xs.length; index++) {
    const px = Math.round(x.at(xs[index]) * 2) / 2;
    const py = clampPixel(y.at(ys[index]), y);
    if (!Number.isFinite(px) || !Number.isFinite(py)) {
      flush();
      count = 0;
      pen = false;
      column = NaN;
      continue;
    }
    if (px === column) {
      low = Math.min(low, py);
      high = Math.max(high, py);
      last = py;
      count++;
      continue;
    }
    flush();
    parts.push(`${pen ? "L" : "M"}${px} ${pixel(py)}`);
    pen = true;
    column = px;
    low = high = last = py;
    count = 1;
  }
  flush();
  return parts.join("");
}

/**
 * Values far outside the plot stay within a few heights of it, as SVG renderers lose precision with huge coordinates.
 */
function clampPixel(value: number, y: Scale): number {
  if (!Number.isFinite(value)) return NaN;
  const height = Math.abs(y.range[0] - y.range[1]) * 4;
  return Math.max(y.range[1] - height, Math.min(y.range[0] + height, value));
}

function stepPath(xs: ArrayLike<number>, ys: ArrayLike<number>, x: Scale, y: Scale): string {
  const parts: string[] = [];
  let previous = NaN;
  for (let index = 0; index < xs.length; index++) {
    const px = pixel(x.at(xs[index]));
    const py = pixel(clampPixel(y.at(ys[index]), y));
    if (!Number.isFinite(px) || !Number.isFinite(py)) continue;
    const isEnd = index === xs.length - 1;
    if (py === previous && !isEnd) continue;
    parts.push(parts.length === 0 ? `M${px} ${py}` : `H${px}${py === previous ? "" : `V${py}`}`);
    previous = py;
  }
  return parts.join("");
}

/** Dots of a series up to which each is drawn large. */
const FEW_DOTS = 60;

/** One zero-length stroke per dot; dots that fall on the same half pixel are drawn once. */
function dotsPath(xs: ArrayLike<number>, ys: ArrayLike<number>, x: Scale, y: Scale): string {
  const seen = new Set<number>();
  const parts: string[] = [];
  for (let index = 0; index < xs.length; index++) {
    const across = Math.round(x.at(xs[index]) * 2), down = Math.round(y.at(ys[index]) * 2);
    const place = across * HALF_PIXELS + down; // a number is looked up faster than a text
    if (!Number.isFinite(place) || seen.has(place)) continue;
    seen.add(place);
    parts.push(`M${across / 2} ${down / 2}h0`);
  }
  return parts.join("");
}

/** More than a picture is high, and a power of two: the place of a dot is exact. */
const HALF_PIXELS = 2 ** 20;

function areaPath(series: Series, x: Scale, y: Scale): string {
  const top = linePath(series.x, series.y, x, y);
  if (top === "") return "";
  const base = pixel(y.at(Math.max(0, y.domain[0])));
  return `${top}L${pixel(x.at(series.x[series.x.length - 1]))} ${base}L${pixel(x.at(series.x[0]))} ${base}Z`;
}

function barsPath(series: Series, x: Scale, y: Scale): string {
  const base = y.at(Math.max(0, y.domain[0]));
  const gap = series.x.length > 1 ? Math.abs(x.at(series.x[1]) - x.at(series.x[0])) : 20;
  const width = pixel(Math.max(1, gap * 0.8));
  return Array.from(
    series.y,
    (value, index) =>
      Number.isFinite(value)
        ? `M${pixel(x.at(series.x[index]) - width / 2)} ${pixel(base)}V${pixel(y.at(value))}h${width}V${pixel(base)}Z`
        : "",
  ).join("");
}

/** The legend's entries in as many rows as they need, above the plot. */
function legendRows(spec: ChartSpec): SvgElement[] {
  if (!(spec.legend ?? spec.series.length > 1)) return [];
  const rows: SvgElement[][] = [[]];
  let at = 8;
  for (const [index, series] of spec.series.entries()) {
    const width = 26 + series.label.length * CHARACTER;
    if (at + width > spec.width && rows[rows.length - 1].length > 0) {
      rows.push([]);
      at = 8;
    }
    const top = (spec.title ? 22 : 4) + (rows.length - 1) * 16 + 10;
    rows[rows.length - 1].push(
      element("path", {
        class: `${series.kind === "dots" ? "plot-dots" : "plot-line"} s${(series.colour ?? index) % SERIES_COLOURS}${
          series.dashed ? " plot-dash" : ""
        }`,
        d: series.kind === "dots" ? `M${at + 7} ${top - 4}h0` : `M${at} ${top - 4}h14`,
      }),
      element("text", { class: "plot-legend", x: at + 18, y: top }, [series.label]),
    );
    at += width;
  }
  return rows.map((row) => element("g", {}, row));
}

/** Functions as pictures: f and its derivative, small in a gallery and large with axes. */
import { memo } from "./memo.ts";
import type { VNode } from "preact";
import { linePath } from "../plot/chart.ts";
import { functionDomain, linearScale } from "../plot/scale.ts";
import { type FunctionMath, mathOf, sample } from "./function_math.ts";
import { Chart } from "./picture.tsx";

/** The range of preactivations after batch norm: nearly all are within four standard deviations. */
const RANGE: readonly [number, number] = [-5, 5];

/** Pixels between the points of a thumbnail: finer steps are invisible, and hundreds of thumbnails are drawn. */
const THUMB_STEP = 2;

interface ThumbProps {
  readonly text: string;
  readonly beta: number | null;
  readonly width: number;
  readonly height: number;
}

/** f (bold) and f' (thin) with the axes, each plot on its own scale. */
export const Thumb = memo(function Thumb({ text, beta, width, height }: ThumbProps): VNode {
  const math = mathOf(text);
  if (math instanceof Error) return <svg class="thumb" width={width} height={height} aria-hidden="true" />;
  const { x: xs, f, slope } = sample(math, beta ?? math.betaStart, ...RANGE, Math.ceil(width / THUMB_STEP) + 1);
  const x = linearScale(RANGE, [0, width]);
  const y = linearScale(functionDomain([f, slope]), [height, 0]);
  const zero = { x: Math.round(x.at(0)) + 0.5, y: Math.round(y.at(0)) + 0.5 };
  return (
    <svg class="thumb" width={width} height={height} viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
      <path class="thumb-axes" d={`M0 ${zero.y}H${width}M${zero.x} 0V${height}`} />
      <path class="thumb-slope" d={linePath(xs, slope, x, y)} />
      <path class="thumb-f" d={linePath(xs, f, x, y)} />
    </svg>
  );
});

/** Betas whose curves are drawn thin beside the trained one. */
const OTHER_BETAS = [0.5, 1, 2];

/** f, f' and, where the function has beta, f for other betas. */
export function FunctionPlot({ text, beta, height }: { text: string; beta: number | null; height: number }): VNode {
  const math = mathOf(text);
  if (math instanceof Error) return <p class="problem">{math.message}</p>;
  const b = beta ?? math.betaStart;
  const { x, f, slope } = sample(math, b, ...RANGE, 401);
  const label = math.hasBeta ? ` at β = ${b.toFixed(2)}` : "";
  const others = math.hasBeta ? OTHER_BETAS.filter((other) => Math.abs(other - b) > 0.1) : [];
  const spec = {
    height,
    description: `${text} and its derivative from ${RANGE[0]} to ${RANGE[1]}${label}`,
    x: { label: "preactivation x", domain: RANGE },
    y: { label: "value", domain: functionDomain([f, slope]) },
    series: [
      ...others.map((other, index) => ({
        label: `f at β = ${other}`,
        kind: "line" as const,
        x,
        y: sample(math, other, ...RANGE, 401).f,
        colour: [2, 3, 4][index],
        dashed: true,
      })),
      { label: "f′", kind: "line" as const, x, y: slope, colour: 1 },
      { label: `f${label}`, kind: "line" as const, x, y: f, colour: 0 },
    ],
    rules: [{ axis: "x" as const, value: 0, label: "" }, { axis: "y" as const, value: 0, label: "" }],
    legend: true,
  };
  return <Chart spec={spec} read={(at) => readFunction(math, at, b)} />;
}

function readFunction(math: FunctionMath, x: number, b: number) {
  if (x < RANGE[0] || x > RANGE[1]) return null;
  const y = math.f(x, b);
  return { x, y, text: `f(${x.toFixed(2)}) = ${y.toPrecision(3)},  f′ = ${math.slope(x, b).toPrecision(3)}` };
}

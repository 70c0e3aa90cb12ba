/**
 * Which functions are known to be useless without training one: those that are constant or linear in the preactivation,
 * so that the network stays linear, and those that overflow on what batch normalisation feeds them.
 *
 * Judged by float64 values and slopes at fixed points of the standard normal distribution, since that is what a
 * preactivation is distributed like after batch normalisation, and for several betas, since beta is trained.
 */
import { derive } from "../../child/activation/derive.ts";
import { compileToClosure } from "../../child/activation/evaluate.ts";
import type { Expression } from "../../child/activation/expression.ts";
import { simplify } from "../../child/activation/simplify.ts";
import { normalQuantile } from "../comparison/statistics.ts";

export type Useless = "constant" | "linear" | "overflow";

/**
 * Quantiles of the standard normal distribution at (i + 1/2) / 40, and ±4.75: a layer of a ResNet sees a million
 * preactivations per batch, and one in a million is as far out as that.
 */
export const NORMAL_POINTS: readonly number[] = Array.from({ length: 40 }, (_, i) => normalQuantile((i + 0.5) / 40));
const TAIL = 4.75;
const POINTS = [-TAIL, ...NORMAL_POINTS, TAIL];

/**
 * Beta's initial value, and values it may reach: a function counts as constant or linear only if it is so for all of
 * them.
 */
const BETAS = [1, 0.4, 1.7];

/**
 * Batch normalisation squares the next convolution's outputs, and float32 ends at 3.4e38: beyond 1e19
 * the squares overflow.
 */
const MAX_VALUE = 1e19;

/** A deviation below this share of the values is lost in float32, whose resolution is 6e-8 of them. */
const RESOLUTION = 1e-6;

/** Why a child with this function cannot learn more than a linear model; null if that takes a training to find out. */
export function uselessness(expression: Expression): Useless | null {
  const function_ = simplify(expression);
  const value = compileToClosure(function_), slope = compileToClosure(derive(function_, "x"));
  const [start] = BETAS;
  if (POINTS.some((x) => !isTame(value(x, start)) || !isTame(slope(x, start)))) return "overflow";
  const shapes = BETAS.map((b) => shapeOf(POINTS.map((x) => value(x, b))));
  if (shapes.every((shape) => shape === "constant")) return "constant";
  return shapes.every((shape) => shape !== "curved") ? "linear" : null;
}

function isTame(value: number): boolean {
  return Math.abs(value) <= MAX_VALUE; // false for NaN
}

/** The shape of the values at `POINTS` for one beta. Values that overflow count as curved. */
function shapeOf(values: readonly number[]): "constant" | "linear" | "curved" {
  const last = values.length - 1;
  const slope = (values[last] - values[0]) / (POINTS[last] - POINTS[0]);
  const size = Math.max(...values.map(Math.abs));
  const range = Math.max(...values) - Math.min(...values);
  if (range <= RESOLUTION * size) return "constant";
  const isOnLine = (value: number, at: number) =>
    Math.abs(value - values[0] - slope * (POINTS[at] - POINTS[0])) <= RESOLUTION * size;
  return values.every(isOnLine) ? "linear" : "curved";
}

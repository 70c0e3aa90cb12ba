/**
 * An expression as something to look at: its values and derivative on a grid, where it bends, what it tends to. All
 * computed here from the text by the project's own parser; nothing is evaluated as script.
 */
import { activationFrom } from "../../child/activation/catalog.ts";
import { type Bend, bends as bendsOf } from "../../child/activation/bends.ts";
import { derive } from "../../child/activation/derive.ts";
import { compileToClosure, type ScalarFunction } from "../../child/activation/evaluate.ts";
import { type Expression, usesBeta } from "../../child/activation/expression.ts";
import { simplify } from "../../child/activation/simplify.ts";

export interface FunctionMath {
  readonly expression: Expression;
  readonly simplified: Expression;
  readonly f: ScalarFunction;
  readonly slope: ScalarFunction;
  readonly hasBeta: boolean;
  readonly betaStart: number;
}

/** Functions are few hundred bytes each; the oldest go first. */
const CACHED = 20_000;
const cache = new Map<string, FunctionMath | Error>();

/** An Error, with a sentence, where the text is not an expression. */
export function mathOf(text: string): FunctionMath | Error {
  const known = cache.get(text);
  if (known) return known;
  if (cache.size >= CACHED) cache.delete(cache.keys().next().value!);
  const made = makeMath(text);
  cache.set(text, made);
  return made;
}

function makeMath(text: string): FunctionMath | Error {
  try {
    const { expression, betaStart } = activationFrom(text);
    const simplified = simplify(expression);
    let slope: ScalarFunction | null = null;
    return {
      expression,
      simplified,
      f: compileToClosure(simplified),
      // Thousands of functions are only placed on the map, which needs no derivative.
      slope: (x, b) => (slope ??= compileToClosure(simplify(derive(simplified, "x"))))(x, b),
      hasBeta: usesBeta(expression),
      betaStart,
    };
  } catch (error) {
    return error as Error;
  }
}

export interface Samples {
  readonly x: Float64Array;
  readonly f: Float64Array;
  readonly slope: Float64Array;
}

export function sample(math: FunctionMath, b: number, from: number, to: number, points: number): Samples {
  const x = Float64Array.from({ length: points }, (_, index) => from + (to - from) * index / (points - 1));
  return { x, f: x.map((at) => math.f(at, b)), slope: x.map((at) => math.slope(at, b)) };
}

/** Extrema, inflections, kinks and jumps between -6 and 6. */
export function bends(math: FunctionMath, b: number): Bend[] {
  return bendsOf({ value: (x) => math.f(x, b), slope: (x) => math.slope(x, b) });
}

/** The behaviour of a function at infinity, in words and signs: "\u2192 0", "\u2248 0.5x + 1", "grows like x^2". */
export function tendency(math: FunctionMath, b: number, side: 1 | -1): string {
  const at = (size: number) => math.f(side * size, b);
  const far = [20, 40, 80, 160, 320].map(at);
  if (far.some(Number.isNaN)) return "not a number";
  if (!Number.isFinite(far[4])) return `${far[4] > 0 ? "" : "\u2212"}\u221e, faster than any power`;
  const spread = (values: readonly number[]) => Math.max(...values) - Math.min(...values);
  const size = Math.max(...far.map(Math.abs));
  if (spread(far.slice(1)) < 1e-3 * Math.max(1, size)) return `\u2192 ${number(far[4])}`;
  if (signChanges((x) => math.slope(side * x, b), 100, 130) > 4) return oscillation(at);
  const slopes = [1, 2, 3].map((index) => (far[index + 1] - far[index]) / (20 * 2 ** index));
  if (spread(slopes) < 1e-3 * Math.max(1, Math.abs(slopes[2]))) return line(side * slopes[2], far[4] - slopes[2] * 320);
  const power = Math.log2(Math.abs(far[4] / far[3]));
  if (power > 9) return `${far[4] > 0 ? "" : "\u2212"}\u221e, faster than any power`;
  if (power > 0.05) return `${far[4] > 0 ? "" : "\u2212"}\u221e, like |x|^${number(Math.round(power * 10) / 10)}`;
  return `slowly \u2192 ${number(far[4])}`;
}

/** How a function oscillates at infinity, by the amplitude at two distances. */
function oscillation(at: (size: number) => number): string {
  const height = (from: number) => {
    const values = Array.from({ length: 301 }, (_, index) => at(from + index / 10));
    return Math.max(...values) - Math.min(...values);
  };
  const growth = height(300) / height(100);
  if (!Number.isFinite(growth) || growth > 1.2) return "grows and oscillates";
  return growth < 0.8 ? `\u2192 ${number((at(300) + at(300 + Math.PI)) / 2)}, oscillating` : "oscillates";
}

function line(slope: number, intercept: number): string {
  const rounded = Math.round(slope * 1000) / 1000;
  const x = rounded === 1 ? "x" : rounded === -1 ? "\u2212x" : `${number(rounded)}\u202fx`;
  const rest = Math.round(intercept * 1000) / 1000;
  return `\u2248 ${x}${rest === 0 ? "" : rest > 0 ? ` + ${number(rest)}` : ` \u2212 ${number(-rest)}`}`;
}

function signChanges(f: (x: number) => number, from: number, to: number): number {
  let changes = 0;
  let before = 0;
  for (let x = from; x < to; x += 0.1) {
    const sign = Math.sign(f(x));
    if (sign !== 0 && before !== 0 && sign !== before) changes++;
    if (sign !== 0) before = sign;
  }
  return changes;
}

function number(value: number): string {
  return String(Math.round(value * 1000) / 1000 || 0).replace("-", "\u2212");
}

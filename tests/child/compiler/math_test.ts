import { assert } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { UNARY_FUNCTIONS } from "../../../child/activation/functions.ts";
import type { UnaryName } from "../../../child/activation/expression.ts";
import { MATH } from "../../../child/compiler/math.ts";
import { Random } from "../../../datasets/random.ts";
import { at, functionList } from "./lists.ts";

const COUNT = 16384;
const SMALLEST_NORMAL = 2 ** -126;
const MAX_FLOAT32 = 3.4028234e38;
/** Of the value; 4 units in the last place are between 2.4e-7 and 4.8e-7. */
const BOUND = 1e-6;

const SMALLEST_SUBNORMAL = 2 ** -149;
/**
 * Where functions saturate, where exp and squares overflow, and the ends of float32, of both signs. 88.7228… is the
 * last before exp overflows.
 */
const ENDS = [
  ...[0, SMALLEST_SUBNORMAL, 1e-40, SMALLEST_NORMAL, 1e-8, 1e-3, 1, 5, 7.9, 8, 9, 9.5, 10, 17, 18, 20, 50, 88.7],
  ...[
    88.72283172607422,
    88.72283935546875,
    88.8,
    89,
    100,
    104,
    200,
    1e4,
    1.9e19,
    1e20,
    3.4028234663852886e38,
    Infinity,
    NaN,
  ],
];
/** Beyond 10 the derivative of tanh, 8e-9, is taken for 0, as tanh is 1. */
const FLUSHED: Partial<Record<UnaryName, (x: number) => number | undefined>> = {
  dtanh: (x) => Math.abs(x) >= 10 ? 0 : undefined,
};

/** Half within +-10, half of every magnitude up to `largest`. */
function inputs(largest: number): Float32Array {
  const random = new Random(1);
  return Float32Array.from({ length: COUNT }, (_, i) => {
    const sign = random.uniform() < 0.5 ? -1 : 1;
    return sign * (i % 2 ? 10 * random.uniform() : largest * Math.exp(-30 * random.uniform()));
  });
}

/** Functions whose float32 argument fixes their value less exactly than the bound, and how far they are tested. */
const FARTHEST: Partial<Record<UnaryName, number>> = { sin: 1e4, cos: 1e4, sinc: 1e4, dsinc: 1e4 };
/** Near a zero of the function its own cancellation counts: the error is relative to this size at least. */
const SCALE: Partial<Record<UnaryName, number>> = { dsinc: 0.2 };

const values = (name: UnaryName, x: Float32Array) => at(functionList(name), "float32", "y", x);

describe("functions as operations on float32", () => {
  for (const name of Object.keys(MATH) as UnaryName[]) {
    it(`${name} stays within 1e-6 of float64`, () => {
      const x = inputs(FARTHEST[name] ?? 1e30), y = values(name, x);
      y.forEach((value, i) => {
        const expected = UNARY_FUNCTIONS[name].value(x[i]);
        // Beyond float32 and among the subnormal numbers there is no such accuracy to have.
        if (Math.abs(expected) < SMALLEST_NORMAL || Math.abs(expected) > MAX_FLOAT32) return;
        const scale = Math.max(Math.abs(expected), (SCALE[name] ?? 0) / Math.max(1, Math.abs(x[i])));
        const error = Number.isNaN(expected) && Number.isNaN(value) ? 0 : Math.abs(value - expected) / scale;
        assert(error < BOUND, `${name}(${x[i]}) is ${value}, not ${expected}`);
      });
    });
  }

  for (const name of Object.keys(MATH) as UnaryName[]) {
    it(`${name} has the right limits and bounds`, () => {
      const x = Float32Array.from(ENDS.flatMap((x) => [x, -x])), y = values(name, x);
      x.forEach((x, i) => {
        if (Math.abs(x) > (FARTHEST[name] ?? Infinity) && Number.isFinite(x)) return;
        const expected = Math.fround(FLUSHED[name]?.(x) ?? UNARY_FUNCTIONS[name].value(x));
        // Bounds and limits are exact; what is subnormal may be 0.
        const isExact = [0, 1, -1, Infinity, -Infinity].includes(expected) || Number.isNaN(expected);
        const bound = isExact ? 0 : Math.max(BOUND * Math.abs(expected), 2 * SMALLEST_SUBNORMAL);
        const isClose = Object.is(y[i], expected) || y[i] === expected || Math.abs(y[i] - expected) <= bound ||
          (y[i] === 0 && Math.abs(expected) < SMALLEST_NORMAL && Math.abs(x) > 1);
        assert(isClose, `${name}(${x}) is ${y[i]}, not ${expected}`);
      });
    });
  }

  /**
   * sign jumps at 0, and cbrt has no slope there; sin(-0) is 0, as its reduction to a quadrant adds zeros of both
   * signs.
   */
  const isSloped = (name: UnaryName) =>
    name !== "sign" && name !== "cbrt" && name !== "sin" && Object.is(UNARY_FUNCTIONS[name].value(-0), -0);
  for (const name of (Object.keys(MATH) as UnaryName[]).filter(isSloped)) {
    it(`${name} keeps the sign of 0, and its slope at the smallest numbers`, () => {
      const slope = UNARY_FUNCTIONS[name].value(2 ** -30) * 2 ** 30;
      const tiny = Float32Array.of(0, -0, 1e-8, -1e-8, 1e-20, -1e-30, 1e-38, -1e-38, 1e-40, -1e-40);
      const y = values(name, tiny);
      tiny.forEach((x, i) => {
        const expected = Math.fround(slope * x), message = `${name}(${x}) is ${y[i]}, not ${expected}`;
        if (x === 0) assert(Object.is(y[i], x), message);
        else assert(Math.abs(y[i] - expected) <= Math.max(BOUND * Math.abs(expected), SMALLEST_SUBNORMAL), message);
      });
    });
  }
});

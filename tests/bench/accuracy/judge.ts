/**
 * How far computed values are from true ones, by two measures: of the size that activation functions have, 1 or the
 * value, and of the function's size nearby, which asks tails to be right relative to themselves.
 */

const MAX_FLOAT32 = 3.4028234663852886e38;
/** Half a unit in the last place above the largest: what is rounded to infinity. */
const ROUNDS_TO_INFINITY = 3.4028235677973366e38;
const SMALLEST_NORMAL = 2 ** -126;
/** What may be 0: exp and its like are 0 below the normal numbers, and x stands beside them. */
const VANISHES = 128 * SMALLEST_NORMAL;
/** Units in the last place, or parts of the scale, whichever is looser. */
const MAX_ULPS = 4;
const MAX_SHARE_OF_SCALE = 1e-6;

/** The points at which an error was beyond the bound, and the largest error as a part of the scale, and where. */
export interface Errors {
  readonly over: number;
  readonly worst: number;
  readonly at: number;
}

export interface Judgement {
  /** Points at which there is a true number to compare with. */
  readonly points: number;
  /**
   * Of these, infinite or NaN where the true one is finite, or finite where it is beyond float32: beyond every bound.
   */
  readonly notFinite: number;
  /** The scale is 1, or the true value where it is larger. */
  readonly plain: Errors;
  /**
   * The scale is the largest true size within 1/4 of the point, and within half of its own size: near a zero of the
   * function that is what surrounds it, and in a tail hardly more than the value.
   */
  readonly tails: Errors;
}

/** `x` must ascend. */
export function judge(x: Float32Array, truth: Float64Array, found: ArrayLike<number>): Judgement {
  const judged = [...x.keys()].filter((i) => !Number.isNaN(truth[i]));
  const isWrong = (i: number) => {
    if (Math.abs(truth[i]) < ROUNDS_TO_INFINITY) return !Number.isFinite(found[i]);
    return !(Math.abs(found[i]) >= MAX_FLOAT32);
  };
  const wrong = judged.filter(isWrong);
  const finite = judged.filter((i) => Math.abs(truth[i]) < ROUNDS_TO_INFINITY && Number.isFinite(found[i]));
  const errors = (scale: (i: number) => number): Errors => {
    let over = wrong.length, worst = 0, at = NaN;
    for (const i of finite) {
      if (Math.abs(truth[i]) < VANISHES && Math.abs(found[i]) < VANISHES) continue;
      const error = Math.abs(found[i] - truth[i]), part = error / scale(i);
      if (error > MAX_ULPS * ulp(truth[i]) && part > MAX_SHARE_OF_SCALE) over++;
      if (part > worst) [worst, at] = [part, x[i]];
    }
    return { over, worst, at };
  };
  return {
    points: judged.length,
    notFinite: wrong.length,
    plain: errors((i) => Math.max(1, Math.abs(truth[i]))),
    tails: errors((i) => sizeNearby(x, truth, i)),
  };
}

function sizeNearby(x: Float32Array, truth: Float64Array, i: number): number {
  const reach = Math.min(0.25, Math.abs(x[i]) / 2);
  let scale = SMALLEST_NORMAL;
  for (const step of [-1, 1]) {
    for (let j = i; j >= 0 && j < x.length && Math.abs(x[j] - x[i]) <= reach; j += step) {
      if (Number.isFinite(truth[j])) scale = Math.max(scale, Math.abs(truth[j]));
    }
  }
  return scale;
}

/** A float32's unit in the last place. */
function ulp(value: number): number {
  return 2 ** (Math.floor(Math.log2(Math.max(Math.abs(value), SMALLEST_NORMAL))) - 23);
}

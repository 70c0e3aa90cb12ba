/** How far computed values are from true ones, measured by what float32 and the function's own scale allow. */

const LARGEST = 3.4028234663852886e38;
/** Half a unit in the last place above the largest: what is rounded to infinity. */
const ROUNDS_TO_INFINITY = 3.4028235677973366e38;
const SMALLEST_NORMAL = 2 ** -126;
/** DESIGN of the kernels: units in the last place, or parts of the scale, whichever is looser. */
export const MOST_ULPS = 4;
export const MOST_OF_SCALE = 1e-6;

export interface Judgement {
  /** Points at which there is a true number to compare with. */
  readonly points: number;
  /** Of these, beyond the bound. */
  readonly over: number;
  /** Of these, infinite or NaN where the true one is finite, or finite where it is beyond float32. */
  readonly notFinite: number;
  /** The largest error as a part of the scale, of finite numbers, and where. */
  readonly worst: number;
  readonly at: number;
}

/**
 * `x` must ascend. The scale at a point is the largest true size within 1/4 of it, and within half of its own size: near a
 * zero of the function that is what surrounds it, and in a tail hardly more than the value.
 */
export function judge(x: Float32Array, truth: Float64Array, found: ArrayLike<number>): Judgement {
  let points = 0, over = 0, notFinite = 0, worst = 0, at = NaN;
  for (let i = 0; i < x.length; i++) {
    const expected = truth[i], value = found[i];
    if (Number.isNaN(expected)) continue;
    points++;
    const isBeyond = Math.abs(expected) >= ROUNDS_TO_INFINITY;
    if (isBeyond ? Math.abs(value) < LARGEST || Number.isNaN(value) : !Number.isFinite(value)) {
      notFinite++;
      over++;
    }
    if (isBeyond || !Number.isFinite(value)) continue;
    if (Math.abs(expected) < SMALLEST_NORMAL && Math.abs(value) < SMALLEST_NORMAL) continue;
    const error = Math.abs(value - expected), scale = scaleAt(x, truth, i);
    if (error > Math.max(MOST_ULPS * ulp(expected), MOST_OF_SCALE * scale)) over++;
    if (error / scale > worst) [worst, at] = [error / scale, x[i]];
  }
  return { points, over, notFinite, worst, at };
}

function scaleAt(x: Float32Array, truth: Float64Array, i: number): number {
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

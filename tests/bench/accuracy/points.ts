/** The points at which functions are judged. */

/**
 * Of either sign: 0, subnormal numbers, where functions saturate, where exp and its square overflow, and the largest.
 */
const SPECIAL = [
  ...[0, 1.401298464324817e-45, 1e-40, 1.1754943508222875e-38, 1e-30, 1e-20, 1e-8, 1e-4, 1e-3, 0.01, 0.1, 0.5, 1, 2, 5],
  ...[7.9, 8, 9, 10, 15, 17, 20, 30, 45, 50, 80, 87, 88, 88.7, 88.8, 89, 100, 500, 1e3, 1e4, 1e6, 1e10, 1.9e19, 1e20],
  ...[1e30, 3.4028234663852886e38],
];

/** Float32 numbers of either sign: the special ones, evenly spread ones, and some of every magnitude. */
export function gridPoints(even: number, step: number, perDecade: number): Float32Array {
  const positive = new Set<number>(SPECIAL.map(Math.fround));
  for (let i = 1; i * step <= even; i++) positive.add(Math.fround(i * step));
  for (let i = -45 * perDecade; i <= 38.5 * perDecade; i++) positive.add(Math.fround(10 ** (i / perDecade)));
  const sorted = [...positive].sort((a, b) => a - b);
  return Float32Array.from([...sorted.map((x) => -x).reverse(), ...sorted]);
}

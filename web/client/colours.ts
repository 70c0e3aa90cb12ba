/** Colours that stand for numbers: matplotlib's viridis (van der Walt & Smith 2015), even to the eye and to the colour-blind. */

const VIRIDIS = [
  [68, 1, 84],
  [72, 40, 120],
  [62, 74, 137],
  [49, 104, 142],
  [38, 130, 142],
  [31, 158, 137],
  [53, 183, 121],
  [110, 206, 88],
  [181, 222, 43],
  [253, 231, 37],
] as const;

/** 0 is dark blue, 1 is yellow. */
export function heatColour(share: number): string {
  const at = Math.max(0, Math.min(1, share)) * (VIRIDIS.length - 1);
  const index = Math.min(VIRIDIS.length - 2, Math.floor(at));
  const [from, to] = [VIRIDIS[index], VIRIDIS[index + 1]];
  const mix = from.map((value, channel) => Math.round(value + (to[channel] - value) * (at - index)));
  return `rgb(${mix.join(",")})`;
}

/** Grey where there is no accuracy. */
export function accuracyColour(accuracy: number | null, [low, high]: readonly [number, number]): string {
  return accuracy === null ? "rgb(140,146,156)" : heatColour((accuracy - low) / (high - low || 1));
}

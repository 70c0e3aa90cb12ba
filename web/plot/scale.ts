/**
 * Scales map values to pixels; ticks are the round values an axis names. Pure arithmetic, after Heckbert's "nice
 * numbers".
 */

export interface Scale {
  readonly kind: "linear" | "log";
  readonly domain: readonly [number, number];
  readonly range: readonly [number, number];
  /** Pixel of a value; NaN for a value the scale cannot show (a log scale of 0 or less). */
  at(value: number): number;
  /** Value at a pixel. */
  invert(pixel: number): number;
}

export function linearScale(domain: readonly [number, number], range: readonly [number, number]): Scale {
  const slope = (range[1] - range[0]) / (domain[1] - domain[0] || 1);
  return {
    kind: "linear",
    domain,
    range,
    at: (value) => range[0] + (value - domain[0]) * slope,
    invert: (pixel) => domain[0] + (pixel - range[0]) / (slope || 1),
  };
}

/** Base 10. Both ends of the domain must be over 0. */
export function logScale(domain: readonly [number, number], range: readonly [number, number]): Scale {
  if (!(domain[0] > 0 && domain[1] > 0)) {
    throw new RangeError(
      `Cannot make a log scale as its domain must be over 0: current value is [${domain.join(", ")}]`,
    );
  }
  const inner = linearScale([Math.log10(domain[0]), Math.log10(domain[1])], range);
  return {
    kind: "log",
    domain,
    range,
    at: (value) => value > 0 ? inner.at(Math.log10(value)) : NaN,
    invert: (pixel) => 10 ** inner.invert(pixel),
  };
}

/** 1, 2 or 5 times a power of ten, near `span / count`. */
export function tickStep(span: number, count: number): number {
  const rough = span / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const share = rough / power;
  return power * (share < 1.5 ? 1 : share < 3 ? 2 : share < 7 ? 5 : 10);
}

/** About `count` round values inside the scale's domain. */
export function ticks(scale: Scale, count: number): number[] {
  const [low, high] = scale.domain;
  if (!(high > low)) return [low];
  if (scale.kind === "log") {
    const decades: number[] = [];
    const every = Math.max(1, Math.round(Math.log10(high / low) / count));
    for (let power = Math.ceil(Math.log10(low) - 1e-9); 10 ** power <= high * 1.0000001; power += every) {
      decades.push(10 ** power);
    }
    if (decades.length >= 2) return decades;
  }
  const step = tickStep(high - low, count);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, index) => (first + index) * step || 0);
}

/** Smallest and largest finite value; null if there is none. */
export function extent(values: ArrayLike<number>): [number, number] | null {
  let low = Infinity;
  let high = -Infinity;
  for (let index = 0; index < values.length; index++) {
    const value = values[index];
    if (!Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : null;
}

/** A domain with room at both ends, never of zero length. */
export function padded([low, high]: readonly [number, number], share = 0.05): [number, number] {
  const room = high > low ? (high - low) * share : Math.abs(low) * 0.1 || 1;
  return [low - room, high + room];
}

/** The domain that shows a function's curves: most of their values and 0, without the far ends of one that explodes. */
export function functionDomain(curves: readonly ArrayLike<number>[]): [number, number] {
  const values = curves.flatMap((curve) => Array.from(curve)).filter(Number.isFinite).sort((a, b) => a - b);
  if (values.length === 0) return [-1, 1];
  const at = (share: number) => values[Math.round(share * (values.length - 1))];
  const middle = Math.max(1, at(0.9) - at(0.1));
  const low = Math.max(values[0], Math.min(at(0.1), 0) - 1.5 * middle);
  const high = Math.min(values[values.length - 1], Math.max(at(0.9), 0) + 1.5 * middle);
  const room = Math.max(0.15, (high - low) * 0.06);
  return [Math.min(low, 0) - room, Math.max(high, 0) + room];
}

/** The shortest text that distinguishes ticks `step` apart: 0.05, 1.2k, 3e-7. */
export function formatTick(value: number, step: number): string {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 1e-4 || size >= 1e7) {
    const digits = Math.floor(Math.log10(size) + 1e-9) - Math.floor(Math.log10(Math.abs(step) || size) + 1e-9);
    return value.toExponential(Math.max(0, Math.min(4, digits))).replace("e+", "e").replaceAll("-", "\u2212");
  }
  const thousands = size >= 1e4 && Math.abs(step) >= 100;
  const shown = thousands ? value / 1000 : value;
  const decimals = Math.max(0, Math.min(8, -Math.floor(Math.log10(thousands ? step / 1000 : step) + 1e-9)));
  return shown.toFixed(decimals).replace("-", "\u2212") + (thousands ? "k" : "");
}

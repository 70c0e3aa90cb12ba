/**
 * Where a function turns, bends and jumps: extrema, inflections, kinks and jumps, by evaluating it and its derivative.
 */

type Curve = (x: number) => number;

/** A characteristic point of a function. */
export interface Bend {
  readonly kind: "minimum" | "maximum" | "inflection" | "kink" | "jump" | "pole";
  readonly x: number;
  readonly y: number;
}

const STEP = 0.015;
const MAX_BENDS = 12;
/** A change of the value by more than this across a millionth of x counts as infinite. */
const POLE = 1e4;

/** The points with |x| below `reach`, from left to right; the first twelve. */
export function bends({ value, slope }: { readonly value: Curve; readonly slope: Curve }, reach = 6): Bend[] {
  const found: Bend[] = [];
  const steps = Math.round(2 * reach / STEP);
  const h = 2 * reach / steps;
  const near = 1e-6;
  const curvature = (x: number) => (slope(x + 1e-4) - slope(x - 1e-4)) / 2e-4;
  const put = (kind: Bend["kind"], at: number) => {
    const x = tidy(at);
    found.push({ kind, x, y: value(x) || 0 });
  };
  for (let index = 0; index < steps && found.length < MAX_BENDS; index++) {
    // Offset from round numbers, so that kinks at 0 and 1 fall inside a step.
    const left = -reach + h * (index - 0.37);
    const right = left + h;
    const step = jump(value, left, right);
    if (step !== null) {
      put(Math.abs(value(step + near) - value(step - near)) < POLE ? "jump" : "pole", step);
      continue;
    }
    const at = jump(slope, left, right);
    if (at !== null && !Number.isFinite(value(at - near) + value(at + near))) continue;
    if (at !== null) {
      const [before, after] = [slope(at - near), slope(at + near)];
      const kind = before * after < 0 ? before < 0 ? "minimum" : "maximum" : "kink";
      put(kind, at);
      continue;
    }
    const extremum = crossing(slope, left, right);
    if (extremum !== null) {
      put(slope(left) < 0 ? "minimum" : "maximum", extremum);
      continue;
    }
    const inflection = crossing(curvature, left, right);
    if (inflection !== null && Math.abs(curvature(left)) + Math.abs(curvature(right)) > 1e-5) {
      put("inflection", inflection);
    }
  }
  return found;
}

/** Where a function changes sign between two points, to 1e-9; null if it does not. */
function crossing(f: (x: number) => number, left: number, right: number): number | null {
  let [low, high] = [left, right];
  const sign = Math.sign(f(low));
  if (sign === 0 || Math.sign(f(high)) !== -sign) return null;
  while (high - low > 1e-9) {
    const middle = (low + high) / 2;
    if (Math.sign(f(middle)) === sign) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Where a function jumps between two points: halving the interval does not halve the difference. */
function jump(f: (x: number) => number, left: number, right: number): number | null {
  let [low, high] = [left, right];
  const whole = Math.abs(f(high) - f(low));
  if (!(whole > 1e-3)) return null;
  while (high - low > 1e-7) {
    const middle = (low + high) / 2;
    if (Math.abs(f(middle) - f(low)) > Math.abs(f(high) - f(middle))) high = middle;
    else low = middle;
  }
  return Math.abs(f(high + 1e-9) - f(low - 1e-9)) > 0.5 * whole ? (low + high) / 2 : null;
}

function tidy(x: number): number {
  return Math.abs(x - Math.round(x * 1000) / 1000) < 1e-5 ? Math.round(x * 1000) / 1000 || 0 : x;
}

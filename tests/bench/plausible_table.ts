/**
 * A table of one core unit that is plausible, for tuning samplers and naming rules before there is a measured one:
 *
 *     deno run tests/bench/plausible_table.ts PANEL.jsonl SEED > TABLE.jsonl
 *
 * Its scores come from a model fitted to what was measured, so that they say nothing about any single function, and its
 * header says that it is synthetic. The model: accuracy is a rising function (`Warp`) of a latent quality, which is a
 * Gaussian process over the surrogate's features plus an independent part per function; the share of either is chosen
 * by maximum likelihood. A table is one draw of all functions together, given the panel's random functions on the
 * `laptop` child and the references' means. Noise is as measured (`synthetic_table.ts`).
 */
import { activationFrom } from "../../child/activation/catalog.ts";
import { fingerprint } from "../../child/activation/fingerprint.ts";
import { tableText } from "../../controller/comparison/function_table.ts";
import { distinctFunctions } from "../../controller/comparison/table_plan.ts";
import { featuresOf } from "../../controller/samplers/function_facts.ts";
import { DEFAULT_SURROGATE } from "../../controller/samplers/surrogate.ts";
import { Random } from "../../datasets/random.ts";
import { GUESSING, tableOf } from "../controller/comparison/synthetic_table.ts";

/** Means of five seeds on the `laptop` child (2026-11-25). */
const REFERENCES: Readonly<Record<string, number>> = {
  ...{ "ReLU": 0.424, "GELU": 0.424, "LReLU": 0.422, "PReLU": 0.411, "Swish-1": 0.416, "Swish": 0.416 },
  ...{ "ELU": 0.390, "SELU": 0.373, "Softplus": 0.370 },
};
/**
 * Accuracy per unit of quality beyond the best of the panel's random functions. Nothing random was measured there; the
 * three best of nine references lie within 0.2 points, so that the top is flat.
 */
const SLOPE_AT_THE_TOP = 0.01;

interface Point {
  readonly features: Float32Array;
  readonly quality: number;
}

/** Between quality and accuracy: linear between the normal scores of the panel's accuracies. */
class Warp {
  readonly #knots: readonly (readonly [quality: number, accuracy: number])[];

  constructor(accuracies: readonly number[]) {
    const sorted = accuracies.toSorted((a, b) => a - b);
    const groups = [...Map.groupBy(sorted.keys(), (at) => sorted[at])];
    this.#knots = groups.map(([accuracy, places]) => {
      const middle = (places[0] + places[places.length - 1] + 1) / 2;
      return [normalQuantile(middle / sorted.length), accuracy] as const;
    });
  }

  quality(accuracy: number): number {
    const [top, best] = this.#knots[this.#knots.length - 1];
    if (accuracy >= best) return top + (accuracy - best) / SLOPE_AT_THE_TOP;
    return between(this.#knots.map(([quality, accuracy]) => [accuracy, quality] as const), accuracy);
  }

  /** Null where children diverge or learn nothing. */
  accuracy(quality: number): number | null {
    const [top, best] = this.#knots[this.#knots.length - 1];
    if (quality >= top) return best + SLOPE_AT_THE_TOP * (quality - top);
    const accuracy = between(this.#knots, quality);
    return accuracy <= GUESSING ? null : accuracy;
  }
}

function between(knots: readonly (readonly [number, number])[], x: number): number {
  const at = knots.findIndex(([knot]) => knot >= x);
  if (at <= 0) return knots[0][1];
  const [x0, y0] = knots[at - 1], [x1, y1] = knots[at];
  return y0 + (y1 - y0) * (x - x0) / (x1 - x0);
}

/** p in (0, 1); Abramowitz & Stegun 26.2.23, wrong by less than 4.5e-4. */
function normalQuantile(p: number): number {
  const q = Math.min(p, 1 - p), t = Math.sqrt(-2 * Math.log(q));
  const x = t -
    (2.515517 + 0.802853 * t + 0.010328 * t * t) / (1 + 1.432788 * t + 0.189269 * t * t + 0.001308 * t ** 3);
  return p < 0.5 ? -x : x;
}

function correlation(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] - b[i]) ** 2;
  return Math.exp(-Math.sqrt(sum / a.length) / DEFAULT_SURROGATE.length);
}

/** Rows of the lower triangle L of K = L L^T, row by row; K(i, j) for j <= i. */
function cholesky(size: number, covariance: (i: number, j: number) => number): Float64Array[] {
  const rows: Float64Array[] = [];
  for (let i = 0; i < size; i++) {
    const row = new Float64Array(i + 1);
    for (let j = 0; j <= i; j++) {
      const other = j < i ? rows[j] : row;
      let sum = covariance(i, j);
      for (let k = 0; k < j; k++) sum -= row[k] * other[k];
      row[j] = j < i ? sum / other[j] : Math.sqrt(sum);
    }
    rows.push(row);
  }
  return rows;
}

/** Log-likelihood of the qualities, up to a constant, if `own` of the variance is each function's own. */
function likelihood(points: readonly Point[], own: number): number {
  const lower = cholesky(points.length, covarianceOf(points.map(({ features }) => features), own));
  const whitened = whiten(lower, points.map(({ quality }) => quality));
  return whitened.reduce((sum, z, i) => sum - z * z / 2 - Math.log(lower[i][i]), 0);
}

function covarianceOf(features: readonly Float32Array[], own: number) {
  return (i: number, j: number) => i === j ? 1 + 1e-9 : (1 - own) * correlation(features[i], features[j]);
}

function whiten(lower: readonly Float64Array[], values: readonly number[]): number[] {
  const whitened: number[] = [];
  values.forEach((value, i) => {
    const known = whitened.reduce((sum, z, k) => sum + lower[i][k] * z, 0);
    whitened.push((value - known) / lower[i][i]);
  });
  return whitened;
}

function printOf(text: string): string {
  return fingerprint(activationFrom(text).expression);
}

if (import.meta.main) {
  const [panel, seed] = [Deno.args[0], Number(Deno.args[1] ?? 1)];
  const rows = Deno.readTextFileSync(panel).trim().split("\n").map((line) => JSON.parse(line))
    .filter(({ child, kind, seed }) => child === "laptop" && kind === "random" && seed === 1)
    .map(({ expression, accuracy }) => ({ expression, accuracy: Math.max(GUESSING, accuracy ?? 0) }));
  const warp = new Warp(rows.map(({ accuracy }) => accuracy));
  const known = [...rows, ...Object.entries(REFERENCES).map(([expression, accuracy]) => ({ expression, accuracy }))];
  const points = known.map(({ expression, accuracy }): Point => ({
    features: featuresOf(activationFrom(expression).expression),
    quality: warp.quality(accuracy),
  }));
  const shares = [0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9];
  const likelihoods = shares.map((own) => likelihood(points, own));
  const own = shares[likelihoods.indexOf(Math.max(...likelihoods))];
  console.error(`${rows.length} random functions, ${points.length - rows.length} references`);
  shares.forEach((share, i) => console.error(`own part ${share}: log-likelihood ${likelihoods[i].toFixed(2)}`));
  // One draw of the rest given the known: known ones come first, so that their share of the draw is what is observed.
  const members = distinctFunctions().filter(({ useless }) => useless === null);
  const features = members.map(({ expression }) => featuresOf(activationFrom(expression).expression));
  const all = [...points.map(({ features }) => features), ...features];
  const lower = cholesky(all.length, covarianceOf(all, own));
  const whitened = whiten(lower, points.map(({ quality }) => quality));
  const random = new Random(seed).split("plausible");
  const quality = new Map<string, number>();
  for (let i = whitened.length; i < all.length; i++) whitened.push(random.normal());
  members.forEach(({ fingerprint }, i) => {
    const row = lower[points.length + i];
    let sum = 0;
    for (let k = 0; k < row.length; k++) sum += row[k] * whitened[k];
    quality.set(fingerprint, sum);
  });
  // What was measured stays as it was.
  known.forEach(({ expression }, i) => quality.set(printOf(expression), points[i].quality));
  const table = tableOf(seed, Infinity, ({ fingerprint }) => warp.accuracy(quality.get(fingerprint)!));
  await Deno.stdout.write(new TextEncoder().encode(tableText(table)));
}

/**
 * A table of one core unit that is plausible, for comparing samplers and naming rules before there is a measured one:
 *
 *     deno run tests/bench/plausible_table.ts PANEL.jsonl shape|tokens SEED > TABLE.jsonl
 *
 * Its scores come from a model fitted to what was measured, so that they say nothing about any single function, and its
 * header says that it is synthetic. The model: accuracy is a rising function (`Warp`) of a latent quality, which is a
 * Gaussian process plus an independent part per function; the share of either, and the correlation, are chosen by maximum
 * likelihood. A table is one draw of all functions together, given the panel's random functions on the `laptop` child and
 * the references' means. Noise is as measured (`synthetic_table.ts`).
 *
 * Functions are alike by `shape` if their values and slopes are, which is what the sampler `surrogate` assumes; by
 * `tokens` if they are written with the same ones, which is what it cannot see. The tables that come with the project
 * (`controller/comparison/table/`) are those of seed 2.
 */
import { activationFrom } from "../../child/activation/catalog.ts";
import { fingerprint } from "../../child/activation/fingerprint.ts";
import { tableText } from "../../controller/comparison/function_table.ts";
import { distinctFunctions, type Member } from "../../controller/comparison/table_plan.ts";
import { featuresOf, FunctionFacts } from "../../controller/samplers/function_facts.ts";
import { DEFAULT_SURROGATE } from "../../controller/samplers/surrogate.ts";
import { SearchSpace } from "../../controller/search_space.ts";
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

/** How alike two functions are, 0 to 1. */
interface Likeness<Traits> {
  /** What is compared; null of a function that this likeness is not defined for. */
  traitsOf(text: string): Traits | null;
  correlation(a: Traits, b: Traits): number;
  /** What a table says of its functions. */
  readonly words: string;
}

const SHAPE: Likeness<Float32Array> = {
  traitsOf: (text) => featuresOf(activationFrom(text).expression),
  correlation(a, b) {
    let sum = 0;
    for (let i = 0; i < a.length; i++) sum += (a[i] - b[i]) ** 2;
    return Math.exp(-Math.sqrt(sum / a.length) / DEFAULT_SURROGATE.length);
  },
  words: "alike if their values and slopes are",
};

const FACTS = new FunctionFacts(new SearchSpace(1));
/** The correlation falls by this factor for each of the two unary functions and the binary one that differs. */
const TOKEN_FACTORS = [0.2, 0.35, 0.5, 0.65, 0.8];
const tokensWith = (factor: number): Likeness<readonly number[]> => ({
  traitsOf: (text) => FACTS.tokensOf(text),
  correlation: (a, b) => factor ** a.reduce((count, token, at) => count + (token === b[at] ? 0 : 1), 0),
  words: "alike if they are written with the same unary and binary functions",
});

const LIKENESSES: Readonly<Record<string, readonly Likeness<unknown>[]>> = {
  shape: [SHAPE as Likeness<unknown>],
  tokens: TOKEN_FACTORS.map((factor) => tokensWith(factor) as Likeness<unknown>),
};
/** Shares of the variance that are each function's own. */
const OWN_SHARES = [0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9];

interface Known {
  readonly expression: string;
  readonly accuracy: number;
}

interface Model {
  readonly likeness: Likeness<unknown>;
  readonly own: number;
}

/** The most likely model, of the known functions that it is defined for. */
function fitted(likenesses: readonly Likeness<unknown>[], known: readonly Known[], warp: Warp): Model {
  const qualities = (likeness: Likeness<unknown>) =>
    known.filter(({ expression }) => likeness.traitsOf(expression) !== null)
      .map(({ expression, accuracy }) => ({ traits: likeness.traitsOf(expression), quality: warp.quality(accuracy) }));
  const models = likenesses.flatMap((likeness, at) => {
    const points = qualities(likeness), traits = points.map(({ traits }) => traits);
    return OWN_SHARES.map((own) => {
      const value = likelihood(points.map(({ quality }) => quality), covarianceOf(traits, { likeness, own }));
      console.error(`likeness ${at}, own part ${own}, n = ${points.length}: log-likelihood ${value.toFixed(2)}`);
      return { likeness, own, value };
    });
  });
  return models.reduce((best, model) => model.value > best.value ? model : best);
}

/** Log-likelihood of the qualities, up to a constant. */
function likelihood(qualities: readonly number[], covariance: Covariance): number {
  const lower = cholesky(qualities.length, covariance);
  return whiten(lower, qualities).reduce((sum, z, i) => sum - z * z / 2 - Math.log(lower[i][i]), 0);
}

type Covariance = (i: number, j: number) => number;

function covarianceOf(traits: readonly unknown[], { likeness, own }: Model): Covariance {
  return (i, j) => i === j ? 1 + 1e-9 : (1 - own) * likeness.correlation(traits[i], traits[j]);
}

/** Rows of the lower triangle L of K = L L^T, row by row; K(i, j) for j <= i. */
function cholesky(size: number, covariance: Covariance): Float64Array[] {
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

function whiten(lower: readonly Float64Array[], values: readonly number[]): number[] {
  const whitened: number[] = [];
  values.forEach((value, i) => {
    const known = whitened.reduce((sum, z, k) => sum + lower[i][k] * z, 0);
    whitened.push((value - known) / lower[i][i]);
  });
  return whitened;
}

/** Qualities of the members, by fingerprint: one draw given the known ones. */
function draw(members: readonly Member[], known: readonly Known[], warp: Warp, model: Model, random: Random) {
  const { likeness } = model;
  const given = known.filter(({ expression }) => likeness.traitsOf(expression) !== null);
  // Known ones come first, so that their share of the draw is what is observed.
  const traits = [...given, ...members].map(({ expression }) => likeness.traitsOf(expression));
  const lower = cholesky(traits.length, covarianceOf(traits, model));
  const whitened = whiten(lower, given.map(({ accuracy }) => warp.quality(accuracy)));
  while (whitened.length < traits.length) whitened.push(random.normal());
  const quality = new Map(members.map(({ fingerprint }, i) => [
    fingerprint,
    lower[given.length + i].reduce((sum, l, k) => sum + l * whitened[k], 0),
  ]));
  // What was measured stays as it was.
  for (const { expression, accuracy } of known) {
    quality.set(fingerprint(activationFrom(expression).expression), warp.quality(accuracy));
  }
  return quality;
}

/** The panel's random functions on the `laptop` child, from seed 1; diverged ones as guessing. */
function readPanel(path: string): Known[] {
  return Deno.readTextFileSync(path).trim().split("\n").map((line) => JSON.parse(line))
    .filter(({ child, kind, seed }) => child === "laptop" && kind === "random" && seed === 1)
    .map(({ expression, accuracy }) => ({ expression, accuracy: Math.max(GUESSING, accuracy ?? 0) }));
}

if (import.meta.main) {
  const [path, by, seed] = [Deno.args[0], Deno.args[1], Number(Deno.args[2])];
  const panel = readPanel(path), warp = new Warp(panel.map(({ accuracy }) => accuracy));
  const known = [...panel, ...Object.entries(REFERENCES).map(([expression, accuracy]) => ({ expression, accuracy }))];
  const model = fitted(LIKENESSES[by], known, warp);
  const members = distinctFunctions().filter(({ useless }) => useless === null);
  const quality = draw(members, known, warp, model, new Random(seed).split("plausible"));
  const about = `drawn from a model of ${panel.length} functions trained on CIFAR-10 (ResNet-8, 200 steps of 64), in ` +
    `which functions are ${model.likeness.words}`;
  const table = tableOf(seed, Infinity, ({ fingerprint }) => warp.accuracy(quality.get(fingerprint)!), about);
  await Deno.stdout.write(new TextEncoder().encode(tableText(table)));
}

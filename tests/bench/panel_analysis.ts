/**
 * What the panel's trainings say of each child: how well it ranks functions as the target does, how noisy it is, and how
 * long it takes. `panel.ts analyse` prints `tablesOf` as the Markdown of the record.
 */
import { kendall, meanOf, spearman, varianceOf } from "../../controller/comparison/statistics.ts";
import { Random } from "../../datasets/random.ts";

/** One training. */
export interface PanelRow {
  readonly expression: string;
  /** "known": of the catalogue, a baseline or a finding of the paper; "random": a member of the search space. */
  readonly kind: "known" | "random" | "found";
  readonly child: string;
  readonly seed: number;
  readonly outcome: "complete" | "diverged";
  /** On the validation split; null where the child diverged. */
  readonly accuracy: number | null;
  readonly loss: number | null;
  readonly trainLoss: number | null;
  readonly seconds: number;
}

/** What a training is judged by, higher is better; a diverged child counts as guessing among 10 classes. */
export const MEASURES: Readonly<Record<string, (row: PanelRow) => number>> = {
  accuracy: ({ accuracy }) => accuracy ?? 0.1,
  "validation loss": ({ loss }) => -Math.min(loss ?? Infinity, Math.log(10)),
};

/** A rank correlation with its 95 % interval over resampled functions; NaN where nothing varies. */
export interface Agreement {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** How scores rank the functions that have them, and the target's. */
export interface Ranking {
  readonly functions: number;
  readonly spearman: Agreement;
  readonly kendall: Agreement;
  /** Within the third of these functions that is best on the target; how many they are. */
  readonly bestThird: Agreement;
  readonly inBestThird: number;
}

export interface ChildSummary extends Ranking {
  readonly child: string;
  readonly measure: string;
  /** The child's most common number of seeds. */
  readonly seeds: number;
  readonly noise: Noise | null;
  /** The same of the functions that are within 5 points of the target's best there. */
  readonly noiseOfGood: Noise | null;
  /** Median per training. */
  readonly seconds: number;
}

/** Standard deviations, in the unit of the measure, by a two-way analysis of functions with all of several seeds. */
export interface Noise {
  /** Of one training given its function and seed. */
  readonly residual: number;
  /** Of a seed's effect on all functions; 0 where the estimate is negative. */
  readonly seed: number;
  /**
   * Which part of the variance of trainings from one seed is the functions': how much one training says of its function;
   * 0 where the estimate is negative.
   */
  readonly reliability: number;
  readonly functions: number;
  readonly seeds: number;
}

const BOOTSTRAP = 1000;
/** A function is good if its accuracy on the target is so near to the best. */
const GOOD = 0.05;
/** Share of the target's functions that two children must have to be judged together. */
const PAIRED = 0.9;

/** One summary per child and measure, in the order of their first rows; the target is compared with itself by accuracy. */
export function summariesOf(rows: readonly PanelRow[], target = "target"): readonly ChildSummary[] {
  const children = [...new Set(rows.map(({ child }) => child))];
  const truth = truthOf(rows, target);
  const highest = Math.max(...truth.values());
  return children.flatMap((child) =>
    Object.entries(MEASURES).map(([measure, of]) => {
      const own = rows.filter((row) => row.child === child), means = meansOf(own, of);
      const complete = own.filter(({ outcome }) => outcome === "complete");
      const counts = [...Map.groupBy(own, ({ expression }) => expression).values()].map(({ length }) => length);
      return {
        ...{ child, measure, seeds: medianOf(counts) },
        ...rankingOf(means, truth),
        noise: noiseOf(complete, of),
        noiseOfGood: noiseOf(complete.filter(({ expression }) => truth.get(expression)! > highest - GOOD), of),
        seconds: medianOf(own.map(({ seconds }) => seconds)),
      };
    })
  );
}

/** Of two children, the mean of what each says, as a search with a second child has it. */
export interface PairSummary extends Ranking {
  readonly children: readonly [string, string];
  readonly measure: string;
}

/** Every two children that nearly all of the target's functions trained. */
export function pairSummariesOf(rows: readonly PanelRow[], target = "target"): readonly PairSummary[] {
  const truth = truthOf(rows, target);
  const children = [...new Set(rows.map(({ child }) => child))].filter((child) => child !== target);
  const pairs = children.flatMap((one, at) => children.slice(at + 1).map((other) => [one, other] as const));
  return Object.entries(MEASURES).flatMap(([measure, of]) =>
    pairs.flatMap((children): PairSummary[] => {
      const [one, other] = children.map((name) => meansOf(rows.filter(({ child }) => child === name), of));
      const common = [...truth.keys()].filter((expression) => one.has(expression) && other.has(expression));
      if (common.length < PAIRED * truth.size) return [];
      const means = new Map(common.map((of) => [of, (one.get(of)! + other.get(of)!) / 2]));
      return [{ children, measure, ...rankingOf(means, truth) }];
    })
  );
}

function rankingOf(means: ReadonlyMap<string, number>, truth: ReadonlyMap<string, number>): Ranking {
  const common = [...means.keys()].filter((expression) => truth.has(expression));
  const pairs = common.map((expression) => [means.get(expression)!, truth.get(expression)!] as const);
  const best = pairs.toSorted(([, a], [, b]) => b - a).slice(0, Math.ceil(pairs.length / 3));
  return {
    functions: pairs.length,
    spearman: agreementOf(pairs, spearman),
    kendall: agreementOf(pairs, kendall),
    bestThird: agreementOf(best, spearman),
    inBestThird: best.length,
  };
}

/** What the target says of its functions. */
function truthOf(rows: readonly PanelRow[], target: string): ReadonlyMap<string, number> {
  return meansOf(rows.filter(({ child }) => child === target), MEASURES.accuracy);
}

function meansOf(rows: readonly PanelRow[], of: (row: PanelRow) => number): ReadonlyMap<string, number> {
  const groups = Map.groupBy(rows, ({ expression }) => expression);
  return new Map([...groups].map(([expression, some]) => [expression, meanOf(some.map(of))]));
}

function agreementOf(
  pairs: readonly (readonly [number, number])[],
  correlation: (x: readonly number[], y: readonly number[]) => number,
): Agreement {
  const of = (some: typeof pairs) => correlation(some.map(([x]) => x), some.map(([, y]) => y));
  if (pairs.length < 3) return { value: NaN, low: NaN, high: NaN };
  const random = new Random(0).split("panel");
  const resampled = Array.from({ length: BOOTSTRAP }, () => of(pairs.map(() => pairs[random.integer(pairs.length)])))
    .filter((value) => !Number.isNaN(value)).sort((a, b) => a - b);
  const at = (share: number) => resampled[Math.round(share * (resampled.length - 1))] ?? NaN;
  return { value: of(pairs), low: at(0.025), high: at(0.975) };
}

/** Null where fewer than three functions share two seeds. */
export function noiseOf(rows: readonly PanelRow[], of: (row: PanelRow) => number): Noise | null {
  const bySeed = Map.groupBy(rows, ({ seed }) => seed);
  const counts = [...bySeed].map(([seed, some]) => [seed, some.length] as const).sort(([, a], [, b]) => b - a);
  if (counts.length < 2) return null;
  // The seeds that most functions have: all at least half as common as the second most common.
  const seeds = counts.filter(([, count]) => 2 * count >= counts[1][1]).map(([seed]) => seed);
  const table = [...Map.groupBy(rows, ({ expression }) => expression).values()].flatMap((some) => {
    const scores = seeds.map((seed) => some.find((row) => row.seed === seed));
    return scores.every((row) => row !== undefined) ? [scores.map(of)] : [];
  });
  const F = table.length, S = seeds.length;
  if (F < 3) return null;
  const rowMeans = table.map(meanOf), all = meanOf(rowMeans);
  const seedMeans = seeds.map((_, k) => meanOf(table.map((scores) => scores[k])));
  const squares = table.flatMap((scores, i) =>
    scores.map((score, k) => (score - rowMeans[i] - seedMeans[k] + all) ** 2)
  );
  const residual = squares.reduce((sum, square) => sum + square, 0) / ((F - 1) * (S - 1));
  const seed = Math.max(0, varianceOf(seedMeans) - residual / F);
  const between = Math.max(0, varianceOf(rowMeans) - residual / S), reliability = between / (between + residual);
  return { residual: Math.sqrt(residual), seed: Math.sqrt(seed), reliability, functions: F, seeds: S };
}

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b), middle = (sorted.length - 1) / 2;
  return (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2;
}

/**
 * Markdown: the children and pairs of them by their agreement with the target, then the functions with their means on
 * each child.
 */
export function tablesOf(rows: readonly PanelRow[], target = "target"): readonly string[] {
  const number = (value: number) => Number.isNaN(value) ? "–" : value.toFixed(2);
  const interval = ({ value, low, high }: Agreement) =>
    Number.isNaN(value) ? "–" : `${number(value)} (${number(low)} to ${number(high)})`;
  const unit = (measure: string, value: number) =>
    measure === "accuracy" ? `${(100 * value).toFixed(2)} %` : value.toFixed(3);
  const noise = ({ measure, noise }: ChildSummary) =>
    noise === null
      ? "–"
      : `${unit(measure, noise.residual)}, seed ${unit(measure, noise.seed)} (${noise.functions} x ${noise.seeds})`;
  const share = (noise: Noise | null) => noise === null ? "–" : number(noise.reliability);
  const summaries = summariesOf(rows, target);
  const children = [...new Set(summaries.map(({ child }) => child))];
  const shown = (child: string, expression: string) => {
    const own = rows.filter((row) => row.child === child && row.expression === expression);
    return own.length === 0 ? "" : `${(100 * meanOf(own.map(MEASURES.accuracy))).toFixed(1)} (${own.length})`;
  };
  const truth = truthOf(rows, target);
  const functions = [...truth].sort(([, a], [, b]) => b - a).map(([expression]) => expression);
  return [
    "| child | judged by | functions | seeds | Spearman (95 %) | Kendall (95 %) | Spearman, best third | noise: residual | of the function, all; good ones | s a training |",
    "| --- | --- | ---: | ---: | --- | --- | --- | --- | ---: | ---: |",
    ...summaries.map((one) =>
      `| ${one.child} | ${one.measure} | ${one.functions} | ${one.seeds} | ${interval(one.spearman)} | ` +
      `${interval(one.kendall)} | ${interval(one.bestThird)}, n = ${one.inBestThird} | ${noise(one)} | ` +
      `${share(one.noise)}; ${share(one.noiseOfGood)} | ` +
      `${one.seconds.toFixed(1)} |`
    ),
    "",
    "| both children, mean | judged by | functions | Spearman (95 %) | Kendall (95 %) | Spearman, best third |",
    "| --- | --- | ---: | --- | --- | --- |",
    ...pairSummariesOf(rows, target).map((one) =>
      `| ${one.children.join(" and ")} | ${one.measure} | ${one.functions} | ${interval(one.spearman)} | ` +
      `${interval(one.kendall)} | ${interval(one.bestThird)}, n = ${one.inBestThird} |`
    ),
    "",
    `| function | ${children.join(" | ")} |`,
    `| --- |${children.map(() => " ---: |").join("")}`,
    ...functions.map((expression) =>
      `| \`${expression}\` | ${children.map((child) => shown(child, expression)).join(" | ")} |`
    ),
  ];
}

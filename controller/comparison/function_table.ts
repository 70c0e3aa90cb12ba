/**
 * A table of functions and what each scored in several trainings, and its file. Training k of every function had seed
 * k: the same start and the same batches, so that scores of one seed are paired.
 *
 * The file is text: a JSON object about the trainings, then one JSON array per line, [expression, first seed, scores],
 * the scores being validation accuracies of that seed and those after it, null if the child diverged. While the table
 * is made, each training is one line appended; `tableText` gives the compact form, one line per function. A truncated
 * last line, as a kill leaves it, counts as never written. Functions are identified by fingerprint, however they are
 * written.
 */
import { activationFrom } from "../../child/activation/catalog.ts";
import {
  fingerprint,
  type Fingerprints,
  fingerprintsOf,
  mirrorFingerprint,
} from "../../child/activation/fingerprint.ts";
import type { PairSettings } from "../../child/pair_settings.ts";
import { type Dataset, hasSameImages, type ImageStatistics } from "../../datasets/dataset.ts";
import { meanOf, medianOf, varianceOf } from "./statistics.ts";

const FORMAT = "actsearch function table 1";

/** What every score of a table was measured with. */
export interface TableHeader {
  readonly format: typeof FORMAT;
  readonly dataset: string;
  /** Whether the images are drawn or the scores come from a formula: such scores say nothing about photographs. */
  readonly synthetic: boolean;
  /** Where scores come from that were not measured: "computed from a formula"; absent of a measured table. */
  readonly about?: string;
  /** Accuracy of guessing, 1 / classes. */
  readonly guessing: number;
  readonly child: PairSettings;
  /** What must be said of the images wherever the scores stand: "images from JPEGs of quality 75". */
  readonly remark?: string;
  /** Tables before 2026-11-27 lack it. */
  readonly images?: ImageStatistics;
  readonly engine: string;
  readonly device: string;
  /** Of the first training. */
  readonly date: string;
}

export interface TableEntry {
  readonly expression: string;
  readonly fingerprint: string;
  /** By `mirrorFingerprint`, where that was worked out. */
  readonly mirror?: string;
  /** Of seeds 1, 2, …: validation accuracy, null if the child diverged, undefined if it was not trained. */
  readonly scores: readonly (number | null | undefined)[];
}

/** An entry, to which trainings are added. */
interface OpenEntry extends TableEntry {
  mirror?: string;
  readonly scores: (number | null | undefined)[];
}

export class FunctionTable {
  readonly #entries: Map<string, OpenEntry>;

  /** `entries`: those of another table. */
  constructor(readonly header: TableHeader, entries: readonly TableEntry[] = []) {
    this.#entries = new Map(entries.map((entry) => [entry.fingerprint, { ...entry, scores: [...entry.scores] }]));
  }

  get entries(): readonly TableEntry[] {
    return [...this.#entries.values()];
  }

  /** The entry of an equal function; undefined if none was trained. */
  entry(fingerprint: string): TableEntry | undefined {
    return this.#entries.get(fingerprint);
  }

  /** The same for the function's text. Throws a SyntaxError if it is none. */
  entryOf(expression: string): TableEntry | undefined {
    return this.entry(fingerprint(activationFrom(expression).expression));
  }

  /** The entries by `mirrorFingerprint`: of a function, its mirror image, or both. */
  alike(): ReadonlyMap<string, readonly TableEntry[]> {
    return Map.groupBy(
      this.#entries.values(),
      (entry) => entry.mirror ??= mirrorFingerprint(activationFrom(entry.expression).expression),
    );
  }

  /** The first score of a seed stays, even if an equal function was trained again. */
  add(
    expression: string,
    seed: number,
    score: number | null,
    prints: Pick<Fingerprints, "fingerprint"> & Partial<Fingerprints> = printsOf(expression),
  ): void {
    let entry = this.#entries.get(prints.fingerprint);
    if (!entry) this.#entries.set(prints.fingerprint, entry = { ...prints, expression, scores: [] });
    if (entry.scores[seed - 1] === undefined) entry.scores[seed - 1] = score;
  }
}

/**
 * The table of two children, of each of which there is one: a score is the mean of theirs from the same seed. Throws an
 * Error if the tables do not compare.
 */
export function pairTable(first: FunctionTable, second: FunctionTable): FunctionTable {
  const difference = differenceOfPair(first.header, second.header);
  if (difference !== null) throw new Error(`Cannot take the means of two tables of which ${difference}`);
  const pair = new FunctionTable({ ...first.header, child: { ...first.header.child, second: second.header.child } });
  for (const { expression, fingerprint, mirror, scores } of second.entries) {
    const others = first.entry(fingerprint)?.scores ?? [];
    scores.forEach((score, at) => {
      const other = others[at];
      if (score === undefined || other === undefined) return;
      const both = score === null || other === null ? null : (other + score) / 2;
      pair.add(expression, at + 1, both, { fingerprint, mirror });
    });
  }
  return pair;
}

/** Why trainings of the same seed in both tables are not a pair, as the end of a sentence; null if they are. */
export function differenceOfPair(first: TableHeader, second: TableHeader): string | null {
  if (first.dataset !== second.dataset) return `one is of ${first.dataset}, the other of ${second.dataset}`;
  if (first.engine !== second.engine) return `one is by the engine ${first.engine}, the other by ${second.engine}`;
  const isKnown = first.images !== undefined && second.images !== undefined;
  return isKnown && hasSameImages(first.images, second.images) ? null : `the images of ${first.dataset} differ`;
}

export function newHeader(about: Omit<TableHeader, "format">): TableHeader {
  return { format: FORMAT, ...about };
}

/**
 * How a table's trainings differ from those of this child on these images, apart from the engine, as the end of a
 * sentence; null if they do not. A table that does not say which images it had passes for one of these.
 */
export function differenceOf(
  { dataset, child, images }: Pick<TableHeader, "dataset" | "child" | "images">,
  wanted: Pick<Dataset, "name"> & ImageStatistics,
  wantedChild: PairSettings,
): string | null {
  if (dataset !== wanted.name) return `it is of the data set ${dataset}, not ${wanted.name}`;
  const settings = differingSettings(child, wantedChild);
  if (settings.length > 0) return `its child has ${settings.join(", ")}`;
  const isSame = images === undefined || hasSameImages(images, wanted);
  return isSame ? null : `its images of ${dataset} differ from those found here`;
}

/** "steps 400 instead of 600", for each setting in which the one child differs from the other. */
export function differingSettings(one: PairSettings, other: PairSettings): string[] {
  const [values, others] = [one, other].map((child) => new Map(Object.entries(child)));
  const text = (value: unknown) => typeof value === "string" ? value : JSON.stringify(value) ?? "none";
  return [...new Set([...values.keys(), ...others.keys()])]
    .filter((name) => text(values.get(name)) !== text(others.get(name)))
    .map((name) => `${name} ${text(values.get(name))} instead of ${text(others.get(name))}`);
}

/** Throws a SyntaxError that says of the source, where the text is from, which line is none of a table. */
export function parseTable(text: string, source = "the text"): FunctionTable {
  const [first, ...lines] = wholeLines(text).split("\n").slice(0, -1);
  try {
    const table = new FunctionTable(parseHeader(first ?? ""));
    lines.forEach((line, index) => {
      const { expression, seed, scores, prints } = parseLine(line, index + 2);
      scores.forEach((score, after) => table.add(expression, seed + after, score, prints));
    });
    return table;
  } catch (cause) {
    throw new SyntaxError(`Cannot read ${source} as a table of functions: ${(cause as Error).message}`, { cause });
  }
}

/** The part of a file up to its last line break. */
export function wholeLines(text: string): string {
  return text.slice(0, text.lastIndexOf("\n") + 1);
}

/** The file's line for one training. */
export function trainingLine(expression: string, seed: number, score: number | null): string {
  return JSON.stringify([expression, seed, [score]]) + "\n";
}

/** The compact file: each run of seeds of a function is a line. */
export function tableText(table: FunctionTable): string {
  const lines = table.entries.flatMap(({ expression, scores }) =>
    runsOf(scores).map(([first, run]) => JSON.stringify([expression, first, run]))
  );
  return [JSON.stringify(table.header), ...lines].join("\n") + "\n";
}

function runsOf(scores: TableEntry["scores"]): [first: number, run: (number | null)[]][] {
  const runs: [number, (number | null)[]][] = [];
  for (const [at, score] of [...scores].entries()) {
    if (score === undefined) continue;
    if (at > 0 && scores[at - 1] !== undefined) runs[runs.length - 1][1].push(score);
    else runs.push([at + 1, [score]]);
  }
  return runs;
}

function parseHeader(line: string): TableHeader {
  try {
    const header = JSON.parse(line), { format, dataset, engine, guessing, child, remark = "" } = header;
    const isWhole = [dataset, engine, remark, child.network].every((text) => typeof text === "string") &&
      guessing > 0 && guessing < 1 && Number.isInteger(child.steps);
    if (format === FORMAT && isWhole) return header;
  } catch { // reported below
  }
  throw new SyntaxError(`its first line is not one of "${FORMAT}"`);
}

/** A table's images in words. */
export function imagesText({ dataset, synthetic, remark }: TableHeader): string {
  return `${dataset}${synthetic ? " (synthetic images)" : ""}${remark === undefined ? "" : `, ${remark}`}`;
}

function parseLine(line: string, number: number) {
  const isScore = (score: unknown) => score === null || typeof score === "number" && score >= 0 && score <= 1;
  try {
    const row = JSON.parse(line);
    const [expression, seed, scores]: [string, number, (number | null)[]] = row;
    if (
      row.length === 3 && typeof expression === "string" && Number.isInteger(seed) && seed >= 1 &&
      Array.isArray(scores) && scores.every(isScore)
    ) {
      return { expression, seed, scores, prints: printsOf(expression) };
    }
  } catch { // reported below
  }
  throw new SyntaxError(`line ${number} is not [expression, seed, scores]: ${line}`);
}

function printsOf(text: string): Fingerprints {
  return fingerprintsOf(activationFrom(text).expression);
}

/** The scores that exist; a diverged child scores what guessing would. */
export function scoresOf({ scores }: Pick<TableEntry, "scores">, guessing: number): number[] {
  return [...scores].flatMap((score) => score === undefined ? [] : [score ?? guessing]);
}

/** How scores vary in a table, which decides how far a mean of few trainings is shrunken. */
export interface Spread {
  /** Mean of the functions that train, and their variance without that of the seeds. */
  readonly mean: number;
  readonly betweenVariance: number;
  /** Variance of one training about its function, pooled over the functions of several; 0 where there is none. */
  readonly withinVariance: number;
  /** What seed k + 1 adds to all functions. */
  readonly seedEffects: readonly number[];
}

/** Over the functions that never diverged, since those that did do not share one normal distribution with them. */
export function spreadOf(table: FunctionTable): Spread {
  const trained = table.entries.map(({ scores }) => scores).filter((
    scores,
  ): scores is readonly (number | undefined)[] =>
    scores.some((score) => score !== undefined) && !scores.includes(null)
  );
  const seedEffects = seedEffectsOf(trained);
  if (trained.length < 2) return { mean: table.header.guessing, betweenVariance: 0, withinVariance: 0, seedEffects };
  const corrected = trained.map((scores) => correctedScores({ scores }, seedEffects, NaN));
  const several = corrected.filter(({ length }) => length > 1);
  const freedom = several.reduce((sum, { length }) => sum + length - 1, 0);
  const squares = several.reduce((sum, scores) => sum + varianceOf(scores) * (scores.length - 1), 0);
  const withinVariance = freedom > 0 ? squares / freedom : 0;
  const noise = meanOf(corrected.map(({ length }) => withinVariance / length));
  const means = corrected.map(meanOf), betweenVariance = Math.max(0, varianceOf(means) - noise);
  return { mean: meanOf(means), betweenVariance, withinVariance, seedEffects };
}

/** Minimum number of functions from which a seed's effect is estimated. */
const MIN_FUNCTIONS = 5;
/** Rounds of the median polish; as many again change no effect of the shipped table by a hundredth of a point. */
const ROUNDS = 20;

/**
 * What each seed adds to all functions, as its starting weights and batches are common to them: by median polish (Tukey
 * 1977) of the functions with several seeds, 0 on average over the seeds; 0 of a seed that too few of them have.
 */
function seedEffectsOf(functions: readonly (readonly (number | undefined)[])[]): readonly number[] {
  const rows = functions.map((scores) => [...scores].flatMap((score, at) => score === undefined ? [] : [{ at, score }]))
    .filter(({ length }) => length > 1);
  const seeds = Math.max(0, ...functions.map(({ length }) => length));
  const counts = Array.from(
    { length: seeds },
    (_, at) => rows.filter((row) => row.some((one) => one.at === at)).length,
  );
  const known = [...counts.keys()].filter((at) => counts[at] >= MIN_FUNCTIONS), effects = new Array(seeds).fill(0);
  for (let round = 0; round < ROUNDS && known.length > 1; round++) {
    const left = rows.flatMap((row) => {
      const middle = medianOf(row.map(({ at, score }) => score - effects[at]));
      return row.map(({ at, score }) => ({ at, rest: score - middle }));
    });
    for (const at of known) effects[at] = medianOf(left.filter((one) => one.at === at).map(({ rest }) => rest));
    const centre = meanOf(known.map((at) => effects[at]));
    for (const at of known) effects[at] -= centre;
  }
  return effects;
}

/** The scores that exist, less their seeds' effects, where these are known; a diverged child scores `guessing`. */
export function correctedScores(
  { scores }: Pick<TableEntry, "scores">,
  seedEffects: readonly number[],
  guessing: number,
): number[] {
  return [...scores].flatMap((score, at) =>
    score === undefined ? [] : [score === null ? guessing : score - (seedEffects[at] ?? 0)]
  );
}

/**
 * Estimate of a function's true score from its entry, and that of its mirror image if there is one: the mean of their n
 * trainings, less the effects of their seeds, shrunken towards the mean of all functions (empirical Bayes:
 * mu + t^2 / (t^2 + s^2 / n) (mean - mu)). One that ever diverged keeps its mean, in which a diverged child counts as
 * guessing.
 */
export function truthOf(
  alike: readonly Pick<TableEntry, "scores">[],
  { mean, betweenVariance, withinVariance, seedEffects }: Spread,
  guessing: number,
): number {
  const scores = alike.flatMap((entry) => correctedScores(entry, seedEffects, guessing)), own = meanOf(scores);
  if (alike.some((entry) => entry.scores.includes(null)) || withinVariance === 0) return own;
  return mean + betweenVariance / (betweenVariance + withinVariance / scores.length) * (own - mean);
}

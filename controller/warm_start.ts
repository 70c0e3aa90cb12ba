/**
 * What a new search may know from elsewhere (`--learn-from`): functions and what they were worth, which the sampler
 * learns from, and the trainings of a table, which need not be repeated if its child is the first of the search, or its
 * two children are the search's.
 */
import { firstOf, type PairSettings } from "../child/pair_settings.ts";
import type { Dataset } from "../datasets/dataset.ts";
import { Random } from "../datasets/random.ts";
import {
  differenceOf,
  differenceOfPair,
  differingSettings,
  type FunctionTable,
  pairTable,
  parseTable,
} from "./comparison/function_table.ts";
import { measuredTables, parsed, readTable } from "./comparison/table_files.ts";
import { truthsOf } from "./comparison/simulated_training.ts";
import { medianOf } from "./comparison/statistics.ts";
import { PRESETS } from "./presets.ts";
import type { Objective } from "./runs/events.ts";
import { isRunFolder, isRunName, runFolder } from "./runs/run_files.ts";
import { loadRun } from "./runs/run_store.ts";
import type { Known } from "./samplers/sampler.ts";

/**
 * Maximum number of functions learnt from, as learning from thousands takes minutes. Of a larger source these are its
 * best, half of them, and as many of its others drawn at random.
 */
const MAX_KNOWN = 400;

export interface WarmStart {
  /** The run, the table's file, or `MEASURED`. */
  readonly source: string;
  /** In the order of learning. */
  readonly known: readonly Known[];
  /** What the rewards are of. */
  readonly objective: Objective;
  /** Of one child. Null if the source is a run. */
  readonly table: FunctionTable | null;
  /** Of another child on the same images and engine; null if the source has none. */
  readonly second: FunctionTable | null;
}

/** What a search takes from its warm start. */
export interface Taken {
  /** In the order of learning. */
  readonly known: readonly Known[];
  /** Of all that a training of the search trains; null if there is none. */
  readonly whole: FunctionTable | null;
  /** Of the first of its two children; null if there is none. */
  readonly first: FunctionTable | null;
}

/** The source that stands for the measured table of one core unit on CIFAR-10, which comes with the project. */
export const MEASURED = "table";
const TABLE = { dataset: "cifar10", preset: "laptop" } as const;
/** The source that stands for none. */
export const NOTHING = "none";

/** What messages call a source. */
export function sourceName(source: string): string {
  return source === MEASURED ? "the measured table" : source;
}

/**
 * The run of that name in the folder of runs, else the measured table, if that is the name, else the table's file. Throws
 * an Error if there is none.
 */
export function openWarmStart(source: string, runs: string): WarmStart {
  if (isRunName(source) && isRunFolder(runFolder(runs, source))) {
    const { trials, info: { settings: { objective } } } = loadRun(runFolder(runs, source));
    const judged = trials.filter(({ state, duplicateOf }) => state === "complete" && duplicateOf === null);
    const known = judged.map(({ expression, score }) => ({ expression, reward: score! }));
    return { source, known: someOf(known), objective, table: null, second: null };
  }
  const table = tableOf(source), second = source === MEASURED ? secondOf(table) : null;
  const known = truthsOf(table).map(({ expression, truth }) => ({ expression, reward: truth }));
  return { source, known: someOf(known), objective: "validation", table, second };
}

/** The first measured table of the second child that was trained on the same images by the same engine. */
function secondOf({ header }: FunctionTable): FunctionTable | null {
  const tables = measuredTables({ ...TABLE, second: true }).map(parsed);
  return tables.find((second) => second.entries.length > 0 && differenceOfPair(header, second.header) === null) ?? null;
}

/** What a search with that child, or those two, takes: of two it learns what both say of a function, where that is known. */
export function takenFrom({ known, table, second }: WarmStart, child: PairSettings): Taken {
  if (table === null || child.second === undefined) return { known, whole: table, first: null };
  if (second === null || differingSettings(second.header.child, child.second).length > 0) {
    return { known, whole: null, first: table };
  }
  const pair = pairTable(table, second);
  return { known: knownOfBoth(table, pair), whole: pair, first: table };
}

/** Functions that only the first child was trained on are moved by the median of what the others differ by. */
function knownOfBoth(first: FunctionTable, pair: FunctionTable): readonly Known[] {
  const both = new Map(truthsOf(pair).map((known) => [known.fingerprint, known])), ofFirst = truthsOf(first);
  const offset = medianOf(ofFirst.flatMap(({ fingerprint, truth }) => {
    const known = both.get(fingerprint);
    return known ? [known.truth - truth] : [];
  }));
  return someOf(ofFirst.map(({ fingerprint, expression, truth }) => {
    const known = both.get(fingerprint);
    return known ? { expression: known.expression, reward: known.truth } : { expression, reward: truth + offset };
  }));
}

/**
 * What a search starts from if the user did not say: the measured table, where the search's first child and data set are
 * the table's and it is judged alike; else nothing, as where a run has the table's name.
 */
export function usualWarmStart(
  { child, objective }: { readonly child: PairSettings; readonly objective: Objective },
  dataset: Dataset,
  runs: string,
): WarmStart | null {
  const measured = { dataset: TABLE.dataset, child: firstOf(PRESETS[TABLE.preset].child) };
  if (objective !== "validation" || differenceOf(measured, dataset, firstOf(child)) !== null) return null;
  const warmStart = openWarmStart(MEASURED, runs);
  return warmStart.table === null ? null : warmStart;
}

function tableOf(source: string): FunctionTable {
  return source === MEASURED ? readTable(TABLE) : parseTable(textOf(source), source);
}

function textOf(file: string): string {
  try {
    return Deno.readTextFileSync(file);
  } catch (cause) {
    throw new Error(
      `Cannot learn from ${file} as it is neither a search that \`deno task runs\` lists nor a file: name one, or ${MEASURED} for that of the project`,
      { cause },
    );
  }
}

/** At most `MAX_KNOWN` of them. */
export function someOf(known: readonly Known[]): readonly Known[] {
  if (known.length <= MAX_KNOWN) return known;
  const sorted = known.toSorted((a, b) => b.reward - a.reward), best = sorted.slice(0, MAX_KNOWN / 2);
  const rest = sorted.slice(MAX_KNOWN / 2);
  const order = new Random(0).split("known").permutation(rest.length);
  return [...best, ...[...order].slice(0, MAX_KNOWN / 2).map((at) => rest[at])];
}

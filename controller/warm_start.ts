/**
 * What a new search may know from elsewhere (`--learn-from`): functions and what they were worth, which the sampler
 * learns from, and the trainings of a table, which need not be repeated if its child is the first of the search.
 */
import { Random } from "../datasets/random.ts";
import { type FunctionTable, parseTable } from "./comparison/function_table.ts";
import { readTable } from "./comparison/table_files.ts";
import { truthsOf } from "./comparison/simulated_training.ts";
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
  /** In the order of learning. */
  readonly known: readonly Known[];
  /** What the rewards are of. */
  readonly objective: Objective;
  /** Null if the source is a run. */
  readonly table: FunctionTable | null;
}

/** The source that stands for the measured table of one core unit on CIFAR-10, which comes with the project. */
export const MEASURED = "table";

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
    return { known: someOf(known), objective, table: null };
  }
  const table = tableOf(source);
  const known = truthsOf(table).map(({ expression, truth }) => ({ expression, reward: truth }));
  return { known: someOf(known), objective: "validation", table };
}

function tableOf(source: string): FunctionTable {
  return source === MEASURED ? readTable({ dataset: "cifar10", preset: "laptop" }) : parseTable(textOf(source), source);
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

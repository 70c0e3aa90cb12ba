/**
 * What `compare` and `confirm` have stored, as the dashboard lists and shows it: comparisons of samplers in
 * compare/NAME.json of the folder of runs, confirmations in NAME/results.json.
 */
import type { Band, SamplerSummary } from "../comparison/sampler_summary.ts";
import { isRunName } from "./run_files.ts";
import { entriesOf } from "./run_folder.ts";

/** A comparison of samplers, as `compare --out` writes it. */
export interface ComparisonReport {
  readonly synthetic: boolean;
  /** Where the true scores come from, in words; absent from files older than 2026-11-26. */
  readonly truth?: string;
  readonly seeds: number;
  readonly trials: number;
  /** The lowest score of the top 1 %, and the score of the better of ReLU and Swish if it is known. */
  readonly top1: number;
  readonly to_beat: number | null;
  readonly samplers: Readonly<Record<string, Omit<SamplerSummary, "sampler">>>;
  readonly bands: readonly Band[];
}

/** A function on one model; accuracies are shares of the test split. */
export interface ConfirmationRow {
  /** Absent from files older than 2026-11-26, which have one model. */
  readonly network?: string;
  readonly dataset?: string;
  readonly expression: string;
  readonly reference: boolean;
  readonly mean: number | null;
  readonly standard_error: number | null;
  readonly n: number;
  readonly versus: Readonly<Record<string, { readonly difference: number; readonly p: number; readonly n: number }>>;
}

/** A confirmation, as `confirm` writes it after every training. */
export interface ConfirmationReport {
  readonly run: string;
  readonly network: string;
  readonly dataset: string;
  readonly synthetic: boolean;
  readonly steps: number;
  readonly batch: number;
  readonly seeds: number;
  readonly rows: readonly ConfirmationRow[];
  /** On how many models a function is better than a reference; absent as `network` of a row. */
  readonly over_models?: readonly {
    readonly expression: string;
    readonly versus: string;
    readonly better: number;
    readonly equal: number;
    readonly worse: number;
  }[];
}

export interface ReportTypes {
  readonly comparisons: ComparisonReport;
  readonly confirmations: ConfirmationReport;
}

export type ReportKind = keyof ReportTypes;

export interface Reports {
  /** Names, sorted. */
  list(kind: ReportKind): Promise<readonly string[]>;
  /** The stored JSON; null if there is none of that name. */
  read(kind: ReportKind, name: string): Promise<unknown>;
}

/** The reports below the folder of runs. */
export function reportsIn(root: string): Reports {
  const path: Readonly<Record<ReportKind, (name: string) => string>> = {
    comparisons: (name) => `${root}/compare/${name}.json`,
    confirmations: (name) => `${root}/${name}/results.json`,
  };
  const read: Reports["read"] = async (kind, name) => {
    if (!isRunName(name) || (kind === "confirmations" && !await isConfirmation(`${root}/${name}`))) return null;
    const text = await textOf(path[kind](name));
    return text === null ? null : JSON.parse(text);
  };
  return {
    async list(kind) {
      const entries = await entriesOf(kind === "comparisons" ? `${root}/compare` : root);
      const names = kind === "comparisons"
        ? entries.flatMap(({ name }) => name.endsWith(".json") ? [name.slice(0, -".json".length)] : [])
        : entries.filter(({ isDirectory }) => isDirectory).map(({ name }) => name);
      const found = await Promise.all(names.map(async (name) => await read(kind, name) !== null));
      return names.filter((_, at) => found[at]).sort();
    },
    read,
  };
}

async function isConfirmation(folder: string): Promise<boolean> {
  const settings = await textOf(`${folder}/settings.json`);
  return settings !== null && String(JSON.parse(settings).command).startsWith("confirm ");
}

async function textOf(path: string): Promise<string | null> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return null;
    throw error;
  }
}

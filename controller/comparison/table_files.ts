/**
 * Where tables of functions are: the one in progress in runs/table/, else the one shipped with the project, each named
 * after its data set and preset, and whether of that one's second child; and plausible tables, also shipped, whose
 * scores are simulated.
 */
import { fileURLToPath } from "node:url";
import { type FunctionTable, parseTable } from "./function_table.ts";
import type { PresetName } from "../presets.ts";

const MADE = "runs/table";
/**
 * Tables drawn from models of a few measured functions (`tests/bench/plausible_table.ts`). They differ in which functions
 * score alike: those with similar values and slopes, or those that share tokens.
 */
export const PLAUSIBLE_TABLES = ["plausible-shape", "plausible-tokens"] as const;

const shipped = (name: string) => fileURLToPath(new URL(`./table/${name}`, import.meta.url));

export interface TableChoice {
  readonly file?: string;
  readonly dataset: string;
  readonly preset: PresetName;
  /** Of the preset's second child instead of its first. */
  readonly second?: boolean;
}

/**
 * The file that trainings are appended to: the one named, else the one in progress, which begins as a copy of the shipped
 * one where trainings may be added to that, as `fits` says.
 */
export function tableFile({ file, ...choice }: TableChoice, fits: (shipped: FunctionTable) => boolean): string {
  if (file !== undefined) return file;
  const path = madeAt(choice), known = read(shipped(nameOf(choice)));
  if (read(path) === null && known !== null && fits(parsed(known))) {
    Deno.mkdirSync(MADE, { recursive: true });
    Deno.writeTextFileSync(path, known.text);
  }
  return path;
}

/** The file may be one of `PLAUSIBLE_TABLES`. Throws an Error that says how to make the table if there is none. */
export function readTable(choice: TableChoice): FunctionTable {
  return parsed(tableText(choice));
}

/** A table as its file has it. */
export interface TableText {
  readonly path: string;
  readonly text: string;
}

/** Throws a SyntaxError that names the file and the line if it is none of a table. */
export function parsed({ path, text }: TableText): FunctionTable {
  return parseTable(text, path);
}

/** The measured tables: the one in progress and the one shipped, if any. */
export function measuredTables(choice: Omit<TableChoice, "file">): TableText[] {
  return [madeAt(choice), shipped(nameOf(choice))].map(read).filter((table) => table !== null);
}

function tableText({ file, ...choice }: TableChoice): TableText {
  if (file !== undefined) {
    const table = read((PLAUSIBLE_TABLES as readonly string[]).includes(file) ? shipped(`${file}.jsonl`) : file);
    if (table !== null) return table;
    throw new Error(`Cannot open the table ${file} as there is no such file`);
  }
  const [table] = measuredTables(choice), { dataset, preset, second } = choice;
  if (table !== undefined) return table;
  throw new Error(
    `There is no table of functions for ${dataset} and the ${second ? "second child of the " : ""}preset ${preset}: ` +
      `make one with \`deno task table --train --dataset ${dataset} --preset ${preset}${
        second ? " --second" : ""
      }\`, ` +
      "or name its file",
  );
}

function nameOf({ dataset, preset, second }: Omit<TableChoice, "file">): string {
  return `${dataset}-${preset}${second ? "-second" : ""}.jsonl`;
}

function madeAt(choice: Omit<TableChoice, "file">): string {
  return `${MADE}/${nameOf(choice)}`;
}

/** Null if there is no such file. Throws an Error that names it if it cannot be read. */
function read(path: string): TableText | null {
  try {
    return { path, text: Deno.readTextFileSync(path) };
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return null;
    throw new Error(`Cannot read ${path}: ${(cause as Error).message}`, { cause });
  }
}

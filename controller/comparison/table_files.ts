/**
 * Where tables of functions are: the one in progress in runs/table/, else the one shipped with the project, each named
 * after its data set and preset; and plausible tables, also shipped, whose scores are simulated.
 */
import { type FunctionTable, parseTable } from "./function_table.ts";

const MADE = "runs/table";
/**
 * Tables drawn from a model of what was measured so far (`tests/bench/plausible_table.ts`), the default one first. They
 * differ in which functions score alike: those with similar values and slopes, or those that share tokens.
 */
export const PLAUSIBLE_TABLES = ["plausible-shape", "plausible-tokens"] as const;

const shipped = (name: string) => new URL(`./table/${name}`, import.meta.url);

export interface TableChoice {
  readonly file?: string;
  readonly dataset: string;
  readonly preset: string;
}

/** The file that trainings are appended to. */
export function tableFile({ file, dataset, preset }: TableChoice): string {
  if (file !== undefined) return file;
  const name = `${dataset}-${preset}.jsonl`, path = `${MADE}/${name}`;
  if (read(path) === null && read(shipped(name)) !== null) {
    Deno.mkdirSync(MADE, { recursive: true });
    Deno.copyFileSync(shipped(name), path); // continues the shipped table
  }
  return path;
}

/** Throws an Error that says how to make the table if there is none. */
export function readTable(choice: TableChoice): FunctionTable {
  return parseTable(readTableText(choice));
}

/** A measured table as text, for workers, which parse it themselves; null if there is none for the data set and preset. */
export function measuredTableText({ dataset, preset }: Omit<TableChoice, "file">): string | null {
  const name = `${dataset}-${preset}.jsonl`;
  return read(`${MADE}/${name}`) ?? read(shipped(name));
}

/** As `readTable`, but unparsed. The file may be one of `PLAUSIBLE_TABLES`. */
export function readTableText({ file, dataset, preset }: TableChoice): string {
  if (file !== undefined) {
    const text = read((PLAUSIBLE_TABLES as readonly string[]).includes(file) ? shipped(`${file}.jsonl`) : file);
    if (text !== null) return text;
    throw new Error(`Cannot open the table ${file} as there is no such file`);
  }
  const text = measuredTableText({ dataset, preset });
  if (text !== null) return text;
  throw new Error(
    `There is no table of functions for ${dataset} and the preset ${preset}: make one with ` +
      `\`deno task table --train --dataset ${dataset} --preset ${preset}\`, or name its file`,
  );
}

function read(path: string | URL): string | null {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

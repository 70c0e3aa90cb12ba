/**
 * `deno task table`: the table of every function that one core unit can make, trained on the child of a preset. Without
 * --train it is shown; with it, the missing trainings are done, each appended to the file when it finishes.
 */
import { ENGINE_NAMES } from "../child/engine/open.ts";
import type { ChildSettings } from "../child/trainer.ts";
import {
  type FunctionTable,
  newHeader,
  parseTable,
  scoresOf,
  spreadOf,
  trainingLine,
  truthOf,
  wholeLines,
} from "../controller/comparison/function_table.ts";
import { halfWidth95, meanOf, varianceOf } from "../controller/comparison/statistics.ts";
import { readTable, tableFile } from "../controller/comparison/table_files.ts";
import {
  distinctFunctions,
  type Member,
  nextTrainings,
  referenceFunctions,
  type Training,
  trainingOrder,
} from "../controller/comparison/table_plan.ts";
import { type PresetName, PRESETS } from "../controller/presets.ts";
import { SearchSpace } from "../controller/search_space.ts";
import { type Dataset, withoutTest } from "../datasets/dataset.ts";
import { DATASET_NAMES, loadDataset } from "../datasets/load.ts";
import { placeChildren } from "../workers/placement.ts";
import { Pool } from "../workers/pool.ts";
import { command, EXIT, type Io, UsageError } from "./command.ts";
import { csvRows } from "../controller/csv.ts";
import { type Column, textTable } from "./table.ts";
import { loadProgress } from "./training/load_progress.ts";

/** Number of functions shown. */
const BEST = 20;

export const table = command({
  name: "table",
  summary: "Shows the table of all functions of one core unit, or continues training it.",
  positionals: [],
  flags: [
    { name: "train", type: "boolean", help: "train what is missing, until done or Ctrl-C" },
    { name: "random", type: "integer", min: 1, value: "N", help: "with --train: only N functions, drawn by --seed" },
    { name: "seed", type: "integer", default: 1, help: "of the order of training" },
    {
      name: "preset",
      type: "choice",
      choices: Object.keys(PRESETS),
      default: "laptop",
      help: "whose child is trained",
    },
    { name: "dataset", type: "choice", choices: DATASET_NAMES, default: "cifar10", help: "images" },
    { name: "data", type: "string", value: "DIR", help: "folder that holds the data set already" },
    { name: "engine", type: "choice", choices: ENGINE_NAMES, default: "auto", help: "what computes" },
    { name: "workers", type: "integer", min: 1, max: 256, help: "children trained at once (one per core)" },
    { name: "file", type: "string", value: "FILE", help: "the table (by data set and preset, in runs/table/)" },
    { name: "csv", type: "boolean", help: "print every function as CSV" },
    { name: "json", type: "boolean", help: "print one JSON object per training, and a last one with the summary" },
  ],
  examples: ["table", "table --csv", "table --train --workers 2", "table --train --random 1500 --seed 1"],
  async run(flags, io) {
    if (!flags.train && flags.random !== undefined) throw new UsageError("--random is for --train: give both");
    if (flags.csv && flags.json) throw new UsageError("--csv and --json both take stdout: give one of them");
    if (flags.train) return await train(flags, io);
    show(readTable(flags), distinctFunctions(), flags, io);
    return EXIT.done;
  },
});

interface Flags {
  readonly train: boolean;
  readonly random?: number;
  readonly seed: number;
  readonly preset: string;
  readonly dataset: string;
  readonly data?: string;
  readonly engine: string;
  readonly workers?: number;
  readonly file?: string;
  readonly csv: boolean;
  readonly json: boolean;
}

// Training ----------------------------------------------------------------------------------------------------------

async function train(flags: Flags, io: Io): Promise<number> {
  const dataset = await loadDataset(flags.dataset, {
    directory: flags.data,
    download: true,
    ...loadProgress(io),
  });
  // All validation images: judging on fewer adds noise that costs more trainings than it saves time.
  const child: ChildSettings = { ...PRESETS[flags.preset as PresetName].child, validationImages: null };
  const { workers, threads } = placeChildren(flags.workers, { cores: navigator.hardwareConcurrency, gpus: [] });
  const settings = { dataset: withoutTest(dataset), engine: flags.engine, child, threads };
  const pool = new Pool({ workers, settings });
  const interrupt = () => pool.cancel();
  io.signal.addEventListener("abort", interrupt);
  try {
    const { name: engine, device } = await pool.opened;
    const opened = openForAppending(tableFile(flags), child, dataset, { engine, device });
    try {
      return await trainMissing({ ...opened, pool, flags, io });
    } finally {
      opened.file.close();
    }
  } finally {
    io.signal.removeEventListener("abort", interrupt);
    pool.close();
  }
}

interface Opened {
  readonly table: FunctionTable;
  readonly path: string;
  readonly file: Deno.FsFile;
}

/** Opens the file, truncated to its last complete line, or creates it. Throws if it is of another child. */
function openForAppending(
  path: string,
  child: ChildSettings,
  { name, synthetic, classes }: Dataset,
  place: { readonly engine: string; readonly device: string },
): Opened {
  const folder = path.slice(0, Math.max(0, path.lastIndexOf("/")));
  if (folder !== "") Deno.mkdirSync(folder, { recursive: true });
  const file = Deno.openSync(path, { read: true, write: true, create: true });
  try {
    if (!file.tryLockSync(true)) throw new Error(`Cannot train the table ${path} as another process trains it`);
    const text = wholeLines(Deno.readTextFileSync(path));
    file.truncateSync(new TextEncoder().encode(text).length);
    file.seekSync(0, Deno.SeekMode.End);
    const guessing = 1 / classes.length, date = new Date().toISOString().slice(0, 10);
    const header = newHeader({ dataset: name, synthetic, guessing, child, ...place, date });
    const table = parseTable(text === "" ? `${JSON.stringify(header)}\n` : text);
    if (text === "") append(file, `${JSON.stringify(header)}\n`);
    if (table.header.dataset !== name || JSON.stringify(table.header.child) !== JSON.stringify(child)) {
      throw new Error(
        `Cannot continue the table ${path} as its functions were trained differently: ${table.header.dataset}, ` +
          `${JSON.stringify(table.header.child)}; name another file with --file`,
      );
    }
    return { table, path, file };
  } catch (error) {
    file.close();
    throw error;
  }
}

function append(file: Deno.FsFile, text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let written = 0; written < bytes.length;) written += file.writeSync(bytes.subarray(written));
}

interface Work extends Opened {
  readonly pool: Pool;
  readonly flags: Flags;
  readonly io: Io;
}

/** Stage by stage, as each depends on the scores of the one before. */
async function trainMissing(work: Work): Promise<number> {
  const { table, path, flags, io } = work;
  const members = distinctFunctions();
  const order = trainingOrder(members, flags.seed, flags.random);
  const failed = new Set<string>();
  const keyOf = ({ fingerprint, seed }: Training) => `${fingerprint} ${seed}`;
  while (!io.signal.aborted) {
    const trainings = nextTrainings(table, order).filter((training) => !failed.has(keyOf(training)));
    if (trainings.length === 0) break;
    io.err(`${trainings.length} trainings come next, of ${table.header.child.steps} steps each`);
    let done = 0;
    await Promise.all(trainings.map(async (training) => {
      if (await trainOne(training, work)) done++;
      else failed.add(keyOf(training));
      io.live(`${done} of ${trainings.length}: ${training.expression}`);
    }));
    if (done === 0) break;
  }
  if (io.signal.aborted) {
    io.err(`interrupted; every finished training is in ${path}: the same command resumes`);
    return EXIT.interrupted;
  }
  show(table, members, flags, io);
  if (failed.size > 0) io.err(`${failed.size} trainings failed: the same command retries them`);
  return failed.size > 0 ? EXIT.failed : EXIT.done;
}

/** Whether it produced a score, which is then in the file. */
async function trainOne({ expression, fingerprint, seed }: Training, { table, file, pool, flags, io }: Work) {
  const result = await pool.train({ trial: trial++, training: 0, expression, seed });
  if (result.outcome !== "complete" && result.outcome !== "diverged") {
    if (!io.signal.aborted && result.outcome === "failed") io.err(`${expression}, seed ${seed}: ${result.reason}`);
    return false;
  }
  const score = result.outcome === "complete" ? result.score : null;
  table.add(expression, seed, score, fingerprint);
  append(file, trainingLine(expression, seed, score));
  if (flags.json) io.out(JSON.stringify({ event: "training", expression, seed, accuracy: score }));
  return true;
}

/** Number of the next job of the pool. */
let trial = 0;

// Showing -----------------------------------------------------------------------------------------------------------

interface Row {
  readonly expression: string;
  readonly accuracy: number;
  readonly mean: number;
  readonly standard_error: number | null;
  readonly n: number;
  readonly diverged: number;
  readonly scores: string;
}

function show(table: FunctionTable, members: readonly Member[], flags: Flags, io: Io): void {
  const spread = spreadOf(table), { guessing, child, dataset, synthetic } = table.header;
  const rowOf = (fingerprint: string): Row | null => {
    const entry = table.entry(fingerprint);
    if (!entry) return null;
    const scores = scoresOf(entry, guessing), n = scores.length;
    return {
      expression: entry.expression,
      accuracy: truthOf(entry, spread, guessing),
      mean: meanOf(scores),
      standard_error: n > 1 ? Math.sqrt(varianceOf(scores) / n) : null,
      n,
      diverged: entry.scores.filter((score) => score === null).length,
      scores: [...entry.scores].map((score) => score === undefined ? "" : score === null ? "diverged" : score).join(
        " ",
      ),
    };
  };
  const rows = members.flatMap(({ fingerprint }) => rowOf(fingerprint) ?? [])
    .toSorted((a, b) => b.accuracy - a.accuracy);
  if (flags.csv) return csvRows(rows.map((row) => ({ ...row }))).forEach(io.out);
  const rankOf = (row: Row) => 1 + rows.filter(({ accuracy }) => accuracy > row.accuracy).length;
  const references = referenceFunctions().flatMap(({ name, fingerprint }) => {
    const row = rowOf(fingerprint);
    return row ? [{ name, rank: rankOf(row), ...row }] : [];
  });
  const count = (kind: Member["useless"]) => members.filter(({ useless }) => useless === kind).length;
  const summary = {
    members: new SearchSpace(1).size,
    distinct: members.length,
    constant: count("constant"),
    linear: count("linear"),
    overflow: count("overflow"),
    useful: count(null),
    trained: rows.length,
    trainings: table.entries.reduce((sum, { scores }) => sum + [...scores].filter((s) => s !== undefined).length, 0),
    diverged: rows.filter(({ n, diverged }) => diverged === n).length,
  };
  if (flags.json) {
    io.out(
      JSON.stringify({
        event: "finished",
        dataset,
        synthetic,
        child,
        ...summary,
        best: rows.slice(0, BEST),
        references,
      }),
    );
    return;
  }
  io.out(
    `${summary.members} members of one core unit are ${summary.distinct} functions: ${summary.constant} constant, ` +
      `${summary.linear} linear, ${summary.overflow} overflow, ${summary.useful} to train`,
  );
  io.out(
    `trained: ${summary.trained} (${summary.diverged} of them always diverged) in ${summary.trainings} trainings of ` +
      `${child.network}, ${child.steps} steps of ${child.batch}, on ${dataset}${synthetic ? " (synthetic)" : ""}`,
  );
  io.out("");
  textTable({
    columns: COLUMNS,
    rows: [
      ...rows.slice(0, BEST).map((row, at) => cells(String(at + 1), "", row)),
      ...references.map((row) => cells(String(row.rank), row.name, row)),
    ],
  }).forEach(io.out);
  io.out("");
  io.out(
    "accuracy: the mean of n seeds on the validation split, shrunken towards that of all functions if n is small",
  );
}

const COLUMNS: readonly Column[] = [
  { title: "rank", align: "right" },
  { title: "accuracy %", align: "right" },
  { title: "mean", align: "right" },
  { title: "±", align: "right" },
  { title: "n", align: "right" },
  { title: "function", align: "left" },
];

function cells(rank: string, name: string, { expression, accuracy, mean, standard_error, n }: Row): string[] {
  const percent = (value: number) => (100 * value).toFixed(2);
  const interval = standard_error === null ? "" : percent(halfWidth95(standard_error, n));
  return [rank, percent(accuracy), percent(mean), interval, String(n), name ? `${name}: ${expression}` : expression];
}

/**
 * `deno task table`: the table of every function that one core unit can make, trained on the first child of a preset, or
 * of the best of them on its second. Without --train it is shown; with it, the missing trainings are done, each appended
 * to the file when it finishes.
 */
import { ENGINE_NAMES } from "../child/engine/open.ts";
import { childText } from "../controller/child_text.ts";
import {
  correctedScores,
  type FunctionTable,
  imagesText,
  pairTable,
  spreadOf,
  truthOf,
} from "../controller/comparison/function_table.ts";
import { halfWidth95, meanOf, varianceOf } from "../controller/comparison/statistics.ts";
import { readTable } from "../controller/comparison/table_files.ts";
import { points } from "../controller/percent.ts";
import {
  distinctFunctions,
  type Member,
  nextSecondTrainings,
  nextTrainings,
  referenceFunctions,
  type Training,
  trainingOrder,
} from "../controller/comparison/table_plan.ts";
import { PRESET_NAMES, type PresetName } from "../controller/presets.ts";
import { SearchSpace } from "../controller/search_space.ts";
import { DATASET_NAMES } from "../datasets/load.ts";
import { MAX_WORKERS } from "../workers/placement.ts";
import { command, EXIT, interruptedLine, type Io, UsageError } from "./command.ts";
import { csvRows } from "../controller/csv.ts";
import { type Column, left, right, textTable } from "./table.ts";
import { childOf, TableTrainer } from "./training/table_trainer.ts";

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
      choices: PRESET_NAMES,
      default: "laptop",
      help: "whose child is trained",
    },
    {
      name: "second",
      type: "boolean",
      help: "the best functions on the preset's second child, shown as means of both",
    },
    { name: "dataset", type: "choice", choices: DATASET_NAMES, default: "cifar10", help: "images" },
    { name: "data", type: "string", value: "DIR", help: "folder that holds the data set already" },
    { name: "engine", type: "choice", choices: ENGINE_NAMES, default: "auto", help: "what computes" },
    { name: "workers", type: "integer", min: 1, max: MAX_WORKERS, help: "children trained at once (one per core)" },
    { name: "file", type: "string", value: "FILE", help: "the table (by data set and preset, in runs/table/)" },
    { name: "csv", type: "boolean", help: "print every function as CSV" },
    { name: "json", type: "boolean", help: "print one JSON object per training, and a last one with the summary" },
  ],
  examples: [
    "table",
    "table --csv",
    "table --train --workers 2",
    "table --train --random 1500 --seed 1",
    "table --second",
  ],
  async run(flags, io) {
    if (!flags.train && flags.random !== undefined) throw new UsageError("--random is for --train: give both");
    if (flags.second && flags.random !== undefined) throw new UsageError("--random is not for --second: leave out one");
    if (flags.csv && flags.json) throw new UsageError("--csv and --json both write to stdout: give only one");
    childOf(flags); // throws if there is none
    if (flags.train) return await train(flags, io);
    show(shownTable(readTable(flags), firstTable(flags)), distinctFunctions(), flags, io);
    return EXIT.done;
  },
});

interface Flags {
  readonly train: boolean;
  readonly random?: number;
  readonly seed: number;
  readonly preset: PresetName;
  readonly second: boolean;
  readonly dataset: string;
  readonly data?: string;
  readonly engine: string;
  readonly workers?: number;
  readonly file?: string;
  readonly csv: boolean;
  readonly json: boolean;
}

/** The table of the first child, which decides what the second trains; null unless the table is of that. */
function firstTable({ second, dataset, preset }: Flags): FunctionTable | null {
  return second ? readTable({ dataset, preset }) : null;
}

/** What is shown of a table: that of a second child beside the first's. Throws an Error if they do not compare. */
function shownTable(table: FunctionTable, first: FunctionTable | null): FunctionTable {
  return first ? pairTable(first, table) : table;
}

// Training ----------------------------------------------------------------------------------------------------------

/** Stage by stage, as each depends on the scores of the previous one. */
async function train(flags: Flags, io: Io): Promise<number> {
  const trainer = await TableTrainer.open(flags, io);
  try {
    return await trainMissing(trainer, flags, io);
  } finally {
    trainer.close();
  }
}

async function trainMissing(trainer: TableTrainer, flags: Flags, io: Io): Promise<number> {
  const { table, path } = trainer, first = firstTable(flags);
  shownTable(table, first); // throws before anything is trained
  const members = distinctFunctions(), order = trainingOrder(members, flags.seed, flags.random);
  const failed = new Set<string>();
  const keyOf = ({ fingerprint, seed }: Training) => `${fingerprint} ${seed}`;
  while (!io.signal.aborted) {
    const next = first ? nextSecondTrainings(table, first) : nextTrainings(table, order);
    const trainings = next.filter((training) => !failed.has(keyOf(training)));
    if (trainings.length === 0) break;
    io.err(`${trainings.length} trainings come next, of ${table.header.child.steps} steps each`);
    let done = 0;
    await Promise.all(trainings.map(async (training) => {
      const { expression, seed } = training, accuracy = await trainer.train(training);
      if (accuracy === undefined) return void failed.add(keyOf(training));
      done++;
      if (flags.json) io.out(JSON.stringify({ event: "training", expression, seed, accuracy }));
      io.live(`${done} of ${trainings.length}: ${expression}`);
    }));
    if (done === 0) break;
  }
  if (io.signal.aborted) {
    io.err(`interrupted; every finished training is in ${path}: the same command resumes`);
    if (flags.json) io.out(interruptedLine({ file: path }));
    return EXIT.interrupted;
  }
  show(shownTable(table, first), members, flags, io);
  if (failed.size > 0) io.err(`${failed.size} trainings failed: the same command retries them`);
  return failed.size > 0 ? EXIT.failed : EXIT.done;
}

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
  const spread = spreadOf(table), { guessing, child, dataset, synthetic, remark } = table.header;
  const alike = new Map(
    [...table.alike().values()].flatMap((all) => all.map((one) => [one.fingerprint, all] as const)),
  );
  const rowOf = (fingerprint: string): Row | null => {
    const entry = table.entry(fingerprint);
    if (!entry) return null;
    const scores = correctedScores(entry, spread.seedEffects, guessing), n = scores.length;
    return {
      expression: entry.expression,
      accuracy: truthOf(alike.get(fingerprint)!, spread, guessing),
      mean: meanOf(scores),
      standard_error: n > 1 ? Math.sqrt(varianceOf(scores) / n) : null,
      n,
      diverged: entry.scores.filter((score) => score === null).length,
      scores: [...entry.scores].filter((score) => score !== undefined).map((score) => score ?? "diverged").join(" "),
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
        ...remark !== undefined && { remark },
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
      `${childText(child)}, on ${imagesText(table.header)}`,
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
    "mean: over n seeds on the validation split, less what each seed adds to all functions; accuracy: the mean, with the " +
      "trainings of the mirror image -f(-x), which trains alike, shrunken towards that of all functions if n is small",
  );
}

const COLUMNS: readonly Column[] = [
  right("rank"),
  right("accuracy %"),
  right("mean"),
  right("±"),
  right("n"),
  left("function"),
];

function cells(rank: string, name: string, { expression, accuracy, mean, standard_error, n }: Row): string[] {
  const interval = standard_error === null ? "" : points(halfWidth95(standard_error, n));
  return [rank, points(accuracy), points(mean), interval, String(n), name ? `${name}: ${expression}` : expression];
}

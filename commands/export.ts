/** `deno task export RUN`: a run's trials, or their trainings, as CSV or JSON on stdout. */
import { csvLines } from "../controller/csv.ts";
import { runFolder } from "../controller/runs/run_files.ts";
import { loadRun } from "../controller/runs/run_store.ts";
import { recordOfTrial, TRAINING_FIELDS, trainingRecords, TRIAL_FIELDS } from "../controller/trial_record.ts";
import { command, EXIT, UsageError } from "./command.ts";

export const exportRun = command({
  name: "export",
  summary: "Writes a run's trials, or their trainings, to stdout.",
  positionals: [{ name: "run", help: "a name that deno task runs lists" }],
  flags: [{
    name: "format",
    type: "choice",
    choices: ["csv", "json"],
    default: "csv",
    help: "csv, or one JSON object per line",
  }, {
    name: "trainings",
    type: "boolean",
    help: "a row for each training instead of each trial: its stage, seed, child and score",
  }, {
    name: "for-spreadsheet",
    type: "boolean",
    help: "put an apostrophe before expressions that a spreadsheet would run as formulas; other readers keep it",
  }],
  examples: ["export NAME", "export NAME --format json", "export NAME --trainings"],
  run({ run, format, trainings, forSpreadsheet }, io) {
    if (forSpreadsheet && format === "json") {
      throw new UsageError("--for-spreadsheet is for CSV: leave out --format json");
    }
    const { trials, info: { settings } } = loadRun(runFolder("runs", run));
    const [fields, rows] = trainings
      ? [TRAINING_FIELDS, trials.flatMap((trial) => trainingRecords(trial, settings))]
      : [TRIAL_FIELDS, trials.map(recordOfTrial)];
    if (format === "json") rows.forEach((row) => io.out(JSON.stringify(row)));
    else csvLines(fields, rows, { forSpreadsheet }).forEach(io.out);
    return Promise.resolve(EXIT.done);
  },
});

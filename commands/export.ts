/** `deno task export RUN`: a run's trials as CSV or JSON on stdout. */
import { csvLines } from "../controller/csv.ts";
import { runFolder } from "../controller/runs/run_files.ts";
import { loadRun } from "../controller/runs/run_store.ts";
import { recordOfTrial, TRIAL_FIELDS } from "../controller/trial_record.ts";
import { command, EXIT, UsageError } from "./command.ts";

export const exportRun = command({
  name: "export",
  summary: "Writes a run's trials to stdout.",
  positionals: [{ name: "run", help: "a name that deno task runs lists" }],
  flags: [{
    name: "format",
    type: "choice",
    choices: ["csv", "json"],
    default: "csv",
    help: "csv, or one JSON object per line",
  }, {
    name: "for-spreadsheet",
    type: "boolean",
    help: "put an apostrophe before expressions that a spreadsheet would run as formulas; other readers keep it",
  }],
  examples: ["export NAME", "export NAME --format json"],
  run({ run, format, forSpreadsheet }, io) {
    if (forSpreadsheet && format === "json") {
      throw new UsageError("--for-spreadsheet is for CSV: leave out --format json");
    }
    const rows = loadRun(runFolder("runs", run)).trials.map(recordOfTrial);
    if (format === "json") rows.forEach((row) => io.out(JSON.stringify(row)));
    else csvLines(TRIAL_FIELDS, rows, { forSpreadsheet }).forEach(io.out);
    return Promise.resolve(EXIT.done);
  },
});

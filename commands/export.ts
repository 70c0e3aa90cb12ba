/** `deno task export RUN`: a run's trials as CSV or JSON on stdout. */
import { jsonOfTrial } from "../controller/console.ts";
import { loadRun, runFolder } from "../controller/runs/run_store.ts";
import { command, EXIT } from "./command.ts";
import { csv } from "./csv.ts";

export const exportRun = command({
  name: "export",
  summary: "Writes a run's trials to stdout.",
  positionals: [{ name: "run", help: "a name that deno task runs lists" }],
  flags: [{
    name: "format",
    type: "choice",
    choices: ["csv", "json"],
    default: "csv",
    help: "csv, or one JSON object a line",
  }],
  examples: ["export NAME", "export NAME --format json"],
  run({ run, format }, io) {
    const rows = loadRun(runFolder("runs", run)).trials.map(jsonOfTrial);
    if (format === "json") rows.forEach((row) => io.out(JSON.stringify(row)));
    else csv(rows).forEach(io.out);
    return Promise.resolve(EXIT.done);
  },
});

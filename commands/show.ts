/** `deno task show RUN`: a run's settings and best functions. */
import { closingTable, jsonOfEnd } from "../controller/console.ts";
import { runFolder } from "../controller/runs/run_files.ts";
import { loadRun } from "../controller/runs/run_store.ts";
import { command, EXIT } from "./command.ts";
import { snapshotOf } from "../controller/runs/stored_run.ts";

export const show = command({
  name: "show",
  summary: "Shows a run's settings and best functions.",
  positionals: [{ name: "run", help: "a name that deno task runs lists" }],
  flags: [{ name: "json", type: "boolean", help: "print settings and best trial as one JSON object" }],
  examples: ["show first", "show first --json"],
  run({ run, json }, io) {
    const stored = loadRun(runFolder("runs", run));
    if (json) {
      io.out(
        JSON.stringify({
          ...stored.info,
          state: stored.state,
          ...jsonOfEnd({ trials: stored.trials, run: stored.info }),
        }),
      );
    } else {
      closingTable({ snapshot: () => snapshotOf(stored) }).forEach(io.out);
      io.out(`settings: ${JSON.stringify(stored.info.settings)}`);
    }
    return Promise.resolve(EXIT.done);
  },
});

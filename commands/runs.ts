/** `deno task runs`: the runs in runs/, newest first. */
import { FINISHED_STATES } from "../controller/trial.ts";
import { listRuns } from "../controller/runs/run_store.ts";
import { command, EXIT } from "./command.ts";

export const runs = command({
  name: "runs",
  summary: "Lists the runs in runs/, newest first.",
  positionals: [],
  flags: [{ name: "json", type: "boolean", help: "print one JSON object a run" }],
  run({ json }, io) {
    let unreadable = 0;
    const found = listRuns("runs", (error) => {
      unreadable++;
      io.err(`passed over: ${error.message}`);
    });
    if (found.length + unreadable === 0) io.err("there are no runs in runs/ yet: start one with deno task search");
    for (const { info, state, counts, best } of found) {
      const done = FINISHED_STATES.reduce((sum, state) => sum + (counts[state] ?? 0), 0);
      const { name, settings, dataset, synthetic } = info;
      if (json) {
        const accuracy = best?.score ?? null;
        const row = { run: name, state, trials: done, best: best?.expression ?? null, score: accuracy };
        io.out(JSON.stringify({ ...row, sampler: settings.sampler, dataset, synthetic, seed: settings.seed }));
      } else {
        const found = best ? `${(100 * best.score!).toFixed(2)} % ${best.simplified}` : "nothing judged";
        io.out(`${name}  ${state}  ${done}/${settings.trials} trials  ${settings.sampler} on ${dataset}  ${found}`);
      }
    }
    return Promise.resolve(EXIT.done);
  },
});

/** `deno task runs`: the runs in runs/, the newest search first, then trainings by name. */
import { percent } from "../controller/percent.ts";
import { FINISHED_STATES } from "../controller/trial.ts";
import { listRuns } from "../controller/runs/run_store.ts";
import { listTrainings } from "../controller/runs/run_folder.ts";
import { command, EXIT } from "./command.ts";

export const runs = command({
  name: "runs",
  summary: "Lists the runs in runs/: searches, the newest first, and trainings.",
  positionals: [],
  flags: [{ name: "json", type: "boolean", help: "print one JSON object per run" }],
  examples: ["runs", "runs --json"],
  async run({ json }, io) {
    let unreadable = 0;
    const passOver = (error: Error) => {
      unreadable++;
      io.err(`skipped: ${error.message}`);
    };
    const found = listRuns("runs", passOver), trainings = await listTrainings("runs", passOver);
    if (found.length + trainings.length + unreadable === 0) {
      io.err("there are no runs in runs/ yet: start one with deno task search");
    }
    for (const { info, state, counts, references, best } of found) {
      // References train first: all of them are finished, or nothing else is.
      const done = Math.max(0, FINISHED_STATES.reduce((sum, state) => sum + (counts[state] ?? 0), -references));
      const { name, settings, dataset, synthetic } = info;
      if (json) {
        const accuracy = best?.score ?? null;
        const row = { run: name, state, trials: done, best: best?.expression ?? null, score: accuracy };
        io.out(JSON.stringify({ ...row, sampler: settings.sampler, dataset, synthetic, seed: settings.seed }));
      } else {
        const found = best ? `${percent(best.score!)} ${best.simplified}` : "nothing judged yet";
        io.out(`${name}  ${state}  ${done}/${settings.trials} trials  ${settings.sampler} on ${dataset}  ${found}`);
      }
    }
    for (const { name, command, state, settings: { act, network, seed, dataset }, trained, wanted } of trainings) {
      if (json) io.out(JSON.stringify({ run: name, command, state, trainings: trained, dataset, network, act, seed }));
      else {
        const count = wanted === null ? `${trained}` : `${trained}/${wanted}`;
        io.out(`${name}  ${state}  ${count} trainings  ${command}${act === undefined ? "" : ` of ${act}`}, ${network}`);
      }
    }
    return EXIT.done;
  },
});

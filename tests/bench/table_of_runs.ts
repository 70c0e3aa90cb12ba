/**
 * A table of the functions that searches trained, on which samplers can be compared (`samplers.ts`): real trainings, of
 * functions that were not drawn at random but chosen.
 *
 *     deno run --allow-read tests/bench/table_of_runs.ts FOLDER [FOLDER ...] > TABLE.jsonl
 *
 * Each FOLDER is that of a finished run on one core unit; all must have the same child and data set. A run's k-th
 * training becomes that of a seed of its own, so that scores are paired within a run and not between runs.
 */
import { FunctionTable, newHeader, tableText } from "../../controller/comparison/function_table.ts";
import { loadRun } from "../../controller/runs/run_store.ts";

/** More seeds than a run has. */
const SEEDS_PER_RUN = 100;

const runs = Deno.args.map((folder) => loadRun(folder));
const [{ info: { settings, dataset, synthetic, classes, engine, device, createdAt } }] = runs;
const alike = runs.every(({ info }) =>
  info.dataset === dataset && JSON.stringify(info.settings.child) === JSON.stringify(settings.child)
);
if (!alike) throw new Error("Cannot make one table of runs of different children");

const date = new Date(createdAt).toISOString().slice(0, 10), about = { dataset, synthetic, guessing: 1 / classes };
const table = new FunctionTable(newHeader({ ...about, child: settings.child, engine, device, date }));
for (const [at, { trials }] of runs.entries()) {
  for (const { expression, role, fingerprint, duplicateOf, trainings } of trials) {
    if (role === "reference" || duplicateOf !== null) continue;
    for (const { seed, stage, state, score } of trainings) {
      if (stage === "verdict" || state !== "complete" && state !== "diverged") continue;
      table.add(expression, 1 + at * SEEDS_PER_RUN + seed, state === "diverged" ? null : score, { fingerprint });
    }
  }
}
console.log(tableText(table).trimEnd());

/**
 * `deno task test-model FILE`: evaluates weights that `--save` wrote, and reaches the accuracy they were saved with.
 */
import type { Engine } from "../child/engine/engine.ts";
import { evaluateProgram, type Evaluation } from "../child/metrics/accuracy.ts";
import { type Model, readModel, warningOf } from "../child/model/model_file.ts";
import { DEFAULT_OPTIMIZER } from "../child/network/optimizer.ts";
import type { Dataset } from "../datasets/dataset.ts";
import { loadDataset } from "../datasets/load.ts";
import { ENGINE_FLAG, openChosenEngine } from "./training/chosen_engine.ts";
import { command, EXIT, type Io } from "./command.ts";
import { loadProgress } from "./training/load_progress.ts";
import { percent } from "../controller/percent.ts";

const SPLITS = ["validation", "test"] as const;
type Evaluations = Record<typeof SPLITS[number], Evaluation>;

export const testModel = command({
  name: "test-model",
  summary: "Evaluates trained weights again, as saved by cifar10, cifar100 or imagenet with --save.",
  positionals: [{ name: "file", help: "a .safetensors file" }],
  flags: [
    { name: "data", type: "string", value: "DIR", help: "folder or archive that holds the data set (data/)" },
    { name: "threads", type: "integer", min: 1, max: 64, help: "CPU threads (one per core)" },
    ENGINE_FLAG,
    { name: "json", type: "boolean", help: "print one JSON object" },
  ],
  examples: ["test-model runs/NAME/seed-1.safetensors"],
  async run({ file, data, threads, engine: engineName, json }, io) {
    const model = await readModel(file);
    const warning = warningOf(model);
    if (warning !== null) io.err(`${file}: ${warning}`);
    const dataset = await dataOf(model, data, io);
    if (dataset.notice !== undefined) io.err(dataset.notice);
    const engine = await openChosenEngine(engineName, io);
    try {
      const evaluations = await evaluate(model, dataset, engine, threads ?? navigator.hardwareConcurrency, io);
      if (evaluations === null) return EXIT.interrupted;
      report(model, evaluations, engine, json, io);
      return EXIT.done;
    } finally {
      engine.close();
    }
  },
});

/** The images of the model's data set, normalised as in training. */
async function dataOf({ about }: Model, directory: string | undefined, io: Io): Promise<Dataset> {
  const { dataset: name, labels, classes, mean, standard_deviation: standardDeviation } = about;
  const size = about.image[0];
  const dataset = await loadDataset(name, { directory, labels, size, download: false, ...loadProgress(io) });
  if (dataset.classes.length !== classes) {
    throw new Error(
      `Cannot test the model on ${name} as it distinguishes ${classes} classes: ${name} has ${dataset.classes.length}`,
    );
  }
  return { ...dataset, mean, standardDeviation };
}

/** Null if it was interrupted. */
async function evaluate(
  { about: { batch }, graph, activation, parameters, statistics }: Model,
  dataset: Dataset,
  engine: Engine,
  threads: number,
  io: Io,
): Promise<Evaluations | null> {
  const program = await engine.compile(graph, activation, { batch, optimizer: DEFAULT_OPTIMIZER, threads });
  try {
    await program.write("parameters", parameters);
    await program.write("statistics", statistics);
    const evaluations: Partial<Evaluations> = {};
    for (const split of SPLITS) {
      const stop = () => io.signal.aborted;
      const evaluation = await evaluateProgram(program, dataset, split, { batch, limit: null, stop });
      if (evaluation === null) return null;
      evaluations[split] = evaluation;
    }
    return evaluations as Evaluations;
  } finally {
    program.dispose();
  }
}

function report(model: Model, { validation, test }: Evaluations, engine: Engine, json: boolean, io: Io): void {
  const { about } = model;
  const same = validation.accuracy === about.validation_accuracy && test.accuracy === about.test_accuracy;
  if (json) {
    const { act, network, dataset, labels, seed } = about;
    const numbers = {
      validation_accuracy: validation.accuracy,
      validation_top5: validation.top5,
      test_accuracy: test.accuracy,
      test_top5: test.top5,
    };
    const what = { act, network, dataset, labels, seed, outcome: about.outcome, engine: engine.name };
    return io.out(JSON.stringify({ event: "finished", ...what, ...numbers, as_saved: same }));
  }
  io.out(`${about.act} with ${about.network} on ${about.dataset}, seed ${about.seed}, ${about.steps} steps`);
  io.out(`validation ${percent(validation.accuracy)}, top-5 ${percent(validation.top5)}`);
  io.out(`test ${percent(test.accuracy)}, top-5 ${percent(test.top5)}`);
  if (about.outcome === "diverged") {
    return io.out("it had diverged when it was saved: these are no results of a function");
  }
  if (same) return io.out("as when it was saved");
  const [before, then] = [about.validation_accuracy, about.test_accuracy].map((share) => percent(share ?? NaN));
  io.out(`when it was saved, on ${about.engine}: validation ${before}, test ${then}`);
}

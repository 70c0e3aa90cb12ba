/** `deno task cifar10` and `cifar100`: what one function is worth, trained over several seeds and tested. */
import { activationFrom } from "../child/activation/catalog.ts";
import type { Engine } from "../child/engine/engine.ts";
import { DEFAULT_OPTIMIZER, type Schedule } from "../child/optimizer.ts";
import { Child, type ChildRequest } from "../child/trainer.ts";
import { NETWORK_NAMES } from "../child/network/networks.ts";
import { loadDataset } from "../datasets/load.ts";
import { ENGINE_FLAG, openChosenEngine } from "./chosen_engine.ts";
import { command, EXIT, type Io } from "./command.ts";
import { loadProgress } from "./load_progress.ts";

/** What one seed came to; accuracies are null where the training diverged. */
interface SeedResult {
  readonly seed: number;
  readonly outcome: string;
  readonly validation_accuracy: number | null;
  readonly validation_top5: number | null;
  readonly test_accuracy: number | null;
  readonly test_top5: number | null;
  readonly final_loss: number | null;
  readonly images_per_s: number;
}

const SCHEDULES: readonly Schedule[] = ["cosine", "step", "constant"];

export const cifar10 = cifarCommand("cifar10", "CIFAR-10");
export const cifar100 = cifarCommand("cifar100", "CIFAR-100");

function cifarCommand(name: string, title: string) {
  return command({
    name,
    summary: `Trains a network with one activation function on ${title} and tests it, over several seeds.`,
    positionals: [],
    flags: [
      {
        name: "act",
        type: "string",
        value: "EXPR",
        default: "relu",
        help: "an expression, or a name as swish or gelu",
      },
      { name: "network", type: "choice", choices: NETWORK_NAMES, default: "resnet20", help: "what is trained" },
      { name: "steps", type: "integer", min: 1, default: 10_000, help: "training steps" },
      { name: "batch", type: "integer", min: 1, default: 128, help: "images a step" },
      { name: "lr", type: "number", min: 0, default: 0.1, help: "learning rate at the start" },
      { name: "schedule", type: "choice", choices: SCHEDULES, default: "cosine", help: "how the learning rate falls" },
      { name: "seeds", type: "integer", min: 1, default: 1, help: "trainings, from seeds that follow each other" },
      { name: "seed", type: "integer", default: 1, help: "the first seed" },
      { name: "data", type: "string", value: "DIR", help: "folder that holds the data set already" },
      { name: "threads", type: "integer", min: 1, max: 64, help: "CPU threads (one a core)" },
      ENGINE_FLAG,
      { name: "json", type: "boolean", help: "print one JSON object a seed, and a last one with the summary" },
    ],
    examples: [`${name} --act swish`, `${name} --act "x * sigmoid(b*x)" --steps 2000 --seeds 3`],
    async run(flags, io) {
      const activation = activationFrom(flags.act);
      const { data: directory, steps, batch } = flags;
      const dataset = await loadDataset(name, {
        directory,
        download: true,
        onProgress: loadProgress(io),
        signal: io.signal,
      });
      const engine = await openChosenEngine(flags.engine, io);
      const results: SeedResult[] = [];
      try {
        for (let seed = flags.seed; seed < flags.seed + flags.seeds; seed++) {
          const result = await trainAndTest({
            engine,
            dataset,
            activation,
            seed,
            threads: flags.threads ?? navigator.hardwareConcurrency,
            settings: {
              network: flags.network as string,
              steps,
              batch,
              learningRate: flags.lr,
              schedule: flags.schedule as Schedule,
              optimizer: DEFAULT_OPTIMIZER,
              augment: true,
              validationImages: null,
            },
          }, io);
          if (result === null) return EXIT.interrupted;
          results.push(result);
          io.out(flags.json ? JSON.stringify({ event: "seed", act: flags.act, ...result }) : describe(result));
        }
        const about = { act: flags.act, network: flags.network, steps, batch, dataset: name, engine: engine.name };
        report(results, about, flags.json, io);
      } finally {
        engine.close();
      }
      return EXIT.done;
    },
  });
}

/** Null where it was interrupted. */
async function trainAndTest(request: ChildRequest & { readonly engine: Engine }, io: Io): Promise<SeedResult | null> {
  const child = await Child.open(request);
  const { steps, batch } = request.settings;
  const started = performance.now();
  let lastLine = started;
  try {
    const stop = await child.train(steps, {
      signal: io.signal,
      onProgress: ({ step, loss }, rate) => {
        const left = (steps - step) * batch / rate;
        const line = `seed ${request.seed}: step ${step} of ${steps}, loss ${loss.toFixed(4)}, ` +
          `${rate.toFixed(0)} images/s, ${Math.ceil(left / 60)} min left`;
        io.live(line);
        if (io.terminal || performance.now() - lastLine < 10_000) return;
        lastLine = performance.now();
        io.err(line);
      },
    });
    const base = { seed: request.seed, images_per_s: Math.round(child.imagesPerSecond) };
    const loss = child.recentLoss(20);
    const final_loss = Number.isFinite(loss) ? loss : null;
    const none = { validation_accuracy: null, validation_top5: null, test_accuracy: null, test_top5: null };
    if (stop?.outcome === "interrupted") return null;
    if (stop) return { ...base, outcome: stop.outcome, ...none, final_loss };
    const validation = await child.evaluate("validation", { signal: io.signal });
    const test = await child.evaluate("test", { signal: io.signal });
    if ("outcome" in validation || "outcome" in test) return null;
    return {
      ...base,
      outcome: "complete",
      validation_accuracy: validation.accuracy,
      validation_top5: validation.top5,
      test_accuracy: test.accuracy,
      test_top5: test.top5,
      final_loss,
    };
  } finally {
    child.dispose();
  }
}

const percent = (share: number) => `${(100 * share).toFixed(2)} %`;

function describe({ seed, outcome, validation_accuracy, test_accuracy, images_per_s }: SeedResult): string {
  if (validation_accuracy === null || test_accuracy === null) return `seed ${seed}: ${outcome}`;
  return `seed ${seed}: validation ${percent(validation_accuracy)}, test ${
    percent(test_accuracy)
  } (${images_per_s} images/s)`;
}

function report(results: readonly SeedResult[], about: Record<string, unknown>, json: boolean, io: Io): void {
  const summary = {
    validation: summarise(results.map((result) => result.validation_accuracy)),
    test: summarise(results.map((result) => result.test_accuracy)),
  };
  if (json) return io.out(JSON.stringify({ event: "finished", ...about, seeds: results.length, ...summary }));
  for (const [split, numbers] of Object.entries(summary)) {
    if (numbers === null) continue;
    const { mean, standard_deviation: deviation, median, n } = numbers;
    const spread = deviation === null ? "" : ` ± ${(100 * deviation).toFixed(2)}`;
    io.out(`${split}: mean ${percent(mean)}${spread}, median ${percent(median)} over ${n} seeds`);
  }
}

/** Mean, sample standard deviation (null for one seed) and median of the seeds that finished; null where none did. */
function summarise(values: readonly (number | null)[]) {
  const known = values.filter((value) => value !== null).sort((a, b) => a - b);
  const n = known.length;
  if (n === 0) return null;
  const mean = known.reduce((sum, value) => sum + value, 0) / n;
  const variance = known.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1);
  const median = (known[Math.floor((n - 1) / 2)] + known[Math.floor(n / 2)]) / 2;
  return { mean, standard_deviation: n > 1 ? Math.sqrt(variance) : null, median, n };
}

/**
 * The loader of `imagenet` against what the trainer needs: images per second of the loader alone, from the files and
 * from copies (`--cache`), of the trainer alone, and of both at once, in turns. It must not be what one waits for.
 *
 *     deno run -A --v8-flags=--no-wasm-bounds-checks,--experimental-wasm-revectorize tests/bench/loader.ts \
 *         measure RAW.jsonl --data DIR [--network mobilenet] [--size 224] [--batch 32] [--rounds 3] [--steps 6]
 *     deno run --allow-read tests/bench/loader.ts report RAW.jsonl                                       (Markdown)
 *
 * A turn is `steps` training steps, or as many batches, after one that is not counted. Copies are kept in a temporary
 * folder, and written before they are timed.
 */
import { parseArgs } from "@std/cli/parse-args";
import { cpus } from "node:os";
import { activationFrom } from "../../child/activation/catalog.ts";
import { openEngine } from "../../child/engine/open.ts";
import type { Engine } from "../../child/engine/engine.ts";
import { DEFAULT_OPTIMIZER } from "../../child/network/optimizer.ts";
import { Child } from "../../child/trainer.ts";
import { initialParameters } from "../../child/network/initialise.ts";
import { buildNetwork } from "../../child/network/networks.ts";
import { meanOf, varianceOf } from "../../controller/comparison/statistics.ts";
import { openTrainingBatches } from "../../datasets/batches.ts";
import type { Dataset } from "../../datasets/dataset.ts";
import { loadDataset } from "../../datasets/load.ts";
import { appendLine, readLines } from "./json_lines.ts";

interface Settings {
  readonly network: string;
  readonly batch: number;
  readonly steps: number;
}

interface Row extends Settings {
  readonly way: string;
  readonly size: number;
  readonly round: number;
  readonly images_per_s: number;
}

const SWISH = activationFrom("swish"), THREADS = navigator.hardwareConcurrency;

/** Images per second of so many calls, after one. */
async function rateOf({ batch, steps }: Settings, call: (step: number) => Promise<unknown>): Promise<number> {
  await call(0);
  const started = performance.now();
  for (let step = 1; step <= steps; step++) await call(step);
  return steps * batch / ((performance.now() - started) / 1000);
}

async function loading(dataset: Dataset, settings: Settings): Promise<number> {
  const source = openTrainingBatches(dataset, { batch: settings.batch, seed: 1, augment: true });
  try {
    return await rateOf(settings, async (step) => await source.at(step));
  } finally {
    source.close();
  }
}

/** On one batch over and over. */
async function training(engine: Engine, dataset: Dataset, settings: Settings): Promise<number> {
  const { height, width, channels, classes } = dataset, image = [height, width, channels];
  const graph = buildNetwork(settings.network, { classes: classes.length, usesBeta: true, image });
  const options = { batch: settings.batch, optimizer: DEFAULT_OPTIMIZER, threads: THREADS };
  const program = await engine.compile(graph, SWISH, options);
  const source = openTrainingBatches(dataset, { batch: settings.batch, seed: 1, augment: true });
  const batch = await source.at(0);
  source.close();
  try {
    await program.write("parameters", initialParameters(graph, SWISH, 1));
    return await rateOf(settings, () => program.train([{ batch, learningRate: 0.01 }]));
  } finally {
    program.dispose();
  }
}

async function both(engine: Engine, dataset: Dataset, { network, batch, steps }: Settings): Promise<number> {
  const settings = {
    ...{ network, batch, steps: steps + 1, learningRate: 0.01, optimizer: DEFAULT_OPTIMIZER, augment: true },
    ...{ schedule: "constant" as const, validationImages: null },
  };
  const child = await Child.open({ engine, dataset, activation: SWISH, settings, seed: 1, threads: THREADS });
  try {
    return await rateOf({ network, batch, steps }, (step) => child.train(step + 1));
  } finally {
    child.dispose();
  }
}

async function measure(file: string, args: readonly string[]): Promise<void> {
  const given = parseArgs(args, { string: ["data", "network", "size", "batch", "rounds", "steps"] });
  const flag = (name: string, otherwise: string) => String(given[name] ?? otherwise);
  const network = flag("network", "mobilenet"), directory = flag("data", "data"), size = Number(flag("size", "224"));
  const settings = { network, batch: Number(flag("batch", "32")), steps: Number(flag("steps", "6")) };
  const load = (copies?: string) => loadDataset("imagenet", { directory, download: false, size, copies });
  const copies = await Deno.makeTempDir();
  const [files, copied] = [await load(), await load(copies)], { engine } = await openEngine("wasm");
  appendLine(file, {
    ...{ machine: cpus()[0].model, cores: THREADS, date: new Date().toISOString(), deno: Deno.version.deno },
    images: files.train.count,
  });
  try {
    await loading(copied, { ...settings, steps: Math.ceil(copied.train.count / settings.batch) }); // writes them
    const ways: Readonly<Record<string, () => Promise<number>>> = {
      "loader, files": () => loading(files, settings),
      "loader, copies": () => loading(copied, settings),
      "trainer": () => training(engine, files, settings),
      "both, files": () => both(engine, files, settings),
      "both, copies": () => both(engine, copied, settings),
    };
    for (let round = 1; round <= Number(flag("rounds", "3")); round++) {
      for (const [way, rate] of Object.entries(ways)) {
        const images_per_s = Number((await rate()).toFixed(2));
        appendLine(file, { way, ...settings, size, round, images_per_s });
        console.error(`${new Date().toLocaleTimeString()} round ${round}: ${way}, ${images_per_s} images/s`);
      }
    }
  } finally {
    engine.close();
    await Deno.remove(copies, { recursive: true });
  }
}

/** A table row per network and size: images per second, mean ± standard deviation of the rounds. */
function report(file: string): void {
  const rows = readLines<Row>(file).filter((row) => "way" in row), ways = [...new Set(rows.map(({ way }) => way))];
  const titleOf = ({ network, size, batch }: Row) => `${network}, ${size}x${size}, batch ${batch}`;
  console.log(`| images per second | ${ways.join(" | ")} |\n| --- |${" --- |".repeat(ways.length)}`);
  for (const [title, ofTitle] of Map.groupBy(rows, titleOf)) {
    const cells = ways.map((way) => {
      const rates = ofTitle.filter((row) => row.way === way).map(({ images_per_s }) => images_per_s);
      const spread = rates.length > 1 ? ` ± ${Math.sqrt(varianceOf(rates)).toFixed(1)}` : "";
      return `${meanOf(rates).toFixed(1)}${spread} (n ${rates.length})`;
    });
    console.log(`| ${title} | ${cells.join(" | ")} |`);
  }
}

const [what, file, ...rest] = Deno.args;
if (what === "measure" && file) await measure(file, rest);
else if (what === "report" && file) report(file);
else console.error("measure RAW.jsonl --data DIR … | report RAW.jsonl");

/**
 * The panel: which small child ranks activation functions as a big one does. Functions of known and of random making are
 * trained on each of `CHILDREN`, the target among them, from common seeds, and each training is a line of JSON:
 *
 *     deno run ... tests/bench/panel.ts draw RAW.jsonl --data DIR
 *     deno run ... tests/bench/panel.ts train RAW.jsonl --data DIR --child target --seeds 1 [--of known|random|all] [--part 1/2]
 *     deno run --allow-read tests/bench/panel.ts analyse RAW.jsonl
 *     deno run --allow-read tests/bench/panel.ts children
 *
 * The raw data so far is tests/bench/records/2026-11-26_panel.jsonl: the 32 random members are drawn, the target is begun.
 * `analyse` prints the record's tables (`panel_analysis.ts`), `children` the names that --child takes.
 *
 * `draw` trains random members of the search space on the present laptop child until `RANDOM_MEMBERS` of them train at
 * all; `train` trains what has no line yet, so that either can be stopped and started again. The permissions and V8 flags
 * are those of `deno task bench` with --allow-write=. and --allow-run=git.
 */
import { parseArgs } from "@std/cli/parse-args";
import { cpus } from "node:os";
import { activationFrom, CATALOG } from "../../child/activation/catalog.ts";
import { fingerprint } from "../../child/activation/fingerprint.ts";
import { printExpression } from "../../child/activation/print.ts";
import type { Engine } from "../../child/engine/engine.ts";
import { openEngine } from "../../child/engine/open.ts";
import { Child, type ChildSettings } from "../../child/trainer.ts";
import { PRESETS } from "../../controller/presets.ts";
import { FunctionFacts } from "../../controller/samplers/function_facts.ts";
import { RandomSampler } from "../../controller/samplers/random.ts";
import { SearchSpace } from "../../controller/search_space.ts";
import type { Dataset, Split } from "../../datasets/dataset.ts";
import { loadDataset } from "../../datasets/load.ts";
import { type PanelRow as Row, tablesOf } from "./panel_analysis.ts";
import { appendLine, readLines } from "./json_lines.ts";

/** The paper's setting, shortened so that one training takes minutes. */
const TARGET: ChildSettings = { ...PRESETS.paper.child, steps: 2000 };
const SMALL: ChildSettings = { ...PRESETS.laptop.child, validationImages: null };

interface PanelChild extends ChildSettings {
  /** Trained and judged on images of half the side, each pixel the mean of four. */
  readonly halved?: true;
}

/** Every child that was tried. All are judged on the full validation split. */
const CHILDREN: Readonly<Record<string, PanelChild>> = {
  target: TARGET,
  laptop: SMALL,
  "resnet8, 100 steps of 64": { ...SMALL, steps: 100 },
  "resnet8, 400 steps of 64": { ...SMALL, steps: 400 },
  "resnet8, 600 steps of 64": { ...SMALL, steps: 600 },
  "resnet8, 1000 steps of 64": { ...SMALL, steps: 1000 },
  "resnet8 of 16x16, 200 steps of 64": { ...SMALL, halved: true },
  "resnet8 of 16x16, 600 steps of 64": { ...SMALL, steps: 600, halved: true },
  "resnet20 of 16x16, 600 steps of 64": { ...SMALL, network: "resnet20", steps: 600, halved: true },
  "wrn-16-4, 200 steps of 64": { ...SMALL, network: "wrn-16-4" },
  "resnet8, 200 steps of 128": { ...SMALL, batch: 128 },
  "resnet8, 400 steps of 32": { ...SMALL, steps: 400, batch: 32 },
  "resnet8, 200 steps of 64, lr 0.05": { ...SMALL, learningRate: 0.05 },
  "resnet8, 200 steps of 64, lr 0.2": { ...SMALL, learningRate: 0.2 },
  "resnet8, 200 steps of 64, no augmentation": { ...SMALL, augment: false },
  "resnet14, 200 steps of 64": { ...SMALL, network: "resnet14" },
  "resnet20, 300 steps of 128": { ...TARGET, steps: 300 },
};

/** Random members of the space, besides the known functions, and the seed they are drawn with. */
const RANDOM_MEMBERS = 32;
const DRAW_SEED = 2026;
/** Twice the accuracy of guessing: below it a function is said not to train. */
const TRAINS_AT_ALL = 0.2;

const KNOWN = CATALOG.filter(({ name }) => name !== "identity").map(({ name }) => name);

async function draw(file: string, dataset: Dataset, engine: Engine): Promise<void> {
  const samplers = ([1, 2] as const).map((units) => {
    const space = new SearchSpace(units);
    return { space, sampler: new RandomSampler(new FunctionFacts(space), DRAW_SEED) };
  });
  const seen = new Set(KNOWN.map((name) => fingerprint(activationFrom(name).expression)));
  const batches = await Promise.all(samplers.map(({ sampler }) => sampler.ask(200)));
  for (let i = 0; i < 400; i++) {
    if (panelOf(read(file)).filter(({ kind }) => kind === "random").length >= RANDOM_MEMBERS) return;
    const expression = samplers[i % 2].space.expressionOf(batches[i % 2][Math.floor(i / 2)].tokens);
    const print = fingerprint(expression);
    if (seen.has(print)) continue;
    seen.add(print);
    await trainOnce(file, { expression: printExpression(expression), kind: "random" }, "laptop", 1, dataset, engine);
  }
}

/** The functions: all known ones, and the random ones that train at all, in the order they were drawn. */
function panelOf(rows: readonly Row[]): { expression: string; kind: Row["kind"] }[] {
  const random = rows.filter(({ kind, child, seed, accuracy }) =>
    kind === "random" && child === "laptop" && seed === 1 && (accuracy ?? 0) > TRAINS_AT_ALL
  );
  return [
    ...KNOWN.map((expression) => ({ expression, kind: "known" as const })),
    ...random.slice(0, RANDOM_MEMBERS).map(({ expression }) => ({ expression, kind: "random" as const })),
  ];
}

/** Trains the function unless the file has this training; appends a line. */
async function trainOnce(
  file: string,
  member: { readonly expression: string; readonly kind: Row["kind"] },
  child: string,
  seed: number,
  dataset: Dataset,
  engine: Engine,
): Promise<void> {
  const done = read(file).some((row) =>
    row.expression === member.expression && row.child === child && row.seed === seed
  );
  if (done) return;
  const started = performance.now(), { halved: isHalved, ...settings } = CHILDREN[child];
  const images = isHalved ? halved(dataset) : dataset, activation = activationFrom(member.expression);
  const network = await Child.open({ engine, dataset: images, activation, settings, seed });
  try {
    const stop = await network.train(settings.steps);
    const judged = stop === null ? await network.evaluate("validation") : null;
    const good = judged !== null && "accuracy" in judged && Number.isFinite(judged.loss) ? judged : null;
    const row: Row = {
      ...member,
      child,
      seed,
      outcome: good ? "complete" : "diverged",
      accuracy: good?.accuracy ?? null,
      loss: good?.loss ?? null,
      trainLoss: network.recentLoss(20),
      seconds: Math.round((performance.now() - started) / 100) / 10,
    };
    appendLine(file, row);
    console.error(JSON.stringify(row));
  } finally {
    network.dispose();
  }
}

const HALVED = new WeakMap<Dataset, Dataset>();

/** The data set with images of half the side; mean and deviation stay those of the whole images. */
function halved(dataset: Dataset): Dataset {
  let half = HALVED.get(dataset);
  if (!half) {
    const { height, width, channels } = dataset;
    const split = (one: Split): Split => ({
      ...one,
      pixels: halvedPixels(one.pixels, one.count, height, width, channels),
    });
    const [train, validation, test] = [dataset.train, dataset.validation, dataset.test].map(split);
    HALVED.set(dataset, half = { ...dataset, height: height / 2, width: width / 2, train, validation, test });
  }
  return half;
}

function halvedPixels(pixels: Uint8Array, count: number, height: number, width: number, channels: number) {
  const half = new Uint8Array(new SharedArrayBuffer(pixels.length / 4));
  const at = (image: number, y: number, x: number, c: number) => ((image * height + y) * width + x) * channels + c;
  let place = 0;
  for (let image = 0; image < count; image++) {
    for (let y = 0; y < height; y += 2) {
      for (let x = 0; x < width; x += 2) {
        for (let c = 0; c < channels; c++) {
          const sum = pixels[at(image, y, x, c)] + pixels[at(image, y, x + 1, c)] +
            pixels[at(image, y + 1, x, c)] + pixels[at(image, y + 1, x + 1, c)];
          half[place++] = Math.round(sum / 4);
        }
      }
    }
  }
  return half;
}

const read = (file: string) => readLines<Row>(file).filter((line) => "expression" in line);

/** Of the code that trains: lines of one file may be of several days and machines. */
function provenance(dataset: Dataset): Record<string, unknown> {
  const { stdout } = new Deno.Command("git", { args: ["rev-parse", "HEAD"] }).outputSync();
  return {
    started: new Date().toISOString(),
    machine: cpus()[0].model,
    cores: navigator.hardwareConcurrency,
    deno: Deno.version.deno,
    commit: new TextDecoder().decode(stdout).trim(),
    dataset: dataset.name,
  };
}

if (import.meta.main) {
  const parsed = parseArgs(Deno.args, { string: ["data", "child", "seeds", "part", "of"] });
  const flag = (name: string, otherwise: string) => String(parsed[name] ?? otherwise);
  const [mode, file] = parsed._.map(String);
  if (mode === "children" || mode === "analyse") {
    (mode === "children" ? Object.keys(CHILDREN) : tablesOf(read(file))).forEach((line) => console.log(line));
    Deno.exit(0);
  }
  if (!Object.hasOwn(CHILDREN, flag("child", "target"))) {
    console.error(`there is no child "${flag("child", "target")}": there are ${Object.keys(CHILDREN).join("; ")}`);
    Deno.exit(2);
  }
  const dataset = await loadDataset("cifar10", { directory: flag("data", "data"), download: false });
  const { engine } = await openEngine("wasm");
  appendLine(file, provenance(dataset));
  if (mode === "draw") await draw(file, dataset, engine);
  else {
    const [part, parts] = flag("part", "1/1").split("/").map(Number);
    for (const seed of flag("seeds", "1").split(",").map(Number)) {
      const members = panelOf(read(file)).filter(({ kind }) => ["all", kind].includes(flag("of", "all")));
      for (const [i, member] of members.entries()) {
        if (i % parts === part - 1) await trainOnce(file, member, flag("child", "target"), seed, dataset, engine);
      }
    }
  }
  Deno.exit(0);
}

/**
 * The panel: which small child ranks activation functions as a big one does. Functions of known and of random making are
 * trained on each of `CHILDREN`, the target among them, from common seeds, and each training is a line of JSON:
 *
 *     deno run ... tests/bench/panel.ts draw RAW.jsonl --data DIR
 *     deno run ... tests/bench/panel.ts train RAW.jsonl --data DIR --child target --seeds 1 [--of known|random|found|all] [--part 1/2]
 *         [--only "relu;swish"]
 *     deno run --allow-read tests/bench/panel.ts analyse RAW.jsonl [--target CHILD]
 *     deno run --allow-read tests/bench/panel.ts children
 *
 * The raw data so far is tests/bench/records/2026-11-26_panel.jsonl: the 32 random members are drawn; they and the known
 * functions have their target. `analyse` prints the record's tables (`panel_analysis.ts`), `children`
 * the names that --child takes.
 *
 * `draw` trains random members of the search space on the present laptop child until `RANDOM_MEMBERS` of them train at
 * all; `train` trains what has no line yet, so that either can be stopped and started again. The permissions and V8 flags
 * are those of `deno task bench` with --allow-write=. and --allow-run=git.
 */
import { parseArgs } from "@std/cli/parse-args";
import { cpus } from "node:os";
import { activationFrom, CATALOG } from "../../child/activation/catalog.ts";
import { firstOf } from "../../child/pair_settings.ts";
import { fingerprint } from "../../child/activation/fingerprint.ts";
import { printExpression } from "../../child/activation/print.ts";
import type { Engine } from "../../child/engine/engine.ts";
import { openEngine } from "../../child/engine/open.ts";
import { Child, type ChildSettings } from "../../child/trainer.ts";
import { BASELINE_NAMES } from "../../commands/training/paper_accuracies.ts";
import { PRESETS } from "../../controller/presets.ts";
import { FunctionFacts } from "../../controller/samplers/function_facts.ts";
import { RandomSampler } from "../../controller/samplers/random.ts";
import { SearchSpace } from "../../controller/search_space.ts";
import type { Dataset } from "../../datasets/dataset.ts";
import { loadDataset } from "../../datasets/load.ts";
import { type PanelRow as Row, tablesOf } from "./panel_analysis.ts";
import { trainAveraged } from "./average_weights.ts";
import { appendLine, readLines } from "./json_lines.ts";

/** The paper's setting, shortened so that one training takes minutes. */
const TARGET: ChildSettings = { ...PRESETS.paper.child, steps: 2000 };
/** What `laptop` trained until 2026-11-26; its rows are called so. */
const { imageSize: _, ...LAPTOP } = firstOf(PRESETS.laptop.child);
const SMALL: ChildSettings = { ...LAPTOP, network: "resnet8", steps: 200 };
const PRESENT: ChildSettings = firstOf(PRESETS.laptop.child);

/** Judged with the mean of its weights over the last `average` steps, if any (`average_weights.ts`). */
type PanelChild = ChildSettings & { readonly average?: number };

/** Every child that was tried. All are judged on the full validation split. */
const CHILDREN: Readonly<Record<string, PanelChild>> = {
  target: TARGET,
  laptop: SMALL,
  "resnet8, 100 steps of 64": { ...SMALL, steps: 100 },
  "resnet8, 400 steps of 64": { ...SMALL, steps: 400 },
  "resnet8, 600 steps of 64": { ...SMALL, steps: 600 },
  "resnet8, 1000 steps of 64": { ...SMALL, steps: 1000 },
  "resnet8 of 16x16, 200 steps of 64": { ...SMALL, imageSize: 16 },
  "resnet8 of 16x16, 600 steps of 64": { ...SMALL, steps: 600, imageSize: 16 },
  "resnet14 of 16x16, 400 steps of 64": PRESENT,
  "resnet14 of 16x16, 400 steps of 64, lr 0.05": { ...PRESENT, learningRate: 0.05 },
  "resnet14 of 16x16, 400 steps of 64, lr 0.2": { ...PRESENT, learningRate: 0.2 },
  "resnet14 of 16x16, 400 steps of 64, warm-up": { ...PRESENT, schedule: "warm-cosine" },
  "resnet14 of 16x16, 400 steps of 64, lr divided by 10 twice": { ...PRESENT, schedule: "step" },
  "resnet14 of 16x16, 400 steps of 64, constant lr": { ...PRESENT, schedule: "constant" },
  "resnet14 of 16x16, 400 steps of 64, mean of the last weights": { ...PRESENT, schedule: "constant", average: 100 },
  "resnet14 of 16x16, 400 steps of 64, no augmentation": { ...PRESENT, augment: false },
  "resnet20 of 16x16, 200 steps of 64": { ...SMALL, network: "resnet20", imageSize: 16 },
  "resnet20 of 16x16, 600 steps of 64": { ...SMALL, network: "resnet20", steps: 600, imageSize: 16 },
  "wrn-16-4, 200 steps of 64": { ...SMALL, network: "wrn-16-4" },
  "resnet8, 200 steps of 128": { ...SMALL, batch: 128 },
  "resnet8, 400 steps of 32": { ...SMALL, steps: 400, batch: 32 },
  "resnet8, 200 steps of 64, lr 0.05": { ...SMALL, learningRate: 0.05 },
  "resnet8, 200 steps of 64, lr 0.2": { ...SMALL, learningRate: 0.2 },
  "resnet8, 200 steps of 64, no augmentation": { ...SMALL, augment: false },
  "resnet14, 200 steps of 64": { ...SMALL, network: "resnet14" },
  "resnet20, 200 steps of 64": { ...SMALL, network: "resnet20" },
  "resnet20, 300 steps of 128": { ...TARGET, steps: 300 },
  "resnet20, 500 steps of 128": { ...TARGET, steps: 500 },
};

/** Random members of the space, besides the known functions, and the seed they are drawn with. */
const RANDOM_MEMBERS = 32;
const DRAW_SEED = 2026;
/** Twice the accuracy of guessing: below it a function is said not to train. */
const TRAINS_AT_ALL = 0.2;

/**
 * Leaders of searches on ResNet-8 (records/2026-11-26_search_found.md), on ResNet-14 of 16x16 images
 * (…_search_target.md), and the function named by one on both (2026-11-27_search_two_children.md): chosen by them, so no
 * judges of them.
 */
const FOUND = [
  ...["atan(x) - cos(x)", "sin(x) - sinc(x)", "asinh(x) - cos(x)", "relu(x) - sinc(x)"],
  ...["max(x, sin(x))", "max(b * x, sin(x))", "min(b * x, sin(x))", "min(x, sinc(x))", "min(b * x, sinc(x))"],
  ...["sigmoid(x) * (b * x)", "sigmoid(-x) * (b * x)", "sigmoid(sinh(x)) * (b * x)", "sigmoid(x + b) * asinh(x)"],
  "sigmoid(x + b) * x",
  ...["min(x, erf(x))", "min(x, sigmoid(x))", "min(-x, b)", "softplus(x) * erf(x)", "sinc(x) - asinh(x)"],
];

/** The paper's baselines, and what its search found. */
const KNOWN = CATALOG.filter(({ name, source }) =>
  BASELINE_NAMES.includes(name) || source.endsWith("found by the search")
).map(({ name }) => name);

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

/** The functions: all known ones, the random ones that train at all in the order they were drawn, and those found. */
function panelOf(rows: readonly Row[]): { expression: string; kind: Row["kind"] }[] {
  const random = rows.filter(({ kind, child, seed, accuracy }) =>
    kind === "random" && child === "laptop" && seed === 1 && (accuracy ?? 0) > TRAINS_AT_ALL
  );
  return [
    ...KNOWN.map((expression) => ({ expression, kind: "known" as const })),
    ...random.slice(0, RANDOM_MEMBERS).map(({ expression }) => ({ expression, kind: "random" as const })),
    ...FOUND.map((expression) => ({ expression, kind: "found" as const })),
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
  const started = performance.now(), settings = CHILDREN[child], activation = activationFrom(member.expression);
  const request = { engine, dataset, activation, settings, seed }, network = await Child.open(request);
  try {
    const stop = await trainAveraged(network, request, settings.average ?? 0);
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
  const parsed = parseArgs(Deno.args, { string: ["data", "child", "seeds", "part", "of", "only", "target"] });
  const flag = (name: string, otherwise: string) => String(parsed[name] ?? otherwise);
  const [mode, file] = parsed._.map(String);
  if (mode === "children" || mode === "analyse") {
    const lines = mode === "children" ? Object.keys(CHILDREN) : tablesOf(read(file), flag("target", "target"));
    lines.forEach((line) => console.log(line));
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
      const only = parsed.only === undefined ? undefined : String(parsed.only).split(";");
      const members = panelOf(read(file)).filter(({ expression, kind }) =>
        ["all", kind].includes(flag("of", "all")) && (only?.includes(expression) ?? true)
      );
      for (const [i, member] of members.entries()) {
        if (i % parts === part - 1) await trainOnce(file, member, flag("child", "target"), seed, dataset, engine);
      }
    }
  }
  Deno.exit(0);
}

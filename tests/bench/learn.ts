/**
 * The trainer against PyTorch: what ResNet-20 learns on CIFAR-10 here and there with the same settings, function by
 * function. Each training is a line of JSON in RAW.jsonl, and what has a line is not trained again:
 *
 *     deno run ... tests/bench/learn.ts train RAW.jsonl --data DIR --python PYTHON [--by "wasm;torch;torch fed"]
 *         [--acts "relu;swish-1;gelu;elu"] [--seeds 1,2,3] [--steps 1000]
 *     deno run ... tests/bench/learn.ts feed --data DIR --act swish-1 --seed 1 --steps 1000      (what `torch fed` reads)
 *     deno run ... tests/bench/learn.ts report RAW.jsonl                                         (Markdown)
 *
 * `torch` draws its own starting values, order and augmentation; `torch fed` is given those of this project, so that
 * nothing but the arithmetic differs. The permissions and V8 flags are those of `deno task bench` with
 * --allow-write=. and --allow-run=PYTHON,deno. PyTorch's part is peers/learn_torch.py.
 */
import { parseArgs } from "@std/cli/parse-args";
import { cpus } from "node:os";
import { activationFrom } from "../../child/activation/catalog.ts";
import { openEngine } from "../../child/engine/open.ts";
import { initialParameters } from "../../child/network/initialise.ts";
import { buildNetwork } from "../../child/network/networks.ts";
import { Child, type ChildSettings } from "../../child/trainer.ts";
import { halfWidth95, meanOf, varianceOf } from "../../controller/comparison/statistics.ts";
import { PRESETS } from "../../controller/presets.ts";
import { TrainingBatches } from "../../datasets/batches.ts";
import type { Dataset } from "../../datasets/dataset.ts";
import { loadDataset } from "../../datasets/load.ts";
import { appendLine, readLines } from "./json_lines.ts";

const BATCH = 128;
/** Losses of the first steps are kept one by one: there, only rounding may part two trainings from one start. */
const FIRST_STEPS = 40;
/** Later ones as means of so many. */
const WINDOW = 50;

/** One training. */
interface Row {
  /** "wasm", "tfjs-node", "torch" or "torch fed". */
  readonly by: string;
  readonly act: string;
  readonly seed: number;
  readonly steps: number;
  /** Accuracies. */
  readonly validation: number;
  readonly test: number;
  readonly seconds: number;
  readonly firstLosses: readonly number[];
  readonly meanLosses: readonly number[];
}

/** What is to be trained. */
type Task = Pick<Row, "by" | "act" | "seed" | "steps">;
type Result = Pick<Row, "validation" | "test" | "seconds"> & { readonly losses: readonly number[] };

const settingsOf = (steps: number): ChildSettings => ({ ...PRESETS.paper.child, steps, batch: BATCH });

async function trainHere({ by, act, seed, steps }: Task, dataset: Dataset): Promise<Result> {
  const { engine } = await openEngine(by as "wasm");
  const started = performance.now(), settings = settingsOf(steps);
  const child = await Child.open({ engine, dataset, activation: activationFrom(act), settings, seed });
  const losses: number[] = [];
  try {
    while (child.step < steps) {
      const stop = await child.train(child.step + 1);
      if (stop) throw new Error(`${act}, seed ${seed}: ${JSON.stringify(stop)}`);
      losses.push(child.recentLoss(1));
    }
    const accuracy = async (split: "validation" | "test") =>
      (await child.evaluate(split) as { accuracy: number }).accuracy;
    const [validation, test] = [await accuracy("validation"), await accuracy("test")];
    return { validation, test, seconds: (performance.now() - started) / 1000, losses };
  } finally {
    child.dispose();
  }
}

const script = new URL("peers/learn_torch.py", import.meta.url).pathname;

async function trainInTorch(
  { by, act, seed, steps }: Task,
  python: string,
  data: string,
  dataset: Dataset,
): Promise<Result> {
  const fed = by === "torch fed";
  const args = [script, data, act, String(seed), String(steps), ...(fed ? ["--fed"] : [])];
  const process = new Deno.Command(python, { args, stdin: "piped", stdout: "piped", stderr: "inherit" }).spawn();
  if (fed) await feed(process.stdin, act, seed, steps, dataset);
  else await process.stdin.close();
  const { code, stdout } = await process.output();
  if (code !== 0) throw new Error(`${python} ended with ${code}`);
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** Writes the starting parameters of a child and its batches, all float32, as peers/learn_torch.py reads them. */
async function feed(to: WritableStream<Uint8Array>, act: string, seed: number, steps: number, dataset: Dataset) {
  const { network, batch, augment } = settingsOf(steps);
  const graph = buildNetwork(network, { classes: dataset.classes.length, usesBeta: false, image: [32, 32, 3] });
  const parameters = initialParameters(graph, activationFrom(act), seed);
  const batches = new TrainingBatches(dataset, { batch, seed, augment });
  const bytes = (values: Float32Array | Float64Array) => new Uint8Array(Float32Array.from(values).buffer);
  const writer = to.getWriter();
  const header = { parameters: graph.parameters.map(({ name, shape }) => [name, shape]) };
  await writer.write(new TextEncoder().encode(`${JSON.stringify(header)}\n`));
  for (const { name } of graph.parameters) await writer.write(bytes(parameters.get(name)! as Float32Array));
  for (let step = 0; step < steps; step++) {
    const { images, labels } = batches.at(step);
    await writer.write(bytes(images));
    await writer.write(Uint8Array.from(labels));
  }
  await writer.close();
}

const rounded = (value: number, digits: number) => Number(value.toFixed(digits));

function rowOf(task: Task, { losses, validation, test, seconds }: Result): Row {
  const meanLosses = [];
  for (let at = 0; at < losses.length; at += WINDOW) meanLosses.push(rounded(meanOf(losses.slice(at, at + WINDOW)), 4));
  const firstLosses = losses.slice(0, FIRST_STEPS).map((loss) => rounded(loss, 6));
  return { ...task, validation, test, seconds: Math.round(seconds), firstLosses, meanLosses };
}

const read = (file: string) => readLines<Row>(file).filter((line) => "act" in line);

/** Accuracies by seed. */
type Scores = ReadonlyMap<number, number>;

/** Mean accuracy in per cent with a 95 % interval of Student's t, per function and trainer, and the differences. */
function report(rows: readonly Row[]): string {
  const acts = [...new Set(rows.map(({ act }) => act))], bys = [...new Set(rows.map(({ by }) => by))];
  const steps = [...new Set(rows.map(({ steps }) => steps))];
  const table = (split: "validation" | "test", at: number) => {
    const scores = (by: string, act: string): Scores =>
      new Map(
        rows.filter((row) => row.by === by && row.act === act && row.steps === at).map((row) => [row.seed, row[split]]),
      );
    const fromWasm = (by: string, act: string) =>
      by === "torch" ? unpaired(scores("wasm", act), scores(by, act)) : paired(scores("wasm", act), scores(by, act));
    const others = bys.filter((by) => by !== "wasm");
    return [
      `## ${split}, ${at} steps\n`,
      `| function | ${bys.join(" | ")} | ${others.map((by) => `wasm − ${by}`).join(" | ")} |`,
      `| --- | ${[...bys, ...others].map(() => "---").join(" | ")} |`,
      ...acts.map((act) =>
        `| ${
          [act, ...bys.map((by) => meanCell([...scores(by, act).values()])), ...others.map((by) => fromWasm(by, act))]
            .join(" | ")
        } |`
      ),
      ...acts.slice(1).map((act) =>
        `| ${
          [`${act} − ${acts[0]}, paired`, ...bys.map((by) => paired(scores(by, act), scores(by, acts[0])))].join(" | ")
        } |${" |".repeat(others.length)}`
      ),
      "",
    ];
  };
  return steps.flatMap((at) => [...table("validation", at), ...table("test", at)]).join("\n");
}

const withInterval = (mean: number, half: number, n: string) =>
  `${(100 * mean).toFixed(2)} ± ${(100 * half).toFixed(2)} (n ${n})`;

function meanCell(values: readonly number[]): string {
  if (values.length === 0) return "";
  if (values.length === 1) return `${(100 * values[0]).toFixed(2)} (n 1)`;
  return withInterval(
    meanOf(values),
    halfWidth95(Math.sqrt(varianceOf(values) / values.length), values.length),
    `${values.length}`,
  );
}

/** The mean difference of the seeds that both have. */
const paired = (scores: Scores, others: Scores) =>
  meanCell([...scores].filter(([seed]) => others.has(seed)).map(([seed, score]) => score - others.get(seed)!));

/** The difference of two means of independent seeds; the interval takes the degrees of freedom of the smaller one. */
function unpaired(scores: Scores, others: Scores): string {
  const these = [...scores.values()], those = [...others.values()], n = Math.min(these.length, those.length);
  if (n < 2) return "";
  const error = Math.sqrt(varianceOf(these) / these.length + varianceOf(those) / those.length);
  return withInterval(meanOf(these) - meanOf(those), halfWidth95(error, n), `${these.length} and ${those.length}`);
}

if (import.meta.main) {
  const parsed = parseArgs(Deno.args, { string: ["data", "python", "by", "acts", "act", "seeds", "seed", "steps"] });
  const flag = (name: string, otherwise: string) => String(parsed[name] ?? otherwise);
  const [mode, file] = parsed._.map(String), steps = Number(flag("steps", "1000"));
  if (mode === "report") console.log(report(read(file)));
  else {
    const data = flag("data", "data");
    const dataset = await loadDataset("cifar10", { directory: data, download: false });
    if (mode === "feed") {
      await feed(Deno.stdout.writable, flag("act", "relu"), Number(flag("seed", "1")), steps, dataset);
    } else {
      appendLine(file, { started: new Date().toISOString(), machine: cpus()[0].model, deno: Deno.version.deno });
      for (const seed of flag("seeds", "1,2,3,4,5,6").split(",").map(Number)) {
        for (const act of flag("acts", "relu;swish-1;gelu;elu").split(";")) {
          for (const by of flag("by", "wasm;torch;torch fed").split(";")) {
            const task = { by, act, seed, steps };
            const same = (row: Row) => row.by === by && row.act === act && row.seed === seed && row.steps === steps;
            if (read(file).some(same)) continue;
            const result = by.startsWith("torch")
              ? await trainInTorch(task, flag("python", "python3"), data, dataset)
              : await trainHere(task, dataset);
            const row = rowOf(task, result);
            appendLine(file, row);
            console.error(JSON.stringify({ ...row, firstLosses: undefined, meanLosses: undefined }));
          }
        }
      }
    }
  }
  Deno.exit(0);
}

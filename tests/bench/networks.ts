/**
 * Every network for real: short trainings on CIFAR-10, and speed and memory beside PyTorch on the same cores. Each
 * result is a line of JSON in RAW.jsonl, and what has a line is not measured again; a training that was stopped resumes.
 *
 *     deno run -A tests/bench/networks.ts train RAW.jsonl --data DIR [--networks "resnet20;resnet164"] [--steps 300]
 *     deno run -A tests/bench/networks.ts pairs RAW.jsonl --python PYTHON [--networks …] [--acts "relu;swish"]
 *         [--rounds 1] [--steps 5] [--compile]
 *     deno run --allow-read tests/bench/networks.ts report RAW.jsonl                              (Markdown)
 *
 * `train`: ReLU, seed 1, the authors' batch, cosine learning rate; wrn-28-10 trains a tenth of the steps. `pairs`: images
 * of 32x32 at that batch, the engine wasm and PyTorch in turns (`peers/network_speed_torch.py`), with `--compile` also
 * torch.compile. Memory is the largest resident size of the process.
 */
import { parseArgs } from "@std/cli/parse-args";
import { cpus } from "node:os";
import { activationFrom } from "../../child/activation/catalog.ts";
import { hasBeta } from "../../child/compiler/derivatives.ts";
import { tensorSizes } from "../../child/engine/checks.ts";
import { pytorchFiles } from "../../child/model/export/pytorch.ts";
import { initialParameters } from "../../child/network/initialise.ts";
import { buildNetwork } from "../../child/network/networks.ts";
import { DEFAULT_OPTIMIZER } from "../../child/network/optimizer.ts";
import { flagsOfTask } from "../../workers/task_flags.ts";
import { appendLine, readLines } from "./json_lines.ts";
import { ratioOf } from "./ratio.ts";

/** The batch of each network's authors, on CIFAR where they trained there; 128 for the others. */
const BATCHES: Readonly<Record<string, number>> = {
  "resnet20": 128,
  "mobilenet-0.25": 128,
  "resnet18": 128,
  "wrn-16-4": 128,
  "densenet-100-12": 64,
  "resnet164": 128,
  "mobilenet": 128,
  "wrn-28-10": 128,
};
/** Networks of which a step takes half a minute and more on 2 cores. */
const SLOW = { networks: ["wrn-28-10"], share: 0.1 };
const THREADS = navigator.hardwareConcurrency, POLL_MS = 250;

interface Trained {
  readonly what: "train";
  readonly network: string;
  readonly steps: number;
  readonly batch: number;
  /** Accuracies; null where it diverged. */
  readonly validation: number | null;
  readonly test: number | null;
  readonly images_per_s: number;
  readonly peak_mib: number;
  readonly seconds: number;
}

interface Timed {
  readonly what: "pair";
  /** "wasm", "torch" or "torch.compile". */
  readonly by: string;
  readonly network: string;
  readonly act: string;
  readonly batch: number;
  readonly round: number;
  /** Null where it could not be measured: `reason`. */
  readonly images_per_s: number | null;
  readonly peak_mib: number | null;
  readonly reason?: string;
}

type Row = Trained | Timed;

type Line = Readonly<Record<string, unknown>>;

/** The lines of JSON that a process prints, and its largest resident size in MiB. Throws an Error if it fails. */
async function run(command: string, args: readonly string[]): Promise<{ lines: readonly Line[]; peak: number }> {
  const process = new Deno.Command(command, { args: [...args], stdout: "piped", stderr: "piped" }).spawn();
  let peak = 0;
  const poll = setInterval(() => peak = Math.max(peak, peakOf(process.pid)), POLL_MS);
  const { code, stdout, stderr } = await process.output();
  clearInterval(poll);
  const lines = new TextDecoder().decode(stdout).split("\n").filter((line) => line.startsWith("{"));
  if (code === 0 && lines.length > 0) return { lines: lines.map((line) => JSON.parse(line)), peak };
  throw new Error(new TextDecoder().decode(stderr).trim().split("\n").at(-1) || `it ended with ${code}`);
}

/** Of a running process on Linux; 0 elsewhere, or if it has ended. */
function peakOf(pid: number): number {
  try {
    return Math.ceil(Number(/VmHWM:\s+(\d+) kB/.exec(Deno.readTextFileSync(`/proc/${pid}/status`))![1]) / 1024);
  } catch {
    return 0;
  }
}

const here = (task: string, args: readonly string[]) =>
  run(Deno.execPath(), ["run", ...flagsOfTask(task), "main.ts", ...args]);

async function train(network: string, steps: number, data: string): Promise<Trained> {
  const batch = BATCHES[network],
    count = Math.max(1, Math.round(steps * (SLOW.networks.includes(network) ? SLOW.share : 1)));
  const started = performance.now();
  const { lines, peak } = await here("cifar10", [
    ...["cifar10", "--act", "relu", "--network", network, "--steps", `${count}`, "--batch", `${batch}`],
    ...["--data", data, "--engine", "wasm", "--name", `short-${network}-${count}`, "--json"],
  ]);
  const { validation_accuracy, test_accuracy, images_per_s } = lines.find(({ event }) => event === "seed") as Line;
  return {
    ...{ what: "train", network, steps: count, batch, images_per_s: Number(images_per_s), peak_mib: peak },
    ...{ validation: validation_accuracy as number | null, test: test_accuracy as number | null },
    seconds: Math.round((performance.now() - started) / 1000),
  };
}

interface Pair {
  readonly network: string;
  readonly act: string;
  readonly steps: number;
  readonly python: string;
}

const MEASURES: Readonly<Record<string, (pair: Pair) => Promise<Pick<Timed, "images_per_s" | "peak_mib">>>> = {
  async wasm({ network, act, steps }) {
    const batch = `${BATCHES[network]}`, size = ["--threads", `${THREADS}`, "--steps", `${steps}`];
    const flags = ["--json", "--engine", "wasm", "--network", network, "--batch", batch, "--acts", act, ...size];
    const { lines: [line], peak } = await here("bench", ["bench", "train", ...flags]);
    return { images_per_s: Number(line.images_per_s), peak_mib: peak };
  },
  torch: (pair) => inTorch(pair, []),
  "torch.compile": (pair) => inTorch(pair, ["--compile"]),
};

async function inTorch({ network, act, steps, python }: Pair, flags: readonly string[]) {
  const folder = await Deno.makeTempDir();
  try {
    await writeNetwork(network, act, folder);
    const script = new URL("peers/network_speed_torch.py", import.meta.url).pathname;
    const size = ["--batch", `${BATCHES[network]}`, "--steps", `${steps}`, "--threads", `${THREADS}`];
    const { lines: [line] } = await run(python, [script, folder, ...size, ...flags]);
    return { images_per_s: Number(line.images_per_s), peak_mib: Number(line.peak_mib) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The network in PyTorch with its starting weights, as `export-model` writes it. */
async function writeNetwork(network: string, act: string, folder: string): Promise<void> {
  const activation = activationFrom(act), image = [32, 32, 3];
  const graph = buildNetwork(network, { classes: 10, usesBeta: hasBeta(activation), image });
  const statistics = new Map(
    [...tensorSizes(graph, DEFAULT_OPTIMIZER, "statistics")].map(([name, size]) =>
      [name, new Float32Array(size).fill(name.endsWith(".variance") ? 1 : 0)] as const
    ),
  );
  const about = {
    ...{ network, act, dataset: "none", labels: "fine" as const, classes: 10, image, seed: 1, steps: 0, batch: 1 },
    ...{ mean: [0, 0, 0], standard_deviation: [1, 1, 1], engine: "none", outcome: "complete" as const, reason: null },
    ...{ validation_accuracy: 0, test_accuracy: 0 },
  };
  const parameters = initialParameters(graph, activation, 1);
  for (const [name, content] of pytorchFiles({ about, graph, activation, parameters, statistics })) {
    await Deno.writeFile(
      `${folder}/${name}`,
      typeof content === "string" ? new TextEncoder().encode(content) : content,
    );
  }
}

/** Where it fails, the reason is the result. */
async function time(by: string, round: number, pair: Pair): Promise<Timed> {
  const { network, act } = pair, about = { what: "pair" as const, by, network, act, batch: BATCHES[network], round };
  try {
    return { ...about, ...await MEASURES[by](pair) };
  } catch (error) {
    return { ...about, images_per_s: null, peak_mib: null, reason: (error as Error).message };
  }
}

function report(rows: readonly Row[]): void {
  const trained = rows.filter((row) => row.what === "train"), timed = rows.filter((row) => row.what === "pair");
  if (trained.length > 0) {
    console.log("| network | steps | batch | validation | test | images/s | peak MiB | minutes |");
    console.log(`|${" --- |".repeat(8)}`);
  }
  const percent = (share: number | null) => share === null ? "diverged" : `${(100 * share).toFixed(2)} %`;
  for (const { network, steps, batch, validation, test, images_per_s, peak_mib, seconds } of trained) {
    const cells = [network, steps, batch, percent(validation), percent(test), images_per_s, peak_mib];
    console.log(`| ${[...cells, (seconds / 60).toFixed(1)].join(" | ")} |`);
  }
  if (timed.length === 0) return;
  console.log(
    "\n| network, function, batch | by | images/s | peak MiB | wasm over it |\n| --- | --- | --- | --- | --- |",
  );
  for (const [title, all] of Map.groupBy(timed, ({ network, act, batch }) => `${network}, ${act}, ${batch}`)) {
    for (const [by, own] of Map.groupBy(all, ({ by }) => by)) {
      const pairs = own.flatMap(({ round, images_per_s: before }) => {
        const after = all.find((row) => row.by === "wasm" && row.round === round)?.images_per_s;
        return before && after ? [{ before, after }] : [];
      });
      const list = (key: "images_per_s" | "peak_mib") => own.map((row) => row[key] ?? row.reason).join(", ");
      const ratio = by === "wasm" ? "" : ratioOf(pairs);
      console.log(`| ${[title, by, list("images_per_s"), list("peak_mib"), ratio].join(" | ")} |`);
    }
  }
}

const flags = parseArgs(Deno.args, {
  string: ["data", "python", "networks", "acts", "steps", "rounds"],
  boolean: ["compile"],
});
const flag = (name: string, otherwise: string) => String(flags[name] ?? otherwise);
const list = (name: string, otherwise: readonly string[]) => flag(name, otherwise.join(";")).split(";");
const networks = list("networks", Object.keys(BATCHES));

/** Measures what has no line yet. */
async function measure(
  file: string,
  todo: readonly { readonly like: Line; readonly measure: () => Promise<Row> }[],
) {
  const unknown = networks.find((network) => !Object.hasOwn(BATCHES, network));
  if (unknown !== undefined) {
    throw new RangeError(`--networks takes ${Object.keys(BATCHES).join(", ")}, not ${unknown}`);
  }
  const known = readLines<Line>(file);
  appendLine(file, {
    machine: cpus()[0].model,
    cores: THREADS,
    date: new Date().toISOString(),
    deno: Deno.version.deno,
  });
  for (const { like, measure } of todo) {
    if (known.some((line) => Object.entries(like).every(([key, value]) => line[key] === value))) continue;
    const row = await measure();
    appendLine(file, row);
    console.error(`${new Date().toLocaleTimeString()} ${JSON.stringify(row)}`);
  }
}

function trainings() {
  return networks.map((network) => ({
    like: { what: "train" as const, network },
    measure: () => train(network, Number(flag("steps", "300")), flag("data", "data")),
  }));
}

/** In turns, in alternating order. */
function pairs() {
  const bys = Object.keys(MEASURES).filter((by) => by !== "torch.compile" || flags.compile);
  const rounds = Array.from({ length: Number(flag("rounds", "1")) }, (_, i) => i + 1);
  const options = { steps: Number(flag("steps", "5")), python: flag("python", "python3") };
  return rounds.flatMap((round) =>
    networks.flatMap((network) =>
      list("acts", ["relu", "swish", "cos(x) - x"]).flatMap((act) =>
        (round % 2 ? bys : bys.toReversed()).map((by) => ({
          like: { what: "pair" as const, by, network, act, round },
          measure: () => time(by, round, { network, act, ...options }),
        }))
      )
    )
  );
}

const [what, file] = flags._.map(String);
if (what === "report" && file) report(readLines<Row>(file).filter((row) => "what" in row));
else if (what === "train" && file) await measure(file, trainings());
else if (what === "pairs" && file) await measure(file, pairs());
else console.error("train RAW.jsonl --data DIR | pairs RAW.jsonl --python PYTHON | report RAW.jsonl");

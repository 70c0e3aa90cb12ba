/**
 * `deno task bench train`: images per second of training steps on random images, for each of several functions.
 * `deno task bench kernels`: where the time of a step goes, measured on the wasm engine or a graphics card, or counted
 * for a card that this machine does not have.
 */
import type { Engine } from "../child/engine/engine.ts";
import { hasBeta } from "../child/compiler/derivatives.ts";
import { type KernelTime, measurePeak, profileStep } from "../child/engine/wasm/profile.ts";
import { CARDS } from "../child/engine/webgpu/cards.ts";
import { countStep, type KernelCost } from "../child/engine/webgpu/profile.ts";
import { multiplyAdds } from "../child/network/cost.ts";
import { buildNetwork } from "../child/network/networks.ts";
import { DEFAULT_OPTIMIZER } from "../child/network/optimizer.ts";
import { ENGINE_FLAG, openChosenEngine } from "./training/chosen_engine.ts";
import { command, EXIT, type Io, UsageError } from "./command.ts";
import { readActivation } from "./read_activation.ts";
import { summarise } from "../controller/comparison/statistics.ts";
import { left, right, textTable } from "./table.ts";
import { aborted, timedKernels, type WarmChildren, warmChildren } from "./training/train_speed.ts";
import { type Measurement, randomBatch } from "./training/warm_child.ts";
import { sizeOf } from "../child/network/shape.ts";
import { BENCH_FUNCTIONS } from "./training/bench_functions.ts";

interface Flags {
  readonly engine: string;
  readonly network: string;
  readonly batch: number;
  readonly children: number;
  readonly threads: number;
  readonly acts?: string;
  readonly steps: number;
  readonly turns: number;
  readonly card?: string;
  readonly json: boolean;
}

export const bench = command({
  name: "bench",
  summary: "Measures training on random images: images per second of the median step, or the time of each kernel.",
  positionals: [{
    name: "what",
    help: "train: images per second; kernels: of the engines wasm and webgpu",
    choices: ["train", "kernels"],
  }],
  flags: [
    ENGINE_FLAG,
    { name: "network", type: "string", value: "NAME", default: "resnet20", help: "the child's network" },
    { name: "batch", type: "integer", default: 128, min: 1, help: "images per step" },
    {
      name: "children",
      type: "integer",
      default: 1,
      min: 1,
      max: 64,
      help: "children trained at once; their sum is printed",
    },
    { name: "threads", type: "integer", default: 1, min: 1, max: 64, help: "CPU threads of each child" },
    {
      name: "acts",
      type: "string",
      value: "A;B",
      help: "functions, separated by semicolons (train: 12, kernels: swish)",
    },
    { name: "steps", type: "integer", default: 9, min: 1, help: "steps measured" },
    {
      name: "turns",
      type: "integer",
      default: 1,
      min: 1,
      help: "rounds over all functions, which stay in memory: a machine that slows down does so for all",
    },
    {
      name: "card",
      type: "choice",
      choices: Object.keys(CARDS),
      help: "kernels of webgpu: count a step for this card, and measure nothing",
    },
    { name: "json", type: "boolean", help: "print one JSON object per function or kernel" },
  ],
  examples: [
    "bench train",
    'bench train --acts "relu;swish" --children 2 --json',
    "bench kernels --acts relu",
    "bench kernels --engine webgpu --children 16 --card H100",
  ],
  async run({ what, ...flags }, io) {
    if (what === "train" && flags.card !== undefined) throw new UsageError("bench train takes no --card");
    flags.acts?.split(";").forEach(readActivation); // throws before anything is measured
    return what === "train" ? await benchTrain(flags, io) : await benchKernels(flags, io);
  },
});

async function benchTrain({ acts, children, turns, json, ...flags }: Flags, io: Io): Promise<number> {
  const engine = await openChosenEngine(flags.engine, io);
  const { batch, threads } = flags;
  const functions = acts?.split(";") ?? BENCH_FUNCTIONS;
  const memory = functions.map((act) => mebibytesOf(act, engine, flags));
  engine.close(); // each child opens its own engine
  for (const group of turns > 1 ? [functions] : functions.map((act) => [act])) {
    // A graphics card computes its children side by side in one worker; on the CPU each child has a worker.
    const sideBySide = engine.name === "webgpu" ? children : 1;
    const measurements = group.map((act) => ({ ...flags, engine: engine.name, act, children: sideBySide }));
    const rates = await ratesInTurns(measurements, children, turns, io);
    if (!rates) return EXIT.interrupted;
    for (const [i, act] of group.entries()) {
      const rate = summarise(rates[i])!.median;
      const mebibytes = memory[functions.indexOf(act)];
      const about = { bench: "train", engine: engine.name, act, batch, children, threads, mib_per_child: mebibytes };
      const each = mebibytes === null ? "" : `, ${mebibytes} MiB per child`;
      io.out(
        json
          ? JSON.stringify({ ...about, images_per_s: Number(rate.toPrecision(5)) })
          : `${act.padEnd(30)} ${rate.toFixed(0).padStart(6)} images/s${each}`,
      );
    }
  }
  return EXIT.done;
}

/** Bytes that a child with the function takes; null if the engine cannot tell before training. */
function mebibytesOf(
  act: string,
  engine: Engine,
  { network, batch, threads }: Pick<Flags, "network" | "batch" | "threads">,
) {
  const activation = readActivation(act), optimizer = DEFAULT_OPTIMIZER;
  const graph = buildNetwork(network, { classes: 10, usesBeta: hasBeta(activation) });
  const bytes = engine.memoryNeeded?.(graph, activation, { batch, threads, optimizer });
  return bytes === undefined ? null : Math.round(bytes / 2 ** 20);
}

/** Images per second of each measurement in each turn; null when interrupted. All children stay warm. */
async function ratesInTurns(measurements: readonly Measurement[], count: number, turns: number, io: Io) {
  const rates: number[][] = measurements.map(() => []);
  const warm: WarmChildren[] = [];
  const interrupted = aborted(io.signal);
  try {
    for (const measurement of measurements) {
      io.live(`measuring ${measurement.act} …`);
      const children = await Promise.race([warmChildren(measurement, count, io.signal), interrupted]);
      if (children === null) return null;
      warm.push(children);
    }
    for (let turn = 0; turn < turns; turn++) {
      for (const [i, children] of warm.entries()) {
        const rate = await Promise.race([children.measure(), interrupted]);
        if (rate === null) return null;
        rates[i].push(rate);
      }
    }
  } finally {
    warm.forEach((children) => children.close());
  }
  return rates;
}

async function benchKernels(flags: Flags, io: Io) {
  const { engine, acts, network, batch, steps, json, children, threads, turns } = flags;
  if (engine === "webgpu") return await benchCard(flags, io);
  if (flags.card !== undefined) throw new UsageError("bench kernels --card counts for --engine webgpu alone");
  if (!["auto", "wasm"].includes(engine) || children > 1 || threads > 1 || turns > 1) {
    throw new UsageError(
      "bench kernels profiles the wasm engine, one child on one thread, or webgpu: leave out the other flags",
    );
  }
  io.live("measuring the peak …");
  const peak = await measurePeak();
  for (const act of acts?.split(";") ?? ["swish"]) {
    if (io.signal.aborted) return EXIT.interrupted;
    io.live(`measuring ${act} …`);
    const activation = readActivation(act);
    const graph = buildNetwork(network, { classes: 10, usesBeta: hasBeta(activation) });
    const images = randomBatch(batch, sizeOf(graph.nodes[0].shape), graph.classes);
    const kernels = await profileStep(graph, activation, { batch: images, optimizer: DEFAULT_OPTIMIZER, steps });
    const rows = kernels.map((kernel) => kernelRow(kernel, kernels, peak));
    const step = stepRow(kernels, 2 * batch * multiplyAdds(graph).training, peak);
    if (json) [step, ...rows].forEach((row) => io.out(JSON.stringify({ bench: "kernels", act, batch, ...row })));
    else printKernels(`${network}, ${act}, batch ${batch}, one thread`, step, rows, io);
  }
  return EXIT.done;
}

/** Counts of a step on a graphics card, with measured times unless another card is named. */
async function benchCard({ acts, network, batch, steps, json, children, threads, turns, card }: Flags, io: Io) {
  if (threads > 1 || turns > 1) throw new UsageError("bench kernels --engine webgpu takes no --threads and no --turns");
  for (const act of acts?.split(";") ?? ["swish"]) {
    if (io.signal.aborted) return EXIT.interrupted;
    io.live(`measuring ${act} …`);
    const activation = readActivation(act), size = { batch, children };
    const graph = buildNetwork(network, { classes: 10, usesBeta: hasBeta(activation) }); // throws if there is none
    const counted = card
      ? countStep(graph, activation, { ...size, card })
      : await timedKernels({ network, act, ...size, steps }, io.signal);
    if (counted === null) return EXIT.interrupted;
    const kernels: readonly CardKernel[] = counted.kernels;
    const rows = [stepOfCard(kernels), ...kernels].map((kernel, _, [step]) => cardRow(kernel, step));
    const about = { bench: "kernels", engine: "webgpu", act, batch, children, card: counted.card };
    const mebibytes = Math.ceil(counted.memory / 2 ** 20);
    if (json) rows.forEach((row) => io.out(JSON.stringify({ ...about, memory_mib: mebibytes, ...row })));
    else {
      io.out(`${network}, ${act}, batch ${batch}, ${children} children, ${mebibytes} MiB`);
      io.out(`floors are those of the mathematics at the peaks of ${counted.card}`);
      printCard(rows, io);
    }
  }
  return EXIT.done;
}

type CardKernel = KernelCost & { readonly seconds?: number };
type Counts = Pick<CardKernel, "kernel" | "dispatches" | "cost" | "least" | "floor" | "seconds">;

/** All kernels together. */
function stepOfCard(kernels: readonly CardKernel[]): Counts {
  const total = (of: (kernel: CardKernel) => number) => kernels.reduce((sum, kernel) => sum + of(kernel), 0);
  const costs = (which: "cost" | "least") => ({
    operations: total((kernel) => kernel[which].operations),
    bytes: total((kernel) => kernel[which].bytes),
  });
  return {
    kernel: "a step",
    dispatches: total(({ dispatches }) => dispatches),
    cost: costs("cost"),
    least: costs("least"),
    floor: total(({ floor }) => floor),
    seconds: kernels.every(({ seconds }) => seconds === undefined) ? undefined : total(({ seconds }) => seconds ?? 0),
  };
}

/** A kernel's operations and bytes as multiples of the minimum, and its floor with its share of the step's. */
function cardRow({ kernel, dispatches, cost, least, floor, seconds }: Counts, step: Counts) {
  const over = (of: "operations" | "bytes") => least[of] === 0 ? null : Math.round(1e3 * cost[of] / least[of]) / 1e3;
  return {
    kernel,
    dispatches,
    gflop: Math.round(cost.operations / 1e6) / 1e3,
    gflop_over_least: over("operations"),
    megabytes: tenths(cost.bytes / 1e6),
    megabytes_over_least: over("bytes"),
    floor_ms: Math.round(1e6 * floor) / 1e3,
    share_of_floor: Math.round(1e3 * floor / step.floor) / 1e3,
    ...seconds !== undefined && { ms: Math.round(1e5 * seconds) / 100 },
  };
}

function printCard(rows: readonly ReturnType<typeof cardRow>[], io: Io): void {
  const isMeasured = rows[0].ms !== undefined;
  const titles = ["floor ms", "% of floor", "GFLOP", "x least", "MB", "x least", "dispatches"];
  const columns = [
    ...[...isMeasured ? ["ms"] : [], ...titles].map(right),
    left("kernel"),
  ];
  const over = (value: number | null) => value === null ? "" : value.toFixed(2);
  const cells = rows.map((row) => [
    ...isMeasured ? [row.ms!.toFixed(2)] : [],
    row.floor_ms.toFixed(3),
    (100 * row.share_of_floor).toFixed(1),
    row.gflop.toFixed(2),
    over(row.gflop_over_least),
    row.megabytes.toFixed(1),
    over(row.megabytes_over_least),
    `${row.dispatches}`,
    row.kernel,
  ]);
  textTable({ columns, rows: cells }).forEach(io.out);
}

/**
 * The floor is the time that the operations of the definition (2 per multiply-add of the convolutions and the dense
 * layer) take at the peak; Winograd's algorithm needs fewer, so that a step can be below it.
 */
function stepRow(kernels: readonly KernelTime[], directOperations: number, peak: number) {
  const seconds = kernels.reduce((sum, { seconds }) => sum + seconds, 0);
  return {
    step_ms: tenths(1e3 * seconds),
    peak_gflop_per_s: tenths(peak / 1e9),
    direct_gflop: tenths(directOperations / 1e9),
    floor_ms: tenths(1e3 * directOperations / peak),
  };
}

type KernelRow = ReturnType<typeof kernelRow>;

/** Shares are of the step and of the peak of one core. */
function kernelRow({ kernel, calls, seconds, operations }: KernelTime, all: readonly KernelTime[], peak: number) {
  const step = all.reduce((sum, { seconds }) => sum + seconds, 0);
  const rate = operations / seconds;
  return {
    kernel,
    calls,
    ms: Math.round(1e5 * seconds) / 100,
    share_of_step: Math.round(1e4 * seconds / step) / 1e4,
    gflop_per_s: tenths(rate / 1e9),
    share_of_peak: Math.round(1e3 * rate / peak) / 1e3,
  };
}

function printKernels(title: string, step: ReturnType<typeof stepRow>, rows: readonly KernelRow[], io: Io): void {
  io.out(`${title}: ${step.step_ms} ms per step`);
  io.out(
    `${step.direct_gflop} GFLOP by the definition at this core's peak of ${step.peak_gflop_per_s} GFLOP/s: ` +
      `${step.floor_ms} ms`,
  );
  const columns = [...["ms", "% of step", "calls", "GFLOP/s", "% of peak"].map(right), left("kernel")];
  const cells = rows.map((row) => [
    row.ms.toFixed(2),
    (100 * row.share_of_step).toFixed(1),
    `${row.calls}`,
    row.gflop_per_s.toFixed(1),
    (100 * row.share_of_peak).toFixed(1),
    row.kernel,
  ]);
  textTable({ columns, rows: cells }).forEach(io.out);
}

function tenths(value: number): number {
  return Math.round(10 * value) / 10;
}

/** Where the time of a training step goes, kernel by kernel, measured inside real steps. */
import type { Batch } from "../../../datasets/dataset.ts";
import type { Activation } from "../../activation/expression.ts";
import type { Graph } from "../../network/graph.ts";
import { compileChild } from "../../compiler/child.ts";
import { initialParameters } from "../../network/initialise.ts";
import { type Optimizer, SLOTS } from "../../network/optimizer.ts";
import { assemble, assembleProgram } from "./assemble.ts";
import { ConstantTable, FunctionBuilder, type Operations, range } from "./function_builder.ts";
import { type Mark, MAXIMUM_PAGES, moduleTexts, PAGE_BYTES } from "./module.ts";
import { CONSTANTS } from "./memory_map.ts";
import { makePlan, type Plan } from "./plan.ts";
import { WasmProgram } from "./program.ts";
import { TILE_BLOCK } from "./convolution/winograd.ts";

/** One kernel's share of the median step on one thread. */
export interface KernelTime {
  /** Contains the kind and the shapes. */
  readonly kernel: string;
  /** Calls in a step. */
  readonly calls: number;
  /** Seconds in a step. */
  readonly seconds: number;
  /** Floating-point operations in a step, a fused multiply-add being two; those of float32 vectors only. */
  readonly operations: number;
}

const WARM_UP_STEPS = 5;

/** Trains on the batch over and over on one thread; the kernels of the step of median length, slowest first. */
export async function profileStep(
  graph: Graph,
  activation: Activation,
  { batch, optimizer, steps }: { readonly batch: Batch; readonly optimizer: Optimizer; readonly steps: number },
): Promise<KernelTime[]> {
  const images = batch.labels.length;
  const kernelSet = { winograd: true, packable: true }, slots = SLOTS[optimizer.kind].length;
  const plan = makePlan(compileChild(graph, activation), { batch: images, threads: 1, slots, ...kernelSet });
  const marks: Mark[] = [];
  const modules = await assembleProgram(graph.name, moduleTexts(plan, optimizer, marks));
  const memory = newMemory(plan.totalBytes);
  const seconds = new Float64Array(marks.length), calls = new Int32Array(marks.length);
  let last = 0;
  const mark = (place: number) => {
    const now = performance.now();
    seconds[place] += (now - last) / 1000;
    calls[place]++;
    last = now;
  };
  const program = await WasmProgram.start(graph, plan, optimizer, modules, memory, 1, () => {}, mark);
  const measured: KernelTime[][] = [];
  try {
    await program.write("parameters", initialParameters(graph, activation, 1));
    for (let step = 0; step < WARM_UP_STEPS + steps; step++) {
      seconds.fill(0);
      calls.fill(0);
      // The mark after clearing ends the time between two runs (messages handled, the batch copied): not counted.
      await program.train([{ batch, learningRate: 0.01 }]);
      seconds[marks.findIndex(({ kernel }) => kernel === "clear")] = 0;
      if (step >= WARM_UP_STEPS) measured.push(byKernel(marks, seconds, calls, plan, images));
    }
  } finally {
    program.dispose();
  }
  const total = (times: readonly KernelTime[]) => times.reduce((sum, { seconds }) => sum + seconds, 0);
  return measured.sort((a, b) => total(a) - total(b))[Math.floor(steps / 2)];
}

function byKernel(
  marks: readonly Mark[],
  seconds: Float64Array,
  calls: Int32Array,
  { kernels }: Plan,
  images: number,
): KernelTime[] {
  const costs = new Map([...kernels.shared(), ...kernels.own()].map(({ name, operations }) => [name, operations])),
    times = new Map<string, KernelTime>();
  marks.forEach((mark, place) => {
    const before = times.get(mark.kernel) ?? { kernel: mark.kernel, calls: 0, seconds: 0, operations: 0 };
    times.set(mark.kernel, {
      kernel: mark.kernel,
      calls: before.calls + calls[place],
      seconds: before.seconds + seconds[place],
      operations: before.operations + operationsAt(mark, costs.get(mark.kernel) ?? new Map(), calls[place], images),
    });
  });
  return [...times.values()].filter(({ calls }) => calls > 0).sort((a, b) => b.seconds - a.seconds);
}

/** Operations of all calls at one place of a step. */
function operationsAt({ call, group = 1 }: Mark, cost: Operations, calls: number, images: number): number {
  const perImage = (kind: string) =>
    call!.arguments.flatMap((a) => a.kind === kind && "perImage" in a ? [a.perImage] : [])[0];
  const counts: Readonly<Record<string, () => number>> = {
    "": () => calls,
    images: () => images,
    tiles: () => images * perImage("tiles"),
    pixels: () => images * perImage("tiles"),
    blocks: () => calls * Math.ceil(group * perImage("tile_blocks") / TILE_BLOCK),
  };
  return [...cost].reduce((sum, [factor, number]) => sum + number * (counts[factor]?.() ?? 0), 0);
}

/** Sums and factors in registers: enough to hide the latency of a fused multiply-add. */
const PEAK = { sums: 12, parts: 2, rounds: 1 << 22 };

/** Floating-point operations per second of one core with registers only: the upper bound for a kernel. */
export async function measurePeak(): Promise<number> {
  const constants = new ConstantTable(CONSTANTS.own);
  const f = new FunctionBuilder("peak", ["into"], { constants, packable: true });
  const factor = f.constant(0.999, PEAK.parts);
  const sums = range(PEAK.sums).map((i) => f.bind(f.constant(i, PEAK.parts)));
  f.repeat(PEAK.rounds, () => sums.forEach((sum) => f.assign(sum, f.madd(sum, factor, factor))));
  sums.forEach((sum, i) => f.store(f.parameter("into"), i * PEAK.parts * 16, sum));
  const module = await assemble("peak", `(module (memory (export "memory") 1) ${f.kernel().text} ${constants.data()})`);
  const run = (await WebAssembly.instantiate(module)).exports.peak as (into: number) => void;
  const operations = PEAK.rounds * PEAK.sums * PEAK.parts * 4 * 2;
  const rates = range(9).map(() => {
    const start = performance.now();
    run(16384);
    return operations / (performance.now() - start) * 1000;
  });
  return Math.max(...rates);
}

function newMemory(bytes: number): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: Math.ceil(bytes / PAGE_BYTES), maximum: MAXIMUM_PAGES, shared: true });
}

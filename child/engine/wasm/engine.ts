/** The engine that runs anywhere: WebAssembly SIMD generated for each child, on the cores of the machine. */
import type { Activation } from "../../activation/expression.ts";
import type { Graph } from "../../network/graph.ts";
import { SLOTS } from "../../network/optimizer.ts";
import { compileChild } from "../../compiler/child.ts";
import { printChild } from "../../compiler/print.ts";
import { checkActivation } from "../checks.ts";
import type { CompileOptions, Engine, Probe, Program } from "../engine.ts";
import { printsKernels } from "../prints_kernels.ts";
import { selfCheck } from "../self_check.ts";
import { assembleProgram } from "./assemble.ts";
import { MAXIMUM_PAGES, moduleTexts, PAGE_BYTES } from "./module.ts";
import { makePlan, type Plan } from "./plan.ts";
import { probe } from "./probe.ts";
import { WasmProgram } from "./program.ts";

/** Options of a program's kernels. */
interface KernelSet {
  readonly name: string;
  /** 3x3 convolutions of stride 1 by Winograd's algorithm; else every convolution is direct. */
  readonly winograd: boolean;
  /** V8's revectorizer may pack pairs of 128-bit operations into 256-bit ones where its flag is given. */
  readonly packable: boolean;
}

/** The fastest first: V8 calls its revectorizer experimental, and Winograd's algorithm rounds more than direct sums. */
const KERNEL_SETS: readonly KernelSet[] = [
  { name: "fast", winograd: true, packable: true },
  { name: "plain", winograd: false, packable: false },
];

/** Opens the engine with the first set of kernels that agrees with `reference`. Throws an Error if none does. */
export async function openWasm(check: typeof selfCheck = selfCheck): Promise<Engine> {
  const notices: string[] = [];
  for (const kernels of KERNEL_SETS) {
    const engine = new WasmEngine(kernels, notices);
    const fault = await check(engine);
    if (fault === null) return engine;
    engine.close();
    notices.push(`engine wasm: its ${kernels.name} kernels are not used as they compute wrongly here: ${fault}`);
  }
  throw new Error(notices.join("; "));
}

class WasmEngine implements Engine {
  readonly name = "wasm";
  readonly device: string;
  /**
   * Memories of disposed programs, for reuse: a new one of some 300 MB per child would wait for the garbage collector.
   */
  readonly #free: WebAssembly.Memory[] = [];

  /** `notices` list the sets of kernels that were tried before. */
  constructor(readonly kernels: KernelSet, readonly notices: readonly string[]) {
    this.device = `CPU, WebAssembly SIMD${notices.length > 0 ? `, ${kernels.name} kernels` : ""}`;
  }

  async compile(graph: Graph, activation: Activation, options: CompileOptions): Promise<Program> {
    const plan = this.#plan(graph, activation, options), threads = options.threads ?? 1;
    checkMemory(plan.totalBytes); // before the text, in which addresses beyond 4 GiB are no longer valid
    const modules = await assembleProgram(graph.name, moduleTexts(plan, options.optimizer));
    const memory = this.#takeMemory(plan.totalBytes);
    const release = () => this.#free.push(memory);
    return await WasmProgram.start(graph, plan, options.optimizer, modules, memory, threads, release);
  }

  memoryNeeded(graph: Graph, activation: Activation, options: CompileOptions): number {
    return this.#plan(graph, activation, options).totalBytes;
  }

  #plan(graph: Graph, activation: Activation, { batch, optimizer, threads = 1 }: CompileOptions): Plan {
    checkActivation(graph, activation);
    const { winograd, packable } = this.kernels, child = compileChild(graph, activation);
    if (printsKernels()) console.error(printChild(child));
    return makePlan(child, { batch, threads, slots: SLOTS[optimizer.kind].length, winograd, packable });
  }

  probe(activation: Activation, x: ArrayLike<number>, b: number): Promise<Probe> {
    return probe(activation, x, b, this.kernels.packable);
  }

  close(): void {
    this.#free.length = 0;
  }

  #takeMemory(bytes: number): WebAssembly.Memory {
    const pages = Math.ceil(bytes / PAGE_BYTES);
    const memory = this.#free.pop();
    if (!memory) return new WebAssembly.Memory({ initial: pages, maximum: MAXIMUM_PAGES, shared: true });
    const missing = pages - memory.buffer.byteLength / PAGE_BYTES;
    if (missing > 0) memory.grow(missing);
    new Uint8Array(memory.buffer).fill(0);
    return memory;
  }
}

/** Throws a RangeError if a program needs more than WebAssembly can address. */
function checkMemory(bytes: number): void {
  if (bytes <= MAXIMUM_PAGES * PAGE_BYTES) return;
  throw new RangeError(
    `Cannot compile a program of ${
      Math.ceil(bytes / 2 ** 30)
    } GiB as WebAssembly addresses 4 GiB: use a smaller batch or fewer threads`,
  );
}

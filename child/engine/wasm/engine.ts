/** The engine that runs anywhere: WebAssembly SIMD generated for each child, on the cores of the machine. */
import type { Activation } from "../../activation/expression.ts";
import type { Graph } from "../../network/graph.ts";
import { checkActivation } from "../checks.ts";
import type { CompileOptions, Engine, Program } from "../engine.ts";
import { assemble } from "./assemble.ts";
import { MAXIMUM_PAGES, moduleText, PAGE_BYTES } from "./module.ts";
import { makePlan } from "./plan.ts";
import { WasmProgram } from "./program.ts";

/** Opens the engine. */
export function openWasm(): Promise<Engine> {
  return Promise.resolve(new WasmEngine());
}

class WasmEngine implements Engine {
  readonly name = "wasm";
  readonly device = "CPU, WebAssembly SIMD";
  readonly notices: readonly string[] = [];
  /** Memories of disposed programs, used again: a fresh one of some 300 MB a child would wait for the collector. */
  readonly #free: WebAssembly.Memory[] = [];

  async compile(graph: Graph, activation: Activation, options: CompileOptions): Promise<Program> {
    checkActivation(graph, activation);
    const threads = options.threads ?? 1;
    const plan = makePlan(graph, activation, options.batch, threads);
    const text = moduleText(plan, options.optimizer);
    const module = await assemble(graph.name, text);
    const memory = this.#takeMemory(plan.memory.total);
    const release = () => this.#free.push(memory);
    return await WasmProgram.start(graph, plan, options.optimizer, module, memory, threads, release);
  }

  close(): void {
    this.#free.length = 0;
  }

  #takeMemory(bytes: number): WebAssembly.Memory {
    const pages = Math.ceil(bytes / PAGE_BYTES);
    if (pages > MAXIMUM_PAGES) {
      throw new RangeError(
        `Cannot compile a program of ${
          Math.ceil(bytes / 2 ** 30)
        } GiB as WebAssembly addresses 4 GiB: use a smaller batch`,
      );
    }
    const memory = this.#free.pop();
    if (!memory) return new WebAssembly.Memory({ initial: pages, maximum: MAXIMUM_PAGES, shared: true });
    const missing = pages - memory.buffer.byteLength / PAGE_BYTES;
    if (missing > 0) memory.grow(missing);
    new Uint8Array(memory.buffer).fill(0);
    return memory;
  }
}

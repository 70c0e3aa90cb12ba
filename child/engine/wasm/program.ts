/** One compiled child: its memory, its threads, and access to both. */
import { setImmediate } from "node:timers";
import type { Batch } from "../../../datasets/dataset.ts";
import type { Graph } from "../../network/graph.ts";
import { COUNTS_STEPS, type Optimizer, SLOTS } from "../../network/optimizer.ts";
import { checkBatch, checkTensors, dropoutSeed, tensorSizes } from "../checks.ts";
import type { Program, TensorGroup, TrainingStep } from "../engine.ts";
import type { Modules } from "./assemble.ts";
import { clearUpperHalves } from "./clear_upper_halves.ts";
import { dropoutWords } from "./dropout.ts";
import { FLOAT_BYTES } from "./function_builder.ts";
import { wholeVectors } from "./layout.ts";
import { CONTROL, MODES } from "./module.ts";
import type { Place } from "./memory_map.ts";
import type { Plan } from "./plan.ts";
import { instantiate } from "./instantiate.ts";
import type { ThreadRequest } from "./thread_worker.ts";
import type { Tensors } from "../../network/parameters.ts";

type Run = (mode: number, images: number, thread: number, threads: number, scratch: number) => void;

/** A named tensor in the program's memory, its rows filled up to whole vectors. */
interface Entry {
  readonly name: string;
  readonly address: number;
  readonly rows: number;
  readonly columns: number;
}

export class WasmProgram implements Program {
  readonly #floats: Float32Array;
  readonly #words: Int32Array;
  readonly #run: Run;
  #stepsTaken = 0;
  #disposed = false;
  #last: Promise<void> = Promise.resolve();

  private constructor(
    readonly graph: Graph,
    readonly plan: Plan,
    readonly optimizer: Optimizer,
    readonly memory: WebAssembly.Memory,
    instance: WebAssembly.Instance,
    readonly workers: readonly Worker[],
    readonly release: () => void,
  ) {
    this.#floats = new Float32Array(memory.buffer);
    this.#words = new Int32Array(memory.buffer);
    this.#run = instance.exports.run as Run;
  }

  /**
   * `memory` must be zero beyond the constants; `release` is called once when the program is disposed; `mark` at the
   * places of a module with marks, which has one thread.
   */
  static async start(
    graph: Graph,
    plan: Plan,
    optimizer: Optimizer,
    modules: Modules,
    memory: WebAssembly.Memory,
    threads: number,
    release: () => void,
    mark: (place: number) => void = () => {},
  ): Promise<WasmProgram> {
    const instance = await instantiate(modules, memory, mark);
    const workers = await Promise.all(Array.from({ length: threads - 1 }, (_, i) => {
      const thread = i + 1, scratch = plan.scratch.address + thread * plan.scratch.bytes;
      return startThread({ modules, memory, thread, threads, scratch });
    }));
    const program = new WasmProgram(graph, plan, optimizer, memory, instance, workers, release);
    program.#initialise();
    return program;
  }

  train(steps: readonly TrainingStep[]): Promise<Float64Array> {
    return this.#inOrder(async () => {
      const losses = new Float64Array(steps.length);
      for (const [i, step] of steps.entries()) {
        const { batch, learningRate } = step;
        checkBatch(this.graph, batch, { least: this.plan.batch, most: this.plan.batch });
        this.#setDropout(dropoutSeed(this.graph, step));
        this.#setRates(learningRate);
        await this.#runOn(batch, MODES.train);
        const first = this.plan.memory.losses / FLOAT_BYTES;
        losses[i] = this.#floats.subarray(first, first + this.plan.batch).reduce((sum, l) => sum + l, 0) /
          this.plan.batch;
      }
      return losses;
    });
  }

  evaluate(batch: Batch): Promise<Float32Array> {
    return this.#inOrder(async () => {
      checkBatch(this.graph, batch, { least: 1, most: this.plan.batch });
      this.#setDropout(null);
      await this.#runOn(batch, MODES.evaluate);
      const { layout, address } = this.plan.logits;
      return this.#unpack({ name: "logits", address, rows: batch.labels.length, columns: layout.channels });
    });
  }

  read(group: TensorGroup): Promise<Tensors> {
    return this.#inOrder(() => {
      const tensors: Tensors = new Map(this.#entries(group).map((entry) => [entry.name, this.#unpack(entry)]));
      if (group === "slots" && COUNTS_STEPS[this.optimizer.kind]) {
        tensors.set("step", Float64Array.of(this.#stepsTaken));
      }
      return tensors;
    });
  }

  write(group: Exclude<TensorGroup, "gradients">, tensors: Tensors): Promise<void> {
    return this.#inOrder(() => {
      checkTensors(group, tensorSizes(this.graph, this.optimizer, group), tensors);
      const entries = new Map(this.#entries(group).map((entry) => [entry.name, entry]));
      for (const [name, values] of tensors) {
        const entry = entries.get(name);
        if (entry) this.#pack(entry, values);
        else this.#stepsTaken = values[0]; // the one name that is not a tensor in memory
      }
    });
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    // Earlier calls are finished first.
    this.#last.finally(() => {
      this.#command(MODES.exit, 0);
      this.release();
    });
  }

  /** Runs calls in the order they were made. */
  #inOrder<T>(work: () => T | Promise<T>): Promise<T> {
    if (this.#disposed) return Promise.reject(new Error("Cannot use a program after it was disposed"));
    const result = this.#last.then(work);
    this.#last = result.then(() => {}, () => {});
    return result;
  }

  // Runs ----------------------------------------------------------------------------------------------------------

  async #runOn(batch: Batch, mode: number): Promise<void> {
    // The run below holds this thread, so let queued messages (cancel, heartbeat) through first.
    // (setTimeout would wait for 2 ms.)
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.#setBatch(batch);
    const { scratch } = this.plan, threads = this.workers.length + 1;
    this.#command(mode, batch.labels.length);
    this.#run(mode, batch.labels.length, 0, threads, scratch.address);
    clearUpperHalves();
  }

  /** Wakes the helper threads. */
  #command(mode: number, images: number): void {
    this.#words[CONTROL.mode / 4] = mode;
    this.#words[CONTROL.images / 4] = images;
    Atomics.add(this.#words, CONTROL.command / 4, 1);
    Atomics.notify(this.#words, CONTROL.command / 4);
  }

  #setBatch({ images, labels }: Batch): void {
    const { layout, address } = this.plan.input;
    const { height, width, channels, lanes } = layout;
    let from = 0;
    for (let n = 0; n < labels.length; n++) {
      for (let row = 0; row < height; row++) {
        let to = (address + n * layout.imageBytes + layout.at(row, 0)) / FLOAT_BYTES;
        for (let column = 0; column < width; column++, to += lanes) {
          for (let c = 0; c < channels; c++) this.#floats[to + c] = images[from++];
        }
      }
    }
    this.#words.set(labels, this.plan.memory.labels / 4);
  }

  /** `seed` of a training step; null for evaluation. */
  #setDropout(seed: number | null): void {
    for (const [dropout, address] of this.plan.dropouts) this.#words.set(dropoutWords(dropout, seed), address / 4);
  }

  #setRates(learningRate: number): void {
    const rates = [learningRate];
    if (this.optimizer.kind === "adam") {
      this.#stepsTaken++;
      const { beta1, beta2 } = this.optimizer;
      rates.push(1 / (1 - beta1 ** this.#stepsTaken), 1 / (1 - beta2 ** this.#stepsTaken));
    }
    this.#floats.set(rates, this.plan.memory.rates / FLOAT_BYTES);
  }

  // Tensors -------------------------------------------------------------------------------------------------------

  /** Running variances start at 1; all else at 0 until it is written. */
  #initialise(): void {
    for (const { memory } of this.plan.batchNorms) {
      const first = memory.runningVariance / FLOAT_BYTES;
      this.#floats.fill(1, first, first + memory.lanes);
    }
  }

  #entries(group: TensorGroup): Entry[] {
    const { memory, places, batchNorms } = this.plan;
    switch (group) {
      case "parameters":
        return places.map((place) => entryOf(place, place.parameter.name, memory.parameters));
      case "gradients":
        return places.map((place) => entryOf(place, place.parameter.name, memory.gradient));
      case "slots":
        return places.flatMap((place) =>
          SLOTS[this.optimizer.kind].map((slot, i) =>
            entryOf(place, `${place.parameter.name}.${slot}`, memory.slots[i])
          )
        );
      case "statistics":
        return batchNorms.flatMap(({ statistics, channels, memory }) => [
          { name: `${statistics}.mean`, address: memory.runningMean, rows: 1, columns: channels },
          { name: `${statistics}.variance`, address: memory.runningVariance, rows: 1, columns: channels },
        ]);
    }
  }

  #unpack({ address, rows, columns }: Entry): Float32Array<ArrayBuffer> {
    const values = new Float32Array(rows * columns), lanes = wholeVectors(columns), first = address / FLOAT_BYTES;
    for (let row = 0; row < rows; row++) {
      values.set(this.#floats.subarray(first + row * lanes, first + row * lanes + columns), row * columns);
    }
    return values;
  }

  #pack({ address, rows, columns }: Entry, values: ArrayLike<number>): void {
    const lanes = wholeVectors(columns), first = address / FLOAT_BYTES;
    for (let row = 0; row < rows; row++) {
      for (let c = 0; c < columns; c++) this.#floats[first + row * lanes + c] = values[row * columns + c];
    }
  }
}

function entryOf({ offset, rows, columns }: Place, name: string, base: number): Entry {
  return { name, address: base + offset, rows, columns };
}

function startThread(request: ThreadRequest): Promise<Worker> {
  const worker = new Worker(new URL("./thread_worker.ts", import.meta.url), { type: "module" });
  return new Promise((resolve, reject) => {
    worker.onmessage = () => resolve(worker);
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(`Cannot start a thread of the wasm engine: ${event.message}`));
    };
    worker.postMessage(request);
  });
}

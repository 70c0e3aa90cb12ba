/** One child in a place of a group: its tensors by name, and the order of its calls. */
import type { Batch } from "../../../datasets/dataset.ts";
import type { Graph } from "../../network/graph.ts";
import { COUNTS_STEPS, SLOTS } from "../../network/optimizer.ts";
import { checkBatch, checkTensors, dropoutSeed, tensorSizes } from "../checks.ts";
import type { PickedStep, Program, TensorGroup, TrainingStep } from "../engine.ts";
import { commonNames } from "./common_graph.ts";
import type { Kept } from "./buffers.ts";
import type { Group } from "./group.ts";
import { type HeldDataset, holdDataset } from "./held_dataset.ts";
import { type Entries, type Entry, LANES, pack, quadsOf, unpack } from "./layout.ts";
import type { Tensors } from "../../network/parameters.ts";

export class WebGpuProgram implements Program {
  #updates = 0;
  #isDisposed = false;
  #last: Promise<unknown> = Promise.resolve();

  /** Names of the parameters in the group's graph. */
  readonly #names: ReadonlyMap<string, string>;

  /** `graph` is the child's own: that of the group, with its own betas or none. */
  constructor(readonly graph: Graph, readonly group: Group, readonly place: number) {
    this.#names = commonNames(graph);
  }

  train(steps: readonly TrainingStep[]): Promise<Float64Array> {
    return this.#inOrder(async () => {
      const { batch } = this.group.plan;
      for (const { batch: images } of steps) checkBatch(this.graph, images, { least: batch, most: batch });
      if (steps.length === 0) return new Float64Array();
      return await this.#train(steps, null);
    });
  }

  trainPicked(steps: readonly PickedStep[]): Promise<Float64Array> {
    return this.#inOrder(async () => {
      if (steps.length === 0) return new Float64Array();
      const held = holdDataset(this.group.card, steps[0].batch.dataset);
      const { batch } = this.group.plan;
      const other = steps.find(({ batch: { picks } }) => picks.length !== batch);
      if (other) {
        throw new RangeError(
          `Cannot take a batch as it must have exactly ${batch} images: current number is ${other.batch.picks.length}`,
        );
      }
      return await this.#train(steps, held);
    });
  }

  async evaluate(batch: Batch): Promise<Float32Array> {
    return (await this.evaluateAll([batch]))[0];
  }

  evaluateAll(batches: readonly Batch[]): Promise<Float32Array[]> {
    return this.#inOrder(async () => {
      for (const batch of batches) checkBatch(this.graph, batch, { least: 1, most: this.group.plan.batch });
      if (batches.length === 0) return [];
      const all = await this.group.evaluate(this.place, batches);
      return all.map((logits, i) => this.#unfilled(logits, batches[i].labels.length));
    });
  }

  /** Logits of so many images without the classes that fill up quads. */
  #unfilled(logits: Float32Array, images: number): Float32Array {
    const { classes } = this.graph, step = quadsOf(classes) * LANES;
    const values = new Float32Array(images * classes);
    for (let n = 0; n < images; n++) values.set(logits.subarray(n * step, n * step + classes), n * classes);
    return values;
  }

  read(group: TensorGroup): Promise<Tensors> {
    return this.#inOrder(async () => {
      const tensors: Tensors = new Map();
      const memories = new Map<Kept, Float32Array>();
      for (const [name, { buffer, entry }] of this.#entries(group)) {
        if (!memories.has(buffer)) memories.set(buffer, await this.group.read(this.place, buffer));
        tensors.set(name, unpack(memories.get(buffer)!, entry));
      }
      if (group === "slots" && this.#countsSteps()) tensors.set("step", Float64Array.of(this.#updates));
      return tensors;
    });
  }

  write(group: Exclude<TensorGroup, "gradients">, tensors: Tensors): Promise<void> {
    return this.#inOrder(async () => {
      checkTensors(group, tensorSizes(this.graph, this.group.plan.optimizer, group), tensors);
      const entries = this.#entries(group);
      const memories = new Map<Kept, Float32Array>();
      for (const [name, values] of tensors) {
        const found = entries.get(name);
        if (!found) this.#updates = values[0]; // the one name that is not a tensor on the card
        else {
          const { buffer, entry } = found;
          if (!memories.has(buffer)) memories.set(buffer, await this.group.read(this.place, buffer));
          pack(memories.get(buffer)!, entry, values);
        }
      }
      for (const [buffer, memory] of memories) await this.group.write(this.place, buffer, memory);
    });
  }

  dispose(): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#last.finally(() => this.group.leave(this.place)); // earlier calls are finished first
  }

  async #train(steps: readonly (TrainingStep | PickedStep)[], dataset: HeldDataset | null): Promise<Float64Array> {
    steps.forEach((step) => dropoutSeed(this.graph, step)); // each must have one
    const losses = await this.group.train(this.place, steps, dataset, this.#updates);
    this.#updates += steps.length;
    return losses;
  }

  /** Runs calls in the order they were made. */
  #inOrder<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isDisposed) return Promise.reject(new Error("Cannot use a program after it was disposed"));
    const result = this.#last.then(work);
    this.#last = result.then(() => {}, () => {});
    return result;
  }

  #countsSteps(): boolean {
    return COUNTS_STEPS[this.group.plan.optimizer.kind];
  }

  /** Where the tensors lie, in the order of the graph. */
  #entries(group: TensorGroup): ReadonlyMap<string, { readonly buffer: Kept; readonly entry: Entry }> {
    const { plan } = this.group;
    const of = (names: readonly string[], { entries }: Pick<Entries, "entries">, buffer: Kept, suffix = "") =>
      names.map((name) => [name + suffix, { buffer, entry: entries.get(this.#names.get(name) ?? name)! }] as const);
    const names = this.graph.parameters.map(({ name }) => name);
    switch (group) {
      case "parameters":
      case "gradients":
        return new Map(of(names, plan.parameters, group));
      case "slots":
        return new Map(
          names.flatMap((name) =>
            SLOTS[plan.optimizer.kind].flatMap((slot, i) => of([name], plan.parameters, `slot${i}`, `.${slot}`))
          ),
        );
      case "statistics":
        return new Map(of([...plan.statistics.entries.keys()], plan.statistics, group));
    }
  }
}

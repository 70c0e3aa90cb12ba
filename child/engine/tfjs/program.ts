/**
 * One compiled child on TensorFlow. Parameters, gradients and each slot are one vector on the device; a step splits the
 * parameters into tensors, walks the graph forward and backward, joins the gradients and updates. Every tensor that a
 * call makes is freed before it returns, except those vectors, the running statistics and the constants.
 */
import { type CommonBackwardKind, type CommonKind, requireCommonKinds } from "../../network/kinds.ts";
import type { Batch } from "../../../datasets/dataset.ts";
import type { Activation } from "../../activation/expression.ts";
import { differentiate } from "../../compiler/derivatives.ts";
import { type BackwardGraph, backwardGraph, type BackwardKind, type BackwardOf } from "../../network/autodiff.ts";
import type { Graph, NodeId, NodeKind, NodeOf } from "../../network/graph.ts";
import { COUNTS_STEPS, type Optimizer, SLOTS } from "../../network/optimizer.ts";
import { checkActivation, checkBatch, checkTensors, dropoutSeed, tensorSizes } from "../checks.ts";
import type { CompileOptions, Program, TensorGroup, TrainingStep } from "../engine.ts";
import { type ActivationList, activationList } from "./expression.ts";
import { BACKWARD, FORWARD, type Pass } from "./kernels.ts";
import { type Lifetimes, lifetimes } from "./lifetimes.ts";
import type { Session, Tensor } from "./session.ts";
import { update } from "./update.ts";
import { hasWeightDecay, type Tensors } from "../../network/parameters.ts";
import { sizeOf } from "../../network/shape.ts";

export class TensorFlowProgram implements Program {
  readonly #session: Session;
  readonly #graph: Graph;
  readonly #options: CompileOptions;
  readonly #backward: BackwardGraph;
  readonly #activation: ActivationList;
  readonly #lifetimes: Lifetimes;
  /** Tensors made once: numbers and vectors of whole numbers by their text. */
  readonly #constants = new Map<string, Tensor>();
  readonly #statistics = new Map<string, Tensor>();
  /** Weight decay of each value: 0 except for kernels. Null without decay. */
  readonly #decay: Tensor | null;
  #weights: Tensor;
  #gradient: Tensor;
  #slots: Tensor[];
  /** The parameters in their shapes, split off `#weights` when needed. */
  #parameters: ReadonlyMap<string, Tensor> | null = null;
  #stepsTaken = 0;
  #disposed = false;

  constructor(session: Session, graph: Graph, activation: Activation, options: CompileOptions) {
    requireCommonKinds(graph, "this engine");
    checkActivation(graph, activation);
    this.#session = session;
    this.#graph = graph;
    this.#options = options;
    this.#backward = backwardGraph(graph);
    this.#activation = activationList(differentiate(activation));
    this.#lifetimes = lifetimes(graph, this.#backward);
    const size = graph.parameters.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
    const zeros = () => session.floats([size], new Float32Array(size));
    this.#weights = zeros();
    this.#gradient = zeros();
    this.#slots = SLOTS[options.optimizer.kind].map(zeros);
    this.#decay = decayVector(session, graph, options.optimizer, size);
    for (const [name, length] of this.#sizes("statistics")) {
      const start = new Float32Array(length).fill(name.endsWith(".variance") ? 1 : 0);
      this.#statistics.set(name, session.floats([length], start));
    }
  }

  // Calls do their work before they return their promise, which keeps them in order. -----------------------------

  // deno-lint-ignore require-await
  async train(steps: readonly TrainingStep[]): Promise<Float64Array> {
    this.#check();
    const { batch: images } = this.#options;
    for (const { batch } of steps) checkBatch(this.#graph, batch, { least: images, most: images });
    const losses: Tensor[] = [];
    try {
      for (const step of steps) losses.push(this.#step(step));
      return Float64Array.from(losses, (loss) => this.#session.data(loss)[0]); // read last, so that a GPU never waits
    } finally {
      this.#session.free(losses);
    }
  }

  // deno-lint-ignore require-await
  async evaluate(batch: Batch): Promise<Float32Array> {
    this.#check();
    checkBatch(this.#graph, batch, { least: 1, most: this.#options.batch });
    return this.#session.scope(() => {
      const pass = this.#pass(batch, null);
      const logits = this.#graph.nodes.length - 2;
      this.#forward(pass, logits, this.#lifetimes.evaluation);
      return this.#session.data(pass.values.get(logits)!);
    });
  }

  // deno-lint-ignore require-await
  async read(group: TensorGroup): Promise<Tensors> {
    this.#check();
    if (group === "statistics") {
      return new Map([...this.#statistics].map(([name, tensor]) => [name, this.#session.data(tensor)]));
    }
    const tensors: Tensors = group === "slots"
      ? this.#readSlots()
      : this.#slices(this.#session.data(this.#vector(group)));
    return tensors;
  }

  // deno-lint-ignore require-await
  async write(group: Exclude<TensorGroup, "gradients">, tensors: Tensors): Promise<void> {
    this.#check();
    checkTensors(group, this.#sizes(group), tensors);
    if (group === "statistics") return this.#writeStatistics(tensors);
    if (group === "slots") return this.#writeSlots(tensors);
    this.#setWeights(this.#overwritten(this.#weights, (name) => tensors.get(name)));
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#forgetParameters();
    this.#session.free([this.#weights, this.#gradient, ...this.#slots]);
    this.#session.free([...this.#statistics.values(), ...this.#constants.values()]);
    if (this.#decay !== null) this.#session.free([this.#decay]);
  }

  #check(): void {
    if (this.#disposed) throw new TypeError(`Cannot use a program of ${this.#graph.name} as it was disposed`);
  }

  #sizes(group: TensorGroup): ReadonlyMap<string, number> {
    return tensorSizes(this.#graph, this.#options.optimizer, group);
  }

  // A step -------------------------------------------------------------------------------------------------------

  /** Forward, backward, update. The caller frees the loss. */
  #step(step: TrainingStep): Tensor {
    const seed = dropoutSeed(this.#graph, step);
    return this.#session.scope((keep) => {
      const pass = this.#pass(step.batch, seed);
      const loss = this.#graph.nodes.length - 1;
      this.#forward(pass, loss, this.#lifetimes.forward);
      this.#runBackward(pass);
      this.#update(this.#joinGradients(pass), step.learningRate);
      keep(pass.values.get(loss)!);
      return pass.values.get(loss)!;
    });
  }

  /** `seed` of a training step's dropout; null for evaluation. */
  #pass({ images, labels }: Batch, seed: number | null): Pass {
    const session = this.#session, classes = this.#graph.classes, training = seed !== null;
    const { smoothing } = this.#graph.nodes.at(-1) as NodeOf<"softmax_cross_entropy">;
    const targets = new Float32Array(labels.length * classes).fill(smoothing / classes);
    labels.forEach((label, n) => targets[n * classes + label] += 1 - smoothing);
    const input = session.floats([labels.length, ...this.#graph.nodes[0].shape], Float32Array.from(images));
    const parameters = this.#splitParameters();
    return {
      graph: this.#graph,
      session,
      constant: this.#constant,
      integers: this.#integers,
      activation: this.#activation,
      training,
      dropoutSeed: seed ?? 0,
      images: labels.length,
      labels: training ? session.floats([labels.length, classes], targets) : null,
      parameter: (name) => parameters.get(name)!,
      statistic: (name) => this.#statistics.get(name)!,
      setStatistic: (name, tensor) => {
        session.free([this.#statistics.get(name)!]);
        session.detach([tensor]);
        this.#statistics.set(name, tensor);
      },
      values: new Map([[0, input]]),
      kept: new Map(),
      gradients: new Map(),
      parameterGradients: new Map(),
    };
  }

  /** Computes the nodes after the input up to `last`. */
  #forward(pass: Pass, last: NodeId, dead: Lifetimes["forward"]): void {
    for (let id = 1; id <= last; id++) {
      const output = this.#session.scope((keep) => {
        const output = runForward(pass, this.#graph.nodes[id], id);
        keep(output, ...pass.kept.get(id)?.values() ?? []);
        return output;
      });
      pass.values.set(id, output);
      this.#release(pass.values, dead[id]);
    }
  }

  #runBackward(pass: Pass): void {
    for (const [at, node] of this.#backward.nodes.entries()) {
      const known = new Set(pass.parameterGradients.values());
      const output = this.#session.scope((keep) => {
        const output = runBackward(pass, node);
        if (output !== null) keep(output);
        keep(...[...pass.parameterGradients.values()].filter((tensor) => !known.has(tensor)));
        return output;
      });
      if (output !== null) pass.gradients.set(at, output);
      const { values, gradients } = this.#lifetimes.backward[at];
      this.#release(pass.values, values);
      this.#release(pass.gradients, gradients);
      if (node.kind !== "sum") this.#session.free(pass.kept.get(node.of)?.values() ?? []);
      if (node.kind !== "sum") pass.kept.delete(node.of);
    }
  }

  #release(tensors: Map<number, Tensor>, dead: readonly number[]): void {
    for (const id of dead) {
      const tensor = tensors.get(id);
      if (tensor === undefined) continue;
      this.#session.free([tensor]);
      tensors.delete(id);
    }
  }

  /** The gradients of all parameters as one vector; zeros for one that nothing depends on. */
  #joinGradients({ parameterGradients }: Pass): Tensor {
    const flat = this.#graph.parameters.map(({ name, shape }) => {
      const gradient = parameterGradients.get(name);
      const size = sizeOf(shape);
      return gradient === undefined
        ? this.#session.floats([size], new Float32Array(size))
        : this.#session.run("Reshape", [gradient, this.#integers([size])]);
    });
    const attributes = [this.#session.attribute("int", "N", flat.length), this.#session.floatType("T")];
    return this.#session.run("ConcatV2", [...flat, this.#integers([0], [])], attributes);
  }

  #update(gradient: Tensor, learningRate: number): void {
    const session = this.#session;
    const decayed = this.#decay === null
      ? gradient
      : session.run("AddV2", [gradient, session.run("Mul", [this.#decay, this.#weights])]);
    this.#stepsTaken++;
    const { weights, slots } = update(this.#options.optimizer, {
      session,
      constant: this.#constant,
      weights: this.#weights,
      gradient: decayed,
      slots: this.#slots,
      learningRate,
      step: this.#stepsTaken,
    });
    session.detach([gradient, weights, ...slots]);
    session.free([this.#gradient, ...this.#slots]);
    this.#gradient = gradient;
    this.#slots = [...slots];
    this.#setWeights(weights);
  }

  // Constants ----------------------------------------------------------------------------------------------------

  #constant = (value: number): Tensor => this.#once(`number ${value}`, () => this.#session.scalar(value));

  #integers = (values: readonly number[], shape?: number[]): Tensor =>
    this.#once(`${values} as ${shape ?? "vector"}`, () => this.#session.integers(values, shape));

  #once(key: string, make: () => Tensor): Tensor {
    let tensor = this.#constants.get(key);
    if (tensor === undefined) this.#constants.set(key, tensor = this.#session.lasting(make));
    return tensor;
  }

  // Parameters and slots -----------------------------------------------------------------------------------------

  #vector(group: "parameters" | "gradients"): Tensor {
    return group === "parameters" ? this.#weights : this.#gradient;
  }

  #setWeights(weights: Tensor): void {
    this.#forgetParameters();
    this.#session.free([this.#weights]);
    this.#weights = weights;
  }

  #forgetParameters(): void {
    if (this.#parameters !== null) this.#session.free(this.#parameters.values());
    this.#parameters = null;
  }

  #splitParameters(): ReadonlyMap<string, Tensor> {
    return this.#parameters ??= this.#session.lasting(() => {
      const { parameters } = this.#graph;
      const session = this.#session;
      const sizes = this.#integers(parameters.map(({ shape }) => sizeOf(shape)));
      const flat = session.runMany("SplitV", [this.#weights, sizes, this.#integers([0], [])], parameters.length, [
        session.attribute("int", "num_split", parameters.length),
      ]);
      const split = parameters.map(({ name, shape }, i) =>
        [name, session.run("Reshape", [flat[i], this.#integers(shape)])] as const
      );
      session.free(flat);
      return new Map(split);
    });
  }

  /** A vector of all parameters cut into its tensors. */
  #slices(vector: Float32Array): Map<string, Float32Array> {
    let at = 0;
    return new Map(this.#graph.parameters.map(({ name, shape }) => {
      const size = sizeOf(shape);
      return [name, vector.slice(at, at += size)];
    }));
  }

  /** A copy of a vector of all parameters, with new values where there are some for a parameter's name. */
  #overwritten(vector: Tensor, values: (name: string) => ArrayLike<number> | undefined): Tensor {
    const copy = this.#session.data(vector);
    let at = 0;
    for (const { name, shape } of this.#graph.parameters) {
      copy.set(values(name) ?? [], at);
      at += sizeOf(shape);
    }
    return this.#session.floats([copy.length], copy);
  }

  #readSlots(): Tensors {
    const { kind } = this.#options.optimizer;
    const vectors = this.#slots.map((slot) => this.#slices(this.#session.data(slot)));
    const tensors: Tensors = new Map();
    for (const { name } of this.#graph.parameters) {
      SLOTS[kind].forEach((slot, i) => tensors.set(`${name}.${slot}`, vectors[i].get(name)!));
    }
    if (COUNTS_STEPS[kind]) tensors.set("step", Float64Array.of(this.#stepsTaken));
    return tensors;
  }

  #writeSlots(tensors: Tensors): void {
    const { kind } = this.#options.optimizer;
    const before = this.#slots;
    this.#slots = SLOTS[kind].map((slot, i) => this.#overwritten(before[i], (name) => tensors.get(`${name}.${slot}`)));
    this.#session.free(before);
    if (COUNTS_STEPS[kind]) this.#stepsTaken = tensors.get("step")?.[0] ?? this.#stepsTaken;
  }

  #writeStatistics(tensors: Tensors): void {
    for (const [name, values] of tensors) {
      this.#session.free([this.#statistics.get(name)!]);
      this.#statistics.set(name, this.#session.floats([values.length], Float32Array.from(values)));
    }
  }
}

function decayVector(session: Session, graph: Graph, { weightDecay }: Optimizer, size: number): Tensor | null {
  if (weightDecay === 0) return null;
  const decay = new Float32Array(size);
  let at = 0;
  for (const parameter of graph.parameters) {
    const end = at + sizeOf(parameter.shape);
    if (hasWeightDecay(parameter)) decay.fill(weightDecay, at, end);
    at = end;
  }
  return session.floats([size], decay);
}

/** TypeScript cannot see that a node and the kernel of its kind belong together; the tables' types say that they do. */
function runForward<Kind extends NodeKind>(pass: Pass, node: NodeOf<Kind>, id: NodeId): Tensor {
  const kernel = FORWARD[node.kind as CommonKind] as unknown as (node: NodeOf<Kind>, pass: Pass, id: NodeId) => Tensor;
  return kernel(node, pass, id);
}

function runBackward<Kind extends BackwardKind>(pass: Pass, node: BackwardOf<Kind>): Tensor | null {
  const kernel = BACKWARD[node.kind as CommonBackwardKind] as unknown as (
    node: BackwardOf<Kind>,
    pass: Pass,
  ) => Tensor | null;
  return kernel(node, pass);
}

/**
 * The engine that judges the others: float64, one thread, loops written like the formulas. It is slow (a few images a
 * second) and never chosen by `auto`. `kernels.ts` has the nodes' computations.
 */
import type { Batch } from "../../../datasets/dataset.ts";
import { compileToClosure, type ScalarFunction } from "../../activation/evaluate.ts";
import type { Activation } from "../../activation/expression.ts";
import { type BackwardGraph, backwardGraph, type BackwardKind, type BackwardOf } from "../../network/autodiff.ts";
import type { Graph, NodeKind, NodeOf } from "../../network/graph.ts";
import type { Optimizer } from "../../network/optimizer.ts";
import { SLOTS } from "../../network/optimizer.ts";
import { type Derivatives, differentiate } from "../../compiler/derivatives.ts";
import { checkActivation, checkBatch, checkTensors, dropoutSeed, tensorSizes } from "../checks.ts";
import type { CompileOptions, Engine, Program, TensorGroup, TrainingStep } from "../engine.ts";
import { BACKWARD, FORWARD, type Pass } from "./kernels.ts";
import { hasWeightDecay, type Tensors } from "../../network/parameters.ts";
import { sizeOf } from "../../network/shape.ts";

/** An activation and its derivatives by x and by b, in float64. */
export type ActivationFunctions = Pass["activation"];

/** `functionsOf`: how the activation is computed; tests give another. */
export function openReference(
  functionsOf: (derivatives: Derivatives) => ActivationFunctions = evaluated,
): Engine {
  return {
    name: "reference",
    device: "float64 loops, 1 thread",
    notices: ["reference is for judging other engines, not for training: it computes a few images per second"],
    // async, so that a graph or activation that does not fit rejects the promise as on every engine
    // deno-lint-ignore require-await
    compile: async (graph, activation, options) => new ReferenceProgram(graph, activation, options, functionsOf),
    // deno-lint-ignore require-await
    probe: async (activation, x, b) => {
      const { value, byX, byB } = functionsOf(differentiate(activation));
      const at = (f: ScalarFunction) => Float64Array.from(x, (x) => f(x, b));
      return { value: at(value), derivative: at(byX), betaDerivative: at(byB) };
    },
    close() {},
  };
}

function evaluated({ value, byX, byB }: Derivatives): ActivationFunctions {
  const none: ScalarFunction = () => 0;
  return { value: compileToClosure(value), byX: compileToClosure(byX), byB: byB ? compileToClosure(byB) : none };
}

type Named = Map<string, Float64Array>;

class ReferenceProgram implements Program {
  readonly #graph: Graph;
  readonly #backward: BackwardGraph;
  readonly #activation: Pass["activation"];
  readonly #options: CompileOptions;
  readonly #groups: { readonly [Group in TensorGroup]: Named };
  #disposed = false;

  constructor(
    graph: Graph,
    activation: Activation,
    options: CompileOptions,
    functionsOf: (derivatives: Derivatives) => ActivationFunctions,
  ) {
    checkActivation(graph, activation);
    this.#graph = graph;
    this.#backward = backwardGraph(graph);
    this.#activation = functionsOf(differentiate(activation));
    this.#options = options;
    const zeros = (group: TensorGroup): Named =>
      new Map([...tensorSizes(graph, options.optimizer, group)].map(([name, size]) => [name, new Float64Array(size)]));
    this.#groups = {
      parameters: zeros("parameters"),
      gradients: zeros("gradients"),
      statistics: zeros("statistics"),
      slots: zeros("slots"),
    };
    for (const [name, tensor] of this.#groups.statistics) if (name.endsWith(".variance")) tensor.fill(1);
  }

  // deno-lint-ignore require-await -- the work is done before the promise is returned, which keeps calls in order
  async train(steps: readonly TrainingStep[]): Promise<Float64Array> {
    this.#check();
    const { batch: images } = this.#options;
    for (const { batch } of steps) checkBatch(this.#graph, batch, { least: images, most: images });
    return Float64Array.from(steps, (step) => this.#step(step));
  }

  // deno-lint-ignore require-await
  async evaluate(batch: Batch): Promise<Float64Array> {
    this.#check();
    checkBatch(this.#graph, batch, { least: 1, most: this.#options.batch });
    const pass = this.#forward(batch, { training: false });
    return pass.values[pass.values.length - 2];
  }

  // deno-lint-ignore require-await
  async read(group: TensorGroup): Promise<Tensors> {
    this.#check();
    return new Map([...this.#groups[group]].map(([name, tensor]) => [name, tensor.slice()]));
  }

  // deno-lint-ignore require-await
  async write(group: Exclude<TensorGroup, "gradients">, tensors: Tensors): Promise<void> {
    this.#check();
    checkTensors(group, tensorSizes(this.#graph, this.#options.optimizer, group), tensors);
    for (const [name, values] of tensors) this.#groups[group].get(name)!.set(values);
  }

  dispose(): void {
    this.#disposed = true;
  }

  #check(): void {
    if (this.#disposed) throw new TypeError(`Cannot use a program of ${this.#graph.name} as it was disposed`);
  }

  /** Forward, backward, update. Returns the loss. */
  #step(step: TrainingStep): number {
    for (const gradient of this.#groups.gradients.values()) gradient.fill(0);
    const pass = this.#forward(step.batch, { training: true, dropoutSeed: dropoutSeed(this.#graph, step) });
    this.#runBackward(pass);
    this.#update(step.learningRate);
    return pass.values[pass.values.length - 1][0];
  }

  #forward(
    { images, labels }: Batch,
    { training, dropoutSeed = 0 }: { training: boolean; dropoutSeed?: number },
  ): Pass {
    const { parameters, statistics, gradients } = this.#groups;
    const pass: Pass = {
      graph: this.#graph,
      ...{ training, dropoutSeed },
      images: labels.length,
      labels,
      activation: this.#activation,
      parameters,
      statistics,
      values: [],
      moments: new Map(),
      gradients: [],
      parameterGradients: gradients,
    };
    this.#graph.nodes.forEach((node, id) => {
      const isLoss = node.kind === "softmax_cross_entropy"; // a mean over the batch: a single value
      const output = new Float64Array(isLoss ? 1 : pass.images * sizeOf(node.shape));
      if (node.kind === "input") output.set(images);
      runForward(node, output, pass, id);
      pass.values.push(output);
    });
    return pass;
  }

  #runBackward(pass: Pass): void {
    for (const node of this.#backward.nodes) {
      const output = new Float64Array(node.shape === null ? 0 : pass.images * sizeOf(node.shape));
      runBackward(node, output, pass);
      pass.gradients.push(output);
    }
  }

  #update(learningRate: number): void {
    const { optimizer } = this.#options;
    const { parameters, gradients, slots } = this.#groups;
    const counter = slots.get("step");
    if (counter) counter[0]++;
    for (const parameter of this.#graph.parameters) {
      const { name } = parameter, weights = parameters.get(name)!;
      const decay = hasWeightDecay(parameter) ? optimizer.weightDecay : 0;
      const gradient = gradients.get(name)!.map((g, i) => g + decay * weights[i]);
      const kept = SLOTS[optimizer.kind].map((slot) => slots.get(`${name}.${slot}`)!);
      runUpdate(optimizer, { weights, gradient, kept, learningRate, step: counter?.[0] ?? 0 });
    }
  }
}

interface Update {
  readonly weights: Float64Array;
  /** With weight decay. */
  readonly gradient: Float64Array;
  /** In the order of `SLOTS`. */
  readonly kept: readonly Float64Array[];
  readonly learningRate: number;
  /** 1 at the first update. */
  readonly step: number;
}

type OptimizerOf<Kind extends Optimizer["kind"]> = Extract<Optimizer, { kind: Kind }>;

/** The formulas of `optimizer.ts`. */
const UPDATES: { readonly [Kind in Optimizer["kind"]]: (optimizer: OptimizerOf<Kind>, update: Update) => void } = {
  sgd({ momentum }, { weights, gradient, kept: [velocity], learningRate }) {
    for (let i = 0; i < weights.length; i++) {
      velocity[i] = momentum * velocity[i] + gradient[i];
      weights[i] -= learningRate * velocity[i];
    }
  },
  rmsprop({ decay, momentum, epsilon }, { weights, gradient, kept: [square, velocity], learningRate }) {
    for (let i = 0; i < weights.length; i++) {
      square[i] = decay * square[i] + (1 - decay) * gradient[i] ** 2;
      velocity[i] = momentum * velocity[i] + gradient[i] / (Math.sqrt(square[i]) + epsilon);
      weights[i] -= learningRate * velocity[i];
    }
  },
  adam({ beta1, beta2, epsilon }, { weights, gradient, kept: [mean, square], learningRate, step }) {
    for (let i = 0; i < weights.length; i++) {
      mean[i] = beta1 * mean[i] + (1 - beta1) * gradient[i];
      square[i] = beta2 * square[i] + (1 - beta2) * gradient[i] ** 2;
      const meanHat = mean[i] / (1 - beta1 ** step);
      const squareHat = square[i] / (1 - beta2 ** step);
      weights[i] -= learningRate * meanHat / (Math.sqrt(squareHat) + epsilon);
    }
  },
};

// TypeScript cannot see that a value and the table's row of its kind belong together; the tables' types say that they
// do.

function runForward<Kind extends NodeKind>(node: NodeOf<Kind>, output: Float64Array, pass: Pass, id: number): void {
  type Compute = (node: NodeOf<Kind>, output: Float64Array, pass: Pass, id: number) => void;
  const compute = FORWARD[node.kind] as Compute | undefined;
  if (compute === undefined) {
    throw new TypeError(`Cannot compute a graph in reference as node kind "${node.kind}" is unknown to it`);
  }
  compute(node, output, pass, id);
}

function runBackward<Kind extends BackwardKind>(node: BackwardOf<Kind>, output: Float64Array, pass: Pass): void {
  const compute = BACKWARD[node.kind] as (node: BackwardOf<Kind>, output: Float64Array, pass: Pass) => void;
  compute(node, output, pass);
}

function runUpdate<Kind extends Optimizer["kind"]>(optimizer: OptimizerOf<Kind>, update: Update): void {
  const apply = UPDATES[optimizer.kind] as (optimizer: OptimizerOf<Kind>, update: Update) => void;
  apply(optimizer, update);
}

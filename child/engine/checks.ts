/**
 * Checks that every engine shares, with the same messages: tensors, batches and activations that do not fit the graph.
 * The names and sizes of a program's tensors follow from its graph and optimiser, the same for every engine.
 */
import type { Batch } from "../../datasets/dataset.ts";
import type { Activation } from "../activation/expression.ts";
import { hasBeta } from "../compiler/derivatives.ts";
import { type Graph } from "../network/graph.ts";
import { COUNTS_STEPS, type Optimizer, SLOTS } from "../network/optimizer.ts";
import type { TensorGroup, TrainingStep } from "./engine.ts";
import { type Tensors } from "../network/parameters.ts";
import { channelsOf, sizeOf } from "../network/shape.ts";

/** Lengths of all tensors of a group by name, in the order of `Tensors`. */
export function tensorSizes(graph: Graph, optimizer: Optimizer, group: TensorGroup): ReadonlyMap<string, number> {
  return new Map(SIZES[group](graph, optimizer));
}

type Sizes = (graph: Graph, optimizer: Optimizer) => readonly (readonly [string, number])[];

const parameterSizes: Sizes = (graph) => graph.parameters.map(({ name, shape }) => [name, sizeOf(shape)] as const);

const SIZES: { readonly [Group in TensorGroup]: Sizes } = {
  parameters: parameterSizes,
  gradients: parameterSizes,
  statistics: (graph) =>
    graph.nodes.flatMap((node) =>
      node.kind !== "batch_norm" ? [] : [
        [`${node.statistics}.mean`, channelsOf(node.shape)] as const,
        [`${node.statistics}.variance`, channelsOf(node.shape)] as const,
      ]
    ),
  slots: (graph, { kind }) => [
    ...graph.parameters.flatMap(({ name, shape }) =>
      SLOTS[kind].map((slot) => [`${name}.${slot}`, sizeOf(shape)] as const)
    ),
    ...(COUNTS_STEPS[kind] ? [["step", 1] as const] : []),
  ],
};

/** Throws a RangeError that names the first tensor that is not in the group or has another length. */
export function checkTensors(group: TensorGroup, sizes: ReadonlyMap<string, number>, tensors: Tensors): void {
  for (const [name, { length }] of tensors) {
    const size = sizes.get(name);
    if (size === undefined) throw new RangeError(`Cannot write ${group} as the program has none named ${name}`);
    if (size !== length) {
      throw new RangeError(`Cannot write ${name} as it must have ${size} values: current number is ${length}`);
    }
  }
}

/** Throws a RangeError if a batch has another image size, too many or too few images, or a label beyond the classes. */
export function checkBatch(
  graph: Graph,
  { images, labels }: Batch,
  { least, most }: { least: number; most: number },
): void {
  const count = labels.length;
  if (count < least || count > most) {
    const wanted = least === most ? `exactly ${most}` : `${least} to ${most}`;
    throw new RangeError(`Cannot take a batch as it must have ${wanted} images: current number is ${count}`);
  }
  const size = sizeOf(graph.nodes[0].shape);
  if (images.length !== count * size) {
    throw new RangeError(
      `Cannot take a batch as ${count} images of ${graph.name} have ${
        count * size
      } values: current number is ${images.length}`,
    );
  }
  const wrong = labels.find((label) => label < 0 || label >= graph.classes);
  if (wrong !== undefined) {
    throw new RangeError(`Cannot take a batch as labels must be below ${graph.classes}: one is ${wrong}`);
  }
}

/**
 * The seed of a step's masks; 0 where the graph has no dropout. Throws a TypeError if it has and the step has no seed, as
 * all steps would drop the same elements.
 */
export function dropoutSeed(graph: Graph, step: Pick<TrainingStep, "dropoutSeed">): number {
  if (step.dropoutSeed !== undefined) return step.dropoutSeed;
  if (!graph.nodes.some(({ kind }) => kind === "dropout")) return 0;
  throw new TypeError(`Cannot train ${graph.name} as it has dropout and the step has no dropoutSeed`);
}

/** Throws a RangeError if the simplified expression has b and the graph no beta for it. */
export function checkActivation(graph: Graph, activation: Activation): void {
  const lacksBeta = graph.nodes.some((node) => node.kind === "activation" && node.beta === undefined);
  if (lacksBeta && hasBeta(activation)) {
    throw new RangeError(
      `Cannot compile ${graph.name} with ${activation.name} as the expression has b and the graph has no beta`,
    );
  }
}

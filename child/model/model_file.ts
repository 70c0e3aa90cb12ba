/**
 * A trained child as a file that other programs can read: its parameters and running statistics in safetensors, under
 * the names of the graph, with a description in the metadata; and beside it, in JSON, the graph and the expression.
 */
import { activationFrom } from "../activation/catalog.ts";
import { type Activation, usesBeta } from "../activation/expression.ts";
import { printExpression } from "../activation/print.ts";
import { simplify } from "../activation/simplify.ts";
import { writeAtomically } from "./atomic_file.ts";
import type { Tensors } from "../engine/engine.ts";
import { type Graph, type Shape, sizeOf } from "../network/graph.ts";
import { buildNetwork } from "../network/networks.ts";
import { encodeSafetensors, readSafetensors, type Safetensors, type SavedTensor } from "./safetensors.ts";

/** Description of the weights and of how they were judged. */
export interface ModelAbout {
  /** Name in `child/network/networks.ts`. */
  readonly network: string;
  /** As the user wrote it. */
  readonly act: string;
  readonly dataset: string;
  readonly labels: "fine" | "coarse";
  /** Number of classes. */
  readonly classes: number;
  readonly image: Shape;
  /** Of each channel, of pixel values scaled to [0, 1]: used to normalise the images. */
  readonly mean: readonly number[];
  readonly standard_deviation: readonly number[];
  readonly seed: number;
  readonly steps: number;
  /** Images at a time in training and evaluation. */
  readonly batch: number;
  readonly engine: string;
  readonly validation_accuracy: number | null;
  readonly test_accuracy: number | null;
}

export interface Model {
  readonly about: ModelAbout;
  readonly graph: Graph;
  readonly activation: Activation;
  readonly parameters: Tensors;
  readonly statistics: Tensors;
}

const FORMAT = "actsearch model 1";

/** Writes `path` and, with the extension .json instead of .safetensors, its graph and expression. */
export async function writeModel(path: string, { about, graph, activation, parameters, statistics }: Model) {
  const values = new Map([...parameters, ...statistics]);
  const tensors = new Map([...shapesOf(graph)].map(([name, shape]) => [name, { shape, values: values.get(name)! }]));
  const expression = printExpression(simplify(activation.expression));
  const texts = Object.entries({ ...about, expression, beta_start: activation.betaStart })
    .map(([key, value]) => [key, typeof value === "string" ? value : JSON.stringify(value)]);
  const metadata = { format: FORMAT, ...Object.fromEntries(texts) };
  await writeAtomically(path, encodeSafetensors({ metadata, tensors }));
  const beside = { format: FORMAT, expression, beta_start: activation.betaStart, ...about, graph };
  await writeAtomically(path.replace(/(\.safetensors)?$/, ".json"), JSON.stringify(beside, null, 1) + "\n");
}

/** Reads what `writeModel` wrote. Throws an Error that names the file, and why it cannot be tested. */
export async function readModel(path: string): Promise<Model> {
  const file = await readSafetensors(path);
  try {
    return modelOf(file);
  } catch (cause) {
    throw new Error(`Cannot use ${path}: ${(cause as Error).message}`, { cause });
  }
}

function modelOf({ metadata, tensors }: Safetensors): Model {
  if (metadata.format !== FORMAT) {
    throw new RangeError(`it has no "${FORMAT}" in its metadata: only what --save wrote can be tested`);
  }
  const about = readAbout(metadata);
  const named = activationFrom(text(metadata, "expression"));
  const activation = { ...named, name: about.act, betaStart: numberOf(metadata, "beta_start") };
  const { classes, image } = about;
  const graph = buildNetwork(about.network, { classes, image, usesBeta: usesBeta(activation.expression) });
  const shapes = shapesOf(graph);
  const stranger = [...tensors.keys()].find((name) => !shapes.has(name));
  if (stranger !== undefined) throw new RangeError(`it is of another network: ${graph.name} has no tensor ${stranger}`);
  for (const [name, shape] of shapes) requireTensor(graph, name, shape, tensors.get(name));
  const isParameter = new Set(graph.parameters.map(({ name }) => name));
  const values = [...tensors].map(([name, tensor]) => [name, tensor.values] as const);
  return {
    about,
    graph,
    activation,
    parameters: new Map(values.filter(([name]) => isParameter.has(name))),
    statistics: new Map(values.filter(([name]) => !isParameter.has(name))),
  };
}

/** Every tensor of a trained network: parameters in their order, then the running statistics. */
function shapesOf(graph: Graph): Map<string, readonly number[]> {
  const statistics = graph.nodes.flatMap((node) =>
    node.kind === "batch_norm"
      ? ["mean", "variance"].map((part) => [`${node.statistics}.${part}`, [node.shape[2]]] as const)
      : []
  );
  return new Map([...graph.parameters.map(({ name, shape }) => [name, shape] as const), ...statistics]);
}

function requireTensor(graph: Graph, name: string, shape: readonly number[], tensor: SavedTensor | undefined): void {
  if (tensor === undefined) throw new RangeError(`it lacks the tensor ${name} of ${graph.name}`);
  if (`${tensor.shape}` === `${shape}` && tensor.values.length === sizeOf(shape)) return;
  throw new RangeError(`its ${name} has the shape [${tensor.shape}]: in ${graph.name} it is [${shape}]`);
}

type Metadata = Readonly<Record<string, string>>;

function readAbout(metadata: Metadata): ModelAbout {
  const numbers = (key: string) => {
    const value = json(metadata, key);
    if (Array.isArray(value) && value.length === 3 && value.every((one) => typeof one === "number")) return value;
    throw new RangeError(`its metadata has no three numbers under "${key}"`);
  };
  return {
    network: text(metadata, "network"),
    act: text(metadata, "act"),
    dataset: text(metadata, "dataset"),
    labels: text(metadata, "labels") === "coarse" ? "coarse" : "fine",
    classes: numberOf(metadata, "classes"),
    image: numbers("image") as unknown as Shape,
    mean: numbers("mean"),
    standard_deviation: numbers("standard_deviation"),
    seed: numberOf(metadata, "seed"),
    steps: numberOf(metadata, "steps"),
    batch: numberOf(metadata, "batch"),
    engine: text(metadata, "engine"),
    validation_accuracy: json(metadata, "validation_accuracy") as number | null,
    test_accuracy: json(metadata, "test_accuracy") as number | null,
  };
}

function text(metadata: Metadata, key: string): string {
  if (!Object.hasOwn(metadata, key)) throw new RangeError(`its metadata has no "${key}"`);
  return metadata[key];
}

function json(metadata: Metadata, key: string): unknown {
  try {
    return JSON.parse(text(metadata, key));
  } catch {
    throw new RangeError(`its metadata has no JSON under "${key}"`);
  }
}

function numberOf(metadata: Metadata, key: string): number {
  const value = json(metadata, key);
  if (typeof value !== "number") throw new RangeError(`its metadata has no number under "${key}"`);
  return value;
}

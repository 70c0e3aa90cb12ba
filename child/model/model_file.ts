/**
 * A trained child as a file that other programs can read: its parameters and running statistics in safetensors, under
 * the names of the graph, with a description in the metadata; and beside it, in JSON, the graph and the expression.
 */
import { activationFrom } from "../activation/catalog.ts";
import { type Activation, usesBeta } from "../activation/expression.ts";
import { printExpression } from "../activation/print.ts";
import { simplify } from "../activation/simplify.ts";
import { writeAtomically } from "./atomic_file.ts";
import { type Graph } from "../network/graph.ts";
import { buildNetwork } from "../network/networks.ts";
import { encodeSafetensors, readSafetensors, type Safetensors, type SavedTensor, shown } from "./safetensors.ts";
import { type Tensors } from "../network/parameters.ts";
import { channelsOf, type Shape, sizeOf } from "../network/shape.ts";

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
  readonly outcome: "complete" | "diverged";
  /** Why it diverged. */
  readonly reason: string | null;
  /** Null if it diverged. */
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
export async function writeModel(path: string, model: Model) {
  const { graph, activation, parameters, statistics } = model;
  const about = { ...model.about, act: model.about.act.replaceAll(/\s+/g, " ") }; // it may be of several lines
  const values = new Map([...parameters, ...statistics]);
  const tensors = new Map([...shapesOf(graph)].map(([name, shape]) => [name, { shape, values: values.get(name)! }]));
  const expression = printExpression(simplify(activation.expression));
  const facts = { ...about, expression, beta_start: activation.betaStart };
  const texts = Object.entries(facts).filter(([key, value]) => key !== "reason" || value !== null)
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
  if (stranger !== undefined) {
    throw new RangeError(`it belongs to another network: ${graph.name} has no tensor ${shown(stranger)}`);
  }
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
      ? ["mean", "variance"].map((part) => [`${node.statistics}.${part}`, [channelsOf(node.shape)]] as const)
      : []
  );
  return new Map([...graph.parameters.map(({ name, shape }) => [name, shape] as const), ...statistics]);
}

function requireTensor(graph: Graph, name: string, shape: readonly number[], tensor: SavedTensor | undefined): void {
  if (tensor === undefined) throw new RangeError(`it lacks the tensor ${name} of ${graph.name}`);
  if (`${tensor.shape}` === `${shape}` && tensor.values.length === sizeOf(shape)) return;
  throw new RangeError(`its ${name} has the shape [${tensor.shape}]: in ${graph.name} it is [${shape}]`);
}

/** The first tensor with a value that is not finite; null if there is none. */
export function firstNotFinite({ parameters, statistics }: Pick<Model, "parameters" | "statistics">): string | null {
  const broken = [...parameters, ...statistics].find(([, values]) => !values.every(Number.isFinite));
  return broken?.[0] ?? null;
}

/** A warning before a meaningless model is used, such as one that diverged; null for a sound one. */
export function warningOf(model: Model): string | null {
  const { outcome, reason } = model.about, name = firstNotFinite(model);
  if (outcome === "diverged") return `this training diverged: ${reason}`;
  return name === null ? null : `this training diverged: ${name} has values that are not finite`;
}

type Metadata = Readonly<Record<string, string>>;

/** Upper bounds, far above any real model's, so that a file cannot request all memory. */
const MAX_COUNT = 65_536, MAX_SIDE = 4096, MAX_CHANNELS = 1024, MAX_TEXT = 100_000;

function readAbout(metadata: Metadata): ModelAbout {
  const [height, width, channels] = three(metadata, "image", (extent) => isCount(extent, MAX_SIDE), `1 to ${MAX_SIDE}`);
  if (channels > MAX_CHANNELS) throw new RangeError(`its metadata has ${channels} channels under "image"`);
  const isShare = (value: number) => value >= 0 && value <= 1;
  const validation = judged(metadata, "validation_accuracy", isShare),
    test = judged(metadata, "test_accuracy", isShare);
  return {
    network: text(metadata, "network"),
    act: text(metadata, "act"),
    dataset: text(metadata, "dataset"),
    labels: choice(metadata, "labels", ["fine", "coarse"]),
    classes: count(metadata, "classes", 1, MAX_COUNT),
    image: [height, width, channels],
    mean: three(metadata, "mean", Number.isFinite, "finite"),
    standard_deviation: three(metadata, "standard_deviation", (value) => value > 0 && value < Infinity, "above 0"),
    seed: count(metadata, "seed", 0, Number.MAX_SAFE_INTEGER),
    steps: count(metadata, "steps", 0, Number.MAX_SAFE_INTEGER),
    batch: count(metadata, "batch", 1, MAX_COUNT),
    engine: text(metadata, "engine"),
    ...Object.hasOwn(metadata, "outcome")
      ? outcomeOf(choice(metadata, "outcome", ["complete", "diverged"]), metadata)
      : test === null && validation === null // written before outcomes were
      ? { outcome: "diverged" as const, reason: "it was saved without accuracies" }
      : { outcome: "complete" as const, reason: null },
    validation_accuracy: validation,
    test_accuracy: test,
  };
}

function outcomeOf(outcome: ModelAbout["outcome"], metadata: Metadata): Pick<ModelAbout, "outcome" | "reason"> {
  return { outcome, reason: outcome === "diverged" ? text(metadata, "reason") : null };
}

/** A text of one line without control characters: it is printed. */
function text(metadata: Metadata, key: string): string {
  if (!Object.hasOwn(metadata, key)) throw new RangeError(`its metadata has no "${key}"`);
  const value = metadata[key];
  if (value.length > 0 && value.length <= MAX_TEXT && !/\p{C}|[\u2028\u2029]/u.test(value)) return value;
  throw new RangeError(`its metadata has no text of 1 to ${MAX_TEXT} printable characters under "${key}"`);
}

function choice<const Choice extends string>(metadata: Metadata, key: string, choices: readonly Choice[]): Choice {
  const value = text(metadata, key), found = choices.find((one) => one === value);
  if (found !== undefined) return found;
  throw new RangeError(`its metadata has "${value}" under "${key}", which is none of ${choices.join(", ")}`);
}

function json(metadata: Metadata, key: string): unknown {
  try {
    return JSON.parse(text(metadata, key));
  } catch (error) {
    if (error instanceof RangeError) throw error;
    throw new RangeError(`its metadata has no JSON under "${key}"`);
  }
}

function numberOf(metadata: Metadata, key: string): number {
  const value = json(metadata, key);
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw new RangeError(`its metadata has no number under "${key}"`);
}

function count(metadata: Metadata, key: string, least: number, most: number): number {
  const value = numberOf(metadata, key);
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  throw new RangeError(`its metadata has ${value} under "${key}": it must be a whole number from ${least} to ${most}`);
}

/** A share, or null of a model that diverged. */
function judged(metadata: Metadata, key: string, isRight: (value: number) => boolean): number | null {
  if (json(metadata, key) === null) return null;
  const value = numberOf(metadata, key);
  if (isRight(value)) return value;
  throw new RangeError(`its metadata has ${value} under "${key}": it must be from 0 to 1`);
}

function three(metadata: Metadata, key: string, isRight: (value: number) => boolean, what: string): number[] {
  const value = json(metadata, key);
  const isThree = Array.isArray(value) && value.length === 3 && value.every((one) => typeof one === "number");
  if (!isThree) throw new RangeError(`its metadata has no three numbers under "${key}"`);
  const wrong = value.find((one) => !isRight(one));
  if (wrong === undefined) return value;
  throw new RangeError(`its metadata has ${wrong} under "${key}": each must be ${what}`);
}

function isCount(value: number, most: number): boolean {
  return Number.isSafeInteger(value) && value >= 1 && value <= most;
}

/**
 * The engines tfjs-node and tfjs-node-gpu: TensorFlow's own kernels through the native half of those packages, the same
 * code for both. `binding.ts` says why only that half, and why one GPU a process.
 */
import type { Activation } from "../../activation/expression.ts";
import { X } from "../../activation/expression.ts";
import { GraphBuilder } from "../../network/graph_builder.ts";
import { initialParameters } from "../../network/initialise.ts";
import type { Graph } from "../../network/graph.ts";
import type { CompileOptions, Engine, Program, Tensors } from "../engine.ts";
import { openReference } from "../reference.ts";
import { type Binding, loadBinding, requireGpu } from "./binding.ts";
import { CPU_PACKAGE, GPU_PACKAGE, type TensorFlowPackage } from "./package.ts";
import { TensorFlowProgram } from "./program.ts";
import { Session } from "./session.ts";

/** Opens TensorFlow on the CPU. Throws an Error with one sentence where it cannot be had. */
export function openTfjsNode(): Promise<TensorFlowEngine> {
  return openTensorFlow(CPU_PACKAGE);
}

/** Opens TensorFlow on the GPU that this process sees. Throws an Error with one sentence where it cannot be had. */
export function openTfjsNodeGpu(): Promise<TensorFlowEngine> {
  return openTensorFlow(GPU_PACKAGE);
}

async function openTensorFlow(tensorFlow: TensorFlowPackage): Promise<TensorFlowEngine> {
  const binding = loadBinding(tensorFlow);
  requireGpu(tensorFlow, binding);
  const engine = new TensorFlowEngine(tensorFlow, binding);
  await selfCheck(engine, tensorFlow);
  return engine;
}

export class TensorFlowEngine implements Engine {
  readonly name: string;
  readonly device: string;
  readonly notices: readonly string[];
  readonly #session: Session;

  constructor({ engine, gpu }: TensorFlowPackage, binding: Binding) {
    this.name = engine;
    this.device = `${gpu ? "GPU" : "CPU"}, TensorFlow ${binding.TF_Version}`;
    this.notices = gpu ? [] : ["TensorFlow shares all cores among the children: --threads changes nothing"];
    this.#session = new Session(binding);
  }

  /** Tensors that live on the device, of all programs of this thread. */
  get tensors(): number {
    return this.#session.tensors;
  }

  // async, so that a graph or activation that does not fit rejects the promise as on every engine
  // deno-lint-ignore require-await
  async compile(graph: Graph, activation: Activation, options: CompileOptions): Promise<Program> {
    return new TensorFlowProgram(this.#session, graph, activation, options);
  }

  /** The binding stays loaded: a process cannot unload TensorFlow. */
  close(): void {}
}

/** float32 sums of some hundred terms. */
const TOLERANCE = 1e-3;

/**
 * One training step of a small network with every kind of node, compared with `reference`. A cuDNN that cannot be loaded
 * or has the wrong version shows only here.
 */
async function selfCheck(engine: TensorFlowEngine, tensorFlow: TensorFlowPackage): Promise<void> {
  let results: { readonly actual: Tensors; readonly expected: Tensors };
  try {
    results = { actual: await trialStep(engine), expected: await trialStep(openReference()) };
  } catch (cause) {
    const reason = (cause as Error).message.replaceAll(/\s+/g, " ").slice(0, 200);
    const what = /cudnn|dnn library/i.test(reason) ? "its cuDNN is missing or of another version" : "a kernel fails";
    throw new Error(`${engine.device} cannot train as ${what} (${reason}): run \`${tensorFlow.build}\``, { cause });
  }
  for (const [name, expected] of results.expected) {
    const actual = results.actual.get(name)!;
    const largest = Math.max(...expected.map(Math.abs));
    const wrong = expected.findIndex((value, i) => !(Math.abs(actual[i] - value) <= TOLERANCE * largest));
    if (wrong >= 0) {
      throw new Error(`${engine.device} computes ${name} wrong: ${actual[wrong]} where ${expected[wrong]} is right`);
    }
  }
}

const SWISH: Activation = {
  name: "swish",
  expression: {
    kind: "binary",
    name: "mul",
    left: X,
    right: {
      kind: "unary",
      name: "sigmoid",
      argument: { kind: "binary", name: "mul", left: { kind: "b" }, right: X },
    },
  },
  betaStart: 1,
};

/** The parameters after one step on drawn images. */
async function trialStep(engine: Engine): Promise<Tensors> {
  const builder = new GraphBuilder("self-check", { classes: 3, usesBeta: true, image: [6, 6, 3] });
  const normAct = (name: string, input: number) => builder.activation(name, builder.batchNorm(name, input));
  const stem = normAct("stem", builder.conv("stem", builder.input(), { channels: 4, size: 3 }));
  const conv = builder.conv("second", stem, { channels: 8, size: 3, stride: 2 });
  const sum = normAct("second", builder.add(conv, builder.shortcut(stem, { channels: 8, stride: 2 })));
  const graph = builder.build(builder.dense("dense", builder.globalAveragePool(sum), { outputs: 3 }));
  const optimizer = { kind: "sgd", momentum: 0.9, weightDecay: 1e-2 } as const;
  const program = await engine.compile(graph, SWISH, { batch: 4, optimizer });
  try {
    await program.write("parameters", initialParameters(graph, SWISH, 1));
    const images = Float32Array.from({ length: 4 * 6 * 6 * 3 }, (_, i) => Math.sin(i * i));
    await program.train([{ batch: { images, labels: Uint8Array.of(0, 1, 2, 0) }, learningRate: 0.1 }]);
    return await program.read("parameters");
  } finally {
    program.dispose();
  }
}

/**
 * The engines tfjs-node and tfjs-node-gpu: TensorFlow's own kernels through the native half of those packages, the same
 * code for both. `binding.ts` explains why only that half, and why one GPU per process.
 */
import type { Activation } from "../../activation/expression.ts";
import { differentiate } from "../../compiler/derivatives.ts";
import type { Graph } from "../../network/graph.ts";
import type { CompileOptions, Engine, Probe, Program } from "../engine.ts";
import { selfCheck } from "../self_check.ts";
import { type Binding, loadBinding, requireGpu } from "./binding.ts";
import { CPU_PACKAGE, GPU_PACKAGE, type TensorFlowPackage } from "./package.ts";
import { activationList, ActivationWriter } from "./expression.ts";
import { TensorFlowProgram } from "./program.ts";
import { Session } from "./session.ts";

/** Opens TensorFlow on the CPU. Throws an Error with one sentence if it is not available. */
export function openTfjsNode(): Promise<TensorFlowEngine> {
  return openTensorFlow(CPU_PACKAGE);
}

/** Opens TensorFlow on the GPU that this process sees. Throws an Error with one sentence if it is not available. */
export function openTfjsNodeGpu(): Promise<TensorFlowEngine> {
  return openTensorFlow(GPU_PACKAGE);
}

async function openTensorFlow(tensorFlow: TensorFlowPackage): Promise<TensorFlowEngine> {
  const binding = loadBinding(tensorFlow);
  requireGpu(tensorFlow, binding);
  const engine = new TensorFlowEngine(tensorFlow, binding);
  await requireSound(engine, tensorFlow);
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
    this.notices = gpu ? [] : ["TensorFlow shares all cores among the children: --threads has no effect"];
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

  // deno-lint-ignore require-await
  async probe(activation: Activation, x: ArrayLike<number>, b: number): Promise<Probe> {
    const session = this.#session, list = activationList(differentiate(activation));
    return session.scope(() => {
      const points = session.floats([x.length], Float32Array.from(x));
      const ones = session.floats([x.length], new Float32Array(x.length).fill(1));
      const writer = new ActivationWriter(session, (value) => session.scalar(value), list, {
        x: points,
        b: session.scalar(b),
      });
      const { value, byX, byB } = list;
      return {
        value: session.data(writer.writeWhole(value)),
        derivative: session.data(writer.writeProduct(ones, byX)),
        betaDerivative: byB === null ? new Float32Array(x.length) : session.data(writer.writeProduct(ones, byB)),
      };
    });
  }

  /** The binding stays loaded: a process cannot unload TensorFlow. */
  close(): void {}
}

/**
 * Throws an Error with one sentence if the engine's results differ from `reference`'s. A cuDNN that is missing or of
 * the wrong version shows only here.
 */
export async function requireSound(engine: Engine, { build }: TensorFlowPackage): Promise<void> {
  const found = await selfCheck(engine);
  if (found === null) return;
  const reason = found.replaceAll(/\s+/g, " ").slice(0, 200);
  const what = /cudnn|dnn library/i.test(reason) ? "its cuDNN is missing or of the wrong version" : "its check failed";
  throw new Error(`${engine.device} cannot train as ${what} (${reason}): run \`${build}\``);
}

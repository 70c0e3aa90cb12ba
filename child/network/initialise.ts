/**
 * A child's initial parameters, a function of graph, activation and seed alone, rounded to float32 so that every
 * engine starts from the same ones.
 */
import { Random } from "../../datasets/random.ts";
import type { Activation } from "../activation/expression.ts";
import { type Graph } from "./graph.ts";
import { type Parameter, type ParameterRole, type Tensors } from "./parameters.ts";
import { sizeOf } from "./shape.ts";

type Start = (parameter: Parameter, activation: Activation, random: Random) => () => number;

const START: { readonly [Role in ParameterRole]: Start } = {
  /**
   * Normal of variance 2 / fan in: He et al. 2015, "Delving Deep into Rectifiers" (arXiv 1502.01852), eq. 10. For SELU
   * 1 / fan in: LeCun et al. 1998, "Efficient BackProp", eq. 16, as Klambauer et al. 2017 (arXiv 1706.02515) ask for.
   */
  conv_kernel: ({ shape: [height, width, inputs] }, { kernelGain = 2 }, random) => {
    const deviation = Math.sqrt(kernelGain / (height * width * inputs));
    return () => deviation * random.normal();
  },
  /** The same, with the pixels under the kernel for fan in. */
  depthwise_kernel: ({ shape: [height, width] }, { kernelGain = 2 }, random) => {
    const deviation = Math.sqrt(kernelGain / (height * width));
    return () => deviation * random.normal();
  },
  /** Uniform within sqrt(6 / (in + out)): Glorot & Bengio 2010, eq. 16, as no rectifier follows the logits. */
  dense_kernel: ({ shape: [inputs, outputs] }, _activation, random) => {
    const bound = Math.sqrt(6 / (inputs + outputs));
    return () => bound * (2 * random.uniform() - 1);
  },
  dense_bias: () => () => 0,
  batch_norm_scale: () => () => 1,
  batch_norm_shift: () => () => 0,
  activation_beta: (_parameter, { betaStart }) => () => betaStart,
};

/**
 * Parameters by name, in the order of the graph. Each is drawn from the seed and its own name, so that children of one
 * seed start from the same kernels whether or not their function has a beta.
 */
export function initialParameters(graph: Graph, activation: Activation, seed: number): Tensors {
  const source = new Random(seed);
  return new Map(graph.parameters.map((parameter) => {
    const draw = START[parameter.role](parameter, activation, source.split("parameter", parameter.name));
    return [parameter.name, Float32Array.from({ length: sizeOf(parameter.shape) }, draw)];
  }));
}

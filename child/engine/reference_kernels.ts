/**
 * What each kind of node computes, in float64 and obvious loops: one function a forward node kind, one a backward node
 * kind. Values are NHWC; a value of shape [h, w, c] of all images is one flat array of images * h * w * c numbers.
 */
import type { ScalarFunction } from "../activation/evaluate.ts";
import type { BackwardKind, BackwardOf } from "../network/autodiff.ts";
import {
  BATCH_NORM_EPSILON,
  BATCH_NORM_MOMENTUM,
  type Graph,
  type NodeId,
  type NodeKind,
  type NodeOf,
  type Shape,
  sizeOf,
} from "../network/graph.ts";

/** What the batch norm of one node normalises with: one value a channel. */
export interface Moments {
  readonly mean: Float64Array;
  readonly variance: Float64Array;
}

/** One pass of one batch through the network: what the kernels read and write. */
export interface Pass {
  readonly graph: Graph;
  readonly training: boolean;
  /** Number of images. */
  readonly images: number;
  readonly labels: ArrayLike<number>;
  /** The candidate and its derivatives by x and by b. */
  readonly activation: { readonly value: ScalarFunction; readonly byX: ScalarFunction; readonly byB: ScalarFunction };
  readonly parameters: ReadonlyMap<string, Float64Array>;
  readonly statistics: ReadonlyMap<string, Float64Array>;
  /** Outputs of the forward nodes so far. */
  readonly values: Float64Array[];
  readonly moments: Map<NodeId, Moments>;
  /** Results of the backward nodes so far; empty arrays for those that produce gradients of parameters only. */
  readonly gradients: Float64Array[];
  /** All zero at the start of the pass. */
  readonly parameterGradients: ReadonlyMap<string, Float64Array>;
}

type Forward<Kind extends NodeKind> = (node: NodeOf<Kind>, output: Float64Array, pass: Pass, id: NodeId) => void;

/** Each fills `output`, which is all zero at the start. */
export const FORWARD: { readonly [Kind in NodeKind]: Forward<Kind> } = {
  input() {}, // the program puts the images here

  conv(node, output, pass) {
    const input = pass.values[node.input];
    const kernel = parameter(pass, node.kernel);
    const [inputs, outputs] = [pass.graph.nodes[node.input].shape[2], node.shape[2]];
    forEachTap(node, pass, (from, to, tap) => {
      for (let i = 0; i < inputs; i++) {
        const x = input[from + i];
        const row = tap + i * outputs;
        for (let o = 0; o < outputs; o++) output[to + o] += x * kernel[row + o];
      }
    });
  },

  batch_norm(node, output, pass, id) {
    const input = pass.values[node.input];
    const channels = node.shape[2];
    const running = {
      mean: statistic(pass, `${node.statistics}.mean`),
      variance: statistic(pass, `${node.statistics}.variance`),
    };
    const moments = pass.training ? batchMoments(input, channels) : running;
    if (pass.training) updateRunning(running, moments, input.length / channels);
    pass.moments.set(id, moments);

    const scale = parameter(pass, node.scale);
    const shift = parameter(pass, node.shift);
    const deviation = moments.variance.map((v) => Math.sqrt(v + BATCH_NORM_EPSILON));
    for (let i = 0; i < input.length; i++) {
      const c = i % channels;
      output[i] = scale[c] * (input[i] - moments.mean[c]) / deviation[c] + shift[c];
    }
  },

  activation(node, output, pass) {
    const input = pass.values[node.input];
    const channels = node.shape[2];
    const beta = betaOf(node, pass);
    for (let i = 0; i < input.length; i++) output[i] = pass.activation.value(input[i], beta[i % channels]);
  },

  add(node, output, pass) {
    const left = pass.values[node.left];
    const right = pass.values[node.right];
    for (let i = 0; i < output.length; i++) output[i] = left[i] + right[i];
  },

  shortcut(node, output, pass) {
    const input = pass.values[node.input];
    const channels = pass.graph.nodes[node.input].shape[2];
    forEachKeptPixel(node, pass, (from, to) => {
      for (let c = 0; c < channels; c++) output[to + c] = input[from + c];
    });
  },

  global_average_pool(node, output, pass) {
    const input = pass.values[node.input];
    const [height, width, channels] = pass.graph.nodes[node.input].shape;
    const pixels = height * width;
    for (let i = 0; i < input.length; i++) {
      const image = Math.floor(i / (pixels * channels));
      output[image * channels + i % channels] += input[i] / pixels;
    }
  },

  dense(node, output, pass) {
    const input = pass.values[node.input];
    const kernel = parameter(pass, node.kernel);
    const bias = parameter(pass, node.bias);
    const [inputs, outputs] = [sizeOf(pass.graph.nodes[node.input].shape), node.shape[2]];
    for (let n = 0; n < pass.images; n++) {
      for (let o = 0; o < outputs; o++) {
        let sum = bias[o];
        for (let i = 0; i < inputs; i++) sum += input[n * inputs + i] * kernel[i * outputs + o];
        output[n * outputs + o] = sum;
      }
    }
  },

  softmax_cross_entropy(node, output, pass) {
    const probabilities = softmax(pass.values[node.input], pass.graph.classes);
    for (let n = 0; n < pass.images; n++) {
      output[0] -= probabilities.logarithm[n * pass.graph.classes + pass.labels[n]] / pass.images;
    }
  },
};

type Backward<Kind extends BackwardKind> = (
  node: BackwardOf<Kind>,
  output: Float64Array,
  pass: Pass,
) => void;

/** Each fills `output`, which is all zero at the start, and adds to the gradients of its parameters. */
export const BACKWARD: { readonly [Kind in BackwardKind]: Backward<Kind> } = {
  softmax_cross_entropy_gradient({ of }, output, pass) {
    const { classes } = pass.graph;
    const { value } = softmax(pass.values[forwardNode(pass, of, "softmax_cross_entropy").input], classes);
    for (let i = 0; i < output.length; i++) {
      const target = pass.labels[Math.floor(i / classes)] === i % classes ? 1 : 0;
      output[i] = (value[i] - target) / pass.images;
    }
  },

  dense_input_gradient({ of, gradient }, output, pass) {
    const node = forwardNode(pass, of, "dense");
    const kernel = parameter(pass, node.kernel);
    const incoming = pass.gradients[gradient];
    const [inputs, outputs] = [output.length / pass.images, node.shape[2]];
    for (let n = 0; n < pass.images; n++) {
      for (let i = 0; i < inputs; i++) {
        for (let o = 0; o < outputs; o++) {
          output[n * inputs + i] += incoming[n * outputs + o] * kernel[i * outputs + o];
        }
      }
    }
  },

  dense_parameter_gradient({ of, gradient }, _output, pass) {
    const node = forwardNode(pass, of, "dense");
    const input = pass.values[node.input];
    const incoming = pass.gradients[gradient];
    const kernelGradient = parameterGradient(pass, node.kernel);
    const biasGradient = parameterGradient(pass, node.bias);
    const [inputs, outputs] = [input.length / pass.images, node.shape[2]];
    for (let n = 0; n < pass.images; n++) {
      for (let o = 0; o < outputs; o++) {
        const g = incoming[n * outputs + o];
        biasGradient[o] += g;
        for (let i = 0; i < inputs; i++) kernelGradient[i * outputs + o] += g * input[n * inputs + i];
      }
    }
  },

  global_average_pool_gradient({ gradient, shape }, output, pass) {
    const incoming = pass.gradients[gradient];
    const [height, width, channels] = shape;
    const pixels = height * width;
    for (let i = 0; i < output.length; i++) {
      const image = Math.floor(i / (pixels * channels));
      output[i] = incoming[image * channels + i % channels] / pixels;
    }
  },

  shortcut_gradient({ of, gradient, shape }, output, pass) {
    const incoming = pass.gradients[gradient];
    const channels = shape[2];
    forEachKeptPixel(forwardNode(pass, of, "shortcut"), pass, (from, to) => {
      for (let c = 0; c < channels; c++) output[from + c] = incoming[to + c];
    });
  },

  /**
   * Ioffe & Szegedy 2015, §3: with m values a channel, normalised values n and incoming gradient g,
   * d shift = sum g, d scale = sum g n, d input = scale / deviation * (g - (d shift + n d scale) / m).
   */
  batch_norm_gradient({ of, gradient }, output, pass) {
    const node = forwardNode(pass, of, "batch_norm");
    const input = pass.values[node.input];
    const incoming = pass.gradients[gradient];
    const channels = node.shape[2];
    const { mean, variance } = pass.moments.get(of)!;
    const deviation = variance.map((v) => Math.sqrt(v + BATCH_NORM_EPSILON));
    const normalised = input.map((x, i) => (x - mean[i % channels]) / deviation[i % channels]);

    const scale = parameter(pass, node.scale);
    const scaleGradient = parameterGradient(pass, node.scale);
    const shiftGradient = parameterGradient(pass, node.shift);
    for (let i = 0; i < input.length; i++) {
      scaleGradient[i % channels] += incoming[i] * normalised[i];
      shiftGradient[i % channels] += incoming[i];
    }
    const m = input.length / channels;
    for (let i = 0; i < input.length; i++) {
      const c = i % channels;
      const centred = incoming[i] - (shiftGradient[c] + normalised[i] * scaleGradient[c]) / m;
      output[i] = scale[c] / deviation[c] * centred;
    }
  },

  activation_gradient({ of, gradient }, output, pass) {
    const node = forwardNode(pass, of, "activation");
    const input = pass.values[node.input];
    const incoming = pass.gradients[gradient];
    const channels = node.shape[2];
    const { byX, byB } = pass.activation;
    const beta = betaOf(node, pass);
    for (let i = 0; i < input.length; i++) output[i] = incoming[i] * byX(input[i], beta[i % channels]);
    if (node.beta === undefined) return;
    const betaGradient = parameterGradient(pass, node.beta);
    for (let i = 0; i < input.length; i++) {
      betaGradient[i % channels] += incoming[i] * byB(input[i], beta[i % channels]);
    }
  },

  conv_input_gradient({ of, gradient, shape }, output, pass) {
    const node = forwardNode(pass, of, "conv");
    const incoming = pass.gradients[gradient];
    const kernel = parameter(pass, node.kernel);
    const [inputs, outputs] = [shape[2], node.shape[2]];
    forEachTap(node, pass, (from, to, tap) => {
      for (let i = 0; i < inputs; i++) {
        const row = tap + i * outputs;
        let sum = 0;
        for (let o = 0; o < outputs; o++) sum += incoming[to + o] * kernel[row + o];
        output[from + i] += sum;
      }
    });
  },

  conv_kernel_gradient({ of, gradient }, _output, pass) {
    const node = forwardNode(pass, of, "conv");
    const input = pass.values[node.input];
    const incoming = pass.gradients[gradient];
    const kernelGradient = parameterGradient(pass, node.kernel);
    const [inputs, outputs] = [pass.graph.nodes[node.input].shape[2], node.shape[2]];
    forEachTap(node, pass, (from, to, tap) => {
      for (let i = 0; i < inputs; i++) {
        const x = input[from + i];
        const row = tap + i * outputs;
        for (let o = 0; o < outputs; o++) kernelGradient[row + o] += x * incoming[to + o];
      }
    });
  },

  sum({ gradients }, output, pass) {
    for (const gradient of gradients) {
      const incoming = pass.gradients[gradient];
      for (let i = 0; i < output.length; i++) output[i] += incoming[i];
    }
  },
};

/**
 * Visits every pair of an output pixel and an input pixel under its kernel, with the offset of the first channel of
 * each and that of the kernel's [inputs, outputs] matrix there. Pixels of the zero padding are left out.
 */
function forEachTap(
  { input, size, stride, shape }: NodeOf<"conv">,
  pass: Pass,
  visit: (from: number, to: number, tap: number) => void,
): void {
  const [inHeight, inWidth, inputs] = pass.graph.nodes[input].shape;
  const [height, width, outputs] = shape;
  const padding = (size - 1) / 2;
  for (let n = 0; n < pass.images; n++) {
    for (let y = 0; y < height; y++) {
      for (let ky = 0; ky < size; ky++) {
        const inY = y * stride + ky - padding;
        if (inY < 0 || inY >= inHeight) continue;
        for (let x = 0; x < width; x++) {
          for (let kx = 0; kx < size; kx++) {
            const inX = x * stride + kx - padding;
            if (inX < 0 || inX >= inWidth) continue;
            visit(
              offset(n, inY, inX, [inHeight, inWidth, inputs]),
              offset(n, y, x, [height, width, outputs]),
              (ky * size + kx) * inputs * outputs,
            );
          }
        }
      }
    }
  }
}

/** Visits each pixel that an option-A shortcut keeps: its offset in the input, and where its channels go in the output. */
function forEachKeptPixel(
  { input, stride, shape }: NodeOf<"shortcut">,
  pass: Pass,
  visit: (from: number, to: number) => void,
): void {
  const inputShape = pass.graph.nodes[input].shape;
  const [height, width, channels] = shape;
  const before = (channels - inputShape[2]) / 2;
  for (let n = 0; n < pass.images; n++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        visit(offset(n, y * stride, x * stride, inputShape), offset(n, y, x, shape) + before);
      }
    }
  }
}

/** Where the channels of a pixel start. */
function offset(image: number, y: number, x: number, [height, width, channels]: Shape): number {
  return ((image * height + y) * width + x) * channels;
}

/** Mean and biased variance of each channel over images and pixels, in two passes. */
function batchMoments(input: Float64Array, channels: number): Moments {
  const count = input.length / channels;
  const mean = new Float64Array(channels);
  const variance = new Float64Array(channels);
  for (let i = 0; i < input.length; i++) mean[i % channels] += input[i] / count;
  for (let i = 0; i < input.length; i++) variance[i % channels] += (input[i] - mean[i % channels]) ** 2 / count;
  return { mean, variance };
}

/** The running variance takes the unbiased one, as PyTorch does; the biased one where there is a single value. */
function updateRunning(running: Moments, { mean, variance }: Moments, count: number): void {
  const unbiased = count / Math.max(count - 1, 1);
  const share = 1 - BATCH_NORM_MOMENTUM;
  for (let c = 0; c < mean.length; c++) {
    running.mean[c] = BATCH_NORM_MOMENTUM * running.mean[c] + share * mean[c];
    running.variance[c] = BATCH_NORM_MOMENTUM * running.variance[c] + share * variance[c] * unbiased;
  }
}

/** Softmax of each row of `classes` logits, and its logarithm, which does not overflow. */
function softmax(logits: Float64Array, classes: number): { value: Float64Array; logarithm: Float64Array } {
  const logarithm = new Float64Array(logits.length);
  for (let start = 0; start < logits.length; start += classes) {
    const row = logits.subarray(start, start + classes);
    const largest = row.reduce((a, b) => Math.max(a, b));
    const sum = row.reduce((total, logit) => total + Math.exp(logit - largest), 0);
    for (let c = 0; c < classes; c++) logarithm[start + c] = row[c] - largest - Math.log(sum);
  }
  return { value: logarithm.map(Math.exp), logarithm };
}

/** Values of beta by channel; NaN where there is none, since then nothing may read it. */
function betaOf({ beta, shape }: NodeOf<"activation">, pass: Pass): Float64Array {
  return beta === undefined ? new Float64Array(shape[2]).fill(NaN) : parameter(pass, beta);
}

function forwardNode<Kind extends NodeKind>(pass: Pass, id: NodeId, kind: Kind): NodeOf<Kind> {
  const node = pass.graph.nodes[id];
  if (node.kind !== kind) throw new TypeError(`Cannot differentiate node ${id} as ${kind}: it is ${node.kind}`);
  return node as NodeOf<Kind>;
}

const parameter = (pass: Pass, name: string) => named(pass.parameters, name);
const parameterGradient = (pass: Pass, name: string) => named(pass.parameterGradients, name);
const statistic = (pass: Pass, name: string) => named(pass.statistics, name);

function named(tensors: ReadonlyMap<string, Float64Array>, name: string): Float64Array {
  const tensor = tensors.get(name);
  if (tensor === undefined) throw new TypeError(`Cannot compute a node as its tensor ${name} does not exist`);
  return tensor;
}

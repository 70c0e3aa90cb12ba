/**
 * What each kind of node computes, in float64 and plain loops: one function per forward node kind, one per backward
 * node kind. Values are NHWC; a value of shape [h, w, c] of all images is one flat array of images * h * w * c numbers.
 *
 * Over 400 lines, as it is one table of kinds and one of their gradients.
 */
import type { ScalarFunction } from "../../activation/evaluate.ts";
import type { BackwardKind, BackwardOf } from "../../network/autodiff.ts";
import { type Graph, type NodeId, type NodeKind, type NodeOf } from "../../network/graph.ts";
import { mask } from "../../network/dropout.ts";
import { addProduct, type Matrix, matrix, transposed } from "./matrix.ts";
import { channelsOf, imageSizes, placesOf, type Shape, sizeOf } from "../../network/shape.ts";
import { BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM } from "../../network/batch_norm.ts";

/** Moments with which one batch norm node normalises: one value per channel. */
export interface Moments {
  readonly mean: Float64Array;
  readonly variance: Float64Array;
}

/** State of one pass of a batch through the network, read and written by the kernels. */
export interface Pass {
  readonly graph: Graph;
  readonly training: boolean;
  /** Of the step. */
  readonly dropoutSeed: number;
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
    const kernel = matrix(parameter(pass, node.kernel), channelsOf(node.shape));
    forEachImage(node, pass, (n, patches, places) => {
      gather(imageOf(pass.values[node.input], n, pass), places, patches.data);
      addProduct(patches, kernel, matrix(imageOf(output, n, pass), channelsOf(node.shape)));
    });
  },

  batch_norm(node, output, pass, id) {
    const input = pass.values[node.input];
    const channels = channelsOf(node.shape);
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
    const channels = channelsOf(node.shape);
    const beta = betaOf(node, pass);
    for (let i = 0; i < input.length; i++) output[i] = pass.activation.value(input[i], beta[i % channels]);
  },

  dropout(node, output, pass, id) {
    const input = pass.values[node.input];
    output.set(pass.training ? mask(pass.dropoutSeed, id, node.rate, input.length).map((m, i) => m * input[i]) : input);
  },

  add(node, output, pass) {
    const left = pass.values[node.left];
    const right = pass.values[node.right];
    for (let i = 0; i < output.length; i++) output[i] = left[i] + right[i];
  },

  depthwise_conv(node, output, pass) {
    const input = pass.values[node.input], kernel = parameter(pass, node.kernel), channels = channelsOf(node.shape);
    forEachWindow(node, pass, (from, to, place) => {
      for (let c = 0; c < channels; c++) output[to + c] += input[from + c] * kernel[place * channels + c];
    });
  },

  concat(node, output, pass) {
    const [left, right] = [pass.values[node.left], pass.values[node.right]], channels = channelsOf(node.shape);
    const first = channelsOf(pass.graph.nodes[node.left].shape), second = channels - first;
    for (let pixel = 0; pixel < output.length / channels; pixel++) {
      output.set(left.subarray(pixel * first, (pixel + 1) * first), pixel * channels);
      output.set(right.subarray(pixel * second, (pixel + 1) * second), pixel * channels + first);
    }
  },

  max_pool(node, output, pass) {
    const input = pass.values[node.input], channels = channelsOf(node.shape);
    output.fill(-Infinity);
    forEachWindow(node, pass, (from, to) => {
      for (let c = 0; c < channels; c++) output[to + c] = Math.max(output[to + c], input[from + c]);
    });
  },

  average_pool(node, output, pass) {
    const input = pass.values[node.input], channels = channelsOf(node.shape), area = node.size ** 2;
    forEachSquare(node, pass, (from, to) => {
      for (let c = 0; c < channels; c++) output[to + c] += input[from + c] / area;
    });
  },

  shortcut(node, output, pass) {
    const input = pass.values[node.input];
    const channels = channelsOf(pass.graph.nodes[node.input].shape);
    forEachKeptPixel(node, pass, (from, to) => {
      for (let c = 0; c < channels; c++) output[to + c] = input[from + c];
    });
  },

  global_average_pool(node, output, pass) {
    const input = pass.values[node.input];
    const { shape } = pass.graph.nodes[node.input];
    const pixels = placesOf(shape), channels = channelsOf(shape);
    for (let i = 0; i < input.length; i++) {
      const image = Math.floor(i / (pixels * channels));
      output[image * channels + i % channels] += input[i] / pixels;
    }
  },

  dense(node, output, pass) {
    const outputs = channelsOf(node.shape);
    const inputs = sizeOf(pass.graph.nodes[node.input].shape);
    for (let n = 0; n < pass.images; n++) output.set(parameter(pass, node.bias), n * outputs);
    const kernel = matrix(parameter(pass, node.kernel), outputs);
    addProduct(matrix(pass.values[node.input], inputs), kernel, matrix(output, outputs));
  },

  softmax_cross_entropy(node, output, pass) {
    const { logarithm } = softmax(pass.values[node.input], pass.graph.classes), targets = targetsOf(node, pass);
    for (let i = 0; i < targets.length; i++) {
      if (targets[i] > 0) output[0] -= targets[i] * logarithm[i] / pass.images; // 0 times minus infinity is no loss
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
    const node = forwardNode(pass, of, "softmax_cross_entropy"), targets = targetsOf(node, pass);
    const { value } = softmax(pass.values[node.input], pass.graph.classes);
    for (let i = 0; i < output.length; i++) output[i] = (value[i] - targets[i]) / pass.images;
  },

  dense_input_gradient({ of, gradient, shape }, output, pass) {
    const node = forwardNode(pass, of, "dense");
    const outputs = channelsOf(node.shape);
    const kernel = matrix(parameter(pass, node.kernel), outputs);
    addProduct(matrix(pass.gradients[gradient], outputs), transposed(kernel), matrix(output, sizeOf(shape)));
  },

  dense_parameter_gradient({ of, gradient }, _output, pass) {
    const node = forwardNode(pass, of, "dense");
    const outputs = channelsOf(node.shape);
    const inputs = sizeOf(pass.graph.nodes[node.input].shape);
    const incoming = pass.gradients[gradient];
    const kernelGradient = matrix(parameterGradient(pass, node.kernel), outputs);
    addProduct(transposed(matrix(pass.values[node.input], inputs)), matrix(incoming, outputs), kernelGradient);
    const biasGradient = parameterGradient(pass, node.bias);
    for (let i = 0; i < incoming.length; i++) biasGradient[i % outputs] += incoming[i];
  },

  global_average_pool_gradient({ gradient, shape }, output, pass) {
    const incoming = pass.gradients[gradient];
    const pixels = placesOf(shape), channels = channelsOf(shape);
    for (let i = 0; i < output.length; i++) {
      const image = Math.floor(i / (pixels * channels));
      output[i] = incoming[image * channels + i % channels] / pixels;
    }
  },

  shortcut_gradient({ of, gradient, shape }, output, pass) {
    const incoming = pass.gradients[gradient];
    const channels = channelsOf(shape);
    forEachKeptPixel(forwardNode(pass, of, "shortcut"), pass, (from, to) => {
      for (let c = 0; c < channels; c++) output[from + c] = incoming[to + c];
    });
  },

  /**
   * Ioffe & Szegedy 2015, §3: with m values per channel, normalised values n and incoming gradient g,
   * d shift = sum g, d scale = sum g n, d input = scale / deviation * (g - (d shift + n d scale) / m).
   */
  batch_norm_gradient({ of, gradient }, output, pass) {
    const node = forwardNode(pass, of, "batch_norm");
    const input = pass.values[node.input];
    const incoming = pass.gradients[gradient];
    const channels = channelsOf(node.shape);
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

  dropout_gradient({ of, gradient }, output, pass) {
    const { rate } = forwardNode(pass, of, "dropout"), incoming = pass.gradients[gradient];
    output.set(mask(pass.dropoutSeed, of, rate, incoming.length).map((m, i) => m * incoming[i]));
  },

  activation_gradient({ of, gradient }, output, pass) {
    const node = forwardNode(pass, of, "activation");
    const input = pass.values[node.input];
    const incoming = pass.gradients[gradient];
    const channels = channelsOf(node.shape);
    const { byX, byB } = pass.activation;
    const beta = betaOf(node, pass);
    for (let i = 0; i < input.length; i++) output[i] = incoming[i] * byX(input[i], beta[i % channels]);
    if (node.beta === undefined) return;
    const betaGradient = parameterGradient(pass, node.beta);
    for (let i = 0; i < input.length; i++) {
      betaGradient[i % channels] += incoming[i] * byB(input[i], beta[i % channels]);
    }
  },

  conv_input_gradient({ of, gradient }, output, pass) {
    const node = forwardNode(pass, of, "conv");
    const kernel = matrix(parameter(pass, node.kernel), channelsOf(node.shape));
    forEachImage(node, pass, (n, patches, places) => {
      patches.data.fill(0);
      addProduct(
        matrix(imageOf(pass.gradients[gradient], n, pass), channelsOf(node.shape)),
        transposed(kernel),
        patches,
      );
      scatter(patches.data, places, imageOf(output, n, pass));
    });
  },

  conv_kernel_gradient({ of, gradient }, _output, pass) {
    const node = forwardNode(pass, of, "conv");
    const kernelGradient = matrix(parameterGradient(pass, node.kernel), channelsOf(node.shape));
    forEachImage(node, pass, (n, patches, places) => {
      gather(imageOf(pass.values[node.input], n, pass), places, patches.data);
      const incoming = matrix(imageOf(pass.gradients[gradient], n, pass), channelsOf(node.shape));
      addProduct(transposed(patches), incoming, kernelGradient);
    });
  },

  depthwise_conv_input_gradient({ of, gradient }, output, pass) {
    const node = forwardNode(pass, of, "depthwise_conv"), channels = channelsOf(node.shape);
    const incoming = pass.gradients[gradient], kernel = parameter(pass, node.kernel);
    forEachWindow(node, pass, (from, to, place) => {
      for (let c = 0; c < channels; c++) output[from + c] += incoming[to + c] * kernel[place * channels + c];
    });
  },

  depthwise_conv_kernel_gradient({ of, gradient }, _output, pass) {
    const node = forwardNode(pass, of, "depthwise_conv"), channels = channelsOf(node.shape);
    const [incoming, input] = [pass.gradients[gradient], pass.values[node.input]];
    const kernelGradient = parameterGradient(pass, node.kernel);
    forEachWindow(node, pass, (from, to, place) => {
      for (let c = 0; c < channels; c++) kernelGradient[place * channels + c] += incoming[to + c] * input[from + c];
    });
  },

  max_pool_gradient({ of, gradient }, output, pass) {
    const node = forwardNode(pass, of, "max_pool"), channels = channelsOf(node.shape);
    const [incoming, input, largest] = [pass.gradients[gradient], pass.values[node.input], pass.values[of]];
    const isSent = new Uint8Array(incoming.length);
    forEachWindow(node, pass, (from, to) => {
      for (let c = 0; c < channels; c++) {
        if (isSent[to + c] || input[from + c] !== largest[to + c]) continue;
        isSent[to + c] = 1;
        output[from + c] += incoming[to + c];
      }
    });
  },

  average_pool_gradient({ of, gradient }, output, pass) {
    const node = forwardNode(pass, of, "average_pool"), channels = channelsOf(node.shape), area = node.size ** 2;
    const incoming = pass.gradients[gradient];
    forEachSquare(node, pass, (from, to) => {
      for (let c = 0; c < channels; c++) output[from + c] = incoming[to + c] / area;
    });
  },

  concat_left_gradient({ of, gradient, shape }, output, pass) {
    takeChannels(pass.gradients[gradient], channelsOf(forwardNode(pass, of, "concat").shape), 0, output, shape);
  },

  concat_right_gradient({ of, gradient, shape }, output, pass) {
    const channels = channelsOf(forwardNode(pass, of, "concat").shape);
    takeChannels(pass.gradients[gradient], channels, channels - channelsOf(shape), output, shape);
  },

  sum({ gradients }, output, pass) {
    for (const gradient of gradients) {
      const incoming = pass.gradients[gradient];
      for (let i = 0; i < output.length; i++) output[i] += incoming[i];
    }
  },
};

/**
 * A convolution of one image is a matrix product: a row for each output pixel, with the patch of input under the kernel
 * in the order of the kernel's rows (height, width, inputs), times the kernel as [size * size * inputs, outputs].
 * Visits every image with room for that matrix of patches, and the place of each of its elements in the image
 * (-1: in the zero padding).
 */
function forEachImage(
  node: NodeOf<"conv">,
  pass: Pass,
  visit: (image: number, patches: Matrix, places: Int32Array) => void,
): void {
  const inputShape = pass.graph.nodes[node.input].shape;
  const places = patchPlaces(node, inputShape);
  const patches = matrix(new Float64Array(places.length), node.size * node.size * channelsOf(inputShape));
  for (let n = 0; n < pass.images; n++) visit(n, patches, places);
}

function patchPlaces({ size, stride, shape: [height, width] }: NodeOf<"conv">, inputShape: Shape): Int32Array {
  const [inHeight, inWidth, inputs] = inputShape;
  const padding = (size - 1) / 2;
  const places = new Int32Array(height * width * size * size * inputs);
  let at = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let ky = 0; ky < size; ky++) {
        for (let kx = 0; kx < size; kx++) {
          const [inY, inX] = [y * stride + ky - padding, x * stride + kx - padding];
          const inside = inY >= 0 && inY < inHeight && inX >= 0 && inX < inWidth;
          for (let i = 0; i < inputs; i++) places[at++] = inside ? offset(0, inY, inX, inputShape) + i : -1;
        }
      }
    }
  }
  return places;
}

function gather(image: Float64Array, places: Int32Array, patches: Float64Array): void {
  for (let k = 0; k < places.length; k++) patches[k] = places[k] < 0 ? 0 : image[places[k]];
}

/** The reverse of `gather`: adds each element to where it came from. */
function scatter(patches: Float64Array, places: Int32Array, image: Float64Array): void {
  for (let k = 0; k < places.length; k++) if (places[k] >= 0) image[places[k]] += patches[k];
}

/** Fills `output`, of `shape`, with some of `channels` channels of each pixel, from channel `first` on. */
function takeChannels(
  values: Float64Array,
  channels: number,
  first: number,
  output: Float64Array,
  shape: Shape,
): void {
  const count = channelsOf(shape);
  for (let pixel = 0; pixel < output.length / count; pixel++) {
    const from = pixel * channels + first;
    output.set(values.subarray(from, from + count), pixel * count);
  }
}

type Window = NodeOf<"depthwise_conv"> | NodeOf<"max_pool">;

/**
 * Visits each pixel under each window of `size` x `size` that lies in the image: its offset in the input, that of the
 * window's pixel in the output, and its place in the window, row by row.
 */
function forEachWindow(
  { input, size, stride, shape }: Window,
  pass: Pass,
  visit: (from: number, to: number, place: number) => void,
): void {
  const inputShape = pass.graph.nodes[input].shape, { height, width } = imageSizes(inputShape);
  const out = imageSizes(shape), edge = (size - 1) / 2;
  for (let n = 0; n < pass.images; n++) {
    for (let y = 0; y < out.height; y++) {
      for (let x = 0; x < out.width; x++) {
        for (let place = 0; place < size * size; place++) {
          const row = y * stride + Math.floor(place / size) - edge, column = x * stride + place % size - edge;
          if (row < 0 || row >= height || column < 0 || column >= width) continue;
          visit(offset(n, row, column, inputShape), offset(n, y, x, shape), place);
        }
      }
    }
  }
}

/** Visits each pixel of each square of an average pooling: its offset in the input, and that of the square's pixel. */
function forEachSquare(
  { input, size, shape }: NodeOf<"average_pool">,
  pass: Pass,
  visit: (from: number, to: number) => void,
): void {
  const inputShape = pass.graph.nodes[input].shape, { height, width } = imageSizes(shape);
  for (let n = 0; n < pass.images; n++) {
    for (let row = 0; row < height * size; row++) {
      for (let column = 0; column < width * size; column++) {
        const to = offset(n, Math.floor(row / size), Math.floor(column / size), shape);
        visit(offset(n, row, column, inputShape), to);
      }
    }
  }
}

/** The values of image `n`. */
function imageOf(values: Float64Array, n: number, { images }: Pass): Float64Array {
  const size = values.length / images;
  return values.subarray(n * size, (n + 1) * size);
}

/**
 * Visits each pixel that an option-A shortcut keeps: its offset in the input, and where its channels go in the output.
 */
function forEachKeptPixel(
  { input, stride, shape }: NodeOf<"shortcut">,
  pass: Pass,
  visit: (from: number, to: number) => void,
): void {
  const inputShape = pass.graph.nodes[input].shape;
  const { height, width, channels } = imageSizes(shape);
  const before = (channels - channelsOf(inputShape)) / 2;
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

/** What the probabilities of each image should be. */
function targetsOf({ smoothing }: NodeOf<"softmax_cross_entropy">, pass: Pass): Float64Array {
  const { classes } = pass.graph, targets = new Float64Array(pass.images * classes).fill(smoothing / classes);
  for (let n = 0; n < pass.images; n++) targets[n * classes + pass.labels[n]] += 1 - smoothing;
  return targets;
}

/** Values of beta by channel; NaN where there is none, since then nothing may read it. */
function betaOf({ beta, shape }: NodeOf<"activation">, pass: Pass): Float64Array {
  return beta === undefined ? new Float64Array(channelsOf(shape)).fill(NaN) : parameter(pass, beta);
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

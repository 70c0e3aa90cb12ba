/**
 * Each kind of node as TensorFlow operations: one table for the forward pass, one for the backward pass. All values and
 * gradients are tensors [images, height, width, channels]; a kernel returns a new tensor, and the scope it runs in
 * frees the others that it makes.
 */
import type { CommonBackwardKind, CommonKind } from "../../network/kinds.ts";
import type { BackwardKind, BackwardOf } from "../../network/autodiff.ts";
import { type Graph, type NodeId, type NodeKind, type NodeOf } from "../../network/graph.ts";
import { mask } from "../../network/dropout.ts";
import { type ActivationList, ActivationWriter, type Constants } from "./expression.ts";
import type { Attributes, Session, Tensor } from "./session.ts";
import { channelsOf, imageSizes, placesOf, type Shape, sizeOf } from "../../network/shape.ts";
import { BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM } from "../../network/batch_norm.ts";

/** One walk over the graph. */
export interface Pass {
  readonly graph: Graph;
  readonly session: Session;
  readonly constant: Constants;
  /** Vectors of whole numbers, made once per program. */
  readonly integers: (values: readonly number[], shape?: number[]) => Tensor;
  readonly activation: ActivationList;
  readonly training: boolean;
  /** Of the step. */
  readonly dropoutSeed: number;
  readonly images: number;
  /** Labels as [images, classes] of 0 and 1. */
  readonly labels: Tensor | null;
  readonly parameter: (name: string) => Tensor;
  readonly statistic: (name: string) => Tensor;
  /** Replaces a running statistic by a tensor, and takes ownership of it. */
  readonly setStatistic: (name: string, tensor: Tensor) => void;
  /** Outputs of the forward nodes. */
  readonly values: Map<NodeId, Tensor>;
  /** Values that a forward node keeps for its backward node, by names or positions of its own. */
  readonly kept: Map<NodeId, ReadonlyMap<string | number, Tensor>>;
  readonly gradients: Map<number, Tensor>;
  readonly parameterGradients: Map<string, Tensor>;
}

type Forward<Kind extends NodeKind> = (node: NodeOf<Kind>, pass: Pass, id: NodeId) => Tensor;

export const FORWARD: { readonly [Kind in CommonKind]: Forward<Kind> } = {
  input: () => {
    throw new TypeError("Cannot compute the input node: it is given");
  },

  conv: (node, pass) =>
    pass.session.run("Conv2D", [value(pass, node.input), pass.parameter(node.kernel)], convAttributes(node, pass)),

  batch_norm(node, pass, id) {
    if (!pass.training) return normaliseByRunning(node, pass);
    return pass.session.onGpu ? normaliseFused(node, pass, id) : normaliseCentred(node, pass, id);
  },

  activation(node, pass, id) {
    const writer = activationWriter(node, pass);
    const output = writer.writeWhole(pass.activation.value);
    if (pass.training) pass.kept.set(id, writer.kept);
    return output;
  },

  /** The mask is made on the CPU and kept for the gradient. */
  dropout(node, pass, id) {
    const input = value(pass, node.input);
    if (!pass.training) return pass.session.run("Identity", [input]);
    const shape = [pass.images, ...node.shape], values = mask(pass.dropoutSeed, id, node.rate, sizeOf(shape));
    const factors = pass.session.floats(shape, Float32Array.from(values));
    pass.kept.set(id, new Map([["mask", factors]]));
    return pass.session.run("Mul", [input, factors]);
  },

  add: (node, pass) => pass.session.run("AddV2", [value(pass, node.left), value(pass, node.right)]),

  /**
   * Every stride-th pixel, then zero channels on both sides. The pixels are means of one: StridedSlice takes 2.4 ms for
   * 128 images of 32x32x16 and AvgPool 0.2 (2 cores, November 2026).
   */
  shortcut(node, pass) {
    const pixels = pass.session.run("AvgPool", [value(pass, node.input)], everyPixel(node, pass));
    const padding = addedChannels(node, pass);
    return pass.session.run("Pad", [pixels, pass.integers([0, 0, 0, 0, 0, 0, padding, padding], [4, 2])]);
  },

  global_average_pool: (node, pass) =>
    pass.session.run("Mean", [value(pass, node.input), pass.integers([1, 2])], [
      pass.session.attribute("bool", "keep_dims", true),
    ]),

  dense(node, pass) {
    const input = reshape(pass, value(pass, node.input), [pass.images, sizeOf(shapeOf(pass, node.input))]);
    const product = pass.session.run("MatMul", [input, pass.parameter(node.kernel)]);
    return reshape(pass, pass.session.run("BiasAdd", [product, pass.parameter(node.bias)]), [
      pass.images,
      ...node.shape,
    ]);
  },

  /**
   * Keeps the gradient of each image's loss by its logits, which the same kernel computes: in float64, as all other
   * gradients inherit its error, and it is small.
   */
  softmax_cross_entropy(node, pass, id) {
    const { session } = pass;
    const logits = reshape(pass, value(pass, node.input), [pass.images, pass.graph.classes]);
    const inputs = [logits, pass.labels!].map((tensor) => session.cast(tensor, "float64"));
    const [losses, gradient] = session.runMany("SoftmaxCrossEntropyWithLogits", inputs, 2)
      .map((tensor) => session.cast(tensor, "float32"));
    pass.kept.set(id, new Map([["gradient", gradient]]));
    return session.run("Mean", [losses, pass.integers([0])]);
  },
};

type Backward<Kind extends BackwardKind> = (node: BackwardOf<Kind>, pass: Pass) => Tensor | null;

/** Each returns the gradient of the node's input, null if it only makes gradients of parameters. */
export const BACKWARD: { readonly [Kind in CommonBackwardKind]: Backward<Kind> } = {
  softmax_cross_entropy_gradient({ of, shape }, pass) {
    const gradient = kept(pass, of).get("gradient")!;
    const mean = pass.session.run("Mul", [gradient, pass.constant(1 / pass.images)]);
    return reshape(pass, mean, [pass.images, ...shape]);
  },

  dense_input_gradient({ of, gradient, shape }, pass) {
    const node = forwardNode(pass, of, "dense");
    const product = pass.session.run("MatMul", [rowsOf(pass, gradient, node.shape), pass.parameter(node.kernel)], [
      pass.session.attribute("bool", "transpose_b", true),
    ]);
    return reshape(pass, product, [pass.images, ...shape]);
  },

  dense_parameter_gradient({ of, gradient }, pass) {
    const node = forwardNode(pass, of, "dense");
    const input = reshape(pass, value(pass, node.input), [pass.images, sizeOf(shapeOf(pass, node.input))]);
    const rows = rowsOf(pass, gradient, node.shape);
    const kernel = pass.session.run("MatMul", [input, rows], [pass.session.attribute("bool", "transpose_a", true)]);
    pass.parameterGradients.set(node.kernel, kernel);
    pass.parameterGradients.set(node.bias, pass.session.run("BiasAddGrad", [rows]));
    return null;
  },

  global_average_pool_gradient({ gradient, shape }, pass) {
    const share = pass.session.run("Mul", [incoming(pass, gradient), pass.constant(1 / (placesOf(shape)))]);
    return pass.session.run("BroadcastTo", [share, pass.integers([pass.images, ...shape])]);
  },

  shortcut_gradient({ of, gradient, shape }, pass) {
    const { session, integers } = pass;
    const node = forwardNode(pass, of, "shortcut");
    const { height, width } = imageSizes(node.shape);
    const size = [pass.images, height, width, channelsOf(shape)];
    const inner = session.run("Slice", [
      incoming(pass, gradient),
      integers([0, 0, 0, addedChannels(node, pass)]),
      integers(size),
    ]);
    return session.run("AvgPoolGrad", [integers([pass.images, ...shape]), inner], everyPixel(node, pass));
  },

  batch_norm_gradient({ of, gradient }, pass) {
    const node = forwardNode(pass, of, "batch_norm");
    const [mean, variance, workspace = pass.constant(0)] = kept(pass, of).values();
    const inputs = [incoming(pass, gradient), value(pass, node.input), pass.parameter(node.scale)];
    const [output, scale, shift] = pass.session.runMany(
      "FusedBatchNormGradV3",
      [...inputs, mean, variance, workspace],
      5,
      [pass.session.attribute("float", "epsilon", BATCH_NORM_EPSILON)],
    );
    pass.parameterGradients.set(node.scale, scale);
    pass.parameterGradients.set(node.shift, shift);
    return output;
  },

  activation_gradient({ of, gradient }, pass) {
    const node = forwardNode(pass, of, "activation");
    const { byX, byB } = pass.activation;
    const from = incoming(pass, gradient);
    const writer = activationWriter(node, pass, kept(pass, of) as ReadonlyMap<number, Tensor>);
    if (node.beta !== undefined) {
      const size = channelsOf(node.shape);
      const beta = byB !== null
        ? pass.session.run("Sum", [writer.writeProduct(from, byB), pass.integers([0, 1, 2])])
        : pass.session.floats([size], new Float32Array(size));
      pass.parameterGradients.set(node.beta, beta);
    }
    return writer.writeProduct(from, byX);
  },

  dropout_gradient: ({ of, gradient }, pass) =>
    pass.session.run("Mul", [incoming(pass, gradient), kept(pass, of).get("mask")!]),

  conv_input_gradient({ of, gradient, shape }, pass) {
    const node = forwardNode(pass, of, "conv");
    return pass.session.run("Conv2DBackpropInput", [
      pass.integers([pass.images, ...shape]),
      pass.parameter(node.kernel),
      incoming(pass, gradient),
    ], convAttributes(node, pass));
  },

  conv_kernel_gradient({ of, gradient }, pass) {
    const node = forwardNode(pass, of, "conv");
    const shape = pass.integers([node.size, node.size, channelsOf(shapeOf(pass, node.input)), channelsOf(node.shape)]);
    const inputs = [value(pass, node.input), shape, incoming(pass, gradient)];
    const kernel = pass.session.run("Conv2DBackpropFilter", inputs, convAttributes(node, pass));
    pass.parameterGradients.set(node.kernel, kernel);
    return null;
  },

  sum({ gradients }, pass) {
    const { session } = pass;
    const attributes = [session.attribute("int", "N", gradients.length), session.floatType("T")];
    return session.run("AddN", gradients.map((gradient) => incoming(pass, gradient)), attributes);
  },
};

/** Forward values that a backward node reads. */
export const READS: { readonly [Kind in CommonBackwardKind]: boolean } = {
  softmax_cross_entropy_gradient: false,
  dense_input_gradient: false,
  dense_parameter_gradient: true,
  global_average_pool_gradient: false,
  shortcut_gradient: false,
  batch_norm_gradient: true,
  activation_gradient: true,
  dropout_gradient: false,
  conv_input_gradient: false,
  conv_kernel_gradient: true,
  sum: false,
};

/** "SAME" is the symmetric padding of the graph at stride 1 only: at stride 2 it would put less before than after. */
function convAttributes({ size, stride }: NodeOf<"conv">, { session }: Pass): Attributes {
  const side = (size - 1) / 2;
  return [
    session.attribute("int", "strides", [1, stride, stride, 1]),
    ...stride === 1 || side === 0 ? [session.attribute("string", "padding", "SAME")] : [
      session.attribute("string", "padding", "EXPLICIT"),
      session.attribute("int", "explicit_paddings", [0, 0, side, side, side, side, 0, 0]),
    ],
  ];
}

/** Attributes of a pooling that picks every stride-th pixel. */
function everyPixel({ stride }: NodeOf<"shortcut">, { session }: Pass): Attributes {
  return [
    session.attribute("int", "ksize", [1, 1, 1, 1]),
    session.attribute("int", "strides", [1, stride, stride, 1]),
    session.attribute("string", "padding", "VALID"),
  ];
}

/**
 * Normalises by the batch's own moments, and updates the running ones, in cuDNN's fused kernel. Keeps its inputs to the
 * gradient: mean, inverse deviation, workspace.
 */
function normaliseFused(node: NodeOf<"batch_norm">, pass: Pass, id: NodeId): Tensor {
  const { session, parameter, statistic } = pass;
  const names = [`${node.statistics}.mean`, `${node.statistics}.variance`];
  const inputs = [value(pass, node.input), parameter(node.scale), parameter(node.shift), ...names.map(statistic)];
  const [output, mean, variance, ...reserved] = session.runMany("FusedBatchNormV3", inputs, 6, [
    session.attribute("float", "epsilon", BATCH_NORM_EPSILON),
    // Share of the batch in what comes out as running mean and (unbiased) variance.
    session.attribute("float", "exponential_avg_factor", 1 - BATCH_NORM_MOMENTUM),
  ]);
  pass.setStatistic(names[0], mean);
  pass.setStatistic(names[1], variance);
  pass.kept.set(id, new Map(reserved.map((tensor, i) => [String(i), tensor])));
  return output;
}

/**
 * The same from separate operations, for the CPU. The fused kernels there sum a channel in one float32: oneDNN's output
 * is off by 3e-7 to 7e-7 for 8,192 pixels where a convolution's is by 1e-7 to 4e-7 (November 2026), and relu's golden
 * trace depends on the sign of a value of 1.5e-6. Keeps mean and variance, which the fused gradient reads.
 */
function normaliseCentred(node: NodeOf<"batch_norm">, pass: Pass, id: NodeId): Tensor {
  const { session, constant } = pass;
  const input = value(pass, node.input);
  const pixels = pass.images * placesOf(node.shape);
  const meanOf = (tensor: Tensor) => session.run("Mean", [tensor, pass.integers([0, 1, 2])]);
  const follow = (name: string, moment: Tensor, factor: number) => {
    const before = session.run("Mul", [pass.statistic(name), constant(BATCH_NORM_MOMENTUM)]);
    const share = session.run("Mul", [moment, constant((1 - BATCH_NORM_MOMENTUM) * factor)]);
    pass.setStatistic(name, session.run("AddV2", [before, share]));
  };

  const mean = meanOf(input);
  const centred = session.run("Sub", [input, mean]);
  const variance = meanOf(session.run("Square", [centred]));
  follow(`${node.statistics}.mean`, mean, 1);
  follow(`${node.statistics}.variance`, variance, pixels / Math.max(pixels - 1, 1));
  pass.kept.set(id, new Map([["mean", mean], ["variance", variance]]));
  const scaled = session.run("Mul", [centred, scaleBy(node, pass, variance)]);
  return session.run("AddV2", [scaled, pass.parameter(node.shift)]);
}

/** By the running moments, which are one factor and one summand per channel. */
function normaliseByRunning(node: NodeOf<"batch_norm">, pass: Pass): Tensor {
  const { session } = pass;
  const scale = scaleBy(node, pass, pass.statistic(`${node.statistics}.variance`));
  const centre = session.run("Mul", [pass.statistic(`${node.statistics}.mean`), scale]);
  const shift = session.run("Sub", [pass.parameter(node.shift), centre]);
  return session.run("AddV2", [session.run("Mul", [value(pass, node.input), scale]), shift]);
}

/** scale / sqrt(variance + epsilon) [channels] */
function scaleBy(node: NodeOf<"batch_norm">, { session, constant, parameter }: Pass, variance: Tensor): Tensor {
  const root = session.run("Rsqrt", [session.run("AddV2", [variance, constant(BATCH_NORM_EPSILON)])]);
  return session.run("Mul", [parameter(node.scale), root]);
}

function activationWriter(
  { input, beta }: NodeOf<"activation">,
  pass: Pass,
  known?: ReadonlyMap<number, Tensor>,
): ActivationWriter {
  const b = beta === undefined ? null : pass.parameter(beta);
  return new ActivationWriter(pass.session, pass.constant, pass.activation, { x: value(pass, input), b }, known);
}

/** Zero channels on each side of a shortcut. */
function addedChannels({ input, shape }: NodeOf<"shortcut">, pass: Pass): number {
  return (channelsOf(shape) - channelsOf(shapeOf(pass, input))) / 2;
}

/** A gradient as a matrix with a row for each image. */
function rowsOf(pass: Pass, gradient: number, shape: Shape): Tensor {
  return reshape(pass, incoming(pass, gradient), [pass.images, sizeOf(shape)]);
}

function reshape(pass: Pass, tensor: Tensor, shape: readonly number[]): Tensor {
  return pass.session.run("Reshape", [tensor, pass.integers(shape)]);
}

function shapeOf(pass: Pass, id: NodeId): Shape {
  return pass.graph.nodes[id].shape;
}

const value = (pass: Pass, id: NodeId) => found(pass.values.get(id), "value", id);
const incoming = (pass: Pass, id: number) => found(pass.gradients.get(id), "gradient", id);
const kept = (pass: Pass, id: NodeId) => found(pass.kept.get(id), "kept tensors", id);

function found<T>(thing: T | undefined, what: string, id: number): T {
  if (thing === undefined) throw new TypeError(`Cannot compute a node as ${what} ${id} was not computed or is freed`);
  return thing;
}

function forwardNode<Kind extends NodeKind>(pass: Pass, id: NodeId, kind: Kind): NodeOf<Kind> {
  const node = pass.graph.nodes[id];
  if (node.kind !== kind) throw new TypeError(`Cannot differentiate node ${id} as ${kind}: it is ${node.kind}`);
  return node as NodeOf<Kind>;
}

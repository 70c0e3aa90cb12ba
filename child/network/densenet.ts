/**
 * The densely connected networks for CIFAR of Huang et al. 2017, "Densely Connected Convolutional Networks"
 * (arXiv 1608.06993), with bottlenecks and compression: DenseNet-BC. Each layer reads the channels of all layers before
 * it in its block and adds `growth` of its own. Depth 6n + 4 counts the stem, n layers of two convolutions in each of
 * three blocks, two transitions and the dense layer. Dropout, if any, follows each convolution but the stem (their
 * section 4.2: 0.2 without augmentation). Details as in the authors' code,
 * github.com/liuzhuang13/DenseNet.
 */
import type { Graph, NodeId } from "./graph.ts";
import { GraphBuilder, type GraphOptions } from "./graph_builder.ts";
import { normalisedActivation } from "./preactivation_resnet.ts";
import { channelsOf } from "./shape.ts";

const BLOCKS = 3;
/** Channels of a layer's 1x1 convolution for each of its growth. */
const BOTTLENECK = 4;
/** Share of the channels that a transition keeps. */
const COMPRESSION = 0.5;

/**
 * DenseNet-BC 100-12 has 769,162 parameters with 10 classes and without beta.
 * Throws a RangeError if the depth is not 6n + 4 or the growth not a positive whole number.
 */
export function buildDenseNet(depth: number, growth: number, options: GraphOptions): Graph {
  const name = `densenet-${depth}-${growth}`, layers = (depth - 4) / 6;
  if (!Number.isInteger(layers) || layers < 1) {
    throw new RangeError(`Cannot build ${name} as its depth must be 6n + 4 (10, 16, …): current value is ${depth}`);
  }
  if (!Number.isInteger(growth) || growth < 1) {
    throw new RangeError(
      `Cannot build ${name} as its growth must be a whole number from 1: current value is ${growth}`,
    );
  }
  const builder = new GraphBuilder(name, options);

  let value = builder.conv("stem", builder.input(), { channels: 2 * growth, size: 3 });
  for (let block = 1; block <= BLOCKS; block++) {
    for (let layer = 1; layer <= layers; layer++) {
      value = denseLayer(builder, `dense${block}.layer${layer}`, value, growth);
    }
    if (block < BLOCKS) value = transition(builder, `transition${block}`, value);
  }

  value = normalisedActivation(builder, "final", "", value);
  const logits = builder.dense("dense", builder.globalAveragePool(value), { outputs: options.classes });
  return builder.build(logits);
}

function denseLayer(builder: GraphBuilder, name: string, input: NodeId, growth: number): NodeId {
  let value = normalisedActivation(builder, name, "1", input);
  value = builder.dropout(builder.conv(`${name}.conv1`, value, { channels: BOTTLENECK * growth, size: 1 }));
  value = normalisedActivation(builder, name, "2", value);
  value = builder.dropout(builder.conv(`${name}.conv2`, value, { channels: growth, size: 3 }));
  return builder.concat(input, value);
}

function transition(builder: GraphBuilder, name: string, input: NodeId): NodeId {
  const channels = Math.floor(COMPRESSION * channelsOf(builder.shape(input)));
  const value = normalisedActivation(builder, name, "", input);
  const conv = builder.dropout(builder.conv(`${name}.conv`, value, { channels, size: 1 }));
  return builder.averagePool(conv, { size: 2 });
}

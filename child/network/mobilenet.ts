/**
 * MobileNet of Howard et al. 2017, "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications"
 * (arXiv 1704.04861), table 1: a stem, then 13 pairs of a depthwise 3x3 and a 1x1 convolution, batch norm and activation
 * after each. The width multiplier scales all channels. For images up to 64x64, as of CIFAR and Tiny ImageNet, the stem
 * and the first strided pair have stride 1, so that 1/8 of the side is left before pooling, not 1/32.
 */
import type { Graph, NodeId } from "./graph.ts";
import { GraphBuilder, type GraphOptions } from "./graph_builder.ts";
import { normalisedActivation } from "./preactivation_resnet.ts";

const STEM = 32;
/** Channels and stride of each pair. */
const PAIRS: readonly (readonly [channels: number, stride: number])[] = [
  [64, 1],
  [128, 2],
  [128, 1],
  [256, 2],
  [256, 1],
  [512, 2],
  [512, 1],
  [512, 1],
  [512, 1],
  [512, 1],
  [512, 1],
  [1024, 2],
  [1024, 1],
];
/** Sides up to this are small images, whose first two strides are 1. */
const SMALL_SIDE = 64;

/**
 * MobileNet 1.0 has 4,231,976 parameters with 1,000 classes and without beta.
 * Throws a RangeError if the width is not above 0.
 */
export function buildMobileNet(name: string, width: number, options: GraphOptions): Graph {
  if (!(width > 0 && width < Infinity)) {
    throw new RangeError(`Cannot build ${name} as its width must be above 0: current value is ${width}`);
  }
  const builder = new GraphBuilder(name, options),
    channelsOf = (channels: number) => Math.max(1, Math.round(channels * width));
  const images = builder.input(), [height] = builder.shape(images), isSmall = height <= SMALL_SIDE;

  let value = builder.conv("stem", images, { channels: channelsOf(STEM), size: 3, stride: isSmall ? 1 : 2 });
  value = normalisedActivation(builder, "stem", "", value);
  PAIRS.forEach(([channels, stride], index) => {
    const own = isSmall && index === 1 ? 1 : stride;
    value = separable(builder, `body.pair${index + 1}`, value, { channels: channelsOf(channels), stride: own });
  });

  const logits = builder.dense("dense", builder.globalAveragePool(value), { outputs: options.classes });
  return builder.build(logits);
}

function separable(
  builder: GraphBuilder,
  name: string,
  input: NodeId,
  { channels, stride }: { channels: number; stride: number },
): NodeId {
  const filtered = builder.depthwiseConv(`${name}.depthwise`, input, { size: 3, stride });
  const value = normalisedActivation(builder, name, "1", filtered);
  return normalisedActivation(builder, name, "2", builder.conv(`${name}.pointwise`, value, { channels, size: 1 }));
}

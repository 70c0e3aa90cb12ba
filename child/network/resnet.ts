/**
 * The residual networks for CIFAR of He et al. 2015, "Deep Residual Learning for Image Recognition" (arXiv 1512.03385),
 * §4.2, in their first form: conv-bn-act, conv-bn-add-act. Depth 6n + 2 is a stem convolution, three stages of n blocks
 * with 16, 32 and 64 channels, and a dense layer. Shortcuts that change shape are option A and have no parameters.
 */
import type { Graph, NodeId } from "./graph.ts";
import { GraphBuilder, type GraphOptions } from "./graph_builder.ts";

const WIDTHS = [16, 32, 64];

/**
 * ResNet of 8, 14, 20, … layers; ResNet-20 has 269,722 parameters with 10 classes and without beta.
 * Throws a RangeError if the depth is not 6n + 2.
 */
export function buildResNet(depth: number, options: GraphOptions): Graph {
  const blocks = (depth - 2) / 6;
  if (!Number.isInteger(blocks) || blocks < 1) {
    throw new RangeError(`Cannot build a ResNet as its depth must be 6n + 2 (8, 14, 20, …): current value is ${depth}`);
  }
  const builder = new GraphBuilder(`resnet${depth}`, options);

  let value = builder.conv("stem", builder.input(), { channels: WIDTHS[0], size: 3 });
  value = builder.activation("stem.act", builder.batchNorm("stem.bn", value));

  WIDTHS.forEach((channels, stage) => {
    for (let block = 0; block < blocks; block++) {
      const stride = stage > 0 && block === 0 ? 2 : 1;
      value = residualBlock(builder, `stage${stage + 1}.block${block + 1}`, value, { channels, stride });
    }
  });

  const logits = builder.dense("dense", builder.globalAveragePool(value), { outputs: options.classes });
  return builder.build(logits);
}

function residualBlock(
  builder: GraphBuilder,
  name: string,
  input: NodeId,
  { channels, stride }: { channels: number; stride: number },
): NodeId {
  let value = builder.conv(`${name}.conv1`, input, { channels, size: 3, stride });
  value = builder.activation(`${name}.act1`, builder.batchNorm(`${name}.bn1`, value));
  value = builder.conv(`${name}.conv2`, value, { channels, size: 3 });
  value = builder.batchNorm(`${name}.bn2`, value);

  const keepsShape = stride === 1 && builder.shape(input)[2] === channels;
  const skipped = keepsShape ? input : builder.shortcut(input, { channels, stride });
  return builder.activation(`${name}.act2`, builder.add(value, skipped));
}

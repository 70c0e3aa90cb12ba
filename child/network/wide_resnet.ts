/**
 * The wide residual networks for CIFAR of Zagoruyko & Komodakis 2016, "Wide Residual Networks" (arXiv 1605.07146),
 * table 1: pre-activation units of two 3x3 convolutions, few and wide. Depth 6n + 4 counts the stem, 2n convolutions in
 * each of three stages, and the three projections; WRN-28-10 is that of the activation paper. Dropout, if any, is
 * between the two convolutions of a unit, after the activation (their section 2.4: 0.3 for CIFAR). Where the text
 * leaves a choice (stride in the first convolution of a unit; its projection reads the unit's own first activation)
 * this follows their code, github.com/szagoruyko/wide-residual-networks.
 */
import type { Graph, NodeId } from "./graph.ts";
import { GraphBuilder, type GraphOptions } from "./graph_builder.ts";
import { normalisedActivation } from "./preactivation_resnet.ts";

/** Channels of the three stages at width 1; the stem has 16 at any width. */
const WIDTHS = [16, 32, 64];

/**
 * WRN-28-10 has 36,479,194 parameters with 10 classes and without beta, WRN-16-4 2,748,890.
 * Throws a RangeError if the depth is not 6n + 4 or the width not a positive whole number.
 */
export function buildWideResNet(depth: number, width: number, options: GraphOptions): Graph {
  const name = `wrn-${depth}-${width}`, units = (depth - 4) / 6;
  if (!Number.isInteger(units) || units < 1) {
    throw new RangeError(`Cannot build ${name} as its depth must be 6n + 4 (10, 16, …): current value is ${depth}`);
  }
  if (!Number.isInteger(width) || width < 1) {
    throw new RangeError(`Cannot build ${name} as its width must be a whole number from 1: current value is ${width}`);
  }
  const builder = new GraphBuilder(name, options);

  let value = builder.conv("stem", builder.input(), { channels: 16, size: 3 });
  WIDTHS.forEach((narrow, stage) => {
    for (let unit = 0; unit < units; unit++) {
      const stride = stage > 0 && unit === 0 ? 2 : 1;
      value = wideUnit(builder, `stage${stage + 1}.unit${unit + 1}`, value, { channels: narrow * width, stride });
    }
  });

  value = normalisedActivation(builder, "final", "", value);
  const logits = builder.dense("dense", builder.globalAveragePool(value), { outputs: options.classes });
  return builder.build(logits);
}

function wideUnit(
  builder: GraphBuilder,
  name: string,
  input: NodeId,
  { channels, stride }: { channels: number; stride: number },
): NodeId {
  const first = normalisedActivation(builder, name, "1", input);
  let value = builder.conv(`${name}.conv1`, first, { channels, size: 3, stride });
  value = normalisedActivation(builder, name, "2", value);
  value = builder.conv(`${name}.conv2`, builder.dropout(value), { channels, size: 3 });

  const keepsShape = stride === 1 && builder.shape(input)[2] === channels;
  const skipped = keepsShape ? input : builder.conv(`${name}.projection`, first, { channels, size: 1, stride });
  return builder.add(value, skipped);
}

/**
 * The residual networks with bottlenecks for CIFAR of He et al. 2016, "Identity Mappings in Deep Residual Networks"
 * (arXiv 1603.05027), whose batch norm and activation come before each convolution, so that nothing but additions lies
 * on the way from unit to unit. Depth 9n + 2 is a stem convolution, three stages of n units of three convolutions, and
 * a dense layer. Where the authors' text leaves a choice (stride in the first convolution of a unit; its projection
 * reads the unit's own first activation) this follows their code, github.com/KaimingHe/resnet-1k-layers.
 */
import type { Graph, NodeId } from "./graph.ts";
import { GraphBuilder, type GraphOptions } from "./graph_builder.ts";

const WIDTHS = [16, 32, 64];
/** Channels a unit gives for each channel of its 3x3 convolution. */
const EXPANSION = 4;

/**
 * ResNet-164 has 1,703,258 parameters with 10 classes and without beta.
 * Throws a RangeError if the depth is not 9n + 2.
 */
export function buildPreactivationResNet(name: string, depth: number, options: GraphOptions): Graph {
  const units = (depth - 2) / 9;
  if (!Number.isInteger(units) || units < 1) {
    throw new RangeError(`Cannot build ${name} as its depth must be 9n + 2 (11, 20, 29, …): current value is ${depth}`);
  }
  const builder = new GraphBuilder(name, options);

  let value = builder.conv("stem", builder.input(), { channels: WIDTHS[0], size: 3 });
  WIDTHS.forEach((width, stage) => {
    for (let unit = 0; unit < units; unit++) {
      const stride = stage > 0 && unit === 0 ? 2 : 1;
      value = bottleneck(builder, `stage${stage + 1}.unit${unit + 1}`, value, { width, stride });
    }
  });

  value = normalisedActivation(builder, "final", "", value);
  const logits = builder.dense("dense", builder.globalAveragePool(value), { outputs: options.classes });
  return builder.build(logits);
}

function bottleneck(
  builder: GraphBuilder,
  name: string,
  input: NodeId,
  { width, stride }: { width: number; stride: number },
): NodeId {
  const channels = EXPANSION * width;
  const first = normalisedActivation(builder, name, "1", input);
  let value = builder.conv(`${name}.conv1`, first, { channels: width, size: 1, stride });
  value = normalisedActivation(builder, name, "2", value);
  value = builder.conv(`${name}.conv2`, value, { channels: width, size: 3 });
  value = normalisedActivation(builder, name, "3", value);
  value = builder.conv(`${name}.conv3`, value, { channels, size: 1 });

  const keepsShape = stride === 1 && builder.shape(input)[2] === channels;
  const skipped = keepsShape ? input : builder.conv(`${name}.projection`, first, { channels, size: 1, stride });
  return builder.add(value, skipped);
}

/** Batch norm and activation, `<name>.bn<number>` and `<name>.act<number>`: what comes before each convolution. */
export function normalisedActivation(builder: GraphBuilder, name: string, number: string, input: NodeId): NodeId {
  return builder.activation(`${name}.act${number}`, builder.batchNorm(`${name}.bn${number}`, input));
}

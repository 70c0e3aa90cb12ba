/**
 * The residual networks for ImageNet of He et al. 2015, "Deep Residual Learning for Image Recognition"
 * (arXiv 1512.03385), table 1: a 7x7 stem of stride 2, max pooling, four stages of 64 to 512 channels, projections
 * (option B) where the shape changes. ResNet-50's units are bottlenecks, whose stride is in their 3x3 convolution, as in
 * torchvision and NVIDIA's recipes ("v1.5"); in the paper it is in the first 1x1.
 */
import type { Graph, NodeId } from "./graph.ts";
import { GraphBuilder, type GraphOptions } from "./graph_builder.ts";
import { normalisedActivation } from "./preactivation_resnet.ts";
import { channelsOf } from "./shape.ts";

const WIDTHS = [64, 128, 256, 512];
/** Channels a bottleneck gives for each channel of its 3x3 convolution. */
const EXPANSION = 4;

interface Unit {
  readonly width: number;
  readonly stride: number;
}

/** ResNet-18 has 11,689,512 parameters with 1,000 classes and without beta. */
export function buildResNet18(options: GraphOptions): Graph {
  return build("resnet18", [2, 2, 2, 2], basicBlock, options);
}

/** ResNet-50 has 25,557,032 parameters with 1,000 classes and without beta. */
export function buildResNet50(options: GraphOptions): Graph {
  return build("resnet50", [3, 4, 6, 3], bottleneck, options);
}

type AddUnit = (builder: GraphBuilder, name: string, input: NodeId, unit: Unit) => NodeId;

function build(name: string, units: readonly number[], addUnit: AddUnit, options: GraphOptions): Graph {
  const builder = new GraphBuilder(name, options);
  const stem = builder.conv("stem", builder.input(), { channels: WIDTHS[0], size: 7, stride: 2 });
  let value = builder.maxPool(normalisedActivation(builder, "stem", "", stem), { size: 3, stride: 2 });
  WIDTHS.forEach((width, stage) => {
    for (let unit = 0; unit < units[stage]; unit++) {
      const stride = stage > 0 && unit === 0 ? 2 : 1;
      value = addUnit(builder, `stage${stage + 1}.block${unit + 1}`, value, { width, stride });
    }
  });
  const logits = builder.dense("dense", builder.globalAveragePool(value), { outputs: options.classes });
  return builder.build(logits);
}

function basicBlock(builder: GraphBuilder, name: string, input: NodeId, { width, stride }: Unit): NodeId {
  let value = builder.conv(`${name}.conv1`, input, { channels: width, size: 3, stride });
  value = normalisedActivation(builder, name, "1", value);
  value = builder.batchNorm(`${name}.bn2`, builder.conv(`${name}.conv2`, value, { channels: width, size: 3 }));
  return builder.activation(`${name}.act2`, builder.add(value, skipped(builder, name, input, width, stride)));
}

function bottleneck(builder: GraphBuilder, name: string, input: NodeId, { width, stride }: Unit): NodeId {
  const channels = EXPANSION * width;
  let value = normalisedActivation(
    builder,
    name,
    "1",
    builder.conv(`${name}.conv1`, input, { channels: width, size: 1 }),
  );
  value = builder.conv(`${name}.conv2`, value, { channels: width, size: 3, stride });
  value = normalisedActivation(builder, name, "2", value);
  value = builder.batchNorm(`${name}.bn3`, builder.conv(`${name}.conv3`, value, { channels, size: 1 }));
  return builder.activation(`${name}.act3`, builder.add(value, skipped(builder, name, input, channels, stride)));
}

/** The input itself, or where the shape changes its projection with batch norm. */
function skipped(builder: GraphBuilder, name: string, input: NodeId, channels: number, stride: number): NodeId {
  if (stride === 1 && channelsOf(builder.shape(input)) === channels) return input;
  const projection = builder.conv(`${name}.projection`, input, { channels, size: 1, stride });
  return builder.batchNorm(`${name}.projection_bn`, projection);
}

/**
 * A network as a Keras 3 functional model, NHWC, on any of its backends. Keras keeps the biased variance of a batch where
 * PyTorch and this project keep the unbiased one: that matters only to training on.
 */
import { channelsOf } from "../../network/shape.ts";
import type { Model } from "../model_file.ts";
import { COMMON_ROWS, convTensors, denseTensors } from "./channels_last.ts";
import { blockLines, type Framework, frameworkFiles, type LayerTable, plainLines, shaped } from "./framework.ts";
import { indented, snakeCase } from "./python.ts";
import { type Block, type BlockClass, repeats, type Structure } from "./structure.ts";

/** `self` is the text of the layer's name. */
const LAYERS: LayerTable = {
  ...COMMON_ROWS,
  conv: {
    numbers: ({ shape, size, stride }) => ({ channels: shape[2], size, stride }),
    tensors: convTensors,
    call: (self, [x], number) => {
      const stride = number("stride") === "1" ? "" : `, ${number("stride")}`;
      return `conv(${x}, ${number("channels")}, ${number("size")}${stride}, name=${self})`;
    },
    uses: "conv",
  },
  batch_norm: {
    numbers: () => ({}),
    tensors: ({ scale, shift, statistics, shape: [, , channels] }, _graph, tensor) => ({
      gamma: shaped([channels], tensor(scale)),
      beta: shaped([channels], tensor(shift)),
      moving_mean: shaped([channels], tensor(`${statistics}.mean`)),
      moving_variance: shaped([channels], tensor(`${statistics}.variance`)),
    }),
    call: (self, [x]) => `batch_norm(${x}, name=${self})`,
    uses: "batch_norm",
  },
  activation: {
    numbers: () => ({}),
    tensors: ({ beta, shape }, _graph, tensor): Record<string, { shape: readonly number[]; values: Float32Array }> =>
      beta === undefined ? {} : { beta: { shape: [shape[2]], values: tensor(beta) } },
    call: (self, [x]) => `Activation(name=${self})(${x})`,
  },
  depthwise_conv: {
    numbers: ({ size, stride }) => ({ size, stride }),
    tensors: (node, _graph, tensor) => ({
      kernel: shaped([node.size, node.size, channelsOf(node.shape), 1], tensor(node.kernel)),
    }),
    call: (self, [x], number) => {
      const stride = number("stride") === "1" ? "" : `, ${number("stride")}`;
      return `depthwise_conv(${x}, ${number("size")}${stride}, name=${self})`;
    },
    uses: "depthwise_conv",
  },
  concat: { numbers: () => ({}), call: (_self, [left, right]) => `ops.concatenate([${left}, ${right}], axis=-1)` },
  average_pool: {
    numbers: ({ size }) => ({ size }),
    call: (_self, [x], number) => `layers.AveragePooling2D(${number("size")})(${x})`,
  },
  global_average_pool: { numbers: () => ({}), call: (_self, [x]) => `layers.GlobalAveragePooling2D()(${x})` },
  dense: {
    numbers: ({ shape }) => ({ outputs: shape[2] }),
    tensors: denseTensors,
    call: (self, [x], number) => `layers.Dense(${number("outputs")}, name=${self})(${x})`,
  },
};

const HELPERS = {
  conv: `def conv(x, channels, size, stride=1, *, name):
    """Convolution with zeros around the image: half the kernel's size on each side, whatever the stride."""
    if size > 1:
        x = layers.ZeroPadding2D(size // 2)(x)
    return layers.Conv2D(channels, size, strides=stride, use_bias=False, name=name)(x)`,
  depthwise_conv: `def depthwise_conv(x, size, stride=1, *, name):
    """One kernel per channel, with zeros around the image as in conv."""
    x = layers.ZeroPadding2D(size // 2)(x)
    return layers.DepthwiseConv2D(size, strides=stride, use_bias=False, name=name)(x)`,
  max_pool: `def max_pool(x, size, stride):
    """The largest pixel around every stride-th one; beyond the edge is nothing."""
    edge = (size // 2, size // 2)
    x = ops.pad(x, ((0, 0), edge, edge, (0, 0)), constant_values=float("-inf"))
    return layers.MaxPooling2D(size, strides=stride)(x)`,
  batch_norm: `def batch_norm(x, *, name):
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)(x)`,
  shortcut: `def shortcut(x, channels, stride):
    """Option A of He et al. 2015: every stride-th pixel, and new channels of zeros on both sides."""
    more = (channels - x.shape[-1]) // 2
    return ops.pad(x[:, ::stride, ::stride], ((0, 0), (0, 0), (0, 0), (more, more)))`,
};

const KERAS: Framework = {
  target: "keras",
  imports: ["from keras import layers", "from safetensors.numpy import load_file"],
  layers: LAYERS,
  helpers: HELPERS,
  separator: "_",
  tensorSeparator: "/",
  blockName: (name) => name,
  network: (structure, model) => [...structure.classes.map(blockFunction), buildFunction(structure, model), LOAD],
};

const LOAD = `def normalise(pixels):
    """[images, height, width, channels] of bytes as the network's input."""
    return (pixels.astype("float32") / 255 - MEAN) / STANDARD_DEVIATION


def load(path="weights.safetensors"):
    """The trained network; .save("network.keras") keeps it in Keras's own form."""
    network = build()
    values = load_file(path)
    for weight in network.weights:
        weight.assign(values.pop(weight.path))
    assert not values, f"weights without a layer: {list(values)}"
    return network`;

/** The files of a model for Keras. */
export function kerasFiles(model: Model) {
  return frameworkFiles(model, KERAS);
}

function blockFunction(block: BlockClass): string {
  const parameters = ["x", ...block.arguments, "*", "name"].join(", ");
  const lines = blockLines(LAYERS, block, (member) => `f"{name}_${member}"`);
  return [`def ${snakeCase(block.name)}(${parameters}):`, ...indented(lines)].join("\n");
}

function buildFunction({ parts }: Structure, { graph, about: { image } }: Model): string {
  const lines = parts.flatMap((part) =>
    part.kind === "stage"
      ? repeats(part.blocks).flatMap((run) => runCode(part.name, run))
      : plainLines(LAYERS, part, graph, (member) => `"${member}"`, "x = ")
  );
  return [
    "def build():",
    '    """The network with random weights; its outputs are logits."""',
    `    inputs = x = keras.Input((${image.join(", ")}))`,
    ...indented(lines),
    "    return keras.Model(inputs, x)",
  ].join("\n");
}

/** A loop where several blocks in a row are the same but for their weights. */
function runCode(stage: string, { block, count }: { readonly block: Block; readonly count: number }): string[] {
  const call = (name: string) =>
    `x = ${snakeCase(block.class.name)}(${["x", ...block.values].join(", ")}, name=${name})`;
  const name = block.name.split(".")[1], [, text, digits] = /^(\D*)(\d+)$/.exec(name)!, first = Number(digits);
  if (count === 1) return [call(`"${stage}_${name}"`)];
  return [`for number in range(${first}, ${first + count}):`, `    ${call(`f"${stage}_${text}{number}"`)}`];
}

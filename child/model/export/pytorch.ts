/** A network as a PyTorch module, NCHW, whose weights a safetensors file holds under the names of its state dict. */
import { channelsOf } from "../../network/shape.ts";
import type { Model } from "../model_file.ts";
import {
  blockLines,
  type Framework,
  frameworkFiles,
  inputChannels,
  type LayerTable,
  ownNumbers,
  plainLines,
  rowOf,
  shaped,
} from "./framework.ts";
import { indented, numberIn, sumOf, valuesOf } from "./python.ts";
import { type BlockClass, type Layer, memberName, repeats, type Stage, type Structure } from "./structure.ts";
import { outputsFirst, transposed } from "./weights.ts";

/** "padding=1" of a kernel of 3; nothing of a kernel of 1. */
function paddingOf(size: string): string {
  const value = Number(size);
  if (Number.isNaN(value)) return `, padding=${size} // 2`;
  return value === 1 ? "" : `, padding=${(value - 1) / 2}`;
}

const strideOf = (stride: string) => stride === "1" ? "" : `, stride=${stride}`;

const LAYERS: LayerTable = {
  conv: {
    numbers: (node, graph) => ({
      inputs: inputChannels(node, graph),
      channels: node.shape[2],
      size: node.size,
      stride: node.stride,
    }),
    tensors: (node, graph, tensor) => {
      const shape = [node.size, node.size, inputChannels(node, graph), node.shape[2]];
      const [height, width, inputs, outputs] = shape;
      return { weight: shaped([outputs, inputs, height, width], outputsFirst(tensor(node.kernel), shape)) };
    },
    create: (number) =>
      `nn.Conv2d(${number("inputs")}, ${number("channels")}, ${number("size")}${strideOf(number("stride"))}` +
      `${paddingOf(number("size"))}, bias=False)`,
    call: (self, [x]) => `${self}(${x})`,
  },
  batch_norm: {
    numbers: ({ shape }) => ({ channels: shape[2] }),
    tensors: ({ scale, shift, statistics, shape: [, , channels] }, _graph, tensor) => ({
      weight: shaped([channels], tensor(scale)),
      bias: shaped([channels], tensor(shift)),
      running_mean: shaped([channels], tensor(`${statistics}.mean`)),
      running_var: shaped([channels], tensor(`${statistics}.variance`)),
    }),
    create: (number) => `nn.BatchNorm2d(${number("channels")})`,
    call: (self, [x]) => `${self}(${x})`,
  },
  activation: {
    numbers: ({ beta, shape }) => beta === undefined ? ({} as Record<string, number>) : { channels: shape[2] },
    tensors: ({ beta, shape }, _graph, tensor): Record<string, { shape: readonly number[]; values: Float32Array }> =>
      beta === undefined ? {} : { beta: { shape: [shape[2]], values: tensor(beta) } },
    create: (number, { beta }) => `Activation(${beta === undefined ? "" : number("channels")})`,
    call: (self, [x]) => `${self}(${x})`,
  },
  depthwise_conv: {
    numbers: ({ shape, size, stride }) => ({ channels: channelsOf(shape), size, stride }),
    tensors: (node, _graph, tensor) => {
      const { size } = node, channels = channelsOf(node.shape);
      const values = transposed(tensor(node.kernel), [size * size, channels]);
      return { weight: shaped([channels, 1, size, size], values) };
    },
    create: (number) =>
      `nn.Conv2d(${number("channels")}, ${number("channels")}, ${number("size")}${strideOf(number("stride"))}` +
      `${paddingOf(number("size"))}, groups=${number("channels")}, bias=False)`,
    call: (self, [x]) => `${self}(${x})`,
  },
  concat: { numbers: () => ({}), call: (_self, [left, right]) => `torch.cat([${left}, ${right}], dim=1)` },
  max_pool: {
    numbers: ({ size, stride }) => ({ size, stride }),
    call: (_self, [x], number) =>
      `nn.functional.max_pool2d(${x}, ${number("size")}, ${number("stride")}${paddingOf(number("size"))})`,
  },
  average_pool: {
    numbers: ({ size }) => ({ size }),
    call: (_self, [x], number) => `nn.functional.avg_pool2d(${x}, ${number("size")})`,
  },
  add: { numbers: () => ({}), call: (_self, inputs) => sumOf(inputs) },
  shortcut: {
    numbers: ({ shape, stride }) => ({ channels: shape[2], stride }),
    create: (number) => `Shortcut(${number("channels")}, ${number("stride")})`,
    call: (self, [x]) => `${self}(${x})`,
    uses: "shortcut",
  },
  global_average_pool: { numbers: () => ({}), call: (_self, [x]) => `${x}.mean(dim=(2, 3))` },
  dense: {
    numbers: (node, graph) => ({ inputs: inputChannels(node, graph), outputs: node.shape[2] }),
    tensors: (node, graph, tensor) => {
      const [inputs, outputs] = [inputChannels(node, graph), node.shape[2]];
      return {
        weight: shaped([outputs, inputs], transposed(tensor(node.kernel), [inputs, outputs])),
        bias: shaped([outputs], tensor(node.bias)),
      };
    },
    create: (number) => `nn.Linear(${number("inputs")}, ${number("outputs")})`,
    call: (self, [x]) => `${self}(${x})`,
  },
};

const HELPERS = {
  shortcut: `class Shortcut(nn.Module):
    """Option A of He et al. 2015: every stride-th pixel, and new channels of zeros on both sides."""

    def __init__(self, channels: int, stride: int):
        super().__init__()
        self.channels, self.stride = channels, stride

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        more = (self.channels - x.shape[1]) // 2
        return nn.functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, more, more))`,
};

const PYTORCH: Framework = {
  target: "pytorch",
  imports: ["from safetensors.torch import load_file"],
  layers: LAYERS,
  helpers: HELPERS,
  separator: ".",
  tensorSeparator: ".",
  blockName: (_name, place) => `${place}`,
  network: (structure, model) => [...structure.classes.map(classCode), networkClass(structure, model), LOAD],
};

const LOAD = `def normalise(pixels: numpy.ndarray) -> torch.Tensor:
    """[images, height, width, channels] of bytes as the network's input."""
    values = (pixels.astype("float32") / 255 - MEAN) / STANDARD_DEVIATION
    return torch.from_numpy(values).permute(0, 3, 1, 2)


def load(path: str = "weights.safetensors") -> Network:
    """The trained network, ready to evaluate; .train() to train it further."""
    network = Network()
    network.load_state_dict(load_file(path))
    return network.eval()`;

/** The files of a model for PyTorch. */
export function pytorchFiles(model: Model) {
  return frameworkFiles(model, PYTORCH);
}

function classCode(block: BlockClass): string {
  const created = block.layers.flatMap((layer) => creation(layer, numberIn(block, layer)));
  const parameters = block.arguments.map((name) => `, ${name}: int`).join("");
  return moduleCode(block.name, parameters, created, blockLines(LAYERS, block, member));
}

function networkClass({ parts }: Structure, { graph }: Model): string {
  const created = parts.flatMap((part) =>
    part.kind === "stage"
      ? stageCode(part)
      : part.layers.flatMap((layer) => creation(layer, ownNumbers(LAYERS, layer, graph)))
  );
  const lines = parts.flatMap((part) =>
    part.kind === "stage"
      ? [`x = self.${part.name}(x)`]
      : plainLines(LAYERS, part, graph, member, part === parts.at(-1) ? "return " : "x = ")
  );
  return moduleCode("Network", "", created, lines);
}

const member = (name: string) => `self.${name}`;

/** The line that makes a layer, where it is an object. */
function creation(layer: Layer, number: (name: string) => string): string[] {
  const { create } = rowOf(LAYERS, layer.node);
  return create === undefined ? [] : [`${member(memberName(layer))} = ${create(number, layer.node as never)}`];
}

function stageCode({ name, blocks }: Stage): string[] {
  const items = repeats(blocks).map(({ block, count }) => {
    const call = `${block.class.name}(${valuesOf(block)})`;
    return count === 1 ? call : `*[${call} for _ in range(${count})]`;
  });
  return items.length === 1
    ? [`self.${name} = nn.Sequential(${items[0]})`]
    : [`self.${name} = nn.Sequential(`, ...items.map((item) => `    ${item},`), ")"];
}

function moduleCode(name: string, parameters: string, created: readonly string[], forward: readonly string[]): string {
  return [
    `class ${name}(nn.Module):`,
    `    def __init__(self${parameters}):`,
    "        super().__init__()",
    ...indented(created, 8),
    "",
    "    def forward(self, x: torch.Tensor) -> torch.Tensor:",
    ...indented(forward, 8),
  ].join("\n");
}

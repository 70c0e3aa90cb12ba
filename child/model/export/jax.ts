/**
 * A network as pure JAX functions of nested dictionaries of parameters, NHWC. Batch norm uses the trained running
 * statistics, so that the function can be evaluated and differentiated; training on needs a loop that updates them.
 */
import { channelsOf } from "../../network/shape.ts";
import type { Model } from "../model_file.ts";
import { COMMON_ROWS, convTensors, denseTensors } from "./channels_last.ts";
import { blockLines, type Framework, frameworkFiles, type LayerTable, plainLines, shaped } from "./framework.ts";
import { indented, snakeCase } from "./python.ts";
import { type Block, type BlockClass, repeats, type Structure } from "./structure.ts";

const LAYERS: LayerTable = {
  ...COMMON_ROWS,
  conv: {
    numbers: ({ stride }) => ({ stride }),
    tensors: convTensors,
    call: (self, [x], number) => `conv(${self}, ${x}${number("stride") === "1" ? "" : `, ${number("stride")}`})`,
    uses: "conv",
  },
  batch_norm: {
    numbers: () => ({}),
    tensors: ({ scale, shift, statistics, shape: [, , channels] }, _graph, tensor) => ({
      scale: shaped([channels], tensor(scale)),
      shift: shaped([channels], tensor(shift)),
      mean: shaped([channels], tensor(`${statistics}.mean`)),
      variance: shaped([channels], tensor(`${statistics}.variance`)),
    }),
    call: (self, [x]) => `batch_norm(${self}, ${x})`,
    uses: "batch_norm",
  },
  activation: {
    numbers: () => ({}),
    tensors: ({ beta, shape }, _graph, tensor): Record<string, { shape: readonly number[]; values: Float32Array }> =>
      beta === undefined ? {} : { beta: { shape: [shape[2]], values: tensor(beta) } },
    call: (self, [x], _number, { beta }) =>
      beta === undefined ? `activation(${x})` : `activation(${x}, ${self}["beta"])`,
  },
  depthwise_conv: {
    numbers: ({ stride }) => ({ stride }),
    tensors: (node, _graph, tensor) => ({
      kernel: shaped([node.size, node.size, 1, channelsOf(node.shape)], tensor(node.kernel)),
    }),
    call: (self, [x], number) => `conv(${self}, ${x}, ${number("stride")}, groups=${x}.shape[-1])`,
    uses: "conv",
  },
  concat: { numbers: () => ({}), call: (_self, [left, right]) => `jnp.concatenate([${left}, ${right}], axis=-1)` },
  average_pool: {
    numbers: ({ size }) => ({ size }),
    call: (_self, [x], number) => `average_pool(${x}, ${number("size")})`,
    uses: "average_pool",
  },
  global_average_pool: { numbers: () => ({}), call: (_self, [x]) => `${x}.mean(axis=(1, 2))` },
  dense: {
    numbers: () => ({}),
    tensors: denseTensors,
    call: (self, [x]) => `${x} @ ${self}["kernel"] + ${self}["bias"]`,
  },
};

const HELPERS = {
  conv: `def conv(p, x, stride=1, groups=1):
    """Convolution with zeros around the image: half the kernel's size on each side."""
    edge = p["kernel"].shape[0] // 2
    return jax.lax.conv_general_dilated(
        x,
        p["kernel"],
        (stride, stride),
        [(edge, edge)] * 2,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=groups,
    )`,
  max_pool: `def max_pool(x, size, stride):
    edge = (size // 2, size // 2)
    return jax.lax.reduce_window(
        x, -jnp.inf, jax.lax.max, (1, size, size, 1), (1, stride, stride, 1), [(0, 0), edge, edge, (0, 0)]
    )`,
  average_pool: `def average_pool(x, size):
    window = (1, size, size, 1)
    return jax.lax.reduce_window(x, 0.0, jax.lax.add, window, window, "VALID") / size**2`,
  batch_norm: `def batch_norm(p, x):
    """With the running statistics of training."""
    return (x - p["mean"]) * (p["scale"] / jnp.sqrt(p["variance"] + 1e-5)) + p["shift"]`,
  shortcut: `def shortcut(x, channels, stride):
    """Option A of He et al. 2015: every stride-th pixel, and new channels of zeros on both sides."""
    more = (channels - x.shape[-1]) // 2
    return jnp.pad(x[:, ::stride, ::stride], ((0, 0), (0, 0), (0, 0), (more, more)))`,
};

const JAX: Framework = {
  target: "jax",
  imports: ["from safetensors.numpy import load_file"],
  layers: LAYERS,
  helpers: HELPERS,
  separator: ".",
  tensorSeparator: ".",
  blockName: (name) => name,
  network: (structure, model) => [...structure.classes.map(blockFunction), forwardFunction(structure, model), LOAD],
};

const LOAD = `def normalise(pixels):
    """[images, height, width, channels] of bytes as the network's input."""
    return jnp.asarray((pixels.astype("float32") / 255 - MEAN) / STANDARD_DEVIATION)


def load(path="weights.safetensors"):
    """The trained parameters as nested dictionaries: p["stem"]["kernel"]."""
    parameters = {}
    for name, values in load_file(path).items():
        *groups, last = name.split(".")
        group = parameters
        for key in groups:
            group = group.setdefault(key, {})
        group[last] = jnp.asarray(values)
    return parameters`;

/** The files of a model for JAX. */
export function jaxFiles(model: Model) {
  return frameworkFiles(model, JAX);
}

const member = (name: string) => `p["${name}"]`;

function blockFunction(block: BlockClass): string {
  const parameters = ["p", "x", ...block.arguments].join(", ");
  return [`def ${snakeCase(block.name)}(${parameters}):`, ...indented(blockLines(LAYERS, block, member))].join("\n");
}

function forwardFunction({ parts }: Structure, { graph }: Model): string {
  const lines = parts.flatMap((part) =>
    part.kind === "stage"
      ? repeats(part.blocks).flatMap((run) => runCode(part.name, run))
      : plainLines(LAYERS, part, graph, member, part === parts.at(-1) ? "return " : "x = ")
  );
  return [
    "@jax.jit",
    "def forward(p, x):",
    '    """Logits [images, classes] of images [images, height, width, channels] from normalise."""',
    ...indented(lines),
  ].join("\n");
}

/** A loop where several blocks in a row are the same but for their weights. */
function runCode(stage: string, { block, count }: { readonly block: Block; readonly count: number }): string[] {
  const call = (name: string) => {
    const values = block.values.map((value) => `, ${value}`).join("");
    return `x = ${snakeCase(block.class.name)}(p["${stage}"][${name}], x${values})`;
  };
  const name = block.name.split(".")[1], [, text, digits] = /^(\D*)(\d+)$/.exec(name)!;
  if (count === 1) return [call(`"${name}"`)];
  const first = Number(digits);
  return [`for number in range(${first}, ${first + count}):`, `    ${call(`f"${text}{number}"`)}`];
}

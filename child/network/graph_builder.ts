/**
 * Builds a graph node by node: shapes follow from the inputs, and parameters are named after the
 * layer they belong to (`conv("stage1.block1.conv1", …)` makes `stage1.block1.conv1.kernel`). An architecture is a
 * short file of calls on it.
 */
import { type Graph, type Node, type NodeId } from "./graph.ts";
import { type Parameter, type ParameterRole } from "./parameters.ts";
import { channelsOf, imageSizes, type Shape, sizeOf } from "./shape.ts";

export interface GraphOptions {
  /** Number of logits. */
  readonly classes: number;
  /** True if the expression has b: every activation site then has a beta of one value per channel. */
  readonly usesBeta: boolean;
  /** Shape of one image; 32x32 colour by default, as every dataset here has. */
  readonly image?: Shape;
  /** Label smoothing of the loss, from 0 (none, the default) to below 1. */
  readonly labelSmoothing?: number;
  /** Rate of dropout where the architecture has a place for it, from 0 (none, the default) to below 1. */
  readonly dropout?: number;
}

/** The parameter names that each kind of layer appends to its own name. */
const SUFFIX: Readonly<Record<ParameterRole, string>> = {
  conv_kernel: "kernel",
  depthwise_kernel: "kernel",
  dense_kernel: "kernel",
  dense_bias: "bias",
  batch_norm_scale: "scale",
  batch_norm_shift: "shift",
  activation_beta: "beta",
};

export class GraphBuilder {
  readonly #name: string;
  readonly #options: GraphOptions;
  readonly #nodes: Node[] = [];
  readonly #parameters: Parameter[] = [];

  constructor(name: string, options: GraphOptions) {
    if (!Number.isInteger(options.classes) || options.classes < 1) {
      throw new RangeError(
        `Cannot build ${name} as it needs a whole number of classes: current value is ${options.classes}`,
      );
    }
    const shares = { "label smoothing": options.labelSmoothing ?? 0, dropout: options.dropout ?? 0 };
    for (const [what, share] of Object.entries(shares)) {
      if (share >= 0 && share < 1) continue;
      throw new RangeError(
        `Cannot build ${name} as ${what} must be at least 0 and below 1: current value is ${share}`,
      );
    }
    this.#name = name;
    this.#options = options;
  }

  /** Output shape of an existing node. */
  shape(node: NodeId): Shape {
    const found = this.#nodes[node];
    if (found === undefined) {
      throw new RangeError(`Cannot use node ${node} of ${this.#name} as it has ${this.#nodes.length} nodes so far`);
    }
    return found.shape;
  }

  /** The images. */
  input(): NodeId {
    return this.#add({ kind: "input", shape: this.#options.image ?? [32, 32, 3] });
  }

  /**
   * Convolution without bias, zero padding `(size - 1) / 2`: [h, w, c] -> [ceil(h / stride), ceil(w / stride),
   * channels].
   */
  conv(
    name: string,
    input: NodeId,
    { channels, size, stride = 1 }: { channels: number; size: number; stride?: number },
  ): NodeId {
    if (size % 2 !== 1) {
      throw new RangeError(`Cannot add convolution ${name} as its kernel size must be odd: current value is ${size}`);
    }
    const { height, width, channels: inputs } = imageSizes(this.shape(input));
    const kernel = this.#parameter(name, "conv_kernel", [size, size, inputs, channels]);
    const shape = [Math.ceil(height / stride), Math.ceil(width / stride), channels] as const;
    return this.#add({ kind: "conv", input, kernel, size, stride, shape });
  }

  /** One kernel per channel, without bias: [h, w, c] -> [ceil(h / stride), ceil(w / stride), c]. */
  depthwiseConv(name: string, input: NodeId, { size, stride = 1 }: { size: number; stride?: number }): NodeId {
    this.#requireOdd(`convolution ${name}`, size);
    const { height, width, channels } = imageSizes(this.shape(input));
    const kernel = this.#parameter(name, "depthwise_kernel", [size, size, channels]);
    const shape = [Math.ceil(height / stride), Math.ceil(width / stride), channels];
    return this.#add({ kind: "depthwise_conv", input, kernel, size, stride, shape });
  }

  batchNorm(name: string, input: NodeId): NodeId {
    const shape = this.shape(input);
    const scale = this.#parameter(name, "batch_norm_scale", [channelsOf(shape)]);
    const shift = this.#parameter(name, "batch_norm_shift", [channelsOf(shape)]);
    return this.#add({ kind: "batch_norm", input, scale, shift, statistics: name, shape });
  }

  /** The candidate; where it has beta, `<name>.beta`. */
  activation(name: string, input: NodeId): NodeId {
    const shape = this.shape(input);
    if (!this.#options.usesBeta) return this.#add({ kind: "activation", input, shape });
    return this.#add({
      kind: "activation",
      input,
      beta: this.#parameter(name, "activation_beta", [channelsOf(shape)]),
      shape,
    });
  }

  /** Dropout at the rate of the options; the input itself where that is 0. */
  dropout(input: NodeId): NodeId {
    const { dropout: rate = 0 } = this.#options;
    return rate === 0 ? input : this.#add({ kind: "dropout", input, rate, shape: this.shape(input) });
  }

  add(left: NodeId, right: NodeId): NodeId {
    const shape = this.shape(left);
    if (this.shape(right).join() !== shape.join()) {
      throw new RangeError(`Cannot add nodes of ${this.#name} as shapes differ: ${shape} and ${this.shape(right)}`);
    }
    return this.#add({ kind: "add", left, right, shape });
  }

  /**
   * Option A of He et al. 2015, §3.3: `stride` drops pixels, the channels added are zero, half of them on each side.
   */
  shortcut(input: NodeId, { channels, stride }: { channels: number; stride: number }): NodeId {
    const { height, width, channels: inputs } = imageSizes(this.shape(input));
    if (channels < inputs || (channels - inputs) % 2 !== 0) {
      throw new RangeError(
        `Cannot add a shortcut to ${this.#name} as an even number of channels must be added: ${inputs} to ${channels}`,
      );
    }
    const shape = [Math.ceil(height / stride), Math.ceil(width / stride), channels] as const;
    return this.#add({ kind: "shortcut", input, stride, shape });
  }

  /** The channels of both, of images of one size. */
  concat(left: NodeId, right: NodeId): NodeId {
    const [one, other] = [left, right].map((node) => imageSizes(this.shape(node)));
    if (one.height !== other.height || one.width !== other.width) {
      const sizes = [one, other].map(({ height, width }) => `${height}x${width}`).join(" and ");
      throw new RangeError(`Cannot concatenate nodes of ${this.#name} as their images differ in size: ${sizes}`);
    }
    const shape = [one.height, one.width, one.channels + other.channels];
    return this.#add({ kind: "concat", left, right, shape });
  }

  /** The largest of `size` x `size` pixels around every `stride`-th one: [h, w, c] -> [ceil(h / stride), …, c]. */
  maxPool(input: NodeId, { size, stride }: { size: number; stride: number }): NodeId {
    this.#requireOdd("max pooling", size);
    const { height, width, channels } = imageSizes(this.shape(input));
    const shape = [Math.ceil(height / stride), Math.ceil(width / stride), channels];
    return this.#add({ kind: "max_pool", input, size, stride, shape });
  }

  /** Means of `size` x `size` pixels side by side: [h, w, c] -> [floor(h / size), floor(w / size), c]. */
  averagePool(input: NodeId, { size }: { size: number }): NodeId {
    const { height, width, channels } = imageSizes(this.shape(input));
    const shape = [Math.floor(height / size), Math.floor(width / size), channels];
    if (shape.includes(0)) {
      throw new RangeError(
        `Cannot pool ${size}x${size} pixels in ${this.#name} as images are ${height}x${width} there`,
      );
    }
    return this.#add({ kind: "average_pool", input, size, shape });
  }

  globalAveragePool(input: NodeId): NodeId {
    return this.#add({ kind: "global_average_pool", input, shape: [1, 1, this.shape(input)[2]] });
  }

  /** Fully connected over all values of the input, in NHWC order, with bias. */
  dense(name: string, input: NodeId, { outputs }: { outputs: number }): NodeId {
    const inputs = sizeOf(this.shape(input));
    const kernel = this.#parameter(name, "dense_kernel", [inputs, outputs]);
    const bias = this.#parameter(name, "dense_bias", [outputs]);
    return this.#add({ kind: "dense", input, kernel, bias, shape: [1, 1, outputs] });
  }

  /** Ends the graph with the loss of these logits. */
  build(logits: NodeId): Graph {
    const shape = this.shape(logits);
    if (shape.join() !== [1, 1, this.#options.classes].join()) {
      throw new RangeError(
        `Cannot build ${this.#name} as ${this.#options.classes} logits are needed: shape is ${shape}`,
      );
    }
    const { labelSmoothing: smoothing = 0 } = this.#options;
    this.#add({ kind: "softmax_cross_entropy", input: logits, smoothing, shape: [1, 1, 1] });
    return {
      name: this.#name,
      classes: this.#options.classes,
      nodes: [...this.#nodes],
      parameters: [...this.#parameters],
    };
  }

  #requireOdd(what: string, size: number): void {
    if (size % 2 === 1) return;
    throw new RangeError(
      `Cannot add ${what} to ${this.#name} as its kernel size must be odd: current value is ${size}`,
    );
  }

  #add(node: Node): NodeId {
    return this.#nodes.push(node) - 1;
  }

  #parameter(layer: string, role: ParameterRole, shape: readonly number[]): string {
    const name = `${layer}.${SUFFIX[role]}`;
    if (this.#parameters.some((other) => other.name === name)) {
      throw new RangeError(`Cannot add layer ${layer} to ${this.#name} as it already has a parameter ${name}`);
    }
    this.#parameters.push({ name, role, shape });
    return name;
  }
}

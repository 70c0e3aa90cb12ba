/** Small graphs that between them have every node kind in every form engines compile, and random numbers for them. */
import type { Batch } from "../../../datasets/dataset.ts";
import { uniform } from "../../../child/golden.ts";
import { type Graph, type NodeId } from "../../../child/network/graph.ts";
import { GraphBuilder } from "../../../child/network/graph_builder.ts";
import { buildPreactivationResNet } from "../../../child/network/preactivation_resnet.ts";
import { buildResNet } from "../../../child/network/resnet.ts";
import { type ParameterRole, type Tensors } from "../../../child/network/parameters.ts";
import { type Shape, sizeOf } from "../../../child/network/shape.ts";

export interface SmallGraph {
  readonly name: string;
  build(usesBeta: boolean): Graph;
}

/**
 * [image height, image width, inputs, outputs, kernel size, stride]: odd and even sizes, channels of all remainders.
 */
const CONVOLUTIONS: readonly (readonly [number, number, number, number, number, number])[] = [
  [5, 5, 3, 5, 3, 1],
  [8, 8, 16, 24, 3, 1],
  [7, 9, 5, 16, 3, 2],
  [8, 6, 16, 32, 3, 2],
  [6, 4, 3, 16, 1, 1],
  [7, 5, 24, 5, 1, 2],
  [8, 8, 16, 16, 1, 1],
  [4, 4, 16, 64, 1, 1],
  [4, 4, 64, 16, 1, 1],
  [8, 6, 64, 32, 1, 2],
  [16, 12, 16, 16, 3, 1],
  [4, 4, 64, 64, 3, 1],
  [2, 3, 7, 6, 3, 1],
  [1, 5, 16, 16, 3, 1],
  [2, 3, 132, 44, 3, 1], // kernels too large for a cache from here on
  [3, 5, 36, 204, 3, 2],
  [6, 7, 130, 140, 1, 1],
  [4, 4, 128, 128, 3, 1],
];

export const SMALL_GRAPHS: readonly SmallGraph[] = [
  ...CONVOLUTIONS.map(([height, width, inputs, outputs, size, stride]) =>
    small(
      `convolution ${size}x${size} of stride ${stride}, ${height}x${width}x${inputs} to ${outputs} channels`,
      [height, width, 3],
      (builder, input) => {
        const first = block(builder, "first", input, inputs, 1);
        const conv = builder.conv("second", first, { channels: outputs, size, stride });
        return normAct(builder, "second", conv);
      },
    )
  ),
  small("convolution of the images", [9, 8, 3], (builder, input) => block(builder, "first", input, 16, 3)),
  small(
    "convolution straight into a convolution",
    [6, 6, 3],
    (builder, input) => block(builder, "second", builder.conv("first", input, { channels: 5, size: 3 }), 12, 3),
  ),
  small(
    "batch norm without an activation",
    [5, 6, 3],
    (builder, input) => builder.batchNorm("bn", builder.conv("first", input, { channels: 5, size: 3 })),
  ),
  small(
    "convolution and activation, without any batch norm",
    [5, 6, 3],
    (builder, input) => builder.activation("act", builder.conv("first", input, { channels: 5, size: 3 })),
  ),
  small(
    "batch norm of the images",
    [5, 6, 3],
    (builder, input) => block(builder, "first", builder.batchNorm("bn", input), 8, 3),
  ),
  small(
    "activation of the images",
    [5, 5, 3],
    (builder, input) => block(builder, "first", builder.activation("act", input), 16, 3),
  ),
  small(
    "activation of an activation",
    [5, 5, 3],
    (builder, input) => builder.activation("again", block(builder, "first", input, 16, 3)),
  ),
  small("activation before batch norm, as in pre-activation networks", [6, 6, 3], (builder, input) => {
    const start = builder.conv("stem", input, { channels: 16, size: 3 });
    const conv = builder.conv("first", normAct(builder, "first", start), { channels: 16, size: 3 });
    const sum = builder.add(conv, start);
    return builder.add(builder.conv("second", normAct(builder, "second", sum), { channels: 16, size: 1 }), sum);
  }),
  small("a chain of additions without activation", [4, 4, 3], (builder, input) => {
    let value = builder.conv("stem", input, { channels: 8, size: 3 });
    for (const name of ["first", "second", "third", "fourth"]) {
      value = builder.add(builder.conv(name, normAct(builder, name, value), { channels: 8, size: 1 }), value);
    }
    return normAct(builder, "final", value);
  }),
  small("an activation read by a convolution and by a projection", [8, 6, 3], (builder, input) => {
    const first = block(builder, "first", input, 16, 3);
    const conv = builder.conv("second", first, { channels: 32, size: 1, stride: 2 });
    return builder.add(conv, builder.conv("projection", first, { channels: 32, size: 1, stride: 2 }));
  }),
  small("a node with three consumers", [5, 7, 3], (builder, input) => {
    const value = block(builder, "first", input, 12, 3);
    const one = block(builder, "one", value, 12, 3);
    const two = block(builder, "two", value, 12, 1);
    return builder.add(builder.add(one, value), two);
  }),
  small("a node added to itself", [4, 4, 3], (builder, input) => {
    const value = block(builder, "first", input, 16, 3);
    return builder.add(value, value);
  }),
  ...([[8, 8, 16, 32, 2], [7, 5, 5, 9, 2], [4, 4, 16, 24, 1], [5, 6, 8, 8, 2], [6, 6, 3, 5, 1]] as const).map((
    [height, width, inputs, channels, stride],
  ) =>
    small(
      `shortcut of stride ${stride}, ${height}x${width}x${inputs} to ${channels} channels`,
      [height, width, 3],
      (builder, input) => {
        const first = block(builder, "first", input, inputs, 3);
        const skipped = builder.shortcut(first, { channels, stride });
        return builder.add(
          skipped,
          normAct(builder, "second", builder.conv("second", first, { channels, size: 3, stride })),
        );
      },
    )
  ),
  {
    name: "dense layer over pixels",
    build(usesBeta) {
      const builder = new GraphBuilder("small", { classes: 7, usesBeta, image: [3, 4, 3] });
      const value = block(builder, "first", builder.input(), 5, 3);
      return builder.build(builder.dense("dense", value, { outputs: 7 }));
    },
  },
  {
    name: "two dense layers",
    build(usesBeta) {
      const builder = new GraphBuilder("small", { classes: 3, usesBeta, image: [4, 4, 3] });
      const pooled = builder.globalAveragePool(block(builder, "first", builder.input(), 16, 3));
      const hidden = builder.activation("hidden", builder.dense("hidden", pooled, { outputs: 24 }));
      return builder.build(builder.dense("dense", hidden, { outputs: 3 }));
    },
  },
  {
    name: "100 classes",
    build(usesBeta) {
      const builder = new GraphBuilder("small", { classes: 100, usesBeta, image: [4, 4, 3] });
      const pooled = builder.globalAveragePool(block(builder, "first", builder.input(), 16, 3));
      return builder.build(builder.dense("dense", pooled, { outputs: 100 }));
    },
  },
  dropout("dropout between activation and convolution, and of a sum", 0.3, (builder, input) => {
    const first = block(builder, "first", input, 12, 3);
    const second = builder.conv("second", builder.dropout(first), { channels: 12, size: 3 });
    return builder.dropout(builder.activation("sum", builder.add(builder.batchNorm("second.bn", second), first)));
  }),
  dropout("dropout after convolutions, and twice", 0.2, (builder, input) => {
    const first = builder.dropout(builder.conv("first", input, { channels: 5, size: 3 }));
    const second = builder.dropout(builder.conv("second", normAct(builder, "first", first), { channels: 5, size: 1 }));
    return builder.add(builder.dropout(builder.dropout(second)), first);
  }),
  dropout("dropout of the images, and of an activation that is read twice", 0.8, (builder, input) => {
    const first = block(builder, "first", builder.dropout(input), 7, 3);
    return builder.add(builder.dropout(first), first);
  }),
  ...[0.1, 0.9].map((labelSmoothing) => ({
    name: `labels smoothed by ${labelSmoothing}`,
    build(usesBeta: boolean) {
      const builder = new GraphBuilder("small", { classes: 7, usesBeta, image: [4, 4, 3], labelSmoothing });
      const pooled = builder.globalAveragePool(block(builder, "first", builder.input(), 16, 3));
      return builder.build(builder.dense("dense", pooled, { outputs: 7 }));
    },
  })),
  {
    name: "pre-activation ResNet-11",
    build: (usesBeta) => buildPreactivationResNet("preresnet11", 11, { classes: 10, usesBeta, image: [8, 8, 3] }),
  },
  { name: "ResNet-8", build: (usesBeta) => buildResNet(8, { classes: 10, usesBeta, image: [8, 8, 3] }) },
];

/** Kinds that only some engines have (`child/network/kinds.ts`): odd and even sizes, windows over every edge. */
export const RARE_GRAPHS: readonly SmallGraph[] = [
  ...([[7, 9, 5, 3, 1], [8, 6, 16, 3, 2], [5, 5, 4, 5, 2], [6, 4, 7, 1, 1]] as const).map((
    [height, width, channels, size, stride],
  ) =>
    small(`depthwise convolution ${size}x${size} of stride ${stride}, ${height}x${width}x${channels}`, [
      height,
      width,
      3,
    ], (
      builder,
      input,
    ) => {
      const first = block(builder, "first", input, channels, 3);
      return normAct(builder, "second", builder.depthwiseConv("second", first, { size, stride }));
    })
  ),
  ...([[7, 9, 3, 2], [8, 6, 3, 1], [5, 5, 5, 3]] as const).map(([height, width, size, stride]) =>
    small(
      `max pooling ${size}x${size} of stride ${stride}, ${height}x${width}`,
      [height, width, 3],
      (builder, input) =>
        block(builder, "second", builder.maxPool(block(builder, "first", input, 6, 3), { size, stride }), 5, 3),
    )
  ),
  ...([[7, 9, 2], [6, 6, 3], [4, 5, 1]] as const).map(([height, width, size]) =>
    small(
      `average pooling ${size}x${size}, ${height}x${width}`,
      [height, width, 3],
      (builder, input) =>
        block(builder, "second", builder.averagePool(block(builder, "first", input, 6, 3), { size }), 5, 3),
    )
  ),
  small("concatenation, also of the images and of one node with itself", [5, 6, 3], (builder, input) => {
    const first = block(builder, "first", input, 7, 3);
    const both = builder.concat(builder.concat(first, input), first);
    return block(builder, "second", builder.concat(both, both), 5, 1);
  }),
  small(
    "7x7 convolution of stride 2",
    [11, 9, 3],
    (builder, input) => normAct(builder, "first", builder.conv("first", input, { channels: 6, size: 7, stride: 2 })),
  ),
];

/** One of them with dropout after an activation. */
export function dropoutGraph(usesBeta: boolean): Graph {
  return SMALL_GRAPHS.find(({ name }) => name.startsWith("dropout between"))!.build(usesBeta);
}

/** The graph of one activation after batch norm, for cases about functions and about optimisers. */
export function activationGraph(usesBeta: boolean): Graph {
  return small("activation", [6, 6, 3], (builder, input) => block(builder, "first", input, 16, 3)).build(usesBeta);
}

/** Of odd images, so that no position falls together with one of filled channels. */
function dropout(name: string, rate: number, features: (builder: GraphBuilder, input: NodeId) => NodeId): SmallGraph {
  return small(name, [5, 7, 3], features, rate);
}

/** Features of `image`, then pooling, a dense layer and the loss. */
function small(
  name: string,
  image: Shape,
  features: (builder: GraphBuilder, input: NodeId) => NodeId,
  dropout = 0,
): SmallGraph {
  return {
    name,
    build(usesBeta) {
      const builder = new GraphBuilder("small", { classes: 10, usesBeta, image, dropout });
      const pooled = builder.globalAveragePool(features(builder, builder.input()));
      return builder.build(builder.dense("dense", pooled, { outputs: 10 }));
    },
  };
}

function block(builder: GraphBuilder, name: string, input: NodeId, channels: number, size: number): NodeId {
  return normAct(builder, name, builder.conv(name, input, { channels, size }));
}

function normAct(builder: GraphBuilder, name: string, input: NodeId): NodeId {
  return builder.activation(`${name}.act`, builder.batchNorm(`${name}.bn`, input));
}

/** Centre and half width of the random parameters; kernels are scaled by their inputs instead. */
const AROUND: { readonly [Role in ParameterRole]: readonly [centre: number, width: number] } = {
  conv_kernel: [0, 1],
  depthwise_kernel: [0, 1],
  dense_kernel: [0, 1],
  dense_bias: [0, 0.5],
  batch_norm_scale: [1, 0.4],
  batch_norm_shift: [0, 0.5],
  activation_beta: [1, 0.5],
};

/** Random parameters, all exact in float32, so that every engine starts from the same numbers. */
export function randomParameters(graph: Graph, seed: number): Tensors {
  return new Map(graph.parameters.map(({ name, role, shape }, index) => {
    const [centre, width] = AROUND[role];
    const scale = role.endsWith("kernel") ? Math.sqrt(6 / sizeOf(shape.slice(0, -1))) : 1;
    const value = (i: number) => centre + width * scale * (2 * uniform(seed + index, i) - 1);
    return [name, Float32Array.from({ length: sizeOf(shape) }, (_, i) => value(i))];
  }));
}

/** Random images in [-2, 2), exact in float32, and random labels. */
export function randomBatch(graph: Graph, count: number, seed: number): Batch {
  const size = count * sizeOf(graph.nodes[0].shape);
  return {
    images: Float32Array.from({ length: size }, (_, i) => 4 * uniform(seed, i) - 2),
    labels: Uint8Array.from({ length: count }, (_, n) => Math.floor(graph.classes * uniform(seed + 1, n))),
  };
}

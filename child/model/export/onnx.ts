/** A network as one ONNX file: NCHW, float32, weights inside. What it is stands in the file's metadata. */
import { channelsOf } from "../../network/shape.ts";
import type { Expression } from "../../activation/expression.ts";
import { printExpression } from "../../activation/print.ts";
import { simplify } from "../../activation/simplify.ts";
import { inputsOf } from "../../network/autodiff.ts";
import { type Graph, type Node, type NodeId, type NodeOf } from "../../network/graph.ts";
import type { Model } from "../model_file.ts";
import { inputChannels, type LayerKind } from "./framework.ts";
import { OnnxBuilder, type ValueName } from "./onnx_builder.ts";
import { encodeOnnx, FLOAT, IR_VERSION, type OnnxValue, OPSET } from "./onnx_format.ts";
import { writeFunction } from "./onnx_function.ts";
import { outputsFirst, tensorsOf, transposed } from "./weights.ts";
import { BATCH_NORM_EPSILON } from "../../network/batch_norm.ts";

interface Context {
  readonly graph: Graph;
  readonly expression: Expression;
  readonly builder: OnnxBuilder;
  readonly tensor: (name: string) => Float32Array;
}

type Write<Kind extends LayerKind> = (node: NodeOf<Kind>, inputs: readonly ValueName[], context: Context) => ValueName;

const LAYERS: { readonly [Kind in LayerKind]: Write<Kind> } = {
  conv: (node, [x], { graph, builder, tensor }) => {
    const { size, stride, kernel } = node, inputs = inputChannels(node, graph), outputs = node.shape[2];
    const values = outputsFirst(tensor(kernel), [size, size, inputs, outputs]);
    const weight = builder.tensor(kernel, [outputs, inputs, size, size], values);
    const edge = (size - 1) / 2;
    return builder.op("Conv", [x, weight], {
      kernel_shape: [size, size],
      strides: [stride, stride],
      pads: [edge, edge, edge, edge],
    });
  },
  depthwise_conv: ({ size, stride, kernel, shape }, [x], { builder, tensor }) => {
    const channels = channelsOf(shape), edge = (size - 1) / 2;
    const values = transposed(tensor(kernel), [size * size, channels]);
    return builder.op("Conv", [x, builder.tensor(kernel, [channels, 1, size, size], values)], {
      kernel_shape: [size, size],
      strides: [stride, stride],
      pads: [edge, edge, edge, edge],
      group: channels,
    });
  },
  concat: (_node, inputs, { builder }) => builder.op("Concat", inputs, { axis: 1 }),
  max_pool: ({ size, stride }, [x], { builder }) => {
    const edge = (size - 1) / 2;
    return builder.op("MaxPool", [x], {
      kernel_shape: [size, size],
      strides: [stride, stride],
      pads: [edge, edge, edge, edge],
    });
  },
  average_pool: ({ size }, [x], { builder }) =>
    builder.op("AveragePool", [x], { kernel_shape: [size, size], strides: [size, size] }),
  batch_norm: ({ scale, shift, statistics, shape: [, , channels] }, [x], { builder, tensor }) => {
    const vectors = [scale, shift, `${statistics}.mean`, `${statistics}.variance`];
    const names = vectors.map((name) => builder.tensor(name, [channels], tensor(name)));
    return builder.op("BatchNormalization", [x, ...names], {}, { epsilon: BATCH_NORM_EPSILON });
  },
  activation: ({ beta, shape }, [x], { builder, expression, tensor }) => {
    const b = beta === undefined ? null : builder.tensor(beta, [shape[2], 1, 1], tensor(beta));
    return writeFunction(expression, x, b, builder);
  },
  add: (_node, inputs, { builder }) => builder.op("Add", inputs),
  shortcut: (node, [x], { graph, builder }) => {
    const more = (node.shape[2] - inputChannels(node, graph)) / 2;
    const [from, to, axes] = [[0, 0], [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER], [2, 3]];
    const steps = [node.stride, node.stride];
    const kept = builder.op("Slice", [x, ...[from, to, axes, steps].map((list) => builder.integers(list))]);
    return builder.op("Pad", [kept, builder.integers([0, more, 0, 0, 0, more, 0, 0])]);
  },
  global_average_pool: (_node, [x], { builder }) =>
    builder.op("Flatten", [builder.op("GlobalAveragePool", [x])], { axis: 1 }),
  dense: ({ input, kernel, bias, shape: [, , outputs] }, [x], { graph, builder, tensor }) => {
    const [height, width, inputs] = graph.nodes[input].shape;
    if (height * width > 1) throw new RangeError(`Cannot export ${graph.name} to ONNX as its last layer reads pixels`);
    return builder.op("Gemm", [
      x,
      builder.tensor(kernel, [inputs, outputs], tensor(kernel)),
      builder.tensor(bias, [outputs], tensor(bias)),
    ]);
  },
};

/** `model.onnx`. Throws a RangeError if the weights are more than one file can hold. */
export function onnxFiles(model: Model): ReadonlyMap<string, Uint8Array> {
  const { about, graph, activation } = model;
  const expression = simplify(activation.expression);
  const builder = new OnnxBuilder();
  const context = { graph, expression, builder, tensor: tensorsOf(model) };
  const values = new Map<NodeId, ValueName>([[0, "images"]]);
  const last = graph.nodes.length - 2; // before the loss
  for (let id = 1; id <= last; id++) {
    const node = graph.nodes[id];
    builder.enter(scopeOf(node, id));
    values.set(id, write(node, inputsOf(node).map((input) => values.get(input)!), context));
  }
  builder.enter("");
  builder.rename(values.get(last)!, "logits");
  const [height, width, channels] = about.image;
  return new Map([[
    "model.onnx",
    encodeOnnx({
      irVersion: IR_VERSION,
      producerName: "actsearch",
      docString: `${about.network} whose every activation is ${printExpression(expression)}`,
      graph: {
        name: about.network.replaceAll(/\W/g, "_"),
        node: builder.nodes,
        initializer: builder.initializers,
        input: [valueOf("images", [{ dimParam: "n" }, ...[channels, height, width].map((dimValue) => ({ dimValue }))])],
        output: [valueOf("logits", [{ dimParam: "n" }, { dimValue: about.classes }])],
      },
      opsetImport: [{ domain: "", version: OPSET }],
      metadataProps: Object.entries({ ...about, expression: printExpression(expression) }).map(([key, value]) => ({
        key,
        value: typeof value === "string" ? value : JSON.stringify(value),
      })),
    }),
  ]]);
}

/** TypeScript cannot see that a node and its row belong together. */
function write(node: Node, inputs: readonly ValueName[], context: Context): ValueName {
  return (LAYERS[node.kind as LayerKind] as unknown as Write<LayerKind>)(node as NodeOf<LayerKind>, inputs, context);
}

/** Where a node's values are in the file's names: "stage1.block1.conv1", or its kind. */
function scopeOf(node: Node, id: NodeId): string {
  const parameter = "kernel" in node ? node.kernel : "scale" in node ? node.scale : "beta" in node ? node.beta : null;
  return parameter?.replace(/\.[^.]+$/, "") ?? `${node.kind}${id}`;
}

function valueOf(name: string, dim: OnnxValue["type"]["tensorType"]["shape"]["dim"]): OnnxValue {
  return { name, type: { tensorType: { elemType: FLOAT, shape: { dim } } } };
}

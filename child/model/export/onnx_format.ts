/**
 * The protocol buffers of ONNX as far as a network needs them, from
 * https://github.com/onnx/onnx/blob/main/onnx/onnx.proto: a table of messages, and a writer of values in that form. The
 * wire format itself is `@bufbuild/protobuf`'s.
 */
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

/** IR version 8 and opset 18, of December 2022: what readers have understood since ONNX 1.13. */
export const IR_VERSION = 8, OPSET = 18;

/** `TensorProto.DataType`. */
export const FLOAT = 1, INT64 = 7;

export interface OnnxModel {
  readonly irVersion: number;
  readonly producerName: string;
  readonly docString: string;
  readonly graph: OnnxGraph;
  readonly opsetImport: readonly { readonly domain: string; readonly version: number }[];
  readonly metadataProps: readonly { readonly key: string; readonly value: string }[];
}

export interface OnnxGraph {
  readonly name: string;
  readonly node: readonly OnnxNode[];
  readonly initializer: readonly OnnxTensor[];
  readonly input: readonly OnnxValue[];
  readonly output: readonly OnnxValue[];
}

/** One operator; `output` names what it computes. */
export interface OnnxNode {
  readonly opType: string;
  readonly name: string;
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly attribute: readonly OnnxAttribute[];
}

/** `type` is `AttributeProto.AttributeType`: 1 for `f`, 2 for `i`, 3 for `s`, 7 for `ints`. */
export type OnnxAttribute =
  | { readonly name: string; readonly type: 1; readonly f: number }
  | { readonly name: string; readonly type: 2; readonly i: number }
  | { readonly name: string; readonly type: 3; readonly s: string }
  | { readonly name: string; readonly type: 7; readonly ints: readonly number[] };

export interface OnnxTensor {
  readonly name: string;
  readonly dims: readonly number[];
  readonly dataType: typeof FLOAT | typeof INT64;
  /** Little-endian. */
  readonly rawData: Uint8Array;
}

/** An input or output of float32. A dimension is a number, or the name of one that is open. */
export interface OnnxValue {
  readonly name: string;
  readonly type: {
    readonly tensorType: {
      readonly elemType: typeof FLOAT;
      readonly shape: {
        readonly dim: readonly ({ readonly dimValue: number } | { readonly dimParam: string })[];
      };
    };
  };
}

type Scalar = "int" | "float" | "text" | "bytes";

/** A field: its number, and its type or the message that it holds. A list is a repeated field. */
type Field = readonly [number: number, type: Scalar | MessageName];

type MessageName = keyof typeof MESSAGES;

const MESSAGES = {
  model: {
    irVersion: [1, "int"],
    producerName: [2, "text"],
    docString: [6, "text"],
    graph: [7, "graph"],
    opsetImport: [8, "opset"],
    metadataProps: [14, "entry"],
  },
  opset: { domain: [1, "text"], version: [2, "int"] },
  entry: { key: [1, "text"], value: [2, "text"] },
  graph: {
    node: [1, "node"],
    name: [2, "text"],
    initializer: [5, "tensor"],
    input: [11, "value"],
    output: [12, "value"],
  },
  node: {
    input: [1, "text"],
    output: [2, "text"],
    name: [3, "text"],
    opType: [4, "text"],
    attribute: [5, "attribute"],
  },
  attribute: {
    name: [1, "text"],
    f: [2, "float"],
    i: [3, "int"],
    s: [4, "text"],
    ints: [8, "int"],
    type: [20, "int"],
  },
  tensor: { dims: [1, "int"], dataType: [2, "int"], name: [8, "text"], rawData: [9, "bytes"] },
  value: { name: [1, "text"], type: [2, "type"] },
  type: { tensorType: [1, "tensorType"] },
  tensorType: { elemType: [1, "int"], shape: [2, "shape"] },
  shape: { dim: [1, "dim"] },
  dim: { dimValue: [1, "int"], dimParam: [2, "text"] },
} as const satisfies Readonly<Record<string, Readonly<Record<string, readonly [number, string]>>>>;

/** The most bytes that readers take in one message. */
const MAX_BYTES = 2 ** 31 - 1;

/** The bytes of a `.onnx` file. Throws a RangeError if they are more than the format can hold. */
export function encodeOnnx(model: OnnxModel): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter();
  writeMessage(writer, "model", model);
  const bytes = writer.finish() as Uint8Array<ArrayBuffer>;
  if (bytes.length <= MAX_BYTES) return bytes;
  throw new RangeError(`Cannot write ONNX as one file holds at most 2 GiB: these weights make ${bytes.length} bytes`);
}

function writeMessage(writer: BinaryWriter, message: MessageName, value: object): void {
  const fields: Readonly<Record<string, Field>> = MESSAGES[message];
  for (const [key, content] of Object.entries(value)) {
    const isBytes = content instanceof Uint8Array;
    for (const one of Array.isArray(content) && !isBytes ? content : [content]) writeField(writer, fields[key], one);
  }
}

function writeField(writer: BinaryWriter, [number, type]: Field, value: unknown): void {
  switch (type) {
    case "int":
      return void writer.tag(number, WireType.Varint).int64(value as number);
    case "float":
      return void writer.tag(number, WireType.Bit32).float(value as number);
    case "text":
      return void writer.tag(number, WireType.LengthDelimited).string(value as string);
    case "bytes":
      return void writer.tag(number, WireType.LengthDelimited).bytes(value as Uint8Array<ArrayBuffer>);
    default:
      writer.tag(number, WireType.LengthDelimited).fork();
      writeMessage(writer, type, value as object);
      writer.join();
  }
}

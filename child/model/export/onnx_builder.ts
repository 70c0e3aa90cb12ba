/**
 * Builds an ONNX graph operator by operator. Values are named after what they are; equal constants, and equal operators
 * of equal inputs within one scope, are written once.
 */
import { FLOAT, INT64, type OnnxAttribute, type OnnxNode, type OnnxTensor } from "./onnx_format.ts";

/** The name of a value in the graph. */
export type ValueName = string;

export type Attributes = Readonly<Record<string, number | string | readonly number[]>>;

export class OnnxBuilder {
  readonly nodes: OnnxNode[] = [];
  readonly initializers: OnnxTensor[] = [];
  readonly #constants = new Map<string, ValueName>();
  #scope = "";
  #known = new Map<string, ValueName>();

  /** Later values are named below `name`, and shared among themselves. */
  enter(name: string): void {
    this.#scope = name;
    this.#known = new Map();
  }

  /** An operator of one output. Integer attributes are `i`; to write a float that is whole, use `floats`. */
  op(
    opType: string,
    inputs: readonly ValueName[],
    attributes: Attributes = {},
    floats: Readonly<Record<string, number>> = {},
  ): ValueName {
    const key = JSON.stringify([opType, inputs, attributes, floats]), known = this.#known.get(key);
    if (known !== undefined) return known;
    const name = `${this.#scope}/${opType}_${this.#known.size}`;
    const attribute = [
      ...Object.entries(attributes).map(attributeOf),
      ...Object.entries(floats).map(([name, f]) => ({ name, type: 1, f }) as const),
    ];
    this.nodes.push({ opType, name, input: inputs, output: [name], attribute });
    this.#known.set(key, name);
    return name;
  }

  /** Gives the output of the last operator another name. Throws a TypeError if it is not the last one's. */
  rename(from: ValueName, to: ValueName): void {
    const last = this.nodes[this.nodes.length - 1];
    if (last.output[0] !== from) throw new TypeError(`Cannot rename ${from} as it is not the last value`);
    this.nodes[this.nodes.length - 1] = { ...last, output: [to] };
  }

  /** A float32 number without dimensions. */
  constant(value: number): ValueName {
    return this.#constant(`${Object.is(value, -0) ? "-0" : value}`, [], FLOAT, Float32Array.of(value));
  }

  /** A list of int64. */
  integers(values: readonly number[]): ValueName {
    return this.#constant(`[${values}]`, [values.length], INT64, BigInt64Array.from(values, BigInt));
  }

  /** Weights. */
  tensor(name: string, dims: readonly number[], values: Float32Array): ValueName {
    this.initializers.push({ name, dims, dataType: FLOAT, rawData: bytesOf(values) });
    return name;
  }

  #constant(
    text: string,
    dims: readonly number[],
    dataType: typeof FLOAT | typeof INT64,
    values: Float32Array | BigInt64Array,
  ): ValueName {
    const known = this.#constants.get(text);
    if (known !== undefined) return known;
    const name = `constant ${text}`;
    this.initializers.push({ name, dims, dataType, rawData: bytesOf(values) });
    this.#constants.set(text, name);
    return name;
  }
}

function attributeOf([name, value]: [string, number | string | readonly number[]]): OnnxAttribute {
  if (typeof value === "number") return { name, type: 2, i: value };
  if (typeof value === "string") return { name, type: 3, s: value };
  return { name, type: 7, ints: value };
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array | BigInt64Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

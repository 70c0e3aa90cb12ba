/**
 * An activation at single points, by the same forward and backward kernels as in a child's program: for
 * `deno task function --engine wasm` and the records of accuracy.
 */
import type { Activation } from "../../activation/expression.ts";
import { differentiate } from "../../compiler/derivatives.ts";
import type { Probe } from "../engine.ts";
import { activationCode } from "./activation.ts";
import { assemble } from "./assemble.ts";
import { ConstantTable, FLOAT_BYTES } from "./function_builder.ts";
import { Layout } from "./layout.ts";
import { PAGE_BYTES } from "./module.ts";
import { passScratchBytes, type Pointwise, pointwiseBackward, pointwiseForward } from "./pointwise.ts";

/** Points of one call: the channels of one pixel, so that the gradients by beta, summed per channel, stay apart. */
const CHANNELS = 16;
const VECTOR_BYTES = CHANNELS * FLOAT_BYTES;
const CONSTANTS = 2000;
const TABLE_BYTES = CONSTANTS * 8 * FLOAT_BYTES;

/** Byte addresses of the vectors of one call. */
const [X, BETA, VALUE, ONES, SLOPE, BETA_SLOPE, TABLE] = [0, 1, 2, 3, 4, 5, 6].map((i) => i * VECTOR_BYTES);
/** No batch norm and no residual: kernels do not read this address. */
const UNUSED = 0;

interface Exports {
  readonly forward: (...addresses: number[]) => void;
  readonly backward: (...addresses: number[]) => void;
}

/** float32 in and out. `packable`: whether the kernels may be packed, like those that train. */
export async function probe(
  activation: Activation,
  x: ArrayLike<number>,
  b: number,
  packable: boolean,
): Promise<Probe> {
  const { forward, backward, memory, scratch } = await compile(activation, packable);
  const vector = (address: number) => new Float32Array(memory.buffer, address, CHANNELS);
  vector(BETA).fill(b);
  vector(ONES).fill(1);
  const result = {
    value: new Float32Array(x.length),
    derivative: new Float32Array(x.length),
    betaDerivative: new Float32Array(x.length),
  };
  for (let from = 0; from < x.length; from += CHANNELS) {
    const count = Math.min(CHANNELS, x.length - from);
    for (let i = 0; i < CHANNELS; i++) vector(X)[i] = x[Math.min(from + i, x.length - 1)];
    vector(BETA_SLOPE).fill(0); // added to
    forward(1, scratch, X, UNUSED, VALUE, UNUSED, BETA);
    backward(1, scratch, X, UNUSED, UNUSED, BETA, UNUSED, UNUSED, BETA_SLOPE, SLOPE, ONES, UNUSED, UNUSED);
    result.value.set(vector(VALUE).subarray(0, count), from);
    result.derivative.set(vector(SLOPE).subarray(0, count), from);
    result.betaDerivative.set(vector(BETA_SLOPE).subarray(0, count), from);
  }
  return result;
}

async function compile(of: Activation, packable: boolean) {
  const constants = new ConstantTable({ base: TABLE, capacity: CONSTANTS }), target = { constants, packable };
  const activation = activationCode(differentiate(of), TABLE + TABLE_BYTES, packable);
  const scratch = activation.constants.end;
  const layout = new Layout([1, 1, CHANNELS], 0);
  const pointwise: Pointwise = { y: layout, residual: null, batchNorm: false, activation, dropout: false };
  const functions = [
    ...activation.functions,
    pointwiseForward("forward", pointwise, layout, target),
    pointwiseBackward("backward", pointwise, [{ kind: "plain", tensor: layout }], layout, target),
  ].map(({ text }) => text).join("\n");
  const pages = Math.ceil((scratch + Math.max(passScratchBytes(1), activation.scratchBytes)) / PAGE_BYTES);
  const data = [constants, activation.constants].map((table) => table.data()).join("\n");
  const text = `(module\n  (memory (export "memory") ${pages})\n${functions}\n${data})`;
  const module = await assemble("probe", text);
  const { exports } = await WebAssembly.instantiate(module, {});
  return { ...exports as unknown as Exports & { readonly memory: WebAssembly.Memory }, scratch };
}

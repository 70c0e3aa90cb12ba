/** An activation at single points, by the kernels' own code, for `deno task function` and the records of accuracy. */
import type { Activation } from "../../activation/expression.ts";
import { differentiate } from "../../compiler/derivatives.ts";
import { lowerActivation } from "../../compiler/lower.ts";
import { ListBuilder } from "../../compiler/operations.ts";
import type { Probe } from "../engine.ts";
import { type Card } from "./device.ts";
import { runOnce } from "./run_once.ts";
import { LANES, QUAD_BYTES, quadsOf } from "./layout.ts";
import { pointwise } from "./pointwise.ts";

/** float32 in and out. */
export async function probe(
  card: Card,
  activation: Activation,
  x: ArrayLike<number>,
  b: number,
  fused: boolean,
): Promise<Probe> {
  const derivatives = differentiate(activation);
  const list = lowerActivation(derivatives, "expanded");
  const quads = quadsOf(x.length);
  const results = ["value", "byX", ...derivatives.byB ? ["byB"] : []];
  const dispatch = pointwise({
    name: "probe",
    images: 1,
    shape: [1, quads, LANES],
    list,
    inputs: new Map([["x", { tensor: "x", route: { kind: "same" } }]]),
    channels: new Map(derivatives.byB ? [["b", { buffer: "b", offset: 0 }]] : []),
    stores: new Map(results.map((name) => [name, name])),
    sums: [],
    own: true,
    fused,
    quadsIn: (buffer) => buffer === "b" ? 1 : quads,
  });
  const padded = new Float32Array(quads * LANES);
  padded.set(x);
  const inputs = new Map([["x", padded], ["b", new Float32Array(LANES).fill(b)]]);
  const found = await runOnce(card, dispatch, inputs, new Map(results.map((name) => [name, quads * QUAD_BYTES])));
  const part = (name: string) => found.get(name)?.slice(0, x.length) ?? new Float32Array(x.length);
  return { value: part("value"), derivative: part("byX"), betaDerivative: part("byB") };
}

/** Whether the card rounds a multiply-add once, as WGSL leaves open: Mesa's software driver does not. */
export async function fusesMultiplyAdd(card: Card): Promise<boolean> {
  const list = new ListBuilder(), a = list.input("a");
  list.store("error", list.negativeMultiplyAdd(a, a, list.input("square")));
  const dispatch = pointwise({
    name: "multiply-add",
    images: 1,
    shape: [1, 1, LANES],
    list: list.operations,
    inputs: new Map(["a", "square"].map((tensor) => [tensor, { tensor, route: { kind: "same" } }])),
    channels: new Map(),
    stores: new Map([["error", "error"]]),
    sums: [],
    own: false,
    fused: true,
    quadsIn: () => 1,
  });
  const value = Math.fround(1 + 2 ** -12), square = Math.fround(value * value);
  const inputs = new Map(
    [["a", value], ["square", square]].map((
      [name, value],
    ) => [name as string, new Float32Array(LANES).fill(value as number)]),
  );
  const { error } = Object.fromEntries(await runOnce(card, dispatch, inputs, new Map([["error", QUAD_BYTES]])));
  return error[0] === Math.fround(square - value * value);
}

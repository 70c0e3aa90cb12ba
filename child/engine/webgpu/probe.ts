/** An activation at single points, by the kernels' own code, for `deno task function` and the records of accuracy. */
import type { Activation } from "../../activation/expression.ts";
import { differentiate } from "../../compiler/derivatives.ts";
import { lowerActivation } from "../../compiler/lower.ts";
import type { Probe } from "../engine.ts";
import type { Card } from "./device.ts";
import { runOnce } from "./group.ts";
import { LANES, QUAD_BYTES, quadsOf } from "./layout.ts";
import { pointwise } from "./pointwise.ts";

/** float32 in and out. */
export async function probe(card: Card, activation: Activation, x: ArrayLike<number>, b: number): Promise<Probe> {
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
    quadsIn: (buffer) => buffer === "b" ? 1 : quads,
  });
  const padded = new Float32Array(quads * LANES);
  padded.set(x);
  const inputs = new Map([["x", padded], ["b", new Float32Array(LANES).fill(b)]]);
  const found = await runOnce(card, dispatch, inputs, new Map(results.map((name) => [name, quads * QUAD_BYTES])));
  const part = (name: string) => found.get(name)?.slice(0, x.length) ?? new Float32Array(x.length);
  return { value: part("value"), derivative: part("byX"), betaDerivative: part("byB") };
}

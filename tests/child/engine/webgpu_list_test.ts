/** The table of WGSL against the interpreter of operation lists, on the card or the software driver. */
import { assert } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { OperationList } from "../../../child/compiler/operations.ts";
import { openCard } from "../../../child/engine/webgpu/device.ts";
import { runOnce } from "../../../child/engine/webgpu/run_once.ts";
import { pointwise } from "../../../child/engine/webgpu/pointwise.ts";
import { fusesMultiplyAdd } from "../../../child/engine/webgpu/probe.ts";
import { OPERATION_CASES, POINTS, rightResults } from "../compiler/operation_cases.ts";
import { whyNoCard } from "./why_no_card.ts";

/** WGSL grants division and roots 2.5 units in the last place. */
const RELATIVE_ERROR = 2.5 * 2 ** -23;
/** Below float32's normal numbers a card may take 0. */
const SMALLEST_NORMAL = 2 ** -126;
const INPUTS = ["a", "b", "c"] as const;

/** What a list of the inputs stores as `y` at every point. */
async function compute(list: OperationList): Promise<Float32Array> {
  const card = await openCard(), quads = Math.ceil(POINTS.length / 4);
  const names = INPUTS.filter((name) => list.some((o) => o.kind === "input" && o.name === name));
  const dispatch = pointwise({
    name: "operation",
    images: 1,
    shape: [1, quads, 4],
    list,
    inputs: new Map(names.map((name) => [name, { tensor: name, route: { kind: "same" } }])),
    channels: new Map(),
    stores: new Map([["y", "y"]]),
    sums: [],
    own: true,
    fused: await fusesMultiplyAdd(card),
    quadsIn: () => quads,
  });
  const inputs = new Map(names.map((name) => {
    const values = new Float32Array(quads * 4);
    POINTS.forEach((point, i) => values[i] = point[name]);
    return [name as string, values];
  }));
  return (await runOnce(card, dispatch, inputs, new Map([["y", quads * 16]]))).get("y")!;
}

function isRight(found: number, right: number): boolean {
  if (Number.isNaN(right)) return Number.isNaN(found);
  if (found === right) return true;
  return Math.abs(found - right) <= Math.max(RELATIVE_ERROR * Math.abs(right), SMALLEST_NORMAL);
}

const reason = await whyNoCard();
describe("the table of WGSL", { skip: reason !== null }, () => {
  for (const operation of OPERATION_CASES) {
    it(`computes ${operation.kind} as the interpreter does`, async () => {
      const found = await compute(operation.list);
      POINTS.forEach((point, i) => {
        const right = rightResults(operation, point);
        const message = `of ${JSON.stringify(point)} it is ${found[i]}, not ${right.join(" or ")}`;
        assert(right.some((value) => isRight(found[i], value)), message);
      });
    });
  }
});

import { assert } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { UnaryName } from "../../../../child/activation/expression.ts";
import { interpret } from "../../../../child/compiler/interpret.ts";
import { MATH } from "../../../../child/compiler/math.ts";
import type { OperationList } from "../../../../child/compiler/operations.ts";
import { assemble } from "../../../../child/engine/wasm/assemble.ts";
import { emit } from "../../../../child/engine/wasm/emit.ts";
import { ConstantTable, FunctionBuilder } from "../../../../child/engine/wasm/function_builder.ts";
import { functionList } from "../../compiler/lists.ts";
import { OPERATION_CASES, POINTS, rightResults } from "../../compiler/operation_cases.ts";

const INPUTS = ["a", "b", "c", "x"] as const;
const FIRST = 65536, LANES = 8;

/** What a list of the inputs stores as `y` at every point, by a kernel. */
async function compute(
  list: OperationList,
  points: readonly Readonly<Partial<Record<typeof INPUTS[number], number>>>[],
): Promise<Float32Array> {
  const constants = new ConstantTable({ base: 64, capacity: 1000 }),
    bytes = Math.ceil(points.length / LANES) * LANES * 4;
  const f = new FunctionBuilder("f", ["at"], { constants, packable: true }), at = f.int("at", f.parameter("at"));
  f.repeat(bytes / (LANES * 4), () => {
    emit(f, list, 2, {
      input: (name) => f.load(at, bytes * INPUTS.indexOf(name as typeof INPUTS[number]), 2),
      store: (_name, value) => f.store(at, bytes * INPUTS.length, value),
    });
    f.advance(at, LANES * 4);
  });
  const text = `(module (memory (export "m") 8)\n${f.kernel().text}\n${constants.data()})`;
  const { exports } = await WebAssembly.instantiate(await assemble("list", text), {});
  const memory = new Float32Array((exports.m as WebAssembly.Memory).buffer);
  INPUTS.forEach((name, i) => memory.set(points.map((point) => point[name] ?? 0), (FIRST + i * bytes) / 4));
  (exports.f as (at: number) => void)(FIRST);
  const from = (FIRST + bytes * INPUTS.length) / 4;
  return memory.slice(from, from + points.length);
}

describe("the table of WebAssembly instructions", () => {
  for (const operation of OPERATION_CASES) {
    it(`computes ${operation.kind} as the interpreter does, to the last bit`, async () => {
      (await compute(operation.list, POINTS)).forEach((found, i) => {
        const right = rightResults(operation, POINTS[i]);
        assert(
          right.some((value) => Object.is(value, found)),
          `of ${JSON.stringify(POINTS[i])} it is ${found}, not ${right.join(" or ")}`,
        );
      });
    });
  }
});

describe("functions in WebAssembly", () => {
  const points = Array.from({ length: 1001 }, (_, i) => ({ x: Math.fround((i - 500) / 41) }));
  it("are what the interpreter computes, within the rounding of multiply-adds", async () => {
    for (const name of Object.keys(MATH) as UnaryName[]) {
      const list = functionList(name), run = interpret(list, "float32");
      (await compute(list, points)).forEach((found, i) => {
        const right = run(points[i]).y,
          isSame = Object.is(found, right) || (Number.isNaN(found) && Number.isNaN(right));
        assert(isSame || Math.abs(found - right) <= 1e-6 * Math.max(1, Math.abs(right)), `${name}(${points[i].x})`);
      });
    }
  });
});

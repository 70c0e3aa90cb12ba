import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { interpret } from "../../../child/compiler/interpret.ts";
import { checkList, ListBuilder, type Operation, type OperationList } from "../../../child/compiler/operations.ts";
import { type CostModel, cutEvery, cutIntoPasses, type Passes } from "../../../child/compiler/schedule.ts";
import { costModel } from "../../../child/engine/wasm/emit.ts";

const MODEL: CostModel = costModel(4);
const MAX_SLOTS = 8;

/** Divisions, each of the result of the one before. */
function chain(length: number): OperationList {
  const f = new ListBuilder(), x = f.input("x");
  let value = f.multiplyAdd(x, f.channel("scale"), f.constant(3));
  for (let i = 1; i < length; i++) value = f.div(value, x);
  f.store("y", value);
  return f.operations;
}

const count = (list: OperationList, kind: Operation["kind"]) =>
  list.filter((operation) => operation.kind === kind).length;

/** Interprets the passes one after the other, with the kept values between them. */
function run({ passes }: Passes, values: Record<string, number>): Record<string, number> {
  const kept: Record<string, number> = {};
  let results: Record<string, number> = {};
  for (const pass of passes) {
    const readable = pass.map((operation): Operation => {
      if (operation.kind === "keep") return { ...operation, kind: "store", name: `slot${operation.slot}` };
      if (operation.kind === "kept") return { ...operation, kind: "input", name: `slot${operation.slot}` };
      return operation;
    });
    const found = interpret(readable, "float32")({ ...values, ...kept });
    Object.assign(kept, found);
    results = { ...results, ...found };
  }
  return results;
}

describe("passes over a list", () => {
  it("leave a short list whole", () => {
    const list = chain(4);
    assertEquals(cutIntoPasses(list, MODEL, MAX_SLOTS), { passes: [list], slots: 0 });
  });

  it("are several where one operation waits for another, and keep what the next one needs", () => {
    const { passes, slots } = cutIntoPasses(chain(60), MODEL, MAX_SLOTS);
    assert(passes.length > 1);
    assertEquals(slots, passes.length - 1); // one value at each cut
    assertEquals(passes.reduce((sum, pass) => sum + count(pass, "div"), 0), 59);
  });

  it("are lists that stand alone, and together compute what the whole does", () => {
    for (const cut of [cutIntoPasses(chain(60), MODEL, MAX_SLOTS), cutEvery(25, chain(60), costModel(1))]) {
      assert(cut.passes.length > 1);
      cut.passes.forEach(checkList);
      const values = { x: 1.01, scale: 7 };
      assertEquals(run(cut, values).y, interpret(chain(60), "float32")(values).y);
    }
  });

  it("read again what is read instead of keeping it", () => {
    const [first, ...later] = cutIntoPasses(chain(60), MODEL, MAX_SLOTS).passes;
    assertEquals(count(first, "keep"), 1);
    for (const pass of later) assertEquals([count(pass, "input"), count(pass, "kept")], [1, 1]);
  });

  it("keep no more values than there are slots", () => {
    assertEquals(cutIntoPasses(chain(60), MODEL, 0).passes.length, 1);
  });
});

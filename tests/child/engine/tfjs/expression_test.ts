import { assert } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { UnaryName } from "../../../../child/activation/expression.ts";
import { interpret } from "../../../../child/compiler/interpret.ts";
import { MATH } from "../../../../child/compiler/math.ts";
import type { OperationList } from "../../../../child/compiler/operations.ts";
import { loadBinding } from "../../../../child/engine/tfjs/binding.ts";
import { ActivationWriter } from "../../../../child/engine/tfjs/expression.ts";
import { CPU_PACKAGE } from "../../../../child/engine/tfjs/package.ts";
import { Session } from "../../../../child/engine/tfjs/session.ts";
import { functionList } from "../../compiler/lists.ts";
import { OPERATION_CASES, POINTS, rightResults } from "../../compiler/operation_cases.ts";

function open(): Session | string {
  try {
    return new Session(loadBinding(CPU_PACKAGE));
  } catch (error) {
    return (error as Error).message;
  }
}

/** What the list stores at every point. */
function compute(session: Session, list: OperationList, points: readonly Readonly<Record<string, number>>[]) {
  return session.scope(() => {
    const tensor = (name: string) =>
      session.floats([points.length], Float32Array.from(points, (point) => point[name] ?? 0));
    const inputs = { x: tensor("x"), a: tensor("a"), b: tensor("b"), c: tensor("c") };
    const stored = list.findIndex(({ kind }) => kind === "store");
    const writer = new ActivationWriter(session, (value) => session.scalar(value), { list, kept: new Set() }, inputs);
    return session.data(writer.writeWhole(list[stored].operands[0]!));
  });
}

const session = open();
describe("TensorFlow's operations", { skip: typeof session === "string" }, () => {
  if (typeof session === "string") return;
  for (const operation of OPERATION_CASES) {
    it(`compute ${operation.kind} as the interpreter does, to the last bit`, () => {
      compute(session, operation.list, POINTS).forEach((found, i) => {
        const right = rightResults(operation, POINTS[i]);
        // It has no subnormal numbers, keeps any NaN in max and min, and of 0 and -0 may take either.
        const isNaNOfB = (operation.kind === "min" || operation.kind === "max") && Number.isNaN(POINTS[i].b);
        const isSubnormal = found === 0 && Math.abs(right[0]) < 2 ** -126;
        assert(
          isNaNOfB || isSubnormal || right.some((value) => Object.is(value, found) || value === found),
          `of ${JSON.stringify(POINTS[i])} it is ${found}, not ${right.join(" or ")}`,
        );
      });
    });
  }

  it("compute functions that it lacks as they are written out", () => {
    const points = Array.from({ length: 401 }, (_, i) => ({ x: Math.fround((i - 200) / 41) }));
    for (const name of Object.keys(MATH) as UnaryName[]) {
      const list = functionList(name), run = interpret(list, "float32");
      compute(session, list, points).forEach((found, i) => {
        const right = run(points[i]).y;
        const isClose = Math.abs(found - right) <= 2e-6 * Math.max(1, Math.abs(right));
        assert(isClose || Object.is(found, right), `${name}(${points[i].x}) is ${found}, not ${right}`);
      });
    }
  });
});

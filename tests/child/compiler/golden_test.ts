import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { Derivatives } from "../../../child/compiler/derivatives.ts";
import { interpret } from "../../../child/compiler/interpret.ts";
import { lowerActivation } from "../../../child/compiler/lower.ts";
import { type ActivationFunctions, openReference } from "../../../child/engine/reference/engine.ts";
import { goldenFailures, readGolden, runGoldenTrace } from "../../../child/golden.ts";

/** Derivatives by the interpreter of operations in float64. */
export function interpreted(derivatives: Derivatives): ActivationFunctions {
  const of = (result: keyof Derivatives) => {
    const run = interpret(lowerActivation(derivatives, "called", [result]), "float64");
    return (x: number, b: number) => run({ x, b })[result] ?? 0;
  };
  return { value: of("value"), byX: of("byX"), byB: of("byB") };
}

describe("the reference with lists interpreted in float64", () => {
  it("reproduces the traces of another framework within 1e-9", async () => {
    const engine = openReference(interpreted);
    for (const trace of await readGolden(new URL("../golden/small.json", import.meta.url).pathname)) {
      assertEquals(goldenFailures(trace, await runGoldenTrace(trace, engine)), []);
    }
  });
});

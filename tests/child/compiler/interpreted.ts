/** A child's function on the engine `reference` by another judge: the compiler's operations interpreted in float64. */
import type { Derivatives } from "../../../child/compiler/derivatives.ts";
import { interpret } from "../../../child/compiler/interpret.ts";
import { lowerActivation } from "../../../child/compiler/lower.ts";
import type { ActivationFunctions } from "../../../child/engine/reference/engine.ts";

/** Value and slopes from one list of operations each. */
export function interpreted(derivatives: Derivatives): ActivationFunctions {
  const of = (result: keyof Derivatives) => {
    const run = interpret(lowerActivation(derivatives, "called", [result]), "float64");
    return (x: number, b: number) => run({ x, b })[result] ?? 0;
  };
  return { value: of("value"), byX: of("byX"), byB: of("byB") };
}

import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { activationFrom } from "../../../child/activation/catalog.ts";
import { fingerprint } from "../../../child/activation/fingerprint.ts";
import { printExpression } from "../../../child/activation/print.ts";
import { allMembers, FunctionFacts } from "../../../controller/samplers/function_facts.ts";
import { SearchSpace, type Units } from "../../../controller/search_space.ts";

describe("the member that computes a function", () => {
  it("is found for every one of a core unit, however it is written, and for no other function", () => {
    const space = new SearchSpace(1), facts = new FunctionFacts(space);
    for (const { expression } of allMembers(space).filter((_, at) => at % 61 === 0)) {
      const tokens = facts.tokensOf(printExpression(expression))!;
      assertEquals(fingerprint(space.expressionOf(tokens)), fingerprint(expression));
    }
    // The last is within 3e-5 of tanh(x).
    for (const text of ["gelu", "x * tanh(softplus(x))", "min(x, 20)", "tanh(x) + 3e-5 * sin(x)"]) {
      assertEquals(facts.tokensOf(text), null, text);
    }
  });

  it("takes x in the last of several core units", () => {
    for (const units of [2, 3] satisfies Units[]) {
      const space = new SearchSpace(units),
        tokens = new FunctionFacts(space).tokensOf("swish")!;
      assertEquals(
        fingerprint(space.expressionOf(tokens)),
        fingerprint(activationFrom("x / (1 + exp(-b * x))").expression),
      );
    }
  });
});

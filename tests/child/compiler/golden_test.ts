import { assert } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { openReference } from "../../../child/engine/reference/engine.ts";
import { readGolden, runGoldenTrace } from "../../../child/golden.ts";
import { interpreted } from "./interpreted.ts";

describe("the reference with lists interpreted in float64", () => {
  it("reproduces a step of the traces of another framework within 1e-9", async () => {
    const engine = openReference(interpreted);
    for (const trace of await readGolden(new URL("../golden/small.json", import.meta.url).pathname)) {
      const { max_relative_error: error } = await runGoldenTrace({ ...trace, losses: [trace.losses[0]] }, engine);
      assert(error.losses! <= 1e-9 && error.grad_norm! <= 1e-9, `${trace.act}: ${JSON.stringify(error)}`);
    }
  });
});

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { activationFrom } from "../../../child/activation/catalog.ts";
import { openWasm } from "../../../child/engine/wasm/engine.ts";
import { requireCommonKinds } from "../../../child/network/kinds.ts";
import { buildNetwork, NETWORK_NAMES } from "../../../child/network/networks.ts";
import { DEFAULT_OPTIMIZER } from "../../../child/network/optimizer.ts";

const RARE = /^(densenet|mobilenet|resnet18$|resnet50$)/;

describe("requireCommonKinds", () => {
  it("refuses, of all networks, those with pooling, concatenation or depthwise convolution, in one clear sentence", () => {
    for (const name of NETWORK_NAMES) {
      const graph = buildNetwork(name, { classes: 10, usesBeta: false });
      if (!RARE.test(name)) requireCommonKinds(graph, "wasm");
      else {assertThrows(
          () => requireCommonKinds(graph, "wasm"),
          RangeError,
          `Cannot compile ${name} with wasm as it has no`,
        );}
    }
  });

  it("is asked by engines before they compile", async () => {
    const engine = await openWasm();
    const graph = buildNetwork("mobilenet-0.25", { classes: 10, usesBeta: false });
    const options = { batch: 2, optimizer: DEFAULT_OPTIMIZER };
    const { message } = await assertRejects(() => engine.compile(graph, activationFrom("relu"), options), RangeError);
    assertEquals(
      message,
      "Cannot compile mobilenet-0.25 with wasm as it has no depthwise conv yet: use --engine reference, which is slow, " +
        "or another --network",
    );
    engine.close();
  });
});

import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { buildNetwork, NETWORK_NAMES } from "../../../child/network/networks.ts";

describe("networks by name", () => {
  it("gives every network the name it is built by and as many logits as classes", () => {
    for (const name of NETWORK_NAMES) {
      const graph = buildNetwork(name, { classes: 100, usesBeta: true });
      assertEquals(graph.name, name);
      assertEquals(graph.nodes.at(-2)!.shape, [1, 1, 100]);
    }
  });

  it("refuses an unknown name and lists the known ones", () => {
    for (const name of ["resnet21", "toString", ""]) {
      assertThrows(() => buildNetwork(name, { classes: 10, usesBeta: false }), RangeError, "resnet20");
    }
  });
});

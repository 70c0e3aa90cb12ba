import { assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { requireCommonKinds } from "../../../child/network/kinds.ts";
import { buildNetwork, NETWORK_NAMES } from "../../../child/network/networks.ts";

const RARE = /^(densenet|mobilenet|resnet18$|resnet50$)/;

describe("requireCommonKinds", () => {
  it("refuses, of all networks, those with pooling, concatenation or depthwise convolution, in one clear sentence", () => {
    for (const name of NETWORK_NAMES) {
      const graph = buildNetwork(name, { classes: 10, usesBeta: false });
      if (!RARE.test(name)) requireCommonKinds(graph, "tfjs-node");
      else {
        assertThrows(
          () => requireCommonKinds(graph, "tfjs-node"),
          RangeError,
          `Cannot compile ${name} with tfjs-node as it`,
        );
      }
    }
  });
});

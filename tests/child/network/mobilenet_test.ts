import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { multiplyAdds } from "../../../child/network/cost.ts";
import type { NodeOf } from "../../../child/network/graph.ts";
import { buildMobileNet } from "../../../child/network/mobilenet.ts";

const build = (width: number, side: number, classes = 1000) =>
  buildMobileNet("mobilenet", width, { classes, usesBeta: false, image: [side, side, 3] });

describe("MobileNet", () => {
  it("has the multiply-adds of table 6 of Howard et al. 2017, in millions: 569, 149 and 41", () => {
    for (const [width, millions] of [[1, 569], [0.5, 149], [0.25, 41]] as const) {
      assertEquals(Math.round(multiplyAdds(build(width, 224)).evaluation / 1e6), millions);
    }
  });

  it("leaves 7x7 pixels of a photograph, and 4x4 of a small image, whose first strides are 1", () => {
    for (const [side, left] of [[224, 7], [64, 8], [32, 4]] as const) {
      const { nodes } = build(1, side);
      const pool = nodes.find((node): node is NodeOf<"global_average_pool"> => node.kind === "global_average_pool")!;
      assertEquals(nodes[pool.input].shape, [left, left, 1024]);
    }
  });

  it("has a depthwise convolution in each of 13 pairs, and an activation after each convolution", () => {
    const { nodes } = build(1, 32, 10);
    const count = (kind: string) => nodes.filter((node) => node.kind === kind).length;
    assertEquals([count("depthwise_conv"), count("conv"), count("activation")], [13, 14, 27]);
  });

  it("refuses a width that is not above 0", () => {
    for (const width of [0, -1, NaN, Infinity]) {
      assertThrows(() => build(width, 32), RangeError, "width must be above 0");
    }
  });
});

import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { GraphBuilder } from "../../../child/network/graph_builder.ts";

const newBuilder = () => new GraphBuilder("test", { classes: 10, usesBeta: true, image: [7, 9, 3] });

describe("GraphBuilder", () => {
  it("works out the shapes of convolutions and shortcuts", () => {
    const builder = newBuilder();
    const conv = builder.conv("conv", builder.input(), { channels: 5, size: 3, stride: 2 });
    assertEquals(builder.shape(conv), [4, 5, 5]);
    assertEquals(builder.shape(builder.shortcut(conv, { channels: 9, stride: 2 })), [2, 3, 9]);
    assertEquals(builder.shape(builder.dense("dense", conv, { outputs: 10 })), [1, 1, 10]);
  });

  it("refuses to add values of different shapes", () => {
    const builder = newBuilder();
    const input = builder.input();
    const conv = builder.conv("conv", input, { channels: 5, size: 3 });
    assertThrows(() => builder.add(input, conv), RangeError, "7,9,3 and 7,9,5");
  });

  it("refuses a name twice, even kernels, odd numbers of new channels and nodes it does not have", () => {
    const builder = newBuilder();
    const input = builder.input();
    const conv = builder.conv("conv", input, { channels: 4, size: 3 });
    assertThrows(() => builder.conv("conv", conv, { channels: 4, size: 3 }), RangeError, "conv.kernel");
    assertThrows(() => builder.conv("even", conv, { channels: 4, size: 2 }), RangeError, "odd");
    assertThrows(() => builder.shortcut(conv, { channels: 7, stride: 2 }), RangeError, "4 to 7");
    assertThrows(() => builder.batchNorm("bn", 9), RangeError, "node 9");
  });

  it("refuses to end in anything but one logit per class", () => {
    const builder = newBuilder();
    assertThrows(() => builder.build(builder.dense("dense", builder.input(), { outputs: 9 })), RangeError, "10 logits");
    assertThrows(() => new GraphBuilder("test", { classes: 0, usesBeta: false }), RangeError, "classes");
  });

  it("refuses to smooth labels or to drop elements by anything but a share below 1", () => {
    for (const share of [-0.1, 1, NaN]) {
      for (const [option, words] of [["labelSmoothing", "label smoothing"], ["dropout", "dropout"]]) {
        const options = { classes: 10, usesBeta: false, [option]: share };
        assertThrows(() => new GraphBuilder("test", options), RangeError, `${words} must be at least 0 and below 1`);
      }
    }
  });

  it("adds no node for dropout of 0", () => {
    const builder = newBuilder(), input = builder.input();
    assertEquals(builder.dropout(input), input);
  });
});

import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { multiplyAdds } from "../../../child/network/cost.ts";
import { buildNetwork } from "../../../child/network/networks.ts";

const CIFAR10 = { classes: 10, usesBeta: false };

describe("multiply-adds", () => {
  it("are those counted by hand from the layers of ResNet-20 and ResNet-164", () => {
    const stem = 32 * 32 * 27 * 16;
    // Stage by stage: pixels x (first unit + 17 others).
    const deep = stem + 1024 * (4_608 + 17 * 4_352) + 256 * (23_552 + 17 * 17_408) + 64 * (94_208 + 17 * 69_632) +
      2_560;
    for (const [name, forward] of [["resnet20", 40_551_040], ["resnet164", deep]] as const) {
      // The images receive no gradient: the stem has one product less than the other layers.
      assertEquals(multiplyAdds(buildNetwork(name, CIFAR10)), { evaluation: forward, training: 3 * forward - stem });
    }
  });

  it("do not depend on beta", () => {
    const { evaluation, training } = multiplyAdds(buildNetwork("resnet8", { classes: 10, usesBeta: true }));
    assertEquals({ evaluation, training }, multiplyAdds(buildNetwork("resnet8", CIFAR10)));
  });
});

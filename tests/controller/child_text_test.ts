/** How a run's child is described. */
import { assertEquals } from "@std/assert";
import { it } from "@std/testing/bdd";
import { childText } from "../../controller/child_text.ts";
import { PRESETS, TARGET } from "../../controller/presets.ts";

it("names network, steps and batch, and what is not as usual: small images, a schedule, a second child", () => {
  assertEquals(childText(PRESETS.paper.child), "resnet20, 10,000 steps of 128");
  assertEquals(childText(TARGET.child), "resnet20, 2,000 steps of 128, schedule warm-cosine");
  assertEquals(
    childText(PRESETS.laptop.child),
    "mean of resnet14, 400 steps of 64, images of 16x16, and resnet8, 100 steps of 64",
  );
});

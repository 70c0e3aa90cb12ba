import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { multiplyAdds } from "../../../child/network/cost.ts";
import type { NodeOf } from "../../../child/network/graph.ts";
import { buildResNet18, buildResNet50 } from "../../../child/network/imagenet_resnet.ts";

const PHOTOGRAPH = { classes: 1000, usesBeta: false, image: [224, 224, 3] } as const;

describe("ResNet for ImageNet", () => {
  it("has the multiply-adds of its authors: 1.8 billion with 18 layers, 4.1 with 50 and strides in the 3x3", () => {
    const billions = (graph: ReturnType<typeof buildResNet18>) => (multiplyAdds(graph).evaluation / 1e9).toFixed(1);
    assertEquals([buildResNet18(PHOTOGRAPH), buildResNet50(PHOTOGRAPH)].map(billions), ["1.8", "4.1"]);
  });

  it("pools 112x112 pixels to 56x56 and ends at 7x7", () => {
    const { nodes } = buildResNet18(PHOTOGRAPH);
    const pool = nodes.find(({ kind }) => kind === "max_pool")!;
    assertEquals(pool.shape, [56, 56, 64]);
    assertEquals(nodes.at(-4)!.shape, [7, 7, 512]);
  });

  it("projects with batch norm where the shape changes, in ResNet-50 also in its first stage", () => {
    const projections = (graph: ReturnType<typeof buildResNet18>) =>
      graph.nodes.filter((node): node is NodeOf<"conv"> => node.kind === "conv" && node.kernel.includes("projection"))
        .map(({ stride }) => stride);
    assertEquals(projections(buildResNet18(PHOTOGRAPH)), [2, 2, 2]);
    assertEquals(projections(buildResNet50(PHOTOGRAPH)), [1, 2, 2, 2]);
  });
});

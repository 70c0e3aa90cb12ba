/** Every network by its name, with the number of parameters that its authors publish. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { parameterCount } from "../../../child/network/graph.ts";
import { buildNetwork, NETWORK_NAMES } from "../../../child/network/networks.ts";
import type { Shape } from "../../../child/network/shape.ts";

const CIFAR: Shape = [32, 32, 3], PHOTOGRAPH: Shape = [224, 224, 3];

/**
 * One row per network: what it was made for, the exact count here, and the published one, in millions with as many
 * digits as its authors print. He et al. 2015, table 6 (resnet20 to 110); He et al. 2016, table 2 (resnet164: 1.7);
 * Zagoruyko & Komodakis 2016, tables 4 and 5; Huang et al. 2017, table 2; Howard et al. 2017, table 6. Of ResNet-18 and 50
 * He et al. give none; the counts are torchvision's. The smallest of a family were published by nobody: null.
 */
const COUNTS: Readonly<
  Record<string, readonly [image: Shape, classes: number, count: number, millions: string | null]>
> = {
  resnet8: [CIFAR, 10, 75_290, null],
  resnet14: [CIFAR, 10, 172_506, null],
  resnet20: [CIFAR, 10, 269_722, "0.27"],
  resnet32: [CIFAR, 10, 464_154, "0.46"],
  resnet44: [CIFAR, 10, 658_586, "0.66"],
  resnet56: [CIFAR, 10, 853_018, "0.85"],
  resnet110: [CIFAR, 10, 1_727_962, "1.7"],
  preresnet11: [CIFAR, 10, 126_746, null],
  resnet164: [CIFAR, 10, 1_703_258, "1.7"],
  "wrn-16-4": [CIFAR, 10, 2_748_890, "2.7"],
  "wrn-28-10": [CIFAR, 10, 36_479_194, "36.5"],
  "densenet-10-12": [CIFAR, 10, 20_902, null],
  "densenet-100-12": [CIFAR, 10, 769_162, "0.8"],
  mobilenet: [PHOTOGRAPH, 1000, 4_231_976, "4.2"],
  "mobilenet-0.5": [PHOTOGRAPH, 1000, 1_331_592, "1.3"],
  "mobilenet-0.25": [PHOTOGRAPH, 1000, 470_072, "0.5"],
  resnet18: [PHOTOGRAPH, 1000, 11_689_512, null],
  resnet50: [PHOTOGRAPH, 1000, 25_557_032, null],
};

describe("networks by name", () => {
  it("have a row each in the table of parameter counts", () => {
    assertEquals(Object.keys(COUNTS).toSorted(), NETWORK_NAMES.toSorted());
  });

  for (const [name, [image, classes, count, millions]] of Object.entries(COUNTS)) {
    it(`${name} has ${count} parameters${millions === null ? "" : `, published as ${millions} million`}`, () => {
      assertEquals(parameterCount(buildNetwork(name, { classes, image, usesBeta: false })), count);
      if (millions === null) return;
      const unit = 10 ** -(millions.split(".")[1]?.length ?? 0); // authors round or cut
      assert(Math.abs(count / 1e6 - Number(millions)) < unit, `${count} is not ${millions} million`);
    });
  }

  it("have dropout between the convolutions of a wide unit, and after every convolution of a DenseNet but the stem", () => {
    const readers = (name: string) => {
      const { nodes } = buildNetwork(name, { classes: 10, usesBeta: false, dropout: 0.3 });
      return nodes.flatMap((node, id) => {
        if (node.kind !== "dropout") return [];
        assertEquals(node.rate, 0.3);
        return [
          `${nodes[node.input].kind} to ${nodes.filter((next) => "input" in next && next.input === id)[0]?.kind}`,
        ];
      });
    };
    assertEquals(readers("wrn-16-4"), new Array(6).fill("activation to conv"));
    assertEquals(readers("densenet-100-12").length, 98);
    assert(readers("densenet-100-12").every((place) => place.startsWith("conv to")));
  });

  it("refuse dropout where their authors have none, and say which have some", () => {
    for (const name of NETWORK_NAMES) {
      const build = () => buildNetwork(name, { classes: 10, usesBeta: false, dropout: 0.3 });
      if (/^(wrn|densenet)/.test(name)) assertEquals(build().name, name);
      else assertThrows(build, RangeError, `Cannot build ${name} with dropout as it has no place for it: wrn-16-4, `);
    }
  });

  it("give every network the name it is built by and as many logits as classes", () => {
    for (const name of NETWORK_NAMES) {
      const graph = buildNetwork(name, { classes: 100, usesBeta: true });
      assertEquals(graph.name, name);
      assertEquals(graph.nodes.at(-2)!.shape, [1, 1, 100]);
    }
  });

  it("refuse an unknown name and list the known ones", () => {
    for (const name of ["resnet21", "toString", ""]) {
      assertThrows(() => buildNetwork(name, { classes: 10, usesBeta: false }), RangeError, "resnet20");
    }
  });
});

/** What a step costs on a card, counted from the plan without one: no kernel does much more than the mathematics asks. */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { activationFrom } from "../../../child/activation/catalog.ts";
import { usesBeta } from "../../../child/activation/expression.ts";
import { compileChild } from "../../../child/compiler/child.ts";
import { gradientReadsOf, readsOf, type Values } from "../../../child/compiler/stages.ts";
import { STORAGE_BUFFERS } from "../../../child/engine/webgpu/device.ts";
import { bytesFor } from "../../../child/engine/webgpu/buffers.ts";
import { makePlan } from "../../../child/engine/webgpu/plan.ts";
import { countStep, type KernelCost, type StepCost } from "../../../child/engine/webgpu/profile.ts";
import { multiplyAdds } from "../../../child/network/cost.ts";
import { buildNetwork, NETWORK_NAMES } from "../../../child/network/networks.ts";
import { DEFAULT_OPTIMIZER } from "../../../child/network/optimizer.ts";
import { sizeOf } from "../../../child/network/shape.ts";

const BATCH = 128;
/** Along one axis, the same on every card. */
const MAX_WORKGROUPS = 65535;
/** How much more than the least a kernel may do. */
const EXCESS = 1.25;
/** Of bytes of kernel gradients: the parts of their sums, without which a card is idle (`kernel_gradient.ts`). */
const EXCESS_OF_PARTS = 1.5;

function childOf(network: string, text: string) {
  const activation = activationFrom(text);
  return {
    activation,
    graph: buildNetwork(network, { classes: 10, usesBeta: usesBeta(activation.expression) }),
  };
}

function count(network: string, text = "swish", children = 1): StepCost {
  const { graph, activation } = childOf(network, text);
  return countStep(graph, activation, { batch: BATCH, children, card: "H100" });
}

function total(kernels: readonly KernelCost[], which: "cost" | "least", unit: "operations" | "bytes"): number {
  return kernels.reduce((sum, kernel) => sum + kernel[which][unit], 0);
}

describe("the count of a training step on a card", () => {
  for (const network of ["resnet8", "resnet20", "resnet32"]) {
    it(`exceeds for no kernel and no part of ${network}'s work its floor by more than is said`, () => {
      const { kernels } = count(network);
      const works = Map.groupBy(kernels, ({ work }) => work);
      for (const [name, some] of [...kernels.map((kernel) => [kernel.kernel, [kernel]] as const), ...works]) {
        for (const unit of ["operations", "bytes"] as const) {
          const [done, least] = [total(some, "cost", unit), total(some, "least", unit)];
          assert(done >= least, `${name} does less than the least ${unit}`);
          // Sums of parts are no work of their own: they count with the work that they finish.
          if (least > 0) {
            const hasParts = unit === "bytes" && some.every(({ work }) => work === "kernel gradient");
            assert(
              done <= (hasParts ? EXCESS_OF_PARTS : EXCESS) * least,
              `${name}: ${unit} are ${(done / least).toFixed(2)} of the least`,
            );
          }
        }
      }
    });
  }

  it("has a floor of operations that is that of the products, and little beside them", () => {
    const { kernels } = count("resnet20", "relu"), { graph } = childOf("resnet20", "relu");
    const products = 2 * BATCH * multiplyAdds(graph).training, least = total(kernels, "least", "operations");
    assert(least > products && least < 1.05 * products, `${least} operations beside ${products}`);
  });

  it("has a floor of bytes that is what the compiler's stages read and write, but for shortcuts and means", () => {
    const { graph, activation } = childOf("resnet20", "relu"), { stages } = compileChild(graph, activation);
    const bytes = (values: readonly (Values | null)[]) =>
      4 * BATCH * values.reduce((sum, one) => sum + (one ? sizeOf(one.shape) : 0), 0);
    const forward = stages.forward.filter(({ kind }) => kind !== "shortcut" && kind !== "input");
    const backward = stages.backward.filter(({ kind }) => kind !== "shortcut" && kind !== "average_pool");
    const inputOf = (stage: typeof backward[number]) => stage.kind === "convolution" ? [stage.of.input] : [];
    const products = backward.filter(({ kind }) => kind === "convolution");
    const moved = forward.reduce((sum, stage) => sum + bytes([...readsOf(stage), stage.out]), 0) +
      backward.reduce((sum, stage) => sum + bytes([...gradientReadsOf(stage), stage.into]), 0) +
      // The gradient of a convolution is two kernels, of which each reads it, and one the input.
      products.reduce((sum, stage) => sum + bytes(gradientReadsOf(stage)) - bytes(inputOf(stage)), 0);
    assertAlmostEquals(total(count("resnet20", "relu").kernels, "least", "bytes") / moved, 1, 0.03);
  });

  it("is as many times that of one child as there are children, in as many dispatches but for the functions", () => {
    const [one, many] = [count("resnet8").kernels, count("resnet8", "swish", 16).kernels];
    for (const unit of ["operations", "bytes"] as const) {
      assertEquals(total(many, "cost", unit), 16 * total(one, "cost", unit));
    }
    const dispatches = (kernels: readonly KernelCost[]) =>
      kernels.map(({ kernel, dispatches }) => kernel.startsWith("activation") ? dispatches / 16 : dispatches);
    assertEquals(dispatches(many).sort(), [...one.map(({ dispatches }) => dispatches)].sort());
  });

  it("takes one pass each way for batch norm, residual and activation, and few dispatches", () => {
    const layers = 19, { kernels } = count("resnet20");
    const passes = kernels.filter(({ work }) => work.startsWith("pointwise") || work === "pooling");
    const named = Object.fromEntries(passes.map(({ kernel, dispatches }) => [kernel, dispatches]));
    assertEquals(named, {
      "activation": layers,
      "activation gradient": layers,
      "batch norm gradient": layers,
      "global average pool": 1,
    });
    assert(kernels.reduce((sum, { dispatches }) => sum + dispatches, 0) <= 8 * layers);
  });
});

describe("every network", () => {
  for (const name of NETWORK_NAMES) {
    it(`fits, as ${name} at batch 128, into the dispatches and buffers that every card has`, () => {
      const { graph, activation } = childOf(name, "swish");
      const plan = makePlan(graph, activation, { batch: BATCH, optimizer: DEFAULT_OPTIMIZER, fused: true });
      for (const { kernel, workgroups, buffers } of [...plan.training, ...plan.evaluation, plan.picking]) {
        assert(Math.max(...workgroups) <= MAX_WORKGROUPS, `${kernel.name}: ${workgroups} workgroups`);
        // Besides them there is the list of children.
        assert(buffers.length + 1 <= STORAGE_BUFFERS, `${kernel.name}: ${buffers.length} buffers`);
      }
    });
  }
});

describe("the memory of children on a card", () => {
  it("is given back by lifetimes: a deep network takes less than all its tensors", () => {
    const { graph, activation } = childOf("resnet32", "swish");
    const plan = makePlan(graph, activation, { batch: 32, optimizer: DEFAULT_OPTIMIZER, fused: true });
    const all = 16 * [...plan.quads.values()].reduce((sum, quads) => sum + quads, 0);
    assert(bytesFor(plan, 1) < 0.7 * all, `${bytesFor(plan, 1)} bytes of ${all}`);
  });
});

/**
 * What a training step costs on a card: counted from the plan before anything runs, with the floor that the mathematics
 * has on a card whose peaks are known, and measured kernel by kernel.
 */
import type { Activation } from "../../activation/expression.ts";
import type { Graph } from "../../network/graph.ts";
import { DEFAULT_OPTIMIZER } from "../../network/optimizer.ts";
import { CARDS, knownCard } from "./cards.ts";
import { openCard } from "./device.ts";
import { bytesFor } from "./buffers.ts";
import { Group } from "./group.ts";
import type { Cost, Work } from "./kernel.ts";
import { makePlan, type Plan } from "./plan.ts";
import { fusesMultiplyAdd } from "./probe.ts";

/** All dispatches of one kernel in a step of all children. */
export interface KernelCost {
  readonly kernel: string;
  readonly work: Work;
  readonly dispatches: number;
  /** What the kernel does, and what the mathematics asks of it at least. */
  readonly cost: Cost;
  readonly least: Cost;
  /**
   * Seconds that the minimum operations or the minimum bytes take at the card's peak rates, whichever is longer, summed
   * over the dispatches.
   */
  readonly floor: number;
}

export interface StepCost {
  /** Whose peaks the floors are of. */
  readonly card: string;
  /** Bytes of the card's memory that the children need. */
  readonly memory: number;
  /** Those with the largest floor first. */
  readonly kernels: readonly KernelCost[];
}

/** With the seconds of each kernel in a step. */
export interface MeasuredStep extends StepCost {
  readonly kernels: readonly (KernelCost & { readonly seconds: number })[];
}

export interface StepSize {
  readonly batch: number;
  readonly children: number;
}

/** The costs of one step of so many children with one function on a card of `CARDS`. Needs neither card nor driver. */
export function countStep(
  graph: Graph,
  activation: Activation,
  { batch, children, card }: StepSize & { readonly card: string },
): StepCost {
  return costOf(makePlan(graph, activation, { batch, optimizer: DEFAULT_OPTIMIZER, fused: true }), children, card);
}

/** The same for this worker's card, with times. Throws if there is no card. */
export async function measureStep(
  graph: Graph,
  activation: Activation,
  { batch, children, steps }: StepSize & { readonly steps: number },
): Promise<MeasuredStep> {
  const card = await openCard(), fused = await fusesMultiplyAdd(card);
  const plan = makePlan(graph, activation, { batch, optimizer: DEFAULT_OPTIMIZER, fused });
  const known = knownCard(card.name) ?? Object.keys(CARDS)[0];
  const group = await Group.open(card, plan, children);
  try {
    for (let child = 0; child < children; child++) {
      group.reserve();
      await group.place(plan);
    }
    const cost = costOf(plan, children, known), kernels = [];
    for (const kernel of cost.kernels) {
      kernels.push({ ...kernel, seconds: await group.time(indicesOf(plan, kernel.kernel), steps) });
    }
    return { ...cost, kernels: kernels.sort((a, b) => b.seconds - a.seconds) };
  } finally {
    group.close();
  }
}

function indicesOf({ training }: Plan, name: string): number[] {
  return training.flatMap(({ kernel }, i) => kernel.name === name ? [i] : []);
}

function costOf(plan: Plan, children: number, card: string): StepCost {
  const names = [...new Set(plan.training.map(({ kernel }) => kernel.name))], peaks = CARDS[card];
  const kernels = names.map((kernel): KernelCost => {
    const dispatches = indicesOf(plan, kernel).map((i) => plan.training[i]);
    const sum = (of: (dispatch: typeof dispatches[number]) => number) =>
      dispatches.reduce((sum, dispatch) => sum + of(dispatch), 0);
    const total = (which: "cost" | "least"): Cost => ({
      operations: children * sum((dispatch) => dispatch[which].operations),
      bytes: children * sum((dispatch) => dispatch[which].bytes),
    });
    return {
      kernel,
      work: dispatches[0].work,
      dispatches: sum(({ own }) => own ? children : 1),
      cost: total("cost"),
      least: total("least"),
      floor: children *
        sum(({ least: { operations, bytes } }) => Math.max(operations / peaks.operations, bytes / peaks.bytes)),
    };
  });
  return { card, memory: bytesFor(plan, children), kernels: kernels.sort((a, b) => b.floor - a.floor) };
}

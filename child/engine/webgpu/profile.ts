/**
 * What a training step costs on a card: counted from the plan before anything runs (operations, bytes, dispatches, and
 * the floor that they give for a card whose peaks are known), and measured kernel by kernel.
 */
import type { Activation } from "../../activation/expression.ts";
import { differentiate } from "../../compiler/derivatives.ts";
import type { Graph } from "../../network/graph.ts";
import { DEFAULT_OPTIMIZER } from "../../network/optimizer.ts";
import { openCard } from "./device.ts";
import { Group } from "./group.ts";
import { makePlan } from "./plan.ts";
import { fusesMultiplyAdd } from "./probe.ts";

/** Peaks by the makers' data sheets. */
export interface Peaks {
  /** Operations of float32 and bytes of memory per second. */
  readonly operations: number;
  readonly bytes: number;
}

/** Cards by what their drivers call them; the first is the one that floors are given for where none fits. */
export const CARDS: Readonly<Record<string, Peaks>> = {
  H100: { operations: 67e12, bytes: 3.35e12 },
  H200: { operations: 67e12, bytes: 4.8e12 },
  A100: { operations: 19.5e12, bytes: 2.04e12 },
  "RTX 4090": { operations: 82.6e12, bytes: 1.01e12 },
  "RX 7900 XTX": { operations: 61.4e12, bytes: 0.96e12 },
};

/** All dispatches of one kernel in a step. */
export interface KernelCost {
  readonly kernel: string;
  readonly dispatches: number;
  readonly operations: number;
  readonly bytes: number;
  /** Seconds that its operations or its bytes take at the card's peaks, whichever is longer, summed over dispatches. */
  readonly floor: number;
  /** Seconds in a step; null if it was not measured. */
  readonly seconds: number | null;
}

export interface StepCost {
  /** Whose peaks the floors are of. */
  readonly card: string;
  /** Bytes of the card's memory that the children need. */
  readonly memory: number;
  readonly kernels: readonly KernelCost[];
}

/** The costs of one step of so many children with one function. Throws where there is no card, nor a driver. */
export async function profileStep(
  graph: Graph,
  activation: Activation,
  { batch, children, steps }: { readonly batch: number; readonly children: number; readonly steps: number },
): Promise<StepCost> {
  const card = await openCard(), fused = await fusesMultiplyAdd(card);
  const plan = makePlan(graph, differentiate(activation), { batch, optimizer: DEFAULT_OPTIMIZER, fused });
  const known = Object.keys(CARDS).find((name) => card.name.includes(name)) ?? Object.keys(CARDS)[0];
  const peaks = CARDS[known];
  const group = await Group.open(card, plan, children);
  try {
    for (let child = 0; child < children; child++) {
      group.reserve();
      await group.place(plan);
    }
    const names = [...new Set(plan.training.map(({ kernel }) => kernel.name))];
    const kernels: KernelCost[] = [];
    for (const kernel of names) {
      const indices = plan.training.flatMap((dispatch, i) => dispatch.kernel.name === kernel ? [i] : []);
      const costs = indices.map((i) => plan.training[i].cost);
      const sum = (of: (cost: typeof costs[number]) => number) =>
        children * costs.reduce((sum, cost) => sum + of(cost), 0);
      kernels.push({
        kernel,
        dispatches: indices.reduce((sum, i) => sum + (plan.training[i].own ? children : 1), 0),
        operations: sum(({ operations }) => operations),
        bytes: sum(({ bytes }) => bytes),
        floor: sum(({ operations, bytes }) => Math.max(operations / peaks.operations, bytes / peaks.bytes)),
        seconds: await group.time(indices, steps),
      });
    }
    kernels.sort((a, b) => b.seconds! - a.seconds!);
    return { card: known, memory: group.bytes, kernels };
  } finally {
    group.close();
  }
}

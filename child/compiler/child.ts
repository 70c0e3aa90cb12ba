/** The part of compiling that needs no device: a graph and an activation become stages and derivatives. */
import type { Activation } from "../activation/expression.ts";
import type { Graph } from "../network/graph.ts";
import { backwardStages } from "./backward.ts";
import { type Derivatives, differentiate } from "./derivatives.ts";
import { forwardStages } from "./fuse.ts";
import type { Stages } from "./stages.ts";
import type { Parameter } from "../network/parameters.ts";

export interface CompiledChild {
  readonly stages: Stages;
  /** In the order of the graph. */
  readonly parameters: readonly Parameter[];
  readonly activation: Derivatives;
}

export function compileChild(graph: Graph, activation: Pick<Activation, "expression">): CompiledChild {
  const { forward, batchNorms } = forwardStages(graph);
  return {
    stages: { forward, backward: backwardStages(forward), batchNorms },
    parameters: graph.parameters,
    activation: differentiate(activation),
  };
}

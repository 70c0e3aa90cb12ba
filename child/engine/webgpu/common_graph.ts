/**
 * Children of a search share every shape and differ in one function, which may have betas. The graph that they have in
 * common has a beta at every activation, which stays 0 where a child has none.
 */
import { type Graph, type NodeId, type NodeOf } from "../../network/graph.ts";
import type { Parameter } from "../../network/parameters.ts";
import { sizeOf } from "../../network/shape.ts";

/** A graph with betas of its own names, which no child's names can be. */
export function commonGraph(graph: Graph): Graph {
  const betas: Parameter[] = [];
  const nodes = graph.nodes.map((node, id) => {
    if (node.kind !== "activation") return node;
    const beta = betaName(id), { beta: _, ...others } = node; // the fields' order is a part of the key below
    betas.push({ name: beta, role: "activation_beta", shape: [node.shape[2]] });
    return { ...others, beta };
  });
  const parameters = graph.parameters.filter(({ role }) => role !== "activation_beta");
  return { ...graph, nodes, parameters: [...parameters, ...betas] };
}

/** Names of a child's parameters in the common graph. */
export function commonNames(graph: Graph): ReadonlyMap<string, string> {
  const betas = new Map(graph.nodes.flatMap((node, id) => {
    const { beta } = node as NodeOf<"activation">;
    return node.kind === "activation" && beta !== undefined ? [[beta, betaName(id)] as const] : [];
  }));
  return new Map(graph.parameters.map(({ name }) => [name, betas.get(name) ?? name]));
}

/** The same for children that can share a group: all but the betas. */
export function shapeKey(graph: Graph): string {
  const { nodes, parameters } = commonGraph(graph);
  return JSON.stringify([graph.name, graph.classes, nodes, parameters.map(({ name, shape }) => [name, sizeOf(shape)])]);
}

function betaName(activation: NodeId): string {
  return `beta of node ${activation}`;
}

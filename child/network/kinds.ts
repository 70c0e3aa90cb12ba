/** Which kinds of nodes every engine computes, and which some engines lack. */
import type { BackwardKind } from "./autodiff.ts";
import type { Graph, NodeKind } from "./graph.ts";

const RARE = ["depthwise_conv", "concat", "average_pool", "max_pool"] as const satisfies readonly NodeKind[];

/** Kinds that an engine may lack. */
export type RareKind = typeof RARE[number];
/** Kinds that every engine computes. */
export type CommonKind = Exclude<NodeKind, RareKind>;
export type CommonBackwardKind = Exclude<BackwardKind, `${RareKind}_${string}` | `concat_${string}`>;

/** Throws a RangeError that names the first kind of the graph that the engine, which has the common ones, lacks. */
export function requireCommonKinds(graph: Graph, engine: string): void {
  const rare: readonly NodeKind[] = RARE;
  const found = graph.nodes.find(({ kind }) => rare.includes(kind));
  if (found === undefined) return;
  throw new RangeError(
    `Cannot compile ${graph.name} with ${engine} as it has no ${found.kind.replaceAll("_", " ")} yet: ` +
      "use --engine wasm or webgpu, or another --network",
  );
}

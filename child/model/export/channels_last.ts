/** Rows that the frameworks of NHWC images and HWIO kernels share: Keras and JAX. */
import type { Graph, NodeOf } from "../../network/graph.ts";
import { type LayerTable, shaped } from "./framework.ts";
import { sumOf } from "./python.ts";

type Tensor = (name: string) => Float32Array;

export const convTensors = (node: NodeOf<"conv">, { nodes }: Graph, tensor: Tensor) => ({
  kernel: shaped([node.size, node.size, nodes[node.input].shape[2], node.shape[2]], tensor(node.kernel)),
});

export const denseTensors = (node: NodeOf<"dense">, { nodes }: Graph, tensor: Tensor) => ({
  kernel: shaped([nodes[node.input].shape[2], node.shape[2]], tensor(node.kernel)),
  bias: shaped([node.shape[2]], tensor(node.bias)),
});

/** What is called the same in both, by helpers of each. */
export const COMMON_ROWS = {
  max_pool: {
    numbers: ({ size, stride }) => ({ size, stride }),
    call: (_self, [x], number) => `max_pool(${x}, ${number("size")}, ${number("stride")})`,
    uses: "max_pool",
  },
  add: { numbers: () => ({}), call: (_self, inputs) => sumOf(inputs) },
  shortcut: {
    numbers: ({ shape, stride }) => ({ channels: shape[2], stride }),
    call: (_self, [x], number) => `shortcut(${x}, ${number("channels")}, ${number("stride")})`,
    uses: "shortcut",
  },
} satisfies Pick<LayerTable, "max_pool" | "add" | "shortcut">;

/** A compiled child as text a person can read: its stages with the memory that their tensors live in, and its lists. */
import type { CompiledChild } from "./child.ts";
import { lowerActivation } from "./lower.ts";
import { inOrder, type Lifetime, lifetimesOf } from "./memory.ts";
import type { Operation, OperationList } from "./operations.ts";
import { gradientReadsOf, type GradientStage, readsOf, type Stage, type Values } from "./stages.ts";

export function printChild(child: CompiledChild): string {
  const lifetimes = lifetimesOf(child.stages, inOrder(child.stages));
  const { forward, backward } = child.stages;
  return [
    "stages: what each writes and reads; numbers are tensors, @ the last stage that reads the one written",
    ...forward.map((stage, i) => stageLine(i, stage.kind, stage.out, readsOf(stage), lifetimes)),
    "gradients",
    ...backward.map((stage, i) =>
      stageLine(forward.length + i, stage.kind, stage.into, gradientReadsOf(stage), lifetimes)
    ),
    "activation",
    ...printList(lowerActivation(child.activation, "called")),
    "activation in float32 operations",
    ...printList(lowerActivation(child.activation, "expanded")),
  ].join("\n");
}

function stageLine(
  at: number,
  kind: Stage["kind"] | GradientStage["kind"],
  writes: Values | null,
  reads: readonly Values[],
  lifetimes: ReadonlyMap<number, Lifetime>,
): string {
  const written = writes ? `${writes.id} (${writes.shape.join("x")}) @${lifetimes.get(writes.id)!.last}` : "";
  return `${`${at}`.padStart(5)} ${kind.padEnd(12)} ${written.padEnd(24)} <- ${reads.map(({ id }) => id).join(" ")}`;
}

/** A line for each operation: `12 = add 3 7`. */
export function printList(list: OperationList): string[] {
  return list.map((operation, i) => {
    const about = immediateOf(operation);
    const words = [operation.kind, ...about === null ? [] : [about], ...operation.operands];
    return `${`${i}`.padStart(5)} = ${words.join(" ")}`;
  });
}

/** An operation's fields besides its operands. */
function immediateOf(operation: Operation): string | null {
  switch (operation.kind) {
    case "input":
    case "channel":
    case "store":
    case "sum":
    case "call":
      return operation.name;
    case "constant":
      return `${operation.value}`;
    case "bits":
      return `0x${operation.bits.toString(16)}`;
    case "keep":
    case "kept":
      return `slot ${operation.slot}`;
    case "shiftLeft":
    case "shiftRight":
      return `by ${operation.by}`;
    default:
      return null;
  }
}

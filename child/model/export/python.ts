/** What the Python of all frameworks has in common: statements of a chain of layers, calls with arguments, names. */
import type { NodeId } from "../../network/graph.ts";
import type { Block, BlockClass, Layer } from "./structure.ts";
import { slotOf } from "./structure.ts";

/** The text of one layer, applied to the texts of its inputs. A sum may need parentheses. */
export type WriteLayer = (layer: Layer, inputs: readonly string[]) => string;

/** Names for values, of which the first free one is taken. */
const VALUES = ["y", "z", "w", "v", "u"];

/** Layers that are written into the call of the next one, where they have no other reader. */
const INLINE: ReadonlySet<string> = new Set(["conv", "depthwise_conv", "batch_norm", "add", "shortcut"]);

/**
 * Statements that compute a chain of layers from the value named `x`, and the expression of the last layer. A value's
 * name is used again where nothing reads it any more.
 */
export function statements(
  layers: readonly Layer[],
  input: NodeId,
  write: WriteLayer,
): { readonly lines: readonly string[]; readonly result: string } {
  const lines: string[] = [];
  const texts = new Map<NodeId, string>([[input, "x"]]);
  const readers = (id: NodeId) => layers.filter(({ inputs }) => inputs.includes(id));
  const isNeeded = (id: NodeId, after: NodeId) => readers(id).some((reader) => reader.id > after);
  const last = layers[layers.length - 1];
  let result = "";
  for (const layer of layers) {
    const text = write(layer, layer.inputs.map((id) => texts.get(id)!));
    if (layer === last) result = text;
    else if (INLINE.has(layer.node.kind) && readers(layer.id).length === 1) texts.set(layer.id, text);
    else {
      const live = new Set([...texts].filter(([id]) => isNeeded(id, layer.id)).flatMap(([, text]) => namesIn(text)));
      const name = ["x", ...VALUES].find((name) => !live.has(name))!;
      const isFree = !live.has("x");
      const target = isFree ? "x" : name;
      lines.push(`${target} = ${text}`);
      texts.set(layer.id, target);
    }
  }
  return { lines, result };
}

function namesIn(text: string): string[] {
  return text.match(/(?<![\w.])[a-z](?!\w)/g) ?? [];
}

/** The sum of two values. */
export function sumOf([left, right]: readonly string[]): string {
  return `${left} + ${right.includes(" + ") ? `(${right})` : right}`;
}

/** A number of a layer in the code of its class: an argument's name, or the number. */
export function numberIn({ slots }: BlockClass, layer: Layer): (number: string) => string {
  return (number) => `${slots.get(slotOf(layer, number))}`;
}

/** "residual_block" of "ResidualBlock". */
export function snakeCase(name: string): string {
  return name.replaceAll(/(?<!^)[A-Z]/g, "_$&").toLowerCase();
}

/** "x * sigmoid(b * x)" in a docstring: quotes and backslashes would end it or mean something else. */
export function docText(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"""', '\\"\\"\\"');
}

export function indented(lines: readonly string[], spaces = 4): string[] {
  return lines.map((line) => line === "" ? "" : " ".repeat(spaces) + line);
}

/** "16, 32, 2", as the arguments of a class or function. */
export function valuesOf({ values }: Block): string {
  return values.join(", ");
}

/** From the project's root, asks `oracle.py` for values and derivatives in arithmetic of many digits. */
import type { Expression } from "../../../child/activation/expression.ts";
import { children } from "../../../child/activation/expression.ts";

export interface Truth {
  readonly value: Float64Array;
  readonly byX: Float64Array;
  /** Empty if the function has no beta. */
  readonly byB: Float64Array;
}

type Node = readonly (string | number)[];

/** The tree as a list of nodes, each after its operands, equal subtrees once. */
function nodesOf(expression: Expression): Node[] {
  const nodes: Node[] = [], known = new Map<string, number>();
  const visit = (e: Expression): number => {
    const operands = children(e).map(visit);
    const node = nodeOf(e, operands), key = node.join();
    let index = known.get(key);
    if (index === undefined) known.set(key, index = nodes.push(node) - 1);
    return index;
  };
  visit(expression);
  return nodes;
}

function nodeOf(e: Expression, operands: readonly number[]): Node {
  if (e.kind === "number") return ["number", e.value];
  if (e.kind === "power") return ["power", e.exponent, ...operands];
  if (e.kind === "select") return ["select", e.comparison, ...operands];
  return [e.kind === "unary" || e.kind === "binary" ? e.name : e.kind, ...operands];
}

/** As many processes as there are cores, each with a share of the functions. Answers in the order of the functions. */
export async function askOracle(
  python: string,
  functions: readonly Expression[],
  points: Float32Array,
  b: number,
  processes = navigator.hardwareConcurrency,
): Promise<Truth[]> {
  const truths: Truth[] = [];
  const share = async (first: number) => {
    const mine = functions.map((_, i) => i).filter((i) => i % processes === first);
    const requests = mine.map((i) => JSON.stringify({ points: [...points], b, nodes: nodesOf(functions[i]) }) + "\n");
    const answers = await run(python, requests.join(""));
    mine.forEach((i, k) => truths[i] = parse(answers[k]));
  };
  await Promise.all(Array.from({ length: processes }, (_, first) => share(first)));
  return truths;
}

async function run(python: string, input: string): Promise<string[]> {
  const script = "tests/bench/accuracy/oracle.py";
  const child = new Deno.Command(python, { args: [script], stdin: "piped", stdout: "piped" }).spawn();
  const writer = child.stdin.getWriter();
  const written = writer.write(new TextEncoder().encode(input)).then(() => writer.close());
  const [{ code, stdout }] = await Promise.all([child.output(), written]);
  if (code !== 0) throw new Error(`Cannot judge without the oracle: ${python} ended with ${code}`);
  return new TextDecoder().decode(stdout).trimEnd().split("\n");
}

const SPECIAL: Readonly<Record<string, number>> = { inf: Infinity, "-inf": -Infinity, nan: NaN };

function parse(line: string): Truth {
  const { value, byX, byB } = JSON.parse(line) as Record<keyof Truth, (number | string)[]>;
  const numbers = (list: (number | string)[]) => Float64Array.from(list, (v) => typeof v === "number" ? v : SPECIAL[v]);
  return { value: numbers(value), byX: numbers(byX), byB: numbers(byB) };
}

/**
 * The accuracy of every engine over published activation functions, judged by arithmetic of many digits. From the
 * project's root, with mpmath in a virtual environment:
 *
 *     deno run --allow-read --allow-write --allow-run tests/bench/accuracy/accuracy.ts truth PYTHON TRUTHS.jsonl
 *     deno run --allow-read --allow-write --allow-env --allow-sys --allow-ffi=.tfjs-node [--v8-flags=…] \
 *       tests/bench/accuracy/accuracy.ts judge TRUTHS.jsonl RAW.jsonl ENGINE...
 *     deno run --allow-read tests/bench/accuracy/accuracy.ts summary RAW.jsonl
 *
 * `truth` takes minutes, `judge` seconds; it appends a line for each function and engine (reference, wasm, tfjs-node;
 * with `wasm=LABEL` under that name, as for the V8 flags of the training tasks). `summary` prints the record's tables.
 */
import { parseExpression } from "../../../child/activation/parse.ts";
import { ENGINES } from "../../child/engine/elementwise.ts";
import { judge, type Judgement } from "./judge.ts";
import { askOracle } from "./oracle.ts";
import { gridPoints } from "./points.ts";
import { PUBLISHED } from "./published.ts";

/** Every 1/50 up to 20 and four of each decade. */
const POINTS = gridPoints(20, 0.02, 4);
const BETA = 1;

type Part = "value" | "byX" | "byB";
const PARTS: readonly Part[] = ["value", "byX", "byB"];

interface Line {
  readonly engine: string;
  readonly name: string;
  readonly parts: Readonly<Partial<Record<Part, Judgement>>>;
}

async function truth(python: string, file: string): Promise<void> {
  const texts = PUBLISHED.map(([, text]) => text);
  const truths = await askOracle(python, texts.map((text) => parseExpression(text)), POINTS, BETA);
  const lines = truths.map((t) =>
    JSON.stringify(Object.fromEntries(PARTS.map((part) => [part, [...t[part]].map(written)])))
  );
  await Deno.writeTextFile(file, lines.join("\n") + "\n");
}

/** JSON has no infinities. */
function written(value: number): number | string {
  return Number.isFinite(value) ? value : String(value);
}

async function judgeAll(truths: string, raw: string, engines: readonly string[]): Promise<void> {
  const lines = (await Deno.readTextFile(truths)).trimEnd().split("\n");
  for (const wanted of engines) {
    const [name, label = name] = wanted.split("=");
    const compute = await ENGINES.find((engine) => engine.name === name)!.open();
    if (typeof compute === "string") throw new Error(`Cannot judge ${name}: ${compute}`);
    for (const [i, [title, text]] of PUBLISHED.entries()) {
      const found = await compute(parseExpression(text), POINTS, BETA);
      const expected = JSON.parse(lines[i]) as Record<Part, (number | string)[]>;
      const parts = Object.fromEntries(PARTS.flatMap((part) => {
        const values = found[part];
        return values ? [[part, judge(POINTS, Float64Array.from(expected[part], Number), values)]] : [];
      }));
      const line: Line = { engine: label, name: title, parts };
      await Deno.writeTextFile(raw, JSON.stringify(line) + "\n", { append: true });
    }
  }
}

/** Which of the two measures of `judge.ts`. */
type Measure = "plain" | "tails";
const MEASURES: Readonly<Record<Measure, string>> = {
  plain: "Of 1, or of the value where it is larger",
  tails: "Of the function's size nearby",
};

function summary(lines: readonly Line[]): string {
  const engines = [...new Set(lines.map(({ engine }) => engine))];
  return (Object.keys(MEASURES) as Measure[]).flatMap((measure) => [
    `## ${MEASURES[measure]}`,
    "",
    "| engine | | functions right everywhere | worst of these | points | points right |",
    "| --- | --- | --- | --- | --- | --- |",
    ...engines.flatMap((engine) => PARTS.map((part) => total(lines, engine, part, measure))),
    "",
    ...measure === "plain" ? ["Not right everywhere:", "", ...exceptions(lines, measure), ""] : [],
  ]).join("\n");
}

function total(lines: readonly Line[], engine: string, part: Part, measure: Measure): string {
  const found = lines.flatMap((line) => line.engine === engine && line.parts[part] ? [line.parts[part]!] : []);
  const points = sum(found.map(({ points }) => points));
  const right = points - sum(found.map((judgement) => judgement[measure].over));
  const sound = found.filter((judgement) => judgement[measure].over === 0);
  const worst = Math.max(0, ...sound.map((judgement) => judgement[measure].worst)).toExponential(1);
  const cells = [engine, NAMES[part], `${sound.length} of ${found.length}`, worst, points.toLocaleString("en")];
  return `| ${[...cells, `${(100 * right / points).toFixed(2)} %`].join(" | ")} |`;
}

const NAMES: Readonly<Record<Part, string>> = { value: "value", byX: "derivative by x", byB: "derivative by b" };

/** A line for each function: value or derivative, engines, points, worst error. */
function exceptions(lines: readonly Line[], measure: Measure): string[] {
  const names = [...new Set(lines.map(({ name }) => name))];
  return names.flatMap((name) => {
    const engines = new Map<string, string[]>();
    for (const { engine, parts } of lines.filter((line) => line.name === name)) {
      for (const part of PARTS) {
        const judgement = parts[part];
        if (!judgement || judgement[measure].over === 0) continue;
        const text = `${NAMES[part]} ${described(judgement, measure)}`;
        engines.set(text, [...engines.get(text) ?? [], engine]);
      }
    }
    const places = [...engines].map(([text, engines]) => `${engines.join(" and ")}: ${text}`);
    return places.length > 0 ? [`- ${name}. ${places.join("; ")}`] : [];
  });
}

function described(judgement: Judgement, measure: Measure): string {
  const { over, worst, at } = judgement[measure];
  const finite = over - judgement.notFinite,
    parts = judgement.notFinite > 0 ? [`${judgement.notFinite} not finite`] : [];
  if (finite > 0) parts.push(`${finite} up to ${worst.toExponential(1)} (at ${Number(at.toPrecision(3))})`);
  return parts.join(", ");
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

const [what, first, second, ...rest] = Deno.args;
if (what === "truth") await truth(first, second);
else if (what === "judge") await judgeAll(first, second, rest);
else if (what === "summary") {
  console.log(summary(Deno.readTextFileSync(first).trimEnd().split("\n").map((line) => JSON.parse(line))));
} else throw new Error("Cannot continue: name truth, judge or summary, as in the comment at the top of this file");

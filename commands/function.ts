/**
 * `deno task function EXPR`: a function's definition and properties, its values on an engine, its plot and its code.
 */
import { analyse, type Analysis, isBounded, type Limit } from "../child/activation/analysis.ts";
import { CATALOG } from "../child/activation/catalog.ts";
import { CODE_TARGETS, codeOf } from "../child/activation/code.ts";
import { derive } from "../child/activation/derive.ts";
import { compileToClosure } from "../child/activation/evaluate.ts";
import { type Activation, children, type Expression, usesBeta } from "../child/activation/expression.ts";
import { fingerprint } from "../child/activation/fingerprint.ts";
import { parseExpression } from "../child/activation/parse.ts";
import { printExpression } from "../child/activation/print.ts";
import { simplify } from "../child/activation/simplify.ts";
import { typesetText } from "../child/activation/typeset.ts";
import type { Probe } from "../child/engine/engine.ts";
import { ENGINE_NAMES, openEngine } from "../child/engine/open.ts";
import { command, EXIT, UsageError } from "./command.ts";
import { readActivation } from "./read_activation.ts";
import { functionChart } from "./function_chart.ts";
import { catalogueTable, functionTable } from "./function_tables.ts";

export const functionCommand = command({
  name: "function",
  summary: "Shows what a function is: simplified form, derivative, limits, shape, equal names, values, plot, code.",
  positionals: [{
    name: "expression",
    help: "an expression or a name; without it, every name is listed",
    optional: true,
  }],
  flags: [
    { name: "at", type: "string", value: "LIST", help: 'values and derivatives at these points: "-1,0,2.5,inf"' },
    { name: "engine", type: "choice", choices: ENGINE_NAMES, default: "reference", help: "what computes them" },
    { name: "b", type: "number", help: "beta (by default its initial value)" },
    { name: "svg", type: "string", value: "FILE", help: "write the plot of f and f' to this file" },
    { name: "as", type: "choice", choices: CODE_TARGETS, help: "print code to paste instead" },
    { name: "json", type: "boolean", help: "print JSON: the shape, then the values" },
  ],
  examples: [
    'function "x * tanh(exp(x))" --at "-1,0,2.5,inf" --engine wasm',
    "function mish --svg mish.svg",
    "function swish --as pytorch",
  ],
  permissions: { write: "--svg FILE" },
  async run({ expression: text, at, engine, b, svg, as, json }, io) {
    if (text === undefined) {
      if (at !== undefined || as !== undefined || svg !== undefined || json) {
        throw new UsageError("function needs EXPRESSION");
      }
      io.out(`${functionTable()}\n\n${catalogueTable()}`);
      return EXIT.done;
    }
    const activation = readActivation(text);
    const beta = b ?? activation.betaStart;
    const points = at === undefined ? [] : readPoints(at);
    if (svg !== undefined) await writePlot(svg, functionChart(activation, beta));
    if (as !== undefined && !json) io.out(codeOf(activation, as));
    else if (!json) describe(activation, beta).forEach(io.out);
    const probe = at === undefined && !json ? null : await probed(activation, points, beta, engine);
    if (probe && json) {
      io.out(
        JSON.stringify({ event: "function", ...facts(activation, beta), ...as && { code: codeOf(activation, as) } }),
      );
      io.out(JSON.stringify(finished(activation, points, probe)));
    } else if (probe) values(points, probe, usesBeta(activation.expression)).forEach(io.out);
    return EXIT.done;
  },
});

/** Throws an Error with one sentence if the file cannot be written. */
async function writePlot(file: string, text: string): Promise<void> {
  try {
    await Deno.writeTextFile(file, text);
  } catch (cause) {
    const way = "name one below this folder or /tmp, where the task may write";
    throw new Error(`Cannot write the plot to ${file}: ${way}`, { cause });
  }
}

/** Numbers, inf, -inf, nan, and constant expressions such as pi/2. */
function readPoints(list: string): number[] {
  const named: Readonly<Record<string, number>> = { inf: Infinity, "+inf": Infinity, "-inf": -Infinity, nan: NaN };
  return list.split(",").map((part) => {
    const text = part.trim().toLowerCase();
    const value = Object.hasOwn(named, text) ? named[text] : constant(text);
    if (value === null) {
      throw new UsageError(
        `--at takes numbers separated by commas, such as "-1,0,2.5,inf": "${part.trim()}" is not a number`,
      );
    }
    return value;
  });
}

function constant(text: string): number | null {
  try {
    const e = parseExpression(text);
    const isConstant = (e: Expression): boolean => e.kind !== "x" && e.kind !== "b" && children(e).every(isConstant);
    return isConstant(e) ? compileToClosure(e)(0, 0) : null;
  } catch {
    return null;
  }
}

async function probed(activation: Activation, points: readonly number[], beta: number, name: string) {
  const { engine } = await openEngine(name);
  try {
    return { engine: engine.name, ...await engine.probe(activation, points, beta) };
  } finally {
    engine.close();
  }
}

type Probed = Probe & { readonly engine: string };

/** The last line with --json. */
function finished({ expression }: Activation, points: readonly number[], probe: Probed) {
  return {
    event: "finished",
    expression: printExpression(expression),
    simplified: printExpression(simplify(expression)),
    engine: probe.engine,
    at: points.map(jsonNumber),
    value: Array.from(probe.value, jsonNumber),
    derivative: Array.from(probe.derivative, jsonNumber),
    beta_derivative: Array.from(probe.betaDerivative, jsonNumber),
  };
}

/** JSON has no literals for infinity and NaN. */
function jsonNumber(value: number): number | string {
  if (Number.isFinite(value)) return value;
  return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

// Reports

/** Everything known about the function, as JSON. */
function facts(activation: Activation, beta: number) {
  const simplified = simplify(activation.expression);
  const hasBeta = usesBeta(simplified);
  const shape = analyse(simplified, beta);
  return {
    name: activation.name,
    typeset: typesetText(simplified),
    derivative: printExpression(derive(simplified, "x")),
    derivative_by_beta: hasBeta ? printExpression(derive(simplified, "b")) : null,
    beta: hasBeta ? beta : null,
    beta_start: activation.betaStart,
    kernel_gain: activation.kernelGain ?? null,
    value_at_0: jsonNumber(shape.valueAt0),
    slope_at_0: jsonNumber(shape.slopeAt0),
    limits: { minus_infinity: jsonLimit(shape.atMinusInfinity), infinity: jsonLimit(shape.atInfinity) },
    range: [jsonNumber(shape.least), jsonNumber(shape.greatest)],
    bounded: isBounded(shape),
    monotone: shape.monotone,
    bends: shape.bends,
    equal: equalNames(simplified),
    operations: operations(simplified),
  };
}

function jsonLimit(limit: Limit): number | string {
  if (limit.kind === "value") return jsonNumber(limit.value);
  return limit.kind === "oscillates" ? "oscillates" : "nan";
}

/** Rows of the catalogue that are the same function, by fingerprint. */
function equalNames(simplified: Expression): string[] {
  const print = fingerprint(simplified);
  return CATALOG.filter(({ text }) => fingerprint(parseExpression(text)) === print).map(({ name }) => name);
}

/** Distinct operations of the value, and of value and derivatives together, shared parts counted once. */
function operations(simplified: Expression): { readonly value: number; readonly with_derivatives: number } {
  const byB = usesBeta(simplified) ? [derive(simplified, "b")] : [];
  return {
    value: countOperations([simplified]),
    with_derivatives: countOperations([simplified, derive(simplified, "x"), ...byB]),
  };
}

function countOperations(roots: readonly Expression[]): number {
  const seen = new Set<string>();
  const visit = (e: Expression) => {
    if (children(e).length === 0 || seen.has(printExpression(e))) return;
    seen.add(printExpression(e));
    children(e).forEach(visit);
  };
  roots.forEach(visit);
  return seen.size;
}

/** The same for people, one fact per line. */
function describe(activation: Activation, beta: number): string[] {
  const { expression, betaStart, kernelGain } = activation;
  const simplified = simplify(expression);
  const hasBeta = usesBeta(simplified);
  const shape = analyse(simplified, beta);
  const cost = operations(simplified);
  const equal = equalNames(simplified);
  const starts = betaStart === beta ? "where it starts" : `it starts at ${betaStart}`;
  return rows([
    ["f(x)", typesetText(expression)],
    ["simplified", typesetText(simplified)],
    ["by x", typesetText(derive(simplified, "x"))],
    ...hasBeta ? [["by β", typesetText(derive(simplified, "b"))], ["β", `${beta} below, ${starts}`]] as const : [],
    ...kernelGain === undefined ? [] : [["kernels", `start with variance ${kernelGain} / fan in`]] as const,
    ["at 0", `value ${short(shape.valueAt0)}, slope ${short(shape.slopeAt0)}`],
    ["x → −∞", limitText(shape.atMinusInfinity)],
    ["x → ∞", limitText(shape.atInfinity)],
    ["values", rangeText(shape)],
    ["monotone", MONOTONE[shape.monotone ?? "undefined"]],
    ["|x| < 8", shape.bends.map(({ kind, x }) => `${kind} at ${short(x)}`).join(", ") || "no bend"],
    ["equal to", equal.join(", ") || "no other name of the catalogue"],
    ["cost", `${cost.value} operations, ${cost.with_derivatives} with the derivatives`],
    ["", "Limits, range and shape are found numerically, in float64: no proof."],
  ]);
}

function rows(facts: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...facts.map(([name]) => name.length));
  return facts.map(([name, fact]) => `${name.padEnd(width)}  ${fact}`.trimEnd());
}

const MONOTONE: Readonly<Record<NonNullable<Analysis["monotone"]> | "undefined", string>> = {
  constant: "constant",
  increasing: "yes: never decreases",
  decreasing: "yes: never increases",
  no: "no",
  undefined: "not a number everywhere",
};

function limitText(limit: Limit): string {
  if (limit.kind === "value") return short(limit.value);
  return limit.kind === "oscillates" ? "oscillates" : `not a number from about |x| = ${limit.from} on`;
}

function rangeText(shape: Analysis): string {
  const { least, greatest } = shape;
  const [from, to] = [short(least), short(greatest)];
  if (isBounded(shape)) return `bounded: from ${from} to ${to}`;
  if (Number.isFinite(least)) return `bounded below by ${from} only`;
  return Number.isFinite(greatest) ? `bounded above by ${to} only` : "unbounded on both sides";
}

function short(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "not a number" : value > 0 ? "∞" : "−∞";
  return String(Number(value.toPrecision(6))).replace("-", "−");
}

/** A table of values: x, f, f' and, with a beta, the derivative by it. */
function values(points: readonly number[], probe: Probed, hasBeta: boolean): string[] {
  const head = ["x", "f(x)", "f′(x)", ...hasBeta ? ["∂f/∂β"] : []];
  const body = points.map((x, i) =>
    [x, probe.value[i], probe.derivative[i], ...hasBeta ? [probe.betaDerivative[i]] : []].map(String)
  );
  const widths = head.map((_, column) => Math.max(...[head, ...body].map((row) => row[column].length)));
  const line = (row: readonly string[]) => row.map((cell, i) => cell.padStart(widths[i])).join("  ");
  return ["", `by ${probe.engine}`, ...[head, ...body].map(line)];
}

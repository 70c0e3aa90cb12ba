/**
 * How the pointwise kernels compute the activation and its derivatives. A short one is inlined into every kernel,
 * beside its other work. A long one is written once, as functions that the kernels call for every four
 * channels: a program has some 20 pointwise kernels, and 20 copies of a thousand operations would take longer to
 * compile than to train.
 */
import { derive } from "../../activation/derive.ts";
import { type Expression, usesBeta } from "../../activation/expression.ts";
import { ExpressionWriter } from "./expression.ts";
import { ConstantTable, FunctionBuilder, plus, range, type Vector } from "./function_builder.ts";
import { type Body, cutEvery } from "./passes.ts";

export interface Slopes {
  readonly byX: () => Vector;
  /** Null if the activation has no beta. */
  readonly byB: (() => Vector) | null;
}

export interface ActivationCode {
  readonly hasBeta: boolean;
  /** Whether it is inlined, so that the kernel's body may be cut into passes. */
  readonly isInline: boolean;
  /** The functions that the kernels call, as WAT, and the constants that they load. */
  readonly functions: readonly string[];
  readonly constants: ConstantTable;
  /** Bytes that they need at the kernel's parameter `scratch`. */
  readonly scratchBytes: number;
  /** Writes f(u, b); `b` is null if there is no beta. */
  value(f: FunctionBuilder, u: Vector, b: Vector | null): Vector;
  /** The derivatives of f, each written on demand. */
  slopes(f: FunctionBuilder, u: Vector, b: Vector | null): Slopes;
}

/**
 * Statements for four channels, value and derivatives, up to which an activation is inlined into each kernel. Three
 * core units of the search space take 384 at most (of 400 random ones); at this bound a program of ResNet-20 is some 12
 * MB of text.
 */
const MAX_INLINE_STATEMENTS = 600;
/** The same for its constants, which then lie beside those of the kernels. */
const MAX_INLINE_CONSTANTS = 300;
/**
 * Statements of a function. V8 refuses a function of more than 50,000 locals, of which each statement may take one, and
 * its optimising compiler takes time that grows superlinearly.
 */
const FUNCTION_STATEMENTS = 2000;

/** The code of a simplified expression; constants of functions lie in memory from the byte address `base`. */
export function activationCode(value: Expression, base: number): ActivationCode {
  const byX = derive(value, "x"), byB = usesBeta(value) ? derive(value, "b") : null;
  const derivatives = byB ? [byB, byX] : [byX];
  const trial = new ConstantTable(base, Infinity);
  const { body } = writeBody("trial", [value, ...derivatives], trial);
  const isInline = body.lines.length <= MAX_INLINE_STATEMENTS && trial.size <= MAX_INLINE_CONSTANTS;
  return isInline ? inlineCode(value, byX, byB, base) : calledCode(value, derivatives, base);
}

function inlineCode(value: Expression, byX: Expression, byB: Expression | null, base: number): ActivationCode {
  return {
    hasBeta: byB !== null,
    isInline: true,
    functions: [],
    constants: new ConstantTable(base, 0),
    scratchBytes: 0,
    value: (f, u, b) => new ExpressionWriter(f, u, b).write(value),
    slopes: (f, u, b) => {
      const writer = new ExpressionWriter(f, u, b);
      return { byX: () => writer.write(byX), byB: byB && (() => writer.write(byB)) };
    },
  };
}

/**
 * Bytes of a part, and where arguments and results of the functions lie from `at`: u, b, up to two results, the rest.
 */
const PART = 16;
const AT = { u: 0, b: PART, results: 2 * PART, kept: 4 * PART } as const;

function calledCode(value: Expression, derivatives: readonly Expression[], base: number): ActivationCode {
  const constants = new ConstantTable(base, Infinity);
  const ofValue = longFunction("activation_value", [value], constants);
  const ofSlopes = longFunction("activation_slopes", derivatives, constants);
  return {
    hasBeta: derivatives.length > 1,
    isInline: false,
    functions: [...ofValue.texts, ...ofSlopes.texts],
    constants,
    scratchBytes: Math.max(ofValue.bytes, ofSlopes.bytes),
    value: (f, u, b) => called(f, ofValue, u, b)[0],
    slopes: (f, u, b) => {
      const results = called(f, ofSlopes, u, b), byX = results.at(-1)!;
      return { byX: () => byX, byB: b && (() => results[0]) };
    },
  };
}

interface LongFunction {
  readonly name: string;
  readonly results: number;
  /** Floating-point operations for four channels. */
  readonly operations: number;
  /** Bytes that it uses from `at`. */
  readonly bytes: number;
  /** The function, after the pieces that it calls one after the other. */
  readonly texts: readonly string[];
}

/** Computes expressions of the u and b at `at`; cut into pieces, with live values at a cut kept in memory. */
function longFunction(name: string, results: readonly Expression[], constants: ConstantTable): LongFunction {
  const { f, body } = writeBody(name, results, constants);
  const { passes, pixelBytes } = cutEvery(FUNCTION_STATEMENTS, body, plus("(local.get $at)", AT.kept));
  const calls = passes.map((_, i) => `    (call $${name}_${i} (local.get $at))`);
  const caller = [`  (func $${name} (param $at i32)`, ...calls, "  )"].join("\n");
  return {
    name,
    results: results.length,
    operations: f.operations,
    bytes: AT.kept + pixelBytes,
    texts: [...passes.map((lines, i) => pieceText(`${name}_${i}`, lines)), caller],
  };
}

function pieceText(name: string, lines: readonly string[]): string {
  const locals = new Set(lines.flatMap((line) => /^\(local\.set (\$\w+) /.exec(line)?.[1] ?? []));
  return [
    `  (func $${name} (param $at i32)`,
    `    ${[...locals].map((local) => `(local ${local} v128)`).join(" ")}`,
    ...lines.map((line) => `    ${line}`),
    "  )",
  ].join("\n");
}

/** The statements that load u and b and store the results, for four channels. */
function writeBody(name: string, results: readonly Expression[], constants: ConstantTable) {
  const f = new FunctionBuilder(name, ["at"], constants), at = f.parameter("at");
  const body: Body = f.record(() => {
    const writer = new ExpressionWriter(f, f.load(at, AT.u, 1), f.load(at, AT.b, 1));
    results.map((e) => writer.write(e)).forEach((value, i) => f.store(at, AT.results + i * PART, value));
  });
  return { f, body };
}

/** Calls the function for each part of the vectors; its results. */
function called(
  f: FunctionBuilder,
  { name, results, operations }: LongFunction,
  u: Vector,
  b: Vector | null,
): Vector[] {
  const at = f.parameter("scratch");
  const parts = u.map((_, i) => {
    f.store(at, AT.u, [u[i]]);
    if (b) f.store(at, AT.b, [b[i]]);
    f.call(name, at);
    f.count(operations);
    return range(results).map((result) => f.load(at, AT.results + result * PART, 1)[0]);
  });
  return range(results).map((result) => parts.map((part) => part[result]));
}

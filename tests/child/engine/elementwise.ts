/**
 * A function and its derivatives at given float32 points, computed by each engine's own generated code, for tests and
 * measurements of accuracy. Each engine gets what it would train with: the simplified expression, derived.
 */
import { differentiate, hasBeta } from "../../../child/compiler/derivatives.ts";
import { interpret, type Precision } from "../../../child/compiler/interpret.ts";
import { lowerActivation } from "../../../child/compiler/lower.ts";
import { derive } from "../../../child/activation/derive.ts";
import { compileToClosure } from "../../../child/activation/evaluate.ts";
import { type Expression, usesBeta } from "../../../child/activation/expression.ts";
import { simplify } from "../../../child/activation/simplify.ts";
import { loadBinding } from "../../../child/engine/tfjs/binding.ts";
import { activationList, ActivationWriter } from "../../../child/engine/tfjs/expression.ts";
import { CPU_PACKAGE } from "../../../child/engine/tfjs/package.ts";
import { Session } from "../../../child/engine/tfjs/session.ts";
import { assemble } from "../../../child/engine/wasm/assemble.ts";
import { emit } from "../../../child/engine/wasm/emit.ts";
import { openWebGpu } from "../../../child/engine/webgpu/engine.ts";
import { ConstantTable, FunctionBuilder } from "../../../child/engine/wasm/function_builder.ts";

export interface Elementwise {
  readonly value: Float64Array | Float32Array;
  readonly byX: Float64Array | Float32Array;
  /** Null if the function has no beta. */
  readonly byB: Float64Array | Float32Array | null;
}

/** What is computed: the function and its derivatives. */
function outputs(expression: Expression): Expression[] {
  const value = simplify(expression);
  return [value, derive(value, "x"), ...usesBeta(value) ? [derive(value, "b")] : []];
}

/** Values of a function at float32 points, for one beta. */
export type Compute = (expression: Expression, x: Float32Array, b: number) => Promise<Elementwise>;

export interface ElementwiseEngine {
  readonly name: string;
  /** Whether it neither rounds to float32 nor overflows where that does. */
  readonly isFloat64?: boolean;
  /** Gives the reason where the engine is not available. */
  readonly open: () => Promise<Compute | string>;
}

export const ENGINES: readonly ElementwiseEngine[] = [
  {
    name: "reference",
    isFloat64: true,
    open: () => Promise.resolve((expression, x, b) => Promise.resolve(referenceElementwise(expression, x, b))),
  },
  ...(["float64", "float32"] as const).map((precision) => ({
    name: `the interpreter of operations in ${precision}`,
    isFloat64: precision === "float64",
    open: () =>
      Promise.resolve<Compute>((expression, x, b) =>
        Promise.resolve(interpretedElementwise(precision, expression, x, b))
      ),
  })),
  { name: "wasm", open: () => Promise.resolve(wasmElementwise) },
  { name: "webgpu", open: openCardOrDriver },
  { name: "tfjs-node", open: openTensorFlow },
];

/** In float64, by the closures of `evaluate.ts`. */
export function referenceElementwise(expression: Expression, x: Float32Array, b: number): Elementwise {
  const [value, byX, byB] = outputs(expression).map((output) => {
    const closure = compileToClosure(output);
    return Float64Array.from(x, (x) => closure(x, b));
  });
  return { value, byX, byB: byB ?? null };
}

const VECTOR_PARTS = 2, VECTOR_LANES = 8;
const CONSTANTS = { base: 64, capacity: 2000 };
const FIRST_POINT = 65536;

/** By a kernel of the wasm engine. */
export async function wasmElementwise(expression: Expression, x: Float32Array, b: number): Promise<Elementwise> {
  const list = lowerActivation(differentiate({ expression }), "expanded");
  const wanted = list.flatMap((operation) => operation.kind === "store" ? [operation.name] : []);
  const count = Math.ceil(x.length / VECTOR_LANES) * VECTOR_LANES;
  const constants = new ConstantTable(CONSTANTS);
  const target = { constants, packable: true };
  const f = new FunctionBuilder("f", ["x", ...wanted.map((_, i) => `out${i}`), "beta"], target);
  const from = f.int("from", f.parameter("x"));
  const into = wanted.map((_, i) => f.int("into", f.parameter(`out${i}`)));
  const beta = f.broadcast(f.parameter("beta"), 0, VECTOR_PARTS);
  f.repeat(count / VECTOR_LANES, () => {
    emit(f, list, VECTOR_PARTS, {
      input: () => f.load(from, 0, VECTOR_PARTS),
      channel: () => beta,
      store: (name, value) => f.store(into[wanted.indexOf(name)], 0, value),
    });
    [from, ...into].forEach((pointer) => f.advance(pointer, VECTOR_LANES * 4));
  });
  const bytes = count * 4;
  const pages = Math.ceil((FIRST_POINT + bytes * (1 + wanted.length)) / 65536);
  const text = `(module (memory (export "m") ${pages})\n${f.kernel().text}\n${constants.data()})`;
  const { exports } = await WebAssembly.instantiate(await assemble("elementwise", text), {});
  const memory = new Float32Array((exports.m as WebAssembly.Memory).buffer);
  memory[0] = b;
  memory.set(x, FIRST_POINT / 4);
  const addresses = wanted.map((_, i) => FIRST_POINT + bytes * (1 + i));
  (exports.f as (...pointers: number[]) => void)(FIRST_POINT, ...addresses, 0);
  const results = Object.fromEntries(
    addresses.map((address, i) => [wanted[i], memory.slice(address / 4, address / 4 + x.length)]),
  );
  return { value: results.value, byX: results.byX, byB: results.byB ?? null };
}

/** By the interpreter of operations. */
export function interpretedElementwise(
  precision: Precision,
  expression: Expression,
  x: Float32Array,
  b: number,
): Elementwise {
  const list = lowerActivation(differentiate({ expression }), precision === "float32" ? "expanded" : "called");
  const run = interpret(list, precision), points = Array.from(x, (x) => run({ x, b }));
  const all = (name: string) => Float64Array.from(points, (point) => point[name]);
  return { value: all("value"), byX: all("byX"), byB: "byB" in (points[0] ?? {}) ? all("byB") : null };
}

/** Mesa's software driver and TensorFlow have an LLVM each: a process with both ends with a segmentation fault. */
let hasCardOrDriver = false;

/** By a kernel of the engine webgpu. */
async function openCardOrDriver(): Promise<Compute | string> {
  try {
    const engine = await openWebGpu(() => Promise.resolve(null));
    hasCardOrDriver = true;
    return async (expression, x, b) => {
      const activation = { name: "a function of a test", expression, betaStart: 1 };
      const { value, derivative, betaDerivative } = await engine.probe(activation, x, b);
      return {
        value: Float32Array.from(value),
        byX: Float32Array.from(derivative),
        byB: hasBeta({ expression }) ? Float32Array.from(betaDerivative) : null,
      };
    };
  } catch (error) {
    return (error as Error).message;
  }
}

// deno-lint-ignore require-await
async function openTensorFlow(): Promise<Compute | string> {
  if (hasCardOrDriver) return "tested where there is no WebGPU";
  try {
    const session = new Session(loadBinding(CPU_PACKAGE));
    // deno-lint-ignore require-await
    return async (expression, x, b) => tensorFlowElementwise(session, expression, x, b);
  } catch (error) {
    return (error as Error).message;
  }
}

/** By TensorFlow's operations. */
function tensorFlowElementwise(session: Session, expression: Expression, x: Float32Array, b: number): Elementwise {
  const results: Float32Array[] = [];
  session.scope(() => {
    const input = session.floats([x.length], x), beta = session.scalar(b);
    const activation = activationList(differentiate({ expression })), { value, byX, byB } = activation;
    const writer = new ActivationWriter(session, (value) => session.scalar(value), activation, {
      x: input,
      b: beta,
    });
    for (const result of [value, byX, ...byB === null ? [] : [byB]]) {
      results.push(session.data(writer.writeWhole(result)));
    }
  });
  const [value, byX, byB] = results;
  return { value, byX, byB: byB ?? null };
}

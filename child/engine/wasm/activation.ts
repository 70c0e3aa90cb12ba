/**
 * The code with which the pointwise kernels compute the activation and its derivatives. A short one is written into
 * every kernel, beside its other work. A long one is written once, as functions that the kernels call for every four
 * channels: a program has some 20 pointwise kernels, and 20 copies of a thousand operations would take longer to
 * compile than to train.
 */
import type { Derivatives } from "../../compiler/derivatives.ts";
import { lowerActivation, type Result } from "../../compiler/lower.ts";
import type { OperationKind, OperationList } from "../../compiler/operations.ts";
import { type ActivationWriter, writtenInPlace } from "../../compiler/pointwise.ts";
import { cutEvery } from "../../compiler/schedule.ts";
import { costModel, emit } from "./emit.ts";
import { ConstantTable, FunctionBuilder, type Kernel, range, type Target, type Vector } from "./function_builder.ts";

export interface ActivationCode {
  readonly writer: ActivationWriter;
  /** Whether it is in place, so that the kernel's body may be cut into passes. */
  readonly isInPlace: boolean;
  /** The functions that the kernels call, and the constants that they load. */
  readonly functions: readonly Kernel[];
  readonly constants: ConstantTable;
  /** Bytes that they need at the kernel's parameter `scratch`. */
  readonly scratchBytes: number;
  /** Writes the writer's calls in one list. */
  calls(f: FunctionBuilder): (name: string, operands: readonly Vector[]) => Vector;
}

/**
 * Operations of value and derivatives up to which an activation is written into each kernel. Three core units of the
 * search space have 384 at most (of 400 random ones); at this bound a program of ResNet-20 is some 12 MB of text.
 */
const MAX_OPERATIONS_IN_PLACE = 600;
/** The same for its constants, which then lie beside those of the kernels. */
const MAX_CONSTANTS_IN_PLACE = 300;
/**
 * Instructions of a function. V8 refuses a function of more than 50,000 locals, of which each instruction may take one,
 * and its optimising compiler takes time that grows superlinearly.
 */
const FUNCTION_INSTRUCTIONS = 2000;

/** The code of an activation; constants of functions lie in memory from the byte address `base`. */
export function activationCode(derivatives: Derivatives, base: number, packable: boolean): ActivationCode {
  const list = lowerActivation(derivatives, "expanded");
  const count = (isCounted: (kind: OperationKind) => boolean) => list.filter(({ kind }) => isCounted(kind)).length;
  const isInPlace = count((kind) => costModel(1).costs[kind].instructions > 0) <= MAX_OPERATIONS_IN_PLACE &&
    count((kind) => kind === "constant" || kind === "bits") <= MAX_CONSTANTS_IN_PLACE;
  return isInPlace ? inPlace(derivatives, base) : called(derivatives, base, packable);
}

function inPlace(derivatives: Derivatives, base: number): ActivationCode {
  return {
    writer: writtenInPlace(derivatives),
    isInPlace: true,
    functions: [],
    constants: new ConstantTable({ base, capacity: 0 }),
    scratchBytes: 0,
    calls: () => (name) => {
      throw new TypeError(`Cannot call ${name} as the activation is written in place`);
    },
  };
}

/** Bytes of a part, and where arguments and results of the functions lie from `at`: u, b, up to two results, the rest. */
const PART = 16;
const AT = { x: 0, b: PART, results: 2 * PART, kept: 4 * PART } as const;

/** Results of the functions, in the order in which they lie. */
const FUNCTIONS: Readonly<Record<string, readonly Result[]>> = {
  activation_value: ["value"],
  activation_slopes: ["byB", "byX"],
};

function called(derivatives: Derivatives, base: number, packable: boolean): ActivationCode {
  const constants = new ConstantTable({ base, capacity: Infinity }), target: Target = { constants, packable };
  const functions = Object.entries(FUNCTIONS).map(([name, results]) =>
    longFunction(name, lowerActivation(derivatives, "expanded", results), results, target)
  );
  return {
    writer: {
      hasBeta: derivatives.byB !== null,
      value: (f, u, b) => f.call("value", ...b === null ? [u] : [u, b]),
      slopes: (f, u, b) => ({
        byX: () => f.call("byX", ...b === null ? [u] : [u, b]),
        byB: b === null ? null : () => f.call("byB", u, b),
      }),
    },
    isInPlace: false,
    functions: functions.flatMap(({ kernels }) => kernels),
    constants,
    scratchBytes: Math.max(...functions.map(({ bytes }) => bytes)),
    calls: (f) => {
      const known = new Map<string, Vector>();
      return (name, operands) => {
        if (!known.has(name)) {
          callInto(
            known,
            f,
            functions.find(({ results }) => results.includes(name as Result))!,
            operands,
          );
        }
        return known.get(name)!;
      };
    },
  };
}

interface LongFunction {
  readonly name: string;
  readonly results: readonly Result[];
  /** Floating-point operations for four channels. */
  readonly operations: number;
  /** Bytes that it uses from `at`. */
  readonly bytes: number;
  /** The function, after the pieces that it calls one after the other. */
  readonly kernels: readonly Kernel[];
}

/** Computes results of the x and b at `at`; cut into pieces, with live values at a cut kept in memory. */
function longFunction(name: string, list: OperationList, results: readonly Result[], target: Target): LongFunction {
  const { passes, slots } = cutEvery(FUNCTION_INSTRUCTIONS, list, costModel(1));
  const pieces = passes.map((pass, i) => pieceOf(`${name}_${i}`, pass, results, target));
  const all = new FunctionBuilder(name, ["at"], target);
  pieces.forEach((piece) => all.call(piece.name, all.parameter("at")));
  const operations = pieces.reduce((sum, piece) => sum + (piece.operations.get("") ?? 0), 0);
  return { name, results, operations, bytes: AT.kept + slots * PART, kernels: [...pieces, all.kernel()] };
}

function pieceOf(name: string, list: OperationList, results: readonly Result[], target: Target): Kernel {
  const f = new FunctionBuilder(name, ["at"], target), at = f.parameter("at");
  const argument = (name: string) => f.load(at, name === "x" ? AT.x : AT.b, 1);
  emit(f, list, 1, {
    input: argument,
    channel: argument,
    store: (name, value) => f.store(at, AT.results + results.indexOf(name as Result) * PART, value),
    keep: (slot, value) => f.store(at, AT.kept + slot * PART, value),
    kept: (slot) => f.load(at, AT.kept + slot * PART, 1),
  });
  return f.kernel();
}

/** Calls the function for each part of the operands, and makes its results known. */
function callInto(
  known: Map<string, Vector>,
  f: FunctionBuilder,
  { name, results, operations }: LongFunction,
  operands: readonly Vector[],
): void {
  const at = f.parameter("scratch");
  const parts = range(operands[0].length).map((part) => {
    operands.forEach((operand, i) => f.store(at, i * PART, [operand[part]]));
    f.call(name, at);
    f.count(operations);
    return results.map((_, i) => f.load(at, AT.results + i * PART, 1)[0]);
  });
  results.forEach((result, i) => known.set(result, parts.map((part) => part[i])));
}

/** An operation list as WGSL: one table says how each operation is written. */
import { type Operation, type OperationKind, type OperationList, resultType } from "../../compiler/operations.ts";
import { literal, ZERO } from "./kernel.ts";

/** A list as the lines of a function of one point. */
export interface ListText {
  readonly lines: readonly string[];
  /** Names that it reads, in the order of the function's parameters: `in_<name>`, then `ch_<name>`. */
  readonly inputs: readonly string[];
  readonly channels: readonly string[];
  /** Names of its effects and the text of each, stores before sums. */
  readonly stores: readonly string[];
  readonly sums: readonly string[];
  readonly results: readonly string[];
}

type Written = Exclude<OperationKind, "store" | "sum" | "keep" | "kept" | "call">;

/** Operands and result are names of WGSL's f32, bool and u32. */
const TEXT = {
  input: (o) => `in_${(o as { name: string }).name}`,
  channel: (o) => `ch_${(o as { name: string }).name}`,
  constant: (o) => literal((o as { value: number }).value),
  bits: (o) => `${(o as { bits: number }).bits}u`,
  add: (_, a, b) => `${a} + ${b}`,
  sub: (_, a, b) => `${a} - ${b}`,
  mul: (_, a, b) => `${a} * ${b}`,
  div: (_, a, b) => `${a} / ${b}`,
  multiplyAdd: (_, a, b, c) => `fma(${a}, ${b}, ${c})`,
  negativeMultiplyAdd: (_, a, b, c) => `fma(-${a}, ${b}, ${c})`,
  // WGSL's own min and max may drop a NaN.
  min: (_, a, b) => `select(${a}, ${b}, ${b} < ${a})`,
  max: (_, a, b) => `select(${a}, ${b}, ${b} > ${a})`,
  root: (_, a) => `sqrt(${a})`,
  abs: (_, a) => `abs(${a})`,
  negate: (_, a) => `-${a}`,
  less: (_, a, b) => `${a} < ${b}`,
  lessOrEqual: (_, a, b) => `${a} <= ${b}`,
  equal: (_, a, b) => `${a} == ${b}`,
  both: (_, a, b) => `${a} && ${b}`,
  select: (_, a, b, c) => `select(${c}, ${b}, ${a})`,
  keepWhere: (_, a, b) => `select(0.0f, ${b}, ${a})`,
  zeroWhere: (_, a, b) => `select(${b}, 0.0f, ${a})`,
  bitsOf: (_, a) => `bitcast<u32>(${a})`,
  numberOf: (_, a) => `bitcast<f32>(${a})`,
  maskOf: (_, a) => `${a} == 0xffffffffu`,
  integerToNumber: (_, a) => `f32(bitcast<i32>(${a}))`,
  and: (_, a, b) => `${a} & ${b}`,
  andNot: (_, a, b) => `${a} & ~${b}`,
  or: (_, a, b) => `${a} | ${b}`,
  xor: (_, a, b) => `${a} ^ ${b}`,
  addIntegers: (_, a, b) => `${a} + ${b}`,
  subtractIntegers: (_, a, b) => `${a} - ${b}`,
  shiftLeft: (o, a) => `${a} << ${(o as { by: number }).by}u`,
  shiftRight: (o, a) => `bitcast<u32>(bitcast<i32>(${a}) >> ${(o as { by: number }).by}u)`,
} satisfies Record<Written, (operation: Operation, ...operands: string[]) => string>;

const TYPES = { number: "f32", mask: "bool", bits: "u32" } as const;

/** Throws a TypeError if the list has an operation of another device. */
export function writeList(list: OperationList): ListText {
  const names = new Map<"input" | "channel" | "store" | "sum", Set<string>>();
  const note = (kind: "input" | "channel" | "store" | "sum", name: string) =>
    names.set(kind, (names.get(kind) ?? new Set()).add(name));
  const guarded = roundedByConstants(list);
  const effects = new Map<string, string>();
  const lines: string[] = [];
  list.forEach((operation, at) => {
    const operands = operation.operands.map((operand) => `v${operand}`);
    switch (operation.kind) {
      case "store":
      case "sum":
        note(operation.kind, operation.name);
        effects.set(`${operation.kind} ${operation.name}`, operands.join(" * "));
        return;
      case "input":
      case "channel":
        note(operation.kind, operation.name);
    }
    const write = TEXT[operation.kind as Written] as ((o: Operation, ...operands: string[]) => string) | undefined;
    if (!write) throw new TypeError(`Cannot write operation ${operation.kind} in WGSL as it has no row for it`);
    const text = write(operation, ...operands);
    const guard = guarded.has(at) ? `bitcast<f32>(bitcast<u32>(${text}) ^ ${ZERO})` : text;
    lines.push(`  let v${at}: ${TYPES[resultType(operation)!]} = ${guard};`);
  });
  const [inputs, channels, stores, sums] = (["input", "channel", "store", "sum"] as const).map((kind) => [
    ...names.get(kind) ?? [],
  ]);
  return {
    lines,
    inputs,
    channels,
    stores,
    sums,
    results: [
      ...stores.map((name) => effects.get(`store ${name}`)!),
      ...sums.map((name) => effects.get(`sum ${name}`)!),
    ],
  };
}

/**
 * Sums from which a constant that they contain is subtracted again, which rounds them. Compilers of shaders may take
 * (a + c) - c for a, and Mesa's does (22.3, seen 2026-11-26), unless the sum has passed through an integer operation
 * with a number that it does not know.
 */
function roundedByConstants(list: OperationList): ReadonlySet<number> {
  return new Set(list.flatMap((operation) => {
    if (operation.kind !== "sub") return [];
    const [sum, constant] = operation.operands, { kind, operands } = list[sum];
    const contains = (kind === "add" || kind === "multiplyAdd") && (operands as readonly number[]).includes(constant);
    return contains && list[constant].kind === "constant" ? [sum] : [];
  }));
}

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
  // WGSL's own min and max may drop a NaN, and NVIDIA's compiler takes select(a, b, b < a) for its own min, which does.
  min: (_, a, b) => `bitcast<f32>(select(bitcast<u32>(${a}) ^ ${ZERO}, bitcast<u32>(${b}), ${b} < ${a}))`,
  max: (_, a, b) => `bitcast<f32>(select(bitcast<u32>(${a}) ^ ${ZERO}, bitcast<u32>(${b}), ${b} > ${a}))`,
  root: (_, a) => `sqrt(${a})`,
  abs: (_, a) => `abs(${a})`,
  negate: (_, a) => `-${a}`,
  less: (_, a, b) => `${a} < ${b}`,
  lessOrEqual: (_, a, b) => `${a} <= ${b}`,
  equal: (_, a, b) => `${a} == ${b}`,
  both: (_, a, b) => `${a} && ${b}`,
  select: (_, a, b, c) => `select(${c}, ${b}, ${a})`,
  // Mesa's compiler takes (a == 0 ? 0 : a * b) for a * b, which is a NaN where b is infinite.
  keepWhere: (_, a, b) => `bitcast<f32>(select(0u, bitcast<u32>(${b}) ^ ${ZERO}, ${a}))`,
  zeroWhere: (_, a, b) => `bitcast<f32>(select(bitcast<u32>(${b}) ^ ${ZERO}, 0u, ${a}))`,
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

/**
 * Throws a TypeError if the list has an operation of another device. `fused`: whether the device rounds fma once; where
 * it does not, what depends on it is written in exact parts, for which `PRODUCT_ERROR` must be declared.
 */
export function writeList(list: OperationList, fused: boolean): ListText {
  const names = new Map<"input" | "channel" | "store" | "sum", Set<string>>();
  const note = (kind: "input" | "channel" | "store" | "sum", name: string) =>
    names.set(kind, (names.get(kind) ?? new Set()).add(name));
  const rounded = roundedByConstants(list), guarded = new Set([...rounded, ...scaledFactors(list)]);
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
    const text = isZero(list, operation) ?? (fused ? null : exactly(list, operation, rounded)) ??
      write(operation, ...operands);
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

/** c - a b exactly, where c is the rounded product a b, in halves of 12 bits whose products are exact (Dekker 1971). */
export const PRODUCT_ERROR = `
fn product_error(a: f32, b: f32, c: f32) -> f32 {
  let ah = bitcast<f32>(bitcast<u32>(a) & 0xfffff000u);
  let bh = bitcast<f32>(bitcast<u32>(b) & 0xfffff000u);
  let al = a - ah;
  let bl = b - bh;
  return ((c - ah * bh) - ah * bl - al * bh) - al * bl;
}`;

/**
 * A multiply-add whose accuracy is that of a single rounding, without it; null if it is none. Two kinds are made by
 * `math.ts`: a whole number times a constant taken from an argument, and the rounding error of a product.
 */
function exactly(list: OperationList, operation: Operation, rounded: ReadonlySet<number>): string | null {
  const { kind } = operation;
  if (kind !== "multiplyAdd" && kind !== "negativeMultiplyAdd") return null;
  const [a, b, c] = operation.operands, product = list[c], constant = list[b];
  if (
    kind === "negativeMultiplyAdd" && product.kind === "mul" && product.operands[0] === a && product.operands[1] === b
  ) {
    return `product_error(v${a}, v${b}, v${c})`;
  }
  const isWhole = list[a].kind === "sub" && rounded.has(list[a].operands[0]!);
  if (!isWhole || constant.kind !== "constant") return null;
  const factor = kind === "multiplyAdd" ? `v${a}` : `-v${a}`;
  return shortParts(constant.value).reduce((sum, part) => `(${sum} + ${factor} * ${literal(part)})`, `v${c}`);
}

/** A float32 as a sum of numbers of 11 bits, whose products with whole numbers below 2^13 are exact. */
function shortParts(value: number): number[] {
  const parts: number[] = [];
  for (let rest = Math.fround(value); rest !== 0; rest = Math.fround(rest - parts.at(-1)!)) {
    const bits = new Uint32Array(Float32Array.of(rest).buffer)[0] & 0xffffe000;
    parts.push(new Float32Array(Uint32Array.of(bits).buffer)[0]);
  }
  return parts;
}

/**
 * Products that are factors of another product, where a constant is a factor of either: compilers may multiply
 * 2 * (x * 0) as (2 * x) * 0, and Mesa's does, where 2 * x may be infinite.
 */
function scaledFactors(list: OperationList): readonly number[] {
  const isConstant = (value: number) => list[value].kind === "constant";
  return list.flatMap(({ kind, operands }) => {
    if (kind !== "mul" && kind !== "multiplyAdd" && kind !== "negativeMultiplyAdd") return [];
    const factors = operands.slice(0, 2) as readonly number[], isScaling = factors.some(isConstant);
    return factors.filter((factor) => {
      const inner = list[factor];
      return inner.kind === "mul" && (isScaling || (inner.operands as readonly number[]).some(isConstant));
    });
  });
}

/**
 * The test whether a value is 0, on its bits: Mesa's compiler takes what must be positive in real arithmetic for not 0,
 * and 1 / (1 + x^2) is 0 where x^2 overflows.
 */
function isZero(list: OperationList, { kind, operands }: Operation): string | null {
  const [value, zero] = operands as readonly number[];
  if (kind !== "equal") return null;
  const constant = list[zero];
  if (constant.kind !== "constant" || constant.value !== 0) return null;
  return `((bitcast<u32>(v${value}) ^ ${ZERO}) & 0x7fffffffu) == 0u`;
}

/**
 * The operation list: what is computed at one point (one channel of one pixel), as scalar operations in the order to do
 * them. Every device compiles the same list with one table that says how it writes each kind of operation.
 *
 * An operation is named by its position, which is also the name of its result, so each is set once (SSA). Operands
 * stand before what uses them. A value is a number (float32 on every device but the reference), a mask (true or
 * false), or the 32 bits of a number, which only the functions of `math.ts` look at.
 */

/** Position of an operation in its list: its result. */
export type Value = number;

export type ValueType = "number" | "mask" | "bits";

/** Types of an operation's operands and of its result. */
interface Signature {
  readonly operands: readonly ValueType[];
  readonly result: ValueType;
}

const NUMBER: Signature = { operands: ["number"], result: "number" };
const NUMBERS: Signature = { operands: ["number", "number"], result: "number" };
const THREE_NUMBERS: Signature = { operands: ["number", "number", "number"], result: "number" };
const COMPARISON: Signature = { operands: ["number", "number"], result: "mask" };
const WHERE: Signature = { operands: ["mask", "number"], result: "number" };
const BITS: Signature = { operands: ["bits", "bits"], result: "bits" };

/** Operations on numbers and masks, which every device has. */
export const ARITHMETIC = {
  add: NUMBERS,
  sub: NUMBERS,
  mul: NUMBERS,
  div: NUMBERS,
  /** a * b + c, rounded once where the device can. */
  multiplyAdd: THREE_NUMBERS,
  /** c - a * b, rounded once where the device can. */
  negativeMultiplyAdd: THREE_NUMBERS,
  /** b < a ? b : a; propagates a NaN in `a`. */
  min: NUMBERS,
  /** b > a ? b : a; propagates a NaN in `a`. */
  max: NUMBERS,
  /** The square root; NaN below 0. */
  root: NUMBER,
  abs: NUMBER,
  /** -a, also of 0 and NaN. */
  negate: NUMBER,
  /** Comparisons are false if either side is NaN. */
  less: COMPARISON,
  lessOrEqual: COMPARISON,
  equal: COMPARISON,
  both: { operands: ["mask", "mask"], result: "mask" },
  /** a ? b : c; what is not chosen may be anything. */
  select: { operands: ["mask", "number", "number"], result: "number" },
  /** a ? b : 0 */
  keepWhere: WHERE,
  /** a ? 0 : b */
  zeroWhere: WHERE,
} as const satisfies Record<string, Signature>;

/** Operations on the 32 bits of a float32, two's complement where they are an integer. */
export const BITWISE = {
  /** The bits of a number. */
  bitsOf: { operands: ["number"], result: "bits" },
  /** The number that has these bits. */
  numberOf: { operands: ["bits"], result: "number" },
  /** The mask that is true where all bits are set; otherwise none is. */
  maskOf: { operands: ["bits"], result: "mask" },
  /** The signed integer as a number. */
  integerToNumber: { operands: ["bits"], result: "number" },
  and: BITS,
  /** a & ~b */
  andNot: BITS,
  or: BITS,
  xor: BITS,
  addIntegers: BITS,
  subtractIntegers: BITS,
} as const satisfies Record<string, Signature>;

/** Shifts by a constant number of bits. */
export const SHIFTS = {
  shiftLeft: { operands: ["bits"], result: "bits" },
  /** Fills with the sign. */
  shiftRight: { operands: ["bits"], result: "bits" },
} as const satisfies Record<string, Signature>;

export type ArithmeticKind = keyof typeof ARITHMETIC;
export type BitwiseKind = keyof typeof BITWISE;
export type ShiftKind = keyof typeof SHIFTS;

/** Constants, and values that are read from outside the list. */
export type Leaf =
  /** A tensor's value at the point, by the name that the list's maker gives the tensor. */
  | { readonly kind: "input"; readonly name: string; readonly operands: readonly [] }
  /** One value per channel, the same at every pixel. */
  | { readonly kind: "channel"; readonly name: string; readonly operands: readonly [] }
  /** Rounded to float32 by float32 devices; may be infinite or NaN. */
  | { readonly kind: "constant"; readonly value: number; readonly operands: readonly [] }
  | { readonly kind: "bits"; readonly bits: number; readonly operands: readonly [] };

/** Effects, by which values leave the list; they have no result. */
export type Effect =
  | { readonly kind: "store"; readonly name: string; readonly operands: readonly [Value] }
  /** Adds the value, or the product of two, to the sum over all pixels and images of the channel. */
  | { readonly kind: "sum"; readonly name: string; readonly operands: readonly [Value] | readonly [Value, Value] };

/** Between the passes of a list that is cut (`schedule.ts`): a value is kept in memory and read again. */
export type Transfer =
  | { readonly kind: "keep"; readonly slot: number; readonly operands: readonly [Value] }
  | { readonly kind: "kept"; readonly slot: number; readonly operands: readonly [] };

/** A function that the device has itself, or that is written elsewhere; `math.ts` expands those of its table. */
export interface Call<Name extends string = string> {
  readonly kind: "call";
  readonly name: Name;
  readonly operands: readonly Value[];
}

export interface Arithmetic {
  readonly kind: ArithmeticKind;
  readonly operands: readonly Value[];
}
export interface Bitwise {
  readonly kind: BitwiseKind;
  readonly operands: readonly Value[];
}
export interface Shift {
  readonly kind: ShiftKind;
  readonly by: number;
  readonly operands: readonly [Value];
}

export type Operation = Leaf | Effect | Transfer | Call | Arithmetic | Bitwise | Shift;
export type OperationKind = Operation["kind"];

export type OperationList = readonly Operation[];

/**
 * Writes a list. The same operation on the same operands is written once. Methods take and return positions; NaN and
 * rounding are as the tables above say.
 */
export class ListBuilder {
  readonly operations: Operation[] = [];
  readonly #positions = new Map<string, Value>();
  readonly #notes = new Map<string, Value>();

  input = (name: string): Value => this.#once({ kind: "input", name, operands: [] }, `input ${name}`);
  channel = (name: string): Value => this.#once({ kind: "channel", name, operands: [] }, `channel ${name}`);
  constant = (value: number): Value =>
    this.#once({ kind: "constant", value, operands: [] }, `constant ${Object.is(value, -0) ? "-0" : value}`);
  bits = (bits: number): Value => this.#once({ kind: "bits", bits: bits >>> 0, operands: [] }, `bits ${bits >>> 0}`);

  add = (a: Value, b: Value): Value => this.#write("add", a, b);
  sub = (a: Value, b: Value): Value => this.#write("sub", a, b);
  mul = (a: Value, b: Value): Value => this.#write("mul", a, b);
  div = (a: Value, b: Value): Value => this.#write("div", a, b);
  multiplyAdd = (a: Value, b: Value, c: Value): Value => this.#write("multiplyAdd", a, b, c);
  negativeMultiplyAdd = (a: Value, b: Value, c: Value): Value => this.#write("negativeMultiplyAdd", a, b, c);
  min = (a: Value, b: Value): Value => this.#write("min", a, b);
  max = (a: Value, b: Value): Value => this.#write("max", a, b);
  root = (a: Value): Value => this.#write("root", a);
  abs = (a: Value): Value => this.#write("abs", a);
  negate = (a: Value): Value => this.#write("negate", a);
  less = (a: Value, b: Value): Value => this.#write("less", a, b);
  lessOrEqual = (a: Value, b: Value): Value => this.#write("lessOrEqual", a, b);
  equal = (a: Value, b: Value): Value => this.#write("equal", a, b);
  both = (a: Value, b: Value): Value => this.#write("both", a, b);
  select = (mask: Value, then: Value, otherwise: Value): Value => this.#write("select", mask, then, otherwise);
  keepWhere = (mask: Value, value: Value): Value => this.#write("keepWhere", mask, value);
  zeroWhere = (mask: Value, value: Value): Value => this.#write("zeroWhere", mask, value);

  bitsOf = (a: Value): Value => this.#write("bitsOf", a);
  numberOf = (a: Value): Value => this.#write("numberOf", a);
  maskOf = (a: Value): Value => this.#write("maskOf", a);
  integerToNumber = (a: Value): Value => this.#write("integerToNumber", a);
  and = (a: Value, b: Value): Value => this.#write("and", a, b);
  andNot = (a: Value, b: Value): Value => this.#write("andNot", a, b);
  or = (a: Value, b: Value): Value => this.#write("or", a, b);
  xor = (a: Value, b: Value): Value => this.#write("xor", a, b);
  addIntegers = (a: Value, b: Value): Value => this.#write("addIntegers", a, b);
  subtractIntegers = (a: Value, b: Value): Value => this.#write("subtractIntegers", a, b);
  shiftLeft = (a: Value, by: number): Value => this.#shift("shiftLeft", a, by);
  shiftRight = (a: Value, by: number): Value => this.#shift("shiftRight", a, by);

  call(name: string, ...operands: Value[]): Value {
    return this.#once({ kind: "call", name, operands }, `call ${name} ${operands.join()}`);
  }

  store(name: string, value: Value): void {
    this.operations.push({ kind: "store", name, operands: [value] });
  }

  /** `value`, or `value * times`, added to a sum. */
  sum(name: string, value: Value, times?: Value): void {
    this.operations.push({ kind: "sum", name, operands: times === undefined ? [value] : [value, times] });
  }

  /** Leaves a note for other functions of the same argument: a value that they may use. */
  note(name: string, of: Value, value: Value): Value {
    this.#notes.set(`${name} ${of}`, value);
    return value;
  }

  noted(name: string, of: Value): Value | undefined {
    return this.#notes.get(`${name} ${of}`);
  }

  #write(kind: ArithmeticKind | BitwiseKind, ...operands: Value[]): Value {
    return this.#once({ kind, operands } as Arithmetic | Bitwise, `${kind} ${operands.join()}`);
  }

  #shift(kind: ShiftKind, a: Value, by: number): Value {
    return this.#once({ kind, by, operands: [a] }, `${kind} ${a} ${by}`);
  }

  #once(operation: Operation, key: string): Value {
    let position = this.#positions.get(key);
    if (position === undefined) {
      position = this.operations.push(operation) - 1;
      this.#positions.set(key, position);
    }
    return position;
  }
}

/** Type of an operation's result; null for effects. */
export function resultType({ kind }: Operation): ValueType | null {
  if (kind in ARITHMETIC) return ARITHMETIC[kind as ArithmeticKind].result;
  if (kind in BITWISE) return BITWISE[kind as BitwiseKind].result;
  if (kind in SHIFTS || kind === "bits") return "bits";
  return kind === "store" || kind === "sum" || kind === "keep" ? null : "number";
}

/**
 * Throws a TypeError if the list is not legal: an operand that stands behind its use, or of the wrong number or type.
 * A device may rely on what this checks.
 */
export function checkList(list: OperationList): void {
  list.forEach((operation, at) => {
    const { kind, operands } = operation;
    const types = { ...ARITHMETIC, ...BITWISE, ...SHIFTS }[kind as ArithmeticKind]?.operands as
      | readonly ValueType[]
      | undefined;
    if (types && types.length !== operands.length) {
      throw new TypeError(`Operation ${at} (${kind}) must have ${types.length} operands: it has ${operands.length}`);
    }
    operands.forEach((operand, i) => {
      const found = operand < at ? resultType(list[operand]) : null;
      const wanted = types?.[i] ?? "number";
      if (found !== wanted) {
        throw new TypeError(`Operand ${i + 1} of operation ${at} (${kind}) must be a ${wanted}: it is ${found}`);
      }
    });
  });
}

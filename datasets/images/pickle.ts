/**
 * Reads Python pickles of plain data (https://docs.python.org/3/library/pickletools.html): dicts, lists, tuples, bytes,
 * text, numbers, and numpy arrays of uint8. A pickle is a program that may call anything by name; here only the few
 * names that numpy's arrays need are known, and any other is refused before anything is built.
 */

/** A numpy array of uint8. */
export class NumpyArray {
  constructor(readonly shape: readonly number[], readonly data: Uint8Array) {}
}

/** `map` keeps keys of any kind; keys that are bytes or text become text. */
export type PickleDict = Map<string | number, PickleValue>;
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | NumpyArray
  | PickleDict
  | PickleValue[];

/** Stack items that may not occur in the result. */
const MARK: unique symbol = Symbol("mark");
class Name {
  constructor(readonly text: string) {}
}
/** Filled in when its state comes. */
class Pending {
  value: NumpyArray | null = null;
  constructor(readonly kind: "array" | "dtype", readonly dtype = "") {}
}
type Slot = PickleValue | typeof MARK | Name | Pending;

/** Names that may be called, and the result of each call. */
const CALLABLE: Readonly<Record<string, (args: readonly Slot[]) => Slot>> = {
  "numpy.core.multiarray _reconstruct": () => new Pending("array"),
  "numpy._core.multiarray _reconstruct": () => new Pending("array"),
  "numpy dtype": ([kind]) => new Pending("dtype", textOf(kind)),
  // How Python 3 writes bytes in the old protocols: the bytes as text, and the codec "latin1".
  "_codecs encode": ([text]) => latin1(textOf(text)),
  "numpy.core.numeric _frombuffer": fromBuffer,
  "numpy._core.numeric _frombuffer": fromBuffer,
};
/** Names that may be written but not called: they only stand as arguments. */
const MENTIONED = new Set(["numpy ndarray"]);

/** Throws an Error that says what is refused, by its name, or if the pickle is damaged. */
export function unpickle(bytes: Uint8Array): PickleValue {
  return new Unpickler(bytes).run();
}

class Unpickler {
  readonly #view: DataView;
  readonly #memo = new Map<number, Slot>();
  #stack: Slot[] = [];
  #at = 0;

  constructor(readonly bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  run(): PickleValue {
    for (;;) {
      const code = this.#take(1)[0];
      if (code === STOP) return settled(this.#pop());
      const step = OPCODES[code];
      if (step === undefined) {
        throw new Error(`it holds the operation 0x${code.toString(16).padStart(2, "0")}, which plain data do not need`);
      }
      step(this);
    }
  }

  push(value: Slot): void {
    this.#stack.push(value);
  }

  pop(): Slot {
    return this.#pop();
  }

  top(): Slot {
    return this.#stack.at(-1) ?? fail();
  }

  /** The items above the last mark, which is removed too. */
  popToMark(): Slot[] {
    const mark = this.#stack.lastIndexOf(MARK);
    if (mark < 0) fail();
    const above = this.#stack.splice(mark);
    return above.slice(1);
  }

  remember(index = this.#memo.size): void {
    this.#memo.set(index, this.top());
  }

  recall(index: number): void {
    const value = this.#memo.get(index);
    if (value === undefined) fail();
    this.push(value!);
  }

  /** A little-endian integer of this many bytes. */
  number(length: number): number {
    const taken = this.#take(length);
    return taken.reduceRight((value, byte) => value * 256 + byte, 0);
  }

  int32(): number {
    this.#take(4);
    return this.#view.getInt32(this.#at - 4, true);
  }

  float(): number {
    this.#take(8);
    return this.#view.getFloat64(this.#at - 8);
  }

  data(lengthBytes: number): Uint8Array {
    return this.#take(this.number(lengthBytes));
  }

  text(lengthBytes: number): string {
    return new TextDecoder().decode(this.data(lengthBytes));
  }

  /** Up to the end of the line. */
  line(): string {
    const end = this.bytes.indexOf(10, this.#at);
    if (end < 0) fail();
    const line = new TextDecoder("latin1").decode(this.#take(end - this.#at));
    this.#at++;
    return line;
  }

  #pop(): Slot {
    const value = this.#stack.pop();
    return value === undefined ? fail() : value;
  }

  #take(length: number): Uint8Array {
    if (this.#at + length > this.bytes.length) throw new Error("it is cut short");
    return this.bytes.subarray(this.#at, this.#at += length);
  }
}

const STOP = 0x2e;

type Step = (machine: Unpickler) => void;

/** What each operation does; missing ones are refused: above all those that call in other ways than REDUCE. */
const OPCODES: Readonly<Record<number, Step>> = {
  0x80: (m) => m.number(1), // PROTO
  0x95: (m) => m.number(8), // FRAME
  0x28: (m) => m.push(MARK),
  0x30: (m) => m.pop(),
  0x31: (m) => m.popToMark(),
  0x32: (m) => m.push(m.top()), // DUP
  0x4e: (m) => m.push(null),
  0x88: (m) => m.push(true),
  0x89: (m) => m.push(false),
  0x4b: (m) => m.push(m.number(1)), // BININT1
  0x4d: (m) => m.push(m.number(2)), // BININT2
  0x4a: (m) => m.push(m.int32()), // BININT
  0x49: (m) => m.push(decimal(m.line())), // INT
  0x4c: (m) => m.push(decimal(m.line().replace(/L$/, ""))), // LONG
  0x8a: (m) => m.push(long(m.data(1))), // LONG1
  0x47: (m) => m.push(m.float()), // BINFLOAT
  0x46: (m) => m.push(Number(m.line())), // FLOAT
  0x55: (m) => m.push(m.data(1)), // SHORT_BINSTRING: Python 2's str, which is bytes
  0x54: (m) => m.push(m.data(4)), // BINSTRING
  0x53: (m) => m.push(quoted(m.line())), // STRING
  0x43: (m) => m.push(m.data(1)), // SHORT_BINBYTES
  0x42: (m) => m.push(m.data(4)), // BINBYTES
  0x8e: (m) => m.push(m.data(8)), // BINBYTES8
  0x96: (m) => m.push(m.data(8)), // BYTEARRAY8
  0x8c: (m) => m.push(m.text(1)), // SHORT_BINUNICODE
  0x58: (m) => m.push(m.text(4)), // BINUNICODE
  0x8d: (m) => m.push(m.text(8)), // BINUNICODE8
  0x56: (m) => m.push(unescaped(m.line())), // UNICODE
  0x7d: (m) => m.push(new Map()), // EMPTY_DICT
  0x64: (m) => m.push(filled(new Map(), m.popToMark())), // DICT
  0x73: (m) => setItems(m, [m.pop(), m.pop()].toReversed() as Slot[]), // SETITEM
  0x75: (m) => setItems(m, m.popToMark()), // SETITEMS
  0x5d: (m) => m.push([]), // EMPTY_LIST
  0x6c: (m) => m.push(m.popToMark().map(settledOrPart)), // LIST
  0x61: (m) => append(m, [m.pop()]), // APPEND
  0x65: (m) => append(m, m.popToMark()), // APPENDS
  0x29: (m) => m.push([]), // EMPTY_TUPLE
  0x74: (m) => m.push(m.popToMark() as PickleValue[]), // TUPLE
  0x85: (m) => m.push([m.pop()] as PickleValue[]), // TUPLE1
  0x86: (m) => m.push([m.pop(), m.pop()].toReversed() as PickleValue[]), // TUPLE2
  0x87: (m) => m.push([m.pop(), m.pop(), m.pop()].toReversed() as PickleValue[]), // TUPLE3
  0x71: (m) => m.remember(m.number(1)), // BINPUT
  0x72: (m) => m.remember(m.number(4)), // LONG_BINPUT
  0x70: (m) => m.remember(decimal(m.line())), // PUT
  0x94: (m) => m.remember(), // MEMOIZE
  0x68: (m) => m.recall(m.number(1)), // BINGET
  0x6a: (m) => m.recall(m.number(4)), // LONG_BINGET
  0x67: (m) => m.recall(decimal(m.line())), // GET
  0x63: (m) => m.push(nameOf(m.line(), m.line())), // GLOBAL
  0x93: (m) => { // STACK_GLOBAL
    const name = textOf(m.pop());
    m.push(nameOf(textOf(m.pop()), name));
  },
  0x52: (m) => { // REDUCE
    const args = m.pop(), name = m.pop();
    if (!(name instanceof Name) || !Array.isArray(args)) fail();
    const call = CALLABLE[(name as Name).text];
    if (call === undefined) throw refused((name as Name).text);
    m.push(call(args as Slot[]));
  },
  0x62: (m) => { // BUILD
    const state = m.pop(), target = m.top();
    if (!(target instanceof Pending)) throw new Error("it sets the state of something that is not a numpy array");
    if (target.kind === "array") target.value = arrayOf(state);
  },
};

/** A name that is neither callable nor mentioned is refused even where it is never called. */
function nameOf(module: string, name: string): Name {
  const text = `${module} ${name}`;
  if (!Object.hasOwn(CALLABLE, text) && !MENTIONED.has(text)) throw refused(text);
  return new Name(text);
}

const refused = (name: string) =>
  new Error(`it names ${name.replace(" ", ".")}, and only plain data and numpy arrays of uint8 are read`);

/** The state of an array: version, shape, dtype, whether it is in Fortran's order, bytes. */
function arrayOf(state: Slot): NumpyArray {
  const [, shape, dtype, fortran, data] = Array.isArray(state) ? state as Slot[] : [];
  return checkedArray(shape, dtype, fortran, data);
}

/** Arguments of numpy's `_frombuffer`, which protocol 5 calls: buffer, dtype, shape, order. */
function fromBuffer([data, dtype, shape, order]: readonly Slot[]): NumpyArray {
  return checkedArray(shape, dtype, order === "F", data);
}

function checkedArray(shape: Slot, dtype: Slot, fortran: Slot, data: Slot): NumpyArray {
  const sizes = Array.isArray(shape) ? shape.map(Number) : [];
  const kind = dtype instanceof Pending ? dtype.dtype : "";
  if (!/^[|<>=]?u1$|^uint8$/.test(kind)) {
    throw new Error(`it holds a numpy array of ${kind || "objects"}, not of uint8`);
  }
  if (fortran === true) throw new Error("it holds a numpy array in Fortran's order");
  const bytes = typeof data === "string" ? latin1(data) : data;
  if (!(bytes instanceof Uint8Array) || bytes.length !== sizes.reduce((a, b) => a * b, 1)) {
    throw new Error("it holds a numpy array whose bytes do not match its shape");
  }
  return new NumpyArray(sizes, bytes);
}

/** A value with its pending arrays filled in; `seen` are the parts already visited. */
function settled(slot: Slot, seen = new Set<Slot>()): PickleValue {
  if (slot instanceof Pending && slot.value !== null) return slot.value;
  if (slot === MARK || slot instanceof Name || slot instanceof Pending) return fail();
  if (seen.has(slot) || typeof slot !== "object") return slot as PickleValue;
  seen.add(slot);
  if (slot instanceof Map) { for (const [key, value] of slot) slot.set(key, settled(value, seen)); }
  else if (Array.isArray(slot)) slot.forEach((value, at) => slot[at] = settled(value, seen));
  return slot as PickleValue;
}

const settledOrPart = (slot: Slot) => slot as PickleValue;

function setItems(machine: Unpickler, items: readonly Slot[]): void {
  const target = machine.top();
  if (!(target instanceof Map)) fail();
  filled(target as PickleDict, items);
}

function filled(target: PickleDict, items: readonly Slot[]): PickleDict {
  for (let at = 0; at + 1 < items.length; at += 2) {
    const key = items[at];
    target.set(typeof key === "number" ? key : textOf(key), items[at + 1] as PickleValue);
  }
  return target;
}

function append(machine: Unpickler, items: readonly Slot[]): void {
  const target = machine.top();
  if (!Array.isArray(target)) fail();
  for (const item of items) (target as Slot[]).push(item);
}

function textOf(slot: Slot): string {
  if (typeof slot === "string") return slot;
  return slot instanceof Uint8Array ? new TextDecoder("latin1").decode(slot) : fail();
}

/** Character codes as bytes. A loop, since Uint8Array.from() would keep 30 million characters at once. */
function latin1(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < bytes.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}

/** Text in Python's quotes; escapes are left as they are, since names and labels have none. */
const quoted = (line: string) => new TextEncoder().encode(line.replace(/^(['"])(.*)\1$/, "$2"));

/** Python's raw-unicode-escape. */
const unescaped = (line: string) =>
  line.replaceAll(/\\u([0-9a-f]{4})/gi, (_, code: string) => String.fromCharCode(parseInt(code, 16)));

function decimal(line: string): number {
  const value = Number(line);
  return Number.isSafeInteger(value) ? value : fail();
}

/** A little-endian integer of any length, in two's complement. */
function long(bytes: Uint8Array): number {
  const value = bytes.reduceRight((sum, byte) => sum * 256 + byte, 0);
  return bytes.length > 0 && bytes[bytes.length - 1] & 0x80 ? value - 256 ** bytes.length : value;
}

function fail(): never {
  throw new Error("it is damaged");
}

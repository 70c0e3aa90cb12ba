/**
 * What the numbers of ILSVRC2012's validation labels stand for: the table `synsets` of `meta.mat`, a MATLAB 5 file
 * (https://www.mathworks.com/help/pdf_doc/matlab/matfile_format.pdf). Read only as far as that table needs it.
 */
import { inflateSync } from "node:zlib";
import { DatasetError } from "../dataset.ts";

/** Types of data elements and classes of arrays, section 1 of the format. */
const MATRIX = 14, COMPRESSED = 15, CHAR_CLASS = 4, STRUCT_CLASS = 2;
/** Bytes of a value of each numeric type, and how it is read. */
const NUMBERS: Readonly<Record<number, readonly [bytes: number, read: (view: DataView, at: number) => number]>> = {
  1: [1, (view, at) => view.getInt8(at)],
  2: [1, (view, at) => view.getUint8(at)],
  3: [2, (view, at) => view.getInt16(at, true)],
  4: [2, (view, at) => view.getUint16(at, true)],
  5: [4, (view, at) => view.getInt32(at, true)],
  6: [4, (view, at) => view.getUint32(at, true)],
  7: [4, (view, at) => view.getFloat32(at, true)],
  9: [8, (view, at) => view.getFloat64(at, true)],
  16: [1, (view, at) => view.getUint8(at)],
  17: [2, (view, at) => view.getUint16(at, true)],
};
const HEADER_BYTES = 128;
/** The official file unpacks to 2.5 MB. */
const MAX_BYTES = 2 ** 27;

/** WordNet IDs by ILSVRC2012_ID. Throws a DatasetError (`malformed`) that names the file if it is not that table. */
export function synsetsOf(bytes: Uint8Array, path: string): ReadonlyMap<number, string> {
  try {
    const table = new Map<number, string>();
    for (const row of rowsOf(bytes)) table.set(row.number, row.id);
    if (table.size > 0) return table;
    throw new Error("it has no table synsets");
  } catch (cause) {
    const reason = (cause as Error).message;
    throw new DatasetError("malformed", `Cannot use meta.mat of ${path}: ${reason}. Fetch it again`, { cause });
  }
}

interface Element {
  readonly type: number;
  readonly content: Uint8Array;
}

function* rowsOf(file: Uint8Array): Generator<{ readonly number: number; readonly id: string }> {
  for (const element of elements(file.subarray(HEADER_BYTES))) {
    const { type, content } = element.type === COMPRESSED
      ? [...elements(inflateSync(element.content, { maxOutputLength: MAX_BYTES }))][0]
      : element;
    if (type !== MATRIX) continue;
    const [flags, , name, nameLength, names, ...fields] = [...elements(content)];
    if (flags.content[0] !== STRUCT_CLASS || textOf(name) !== "synsets") continue;
    const size = numbersOf(nameLength)[0];
    const keys = Array.from(
      { length: names.content.length / size },
      (_, n) => textOf({ type: 2, content: names.content.subarray(n * size, (n + 1) * size) }).replace(/\0.*$/s, ""),
    );
    const [number, id] = [keys.indexOf("ILSVRC2012_ID"), keys.indexOf("WNID")];
    if (number < 0 || id < 0) throw new Error("its table synsets has no ILSVRC2012_ID or WNID");
    for (let at = 0; at + keys.length <= fields.length; at += keys.length) {
      yield { number: numbersOf(valueOf(fields[at + number]))[0], id: textOf(valueOf(fields[at + id])) };
    }
  }
}

/** The values of an array: its last part, after flags, dimensions and name. */
function valueOf({ content }: Element): Element {
  const [flags, , , value] = [...elements(content)];
  if (value === undefined) throw new Error("a value of its table is missing");
  return flags.content[0] === CHAR_CLASS ? { type: value.type, content: value.content } : value;
}

function numbersOf({ type, content }: Element): number[] {
  const known = NUMBERS[type];
  if (known === undefined) throw new Error(`it has values of type ${type}`);
  const [bytes, read] = known, view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  return Array.from({ length: Math.floor(content.length / bytes) }, (_, n) => read(view, n * bytes));
}

function textOf(element: Element): string {
  return String.fromCharCode(...numbersOf(element));
}

/** Tagged elements in a row; small ones have their content in the tag. All begin at multiples of 8 but compressed ones. */
function* elements(bytes: Uint8Array): Generator<Element> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + 8 <= bytes.length;) {
    const word = view.getUint32(at, true), small = word >>> 16;
    const [type, size, start] = small > 0
      ? [word & 0xffff, small, at + 4]
      : [word, view.getUint32(at + 4, true), at + 8];
    if (start + size > bytes.length) throw new Error("it is cut short");
    yield { type, content: bytes.subarray(start, start + size) };
    const end = start + size;
    at = small > 0 ? at + 8 : type === COMPRESSED ? end : end + (-end & 7);
  }
}

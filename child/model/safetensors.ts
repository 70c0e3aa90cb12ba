/**
 * The safetensors format, written and read: 8 bytes that give the length of a header (little-endian), the header as
 * JSON (each tensor's `dtype`, `shape` and `data_offsets` from the end of the header, and texts under `__metadata__`),
 * then the raw little-endian values without gaps. F32 and F64 are written; F16 and BF16 are read too, as the float32
 * numbers that they are. The format: https://github.com/huggingface/safetensors#format
 */
import { sizeOf } from "../network/shape.ts";

export interface SavedTensor {
  readonly shape: readonly number[];
  /** Row-major; Float32Array is F32 (or was F16 or BF16), Float64Array F64. */
  readonly values: Float32Array | Float64Array;
}

export interface Safetensors {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, SavedTensor>;
}

/** Bytes before the header. */
const LENGTH_BYTES = 8;
/** The header is padded with spaces, so that the values are aligned to their size. */
const ALIGNMENT = 8;
/** Maximum size that readers of the format accept. */
const MAX_HEADER_BYTES = 100_000_000;
const METADATA = "__metadata__";

/** The types that are read: bytes of a value, and the values of little-endian bytes that begin an ArrayBuffer. */
const DTYPES = {
  F32: { bytes: 4, read: (data: ArrayBuffer) => new Float32Array(data) },
  F64: { bytes: 8, read: (data: ArrayBuffer) => new Float64Array(data) },
  F16: { bytes: 2, read: (data: ArrayBuffer) => Float32Array.from(new Uint16Array(data), float16) },
  /** The upper half of a float32. */
  BF16: {
    bytes: 2,
    read: (data: ArrayBuffer) => new Float32Array(Uint32Array.from(new Uint16Array(data), (bits) => bits << 16).buffer),
  },
} as const;
type Dtype = keyof typeof DTYPES;

/** The number of 16 bits of IEEE 754 binary16. */
function float16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** A tensor as the header describes it; offsets are bytes from the end of the header. */
interface Described {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** A file's bytes. Wider types come first, so that every tensor is aligned; else tensors keep their order. */
export function encodeSafetensors({ metadata, tensors }: Safetensors): Uint8Array<ArrayBuffer> {
  const ordered = [...tensors].sort(([, a], [, b]) => b.values.BYTES_PER_ELEMENT - a.values.BYTES_PER_ELEMENT);
  const header: Record<string, unknown> = { [METADATA]: metadata };
  let end = 0;
  for (const [name, { shape, values }] of ordered) {
    const dtype = values instanceof Float32Array ? "F32" : "F64";
    header[name] = { dtype, shape, data_offsets: [end, end += values.byteLength] };
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const headerBytes = Math.ceil(json.length / ALIGNMENT) * ALIGNMENT;
  const bytes = new Uint8Array(LENGTH_BYTES + headerBytes + end);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes), true);
  bytes.fill(0x20, LENGTH_BYTES, LENGTH_BYTES + headerBytes).set(json, LENGTH_BYTES);
  let at = LENGTH_BYTES + headerBytes;
  for (const [, { values }] of ordered) {
    bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), at);
    at += values.byteLength;
  }
  return bytes;
}

/** Reads a file's bytes. Throws a RangeError with the reason if they are not a complete file of the format. */
export function decodeSafetensors(bytes: Uint8Array): Safetensors {
  const { header, data } = splitFile(bytes);
  const { [METADATA]: metadata = {}, ...described } = header;
  const tensors = Object.entries(described).map(([name, value]) => readDescription(name, value));
  requireWhole(tensors, data.length);
  return {
    metadata: readMetadata(metadata),
    tensors: new Map(tensors.map(({ name, dtype, shape, begin, end }) => {
      return [name, { shape, values: DTYPES[dtype].read(data.slice(begin, end).buffer) }];
    })),
  };
}

/** Reads a file. Throws an Error that names it, and why it cannot be read. */
export async function readSafetensors(path: string): Promise<Safetensors> {
  try {
    return decodeSafetensors(await Deno.readFile(path));
  } catch (cause) {
    const reason = cause instanceof Deno.errors.NotFound ? "there is no such file" : (cause as Error).message;
    throw new Error(`Cannot read ${path}: ${reason}`, { cause });
  }
}

function splitFile(bytes: Uint8Array): { header: Record<string, unknown>; data: Uint8Array } {
  if (bytes.length < LENGTH_BYTES) {
    throw new RangeError(`it has ${bytes.length} bytes, fewer than the ${LENGTH_BYTES} that begin a safetensors file`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getBigUint64(0, true), room = bytes.length - LENGTH_BYTES;
  if (length > room || length > MAX_HEADER_BYTES) {
    throw new RangeError(
      `it is cut short or not a safetensors file: its first bytes announce a header of ${length} bytes, and only ${room} follow`,
    );
  }
  const end = LENGTH_BYTES + Number(length);
  return { header: parseHeader(bytes.subarray(LENGTH_BYTES, end)), data: bytes.subarray(end) };
}

function parseHeader(bytes: Uint8Array): Record<string, unknown> {
  const parse = () => {
    try {
      return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    } catch {
      return null;
    }
  };
  const header = parse();
  if (isRecord(header)) return header;
  throw new RangeError("it is not a safetensors file: its header is not a JSON object");
}

function readDescription(name: string, value: unknown): Described {
  const { dtype, shape, data_offsets: offsets } = isRecord(value) ? value : {};
  if (!isSizes(shape) || !isSizes(offsets) || offsets.length !== 2) {
    throw new RangeError(
      `it is not a safetensors file: its header does not give the shape and place of ${shown(name)}`,
    );
  }
  if (typeof dtype !== "string" || !Object.hasOwn(DTYPES, dtype)) {
    const known = Object.keys(DTYPES).join(", ");
    throw new RangeError(`its tensor ${shown(name)} is of type ${JSON.stringify(dtype)}: only ${known} are read here`);
  }
  const [begin, end] = offsets, wanted = sizeOf(shape) * DTYPES[dtype as Dtype].bytes;
  if (end - begin !== wanted) {
    throw new RangeError(
      `its tensor ${shown(name)} of shape [${shape}] must have ${wanted} bytes: it has ${end - begin}`,
    );
  }
  return { name, dtype: dtype as Dtype, shape, begin, end };
}

function readMetadata(value: unknown): Record<string, string> {
  if (isRecord(value) && Object.values(value).every((text) => typeof text === "string")) {
    return value as Record<string, string>;
  }
  throw new RangeError(`it is not a safetensors file: its ${METADATA} is not an object of strings`);
}

/** The tensors cover all bytes without gaps, as the format demands. */
function requireWhole(tensors: readonly Described[], length: number): void {
  let at = 0;
  for (const { name, begin, end } of tensors.toSorted((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== at) {
      throw new RangeError(`its tensor ${shown(name)} begins at byte ${begin} of its values, not at ${at}`);
    }
    at = end;
  }
  if (at !== length) {
    const state = length < at ? "is cut short" : "has more than its tensors";
    throw new RangeError(`it ${state}: its tensors have ${at} bytes, and ${length} follow the header`);
  }
}

/** A name from a file, for a message: quoted where it has more than the characters of names. */
export function shown(name: string): string {
  const escaped = (character: string) => `\\u{${character.codePointAt(0)!.toString(16)}}`;
  return /^[\w.:/-]{1,100}$/.test(name) ? name : `"${name.slice(0, 100).replaceAll(/\p{C}/gu, escaped)}"`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

/**
 * The safetensors format, written and read: 8 bytes that give the length of a header (little-endian), the header as
 * JSON (each tensor's `dtype`, `shape` and `data_offsets` from the end of the header, and texts under `__metadata__`),
 * then the raw little-endian values without gaps. Only the types F32 and F64 are supported. The format:
 * https://github.com/huggingface/safetensors#format
 */
import { sizeOf } from "../network/graph.ts";

export interface SavedTensor {
  readonly shape: readonly number[];
  /** Row-major; Float32Array is F32, Float64Array F64. */
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

const DTYPES = { F32: Float32Array, F64: Float64Array } as const;
type Dtype = keyof typeof DTYPES;

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
      const values = new DTYPES[dtype](data.slice(begin, end).buffer);
      return [name, { shape, values }];
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
      `it is cut short or no safetensors file: its first bytes tell of a header of ${length} bytes, and ${room} follow`,
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
  throw new RangeError("it is no safetensors file: its header is not a JSON object");
}

function readDescription(name: string, value: unknown): Described {
  const { dtype, shape, data_offsets: offsets } = isRecord(value) ? value : {};
  if (!isSizes(shape) || !isSizes(offsets) || offsets.length !== 2) {
    throw new RangeError(`it is no safetensors file: its header does not give the shape and place of ${name}`);
  }
  if (typeof dtype !== "string" || !Object.hasOwn(DTYPES, dtype)) {
    const known = Object.keys(DTYPES).join(" and ");
    throw new RangeError(`its tensor ${name} is of type ${JSON.stringify(dtype)}: only ${known} are known here`);
  }
  const [begin, end] = offsets, wanted = sizeOf(shape) * DTYPES[dtype as Dtype].BYTES_PER_ELEMENT;
  if (end - begin !== wanted) {
    throw new RangeError(`its tensor ${name} of shape [${shape}] must have ${wanted} bytes: it has ${end - begin}`);
  }
  return { name, dtype: dtype as Dtype, shape, begin, end };
}

function readMetadata(value: unknown): Record<string, string> {
  if (isRecord(value) && Object.values(value).every((text) => typeof text === "string")) {
    return value as Record<string, string>;
  }
  throw new RangeError(`it is no safetensors file: its ${METADATA} is not an object of texts`);
}

/** The tensors cover all bytes without gaps, as the format demands. */
function requireWhole(tensors: readonly Described[], length: number): void {
  let at = 0;
  for (const { name, begin, end } of tensors.toSorted((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== at) throw new RangeError(`its tensor ${name} begins at byte ${begin} of its values, not at ${at}`);
    at = end;
  }
  if (at !== length) {
    const state = length < at ? "is cut short" : "has more than its tensors";
    throw new RangeError(`it ${state}: its tensors have ${at} bytes, and ${length} follow the header`);
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

/**
 * A sampler's state as bytes: a JSON header and arrays of numbers behind it, exact to the bit. Layout: length of the
 * header in bytes (uint32), the header in UTF-8 padded with spaces to a multiple of 4, then the arrays as float32, all
 * little-endian like every machine that Deno runs on.
 */

export interface SamplerState<Header> {
  readonly header: Header;
  readonly arrays: readonly Float32Array[];
}

const LENGTH_BYTES = 4;

export function packState<Header>({ header, arrays }: SamplerState<Header>): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify({ header, lengths: arrays.map((array) => array.length) }));
  const textBytes = Math.ceil(text.length / 4) * 4;
  const bytes = new Uint8Array(LENGTH_BYTES + textBytes + arrays.reduce((sum, array) => sum + array.byteLength, 0));
  new DataView(bytes.buffer).setUint32(0, textBytes, true);
  bytes.fill(0x20, LENGTH_BYTES, LENGTH_BYTES + textBytes);
  bytes.set(text, LENGTH_BYTES);
  let at = LENGTH_BYTES + textBytes;
  for (const array of arrays) {
    bytes.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), at);
    at += array.byteLength;
  }
  return bytes;
}

/** The inverse of `packState`. Throws a SyntaxError if the bytes are not such a state or are truncated. */
export function unpackState<Header>(bytes: Uint8Array): SamplerState<Header> {
  const copy = bytes.slice(); // starts at offset 0 of its buffer, so that the arrays are aligned
  const broken = (cause?: unknown) =>
    new SyntaxError(`Cannot restore a sampler as its state is damaged: ${bytes.length} bytes were given`, { cause });
  if (copy.length < LENGTH_BYTES) throw broken();
  let at = LENGTH_BYTES + new DataView(copy.buffer).getUint32(0, true);
  if (at > copy.length || at % 4 !== 0) throw broken();
  const { header, lengths } = parse(copy.subarray(LENGTH_BYTES, at), broken) as { header: Header; lengths: number[] };
  if (at + 4 * lengths.reduce((sum, length) => sum + length, 0) !== copy.length) throw broken();
  const arrays = lengths.map((length) => {
    const array = new Float32Array(copy.buffer, at, length);
    at += array.byteLength;
    return array;
  });
  return { header, arrays };
}

function parse(text: Uint8Array, broken: (cause: unknown) => Error): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(text));
  } catch (error) {
    throw broken(error);
  }
}

/** Arrays in NumPy's file format (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html). */

const MAGIC = [0x93, ...new TextEncoder().encode("NUMPY"), 1, 0];
/** The values begin at a multiple of this. */
const ALIGNMENT = 64;

/** A `.npy` file, version 1.0, of a row-major float32 array. */
export function encodeNpy(values: Float32Array, shape: readonly number[]): Uint8Array<ArrayBuffer> {
  const about = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(", ")},), }`;
  const begin = MAGIC.length + 2;
  const header = about.padEnd(Math.ceil((begin + about.length + 1) / ALIGNMENT) * ALIGNMENT - begin - 1) + "\n";
  const bytes = new Uint8Array(begin + header.length + values.byteLength);
  bytes.set(MAGIC);
  new DataView(bytes.buffer).setUint16(MAGIC.length, header.length, true);
  bytes.set(new TextEncoder().encode(header), begin);
  bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), begin + header.length);
  return bytes;
}

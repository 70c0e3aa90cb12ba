/** Messages over a pipe: the length in four bytes, little-endian, then the structured clone in V8's format. */
import { deserialize, serialize } from "node:v8";

const HEADER_BYTES = 4;

export async function writeMessage(output: WritableStreamDefaultWriter<Uint8Array>, message: unknown): Promise<void> {
  const body = serialize(withoutSharing(message));
  const frame = new Uint8Array(HEADER_BYTES + body.length);
  new DataView(frame.buffer).setUint32(0, body.length, true);
  frame.set(body, HEADER_BYTES);
  await output.write(frame);
}

/** Ends with the stream; throws if that ends within a message. */
export async function* readMessages(input: ReadableStream<Uint8Array>): AsyncGenerator<unknown> {
  let buffer = new Uint8Array(HEADER_BYTES);
  let filled = 0;
  let isHeader = true;
  for await (const chunk of input) {
    for (let at = 0; at < chunk.length;) {
      const taken = chunk.subarray(at, at + buffer.length - filled);
      buffer.set(taken, filled);
      filled += taken.length;
      at += taken.length;
      if (filled < buffer.length) break;
      if (!isHeader) yield deserialize(buffer);
      const length = isHeader ? new DataView(buffer.buffer).getUint32(0, true) : HEADER_BYTES;
      buffer = new Uint8Array(length);
      isHeader = !isHeader;
      filled = 0;
    }
  }
  if (!isHeader || filled > 0) throw new Error("the stream ended within a message");
}

/** Shared memory cannot leave the process: it becomes an array with the same values. */
function withoutSharing(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) {
    const isShared = value.buffer instanceof SharedArrayBuffer;
    return isShared ? (value as Uint8Array).slice() : value; // slice copies into memory of its own
  }
  if (Array.isArray(value)) return value.map(withoutSharing);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutSharing(item)]));
}

/** The content of a file that may be gzip or not: its first two bytes decide, whatever its name. */
import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";

const CHUNK_BYTES = 1 << 20;

/**
 * The content of a file in chunks: unpacked if it begins like gzip (all members; trailing zeros are allowed),
 * else unchanged. Throws what the file system or zlib throws, or the signal's reason.
 */
export async function* readUnpacked(path: string, signal?: AbortSignal): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const packed = await isGzip(path), file = createReadStream(path, { highWaterMark: CHUNK_BYTES });
  const stream = packed ? file.pipe(createGunzip({ chunkSize: CHUNK_BYTES })) : file;
  if (packed) file.on("error", (error) => stream.destroy(error)); // pipe() does not pass it on
  try {
    for await (const chunk of stream) {
      signal?.throwIfAborted();
      yield chunk;
    }
  } finally {
    stream.destroy();
    file.destroy();
  }
}

/** All of it at once. */
export async function readAllUnpacked(path: string, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  for await (const chunk of readUnpacked(path, signal)) chunks.push(chunk);
  const all = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

async function isGzip(path: string): Promise<boolean> {
  using file = await Deno.open(path);
  const first = new Uint8Array(2);
  return await file.read(first) === 2 && first[0] === 0x1f && first[1] === 0x8b;
}

/**
 * Reads tar archives, gzip or not: the regular files, one by one, never trusting a path. Formats: POSIX ustar and
 * pax (https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html) and GNU's long names and sizes
 * (https://www.gnu.org/software/tar/manual/html_node/Standard.html).
 */
import { DatasetError } from "../dataset.ts";
import { reading, reasonOf } from "../files.ts";
import { readUnpacked } from "./gzip.ts";

/** A regular file of an archive. */
export interface Entry {
  /** Path segments; none is empty, "." or "..". */
  readonly path: readonly string[];
  readonly content: Uint8Array<ArrayBuffer>;
}

const BLOCK = 512;
/** The largest file of an official archive is CIFAR-100's train, 155 MB. */
const MAX_FILE_BYTES = 2 ** 30;

/** Of a pax header or a long name, far more than any has. */
const MAX_ATTRIBUTES = 2 ** 20;

type Action = "file" | "skip" | "long name" | "attributes";

/** The handling of entries by type flag; other types (devices, sparse files) are refused. */
const TYPES: Readonly<Record<string, Action>> = {
  "0": "file",
  "\0": "file",
  "7": "file",
  "1": "skip", // links: the files they name are there themselves, or are not needed
  "2": "skip",
  "5": "skip", // folders come with the files in them
  K: "skip", // the long name of what a link points to
  g: "skip", // attributes of all files: none matters here
  x: "attributes", // of the next file: its name and size, where they do not fit the header
  L: "long name", // of the next file, in GNU's format
};

/**
 * The regular files of an archive in order, each completely in memory. Throws a DatasetError (`malformed`, naming the
 * archive) where it is cut short, damaged, or has a path that leads out of its folder; the signal's reason where it is
 * aborted.
 */
export async function* readTarGz(archive: string, signal?: AbortSignal): AsyncGenerator<Entry> {
  await reading(archive, async () => (await Deno.open(archive)).close());
  const bytes = new ByteReader(readUnpacked(archive, signal));
  let next: { name?: string; size?: number } = {};
  try {
    for (let block = await bytes.read(BLOCK); block.some(Boolean); block = await bytes.read(BLOCK)) {
      const header = parseHeader(block), { action } = header;
      const { name = header.name, size = header.size } = action === "file" || action === "skip" ? next : {};
      if (size > MAX_FILE_BYTES) throw new Error(`"${name}" says it has ${size} bytes, more than any data file`);
      const content = await bytes.read(size);
      await bytes.read(-size & (BLOCK - 1));
      if (action === "long name") next = { ...next, name: text(content, 0, size) };
      else if (action === "attributes") next = { ...next, ...attributes(content) };
      else {
        if (header.type !== "g" && header.type !== "K") next = {};
        if (action === "file" && !name.endsWith("/")) yield { path: safePath(name), content };
      }
    }
    await bytes.readToEnd(); // at which gzip compares its checksum
  } catch (error) {
    signal?.throwIfAborted();
    const what = `Cannot unpack ${archive} as it is damaged or incomplete: ${reasonOf(error)}`;
    throw new DatasetError("malformed", `${what}. Delete it and fetch it again`, { cause: error });
  } finally {
    await bytes.cancel();
  }
}

/** Where the content of a regular file of an archive is. */
export interface Place {
  /** Path segments; none is empty, "." or "..". */
  readonly path: readonly string[];
  /** Offset of the first byte from the beginning of the archive. */
  readonly offset: number;
  readonly size: number;
}

/**
 * The regular files of an archive that is not compressed, or of the part of it that is one itself, without reading their
 * content. Throws an Error where it is cut short, damaged, or has a path that leads out of its folder.
 */
export function* placesIn(archive: Deno.FsFile, part?: { readonly offset: number; readonly size: number }) {
  const end = part === undefined ? archive.statSync().size : part.offset + part.size;
  let at = part?.offset ?? 0, next: { name?: string; size?: number } = {};
  const read = (offset: number, size: number) => {
    if (offset + size > end) throw new Error("it ends in the middle of a file");
    const bytes = new Uint8Array(size);
    archive.seekSync(offset, Deno.SeekMode.Start);
    for (let filled = 0; filled < size;) {
      const count = archive.readSync(bytes.subarray(filled));
      if (count === null) throw new Error("it ends in the middle of a file");
      filled += count;
    }
    return bytes;
  };
  while (at + BLOCK <= end) {
    const block = read(at, BLOCK);
    if (!block.some(Boolean)) return;
    const header = parseHeader(block), { action } = header, offset = at + BLOCK;
    const { name = header.name, size = header.size } = action === "file" || action === "skip" ? next : {};
    if (!(offset + size <= end)) throw new Error(`"${name}" ends after the archive`);
    if (action === "long name" || action === "attributes") {
      if (size > MAX_ATTRIBUTES) throw new Error(`the attributes of a file have ${size} bytes`);
      const content = read(offset, size);
      next = action === "long name" ? { ...next, name: text(content, 0, size) } : { ...next, ...attributes(content) };
    } else {
      if (header.type !== "g" && header.type !== "K") next = {};
      if (action === "file" && !name.endsWith("/")) yield { path: safePath(name), offset, size } satisfies Place;
    }
    at = offset + size + (-size & (BLOCK - 1));
  }
  throw new Error("it ends without its last blocks");
}

function parseHeader(header: Uint8Array): { name: string; size: number; type: string; action: Action } {
  const sum = header.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte), 0);
  if (sum !== octal(header, 148, 8)) throw new Error("the checksum of a tar header is wrong");
  const isUstar = text(header, 257, 6) === "ustar"; // GNU writes "ustar  " and has no prefix
  const prefix = isUstar ? text(header, 345, 155) : "";
  const name = (prefix ? prefix + "/" : "") + text(header, 0, 100);
  const type = String.fromCharCode(header[156]);
  const action = TYPES[type];
  if (action === undefined) throw new Error(`"${name}" is neither a file nor a folder (tar type "${type}")`);
  return { name, size: sizeOf(header), type, action };
}

/** Octal digits, or where the first bit is set a big-endian number. */
function sizeOf(header: Uint8Array): number {
  if (!(header[124] & 0x80)) return octal(header, 124, 12);
  return header.subarray(125, 136).reduce((value, byte) => value * 256 + byte, 0);
}

/** `path` and `size` of a pax header: lines of "LENGTH KEY=VALUE". */
function attributes(content: Uint8Array): { name?: string; size?: number } {
  const found: { name?: string; size?: number } = {};
  for (const [, key, value] of text(content, 0, content.length).matchAll(/^\d+ (path|size)=(.*)$/gm)) {
    if (key === "path") found.name = value;
    else found.size = Number(value);
  }
  return found;
}

function safePath(name: string): string[] {
  const segments = name.split(/[/\\]/);
  if (/^[/\\]|^[A-Za-z]:/.test(name) || segments.includes("..")) {
    throw new Error(`"${name}" would be written outside its folder`);
  }
  return segments.filter((segment) => segment !== "" && segment !== ".");
}

function text(header: Uint8Array, at: number, length: number): string {
  const bytes = header.subarray(at, at + length);
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

function octal(header: Uint8Array, at: number, length: number): number {
  const digits = text(header, at, length).trim();
  if (!/^[0-7]+$/.test(digits)) throw new Error(`a tar header has "${digits}" for a number`);
  return parseInt(digits, 8);
}

/** Takes counted bytes from a stream of chunks. */
class ByteReader {
  readonly #chunks: AsyncGenerator<Uint8Array<ArrayBuffer>>;
  #chunk = new Uint8Array();

  constructor(chunks: AsyncGenerator<Uint8Array<ArrayBuffer>>) {
    this.#chunks = chunks;
  }

  async read(count: number): Promise<Uint8Array<ArrayBuffer>> {
    const result = new Uint8Array(count);
    for (let filled = 0; filled < count;) {
      if (this.#chunk.length === 0 && !await this.#next()) throw new Error("it ends in the middle of a file");
      const piece = this.#chunk.subarray(0, count - filled);
      result.set(piece, filled);
      this.#chunk = this.#chunk.subarray(piece.length);
      filled += piece.length;
    }
    return result;
  }

  async readToEnd(): Promise<void> {
    while (await this.#next());
  }

  /** Closes the stream, and the file under it. */
  async cancel(): Promise<void> {
    await this.#chunks.return(undefined);
  }

  async #next(): Promise<boolean> {
    const { value, done } = await this.#chunks.next();
    if (!done) this.#chunk = value;
    return !done;
  }
}

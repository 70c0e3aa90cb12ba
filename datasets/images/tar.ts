/**
 * Reads .tar.gz archives: the regular files of a POSIX ustar archive, one after the other, never trusting a path.
 * Format: https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html, "ustar Interchange Format".
 */
import { DatasetError } from "../dataset.ts";
import { reading, reasonOf } from "../files.ts";

/** A regular file of an archive. */
export interface Entry {
  /** Path segments; none is empty, "." or "..". */
  readonly path: readonly string[];
  readonly content: Uint8Array<ArrayBuffer>;
}

const BLOCK = 512;
/** The largest file of an official archive is CIFAR-100's train.bin, 153.7 MB. */
const LARGEST_FILE = 2 ** 30;

/** What to do with an entry of each type flag; a type that is not here (links, devices) is refused. */
const TYPES: Readonly<Record<string, "file" | "skip">> = {
  "0": "file",
  "\0": "file",
  "5": "skip", // folders come with the files in them
  g: "skip", // attributes of pax and GNU: the files wanted here have short names and need none
  x: "skip",
};

/**
 * The regular files of a .tar.gz file in order, each wholly in memory. Throws a DatasetError (`malformed`, naming the
 * archive) where it is cut short, damaged, holds links, or has a path that leads out of its folder.
 */
export async function* readTarGz(archive: string): AsyncGenerator<Entry> {
  const file = await reading(archive, () => Deno.open(archive));
  const bytes = new ByteReader(file.readable.pipeThrough(new DecompressionStream("gzip")));
  try {
    for (let header = await bytes.read(BLOCK); header.some(Boolean); header = await bytes.read(BLOCK)) {
      const { path, size, action } = parseHeader(header);
      const content = await bytes.read(size);
      await bytes.read(-size & (BLOCK - 1));
      if (action === "file") yield { path, content };
    }
    await bytes.readToEnd(); // where gzip compares its checksum
  } catch (error) {
    const message = `Cannot unpack ${archive} as it is damaged or incomplete: ${
      reasonOf(error)
    }. Delete it and fetch it again`;
    throw new DatasetError("malformed", message, { cause: error });
  } finally {
    await bytes.cancel();
  }
}

function parseHeader(header: Uint8Array): { path: string[]; size: number; action: "file" | "skip" } {
  const sum = header.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte), 0);
  if (sum !== octal(header, 148, 8)) throw new Error("the checksum of a tar header is wrong");
  const isUstar = text(header, 257, 5) === "ustar";
  const prefix = isUstar ? text(header, 345, 155) : "";
  const name = (prefix ? prefix + "/" : "") + text(header, 0, 100);
  const type = String.fromCharCode(header[156]);
  const action = TYPES[type];
  if (action === undefined) throw new Error(`"${name}" is neither a file nor a folder (tar type "${type}")`);
  const size = octal(header, 124, 12);
  if (size > LARGEST_FILE) throw new Error(`"${name}" says it has ${size} bytes, more than any data file`);
  return { path: safePath(name), size, action };
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
  readonly #reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;
  #chunk = new Uint8Array();

  constructor(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.#reader = stream.getReader();
  }

  async read(count: number): Promise<Uint8Array<ArrayBuffer>> {
    const result = new Uint8Array(count);
    for (let filled = 0; filled < count;) {
      if (this.#chunk.length === 0) {
        const { value, done } = await this.#reader.read();
        if (done) throw new Error("it ends in the middle of a file");
        this.#chunk = value;
      }
      const piece = this.#chunk.subarray(0, count - filled);
      result.set(piece, filled);
      this.#chunk = this.#chunk.subarray(piece.length);
      filled += piece.length;
    }
    return result;
  }

  async readToEnd(): Promise<void> {
    while (!(await this.#reader.read()).done);
  }

  /** Closes the stream, and the file under it. */
  async cancel(): Promise<void> {
    await this.#reader.cancel().catch(() => {});
  }
}

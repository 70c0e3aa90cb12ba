/**
 * Labelled images in Parquet files as Hugging Face keeps them: a column of images (a struct with the bytes of an
 * encoded image, or the bytes alone) and columns of labels. Read a thousand rows at a time, so that memory stays small.
 */
import type { AsyncBuffer } from "hyparquet";
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import { DatasetError } from "../dataset.ts";
import { kindOf, reading, reasonOf } from "../files.ts";
import { decodePicture } from "./picture.ts";
import type { RgbImage } from "./png.ts";

const ROWS_AT_ONCE = 1000;
const IMAGE_COLUMNS = ["img", "image"];

/** hyparquet itself decodes snappy, the usual one. */
const COMPRESSORS = {
  GZIP: (bytes: Uint8Array) => plain(gunzipSync(bytes)),
  ZSTD: (bytes: Uint8Array) => plain(zstdDecompressSync(bytes)),
  BROTLI: (bytes: Uint8Array) => plain(brotliDecompressSync(bytes)),
};

const plain = (bytes: Uint8Array) => new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** One row: its image, and its labels by column. */
export interface LabelledImage {
  readonly image: RgbImage;
  readonly labels: Readonly<Record<string, number>>;
}

/** The Parquet files of a split, in the order of their numbers, in a folder or a folder of a usual name below it. */
export async function findParquet(path: string, split: "train" | "test"): Promise<string[]> {
  if (await kindOf(path) !== "folder") return [];
  for (const folder of [path, ...["data", "plain_text", "cifar10", "cifar100"].map((name) => `${path}/${name}`)]) {
    if (await kindOf(folder) !== "folder") continue;
    const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
    const found = names.filter((name) => name.endsWith(".parquet") && new RegExp(`(^|[^a-z])${split}`).test(name));
    if (found.length > 0) return found.toSorted().map((name) => `${folder}/${name}`);
  }
  return [];
}

/** Number of rows of all files together. */
export async function countRows(files: readonly string[]): Promise<number> {
  let rows = 0;
  for (const path of files) rows += await withFile(path, async (file) => Number((await metadata(file)).num_rows));
  return rows;
}

/**
 * Every row of the files in order. `labels` are the columns wanted. Throws a DatasetError (`malformed`) that names file
 * and row; the signal's reason where it is aborted.
 */
export async function* readParquet(
  files: readonly string[],
  labels: readonly string[],
  signal?: AbortSignal,
): AsyncGenerator<LabelledImage> {
  for (const path of files) yield* readFile(path, labels, signal);
}

async function* readFile(
  path: string,
  labels: readonly string[],
  signal?: AbortSignal,
): AsyncGenerator<LabelledImage> {
  const disk = await reading(path, () => Deno.open(path));
  try {
    const { parquetReadObjects } = await library();
    const file = bufferOf(disk), about = await metadata(file);
    const names = about.schema.map(({ name }) => name);
    const column = IMAGE_COLUMNS.find((name) => names.includes(name));
    const missing = column === undefined ? IMAGE_COLUMNS.join(" or ") : labels.find((name) => !names.includes(name));
    if (missing !== undefined) throw new Error(`it has no column ${missing}, but ${names.slice(1).join(", ")}`);
    const rows = Number(about.num_rows), columns = [column!, ...labels];
    for (let rowStart = 0; rowStart < rows; rowStart += ROWS_AT_ONCE) {
      signal?.throwIfAborted();
      const rowEnd = Math.min(rows, rowStart + ROWS_AT_ONCE);
      const read = await parquetReadObjects({
        ...{ file, metadata: about, columns, rowStart, rowEnd, compressors: COMPRESSORS },
        utf8: false,
      });
      for (const [index, row] of read.entries()) yield await labelled(row, column!, labels, rowStart + index);
      await new Promise((resolve) => setTimeout(resolve)); // lets signals fire
    }
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof DatasetError) throw cause;
    const message = `Cannot load ${path} as ${reasonOf(cause)}: fetch the file again`;
    throw new DatasetError("malformed", message, { cause });
  } finally {
    disk.close();
  }
}

async function labelled(
  row: Record<string, unknown>,
  column: string,
  names: readonly string[],
  index: number,
): Promise<LabelledImage> {
  const cell = row[column], bytes = cell instanceof Uint8Array ? cell : (cell as { bytes?: unknown } | null)?.bytes;
  if (!(bytes instanceof Uint8Array)) throw new Error(`row ${index} has no image bytes`);
  const labels: Record<string, number> = {};
  for (const name of names) labels[name] = Number(row[name]);
  try {
    return { image: await decodePicture(bytes as Uint8Array<ArrayBuffer>), labels };
  } catch (cause) {
    throw new Error(`the image of row ${index} cannot be read: ${reasonOf(cause)}`, { cause });
  }
}

/** Loaded with the first file, since few need it. */
const library = () => import("hyparquet");

async function metadata(file: AsyncBuffer) {
  try {
    return await (await library()).parquetMetadataAsync(file);
  } catch (cause) {
    throw new Error(`it is not a complete Parquet file (${reasonOf(cause)})`, { cause });
  }
}

async function withFile<T>(path: string, action: (file: AsyncBuffer) => Promise<T>): Promise<T> {
  using disk = await reading(path, () => Deno.open(path));
  try {
    return await action(bufferOf(disk));
  } catch (cause) {
    throw new DatasetError("malformed", `Cannot load ${path} as ${reasonOf(cause)}: fetch the file again`, { cause });
  }
}

/** A file for hyparquet: reads ranges and keeps none. */
function bufferOf(disk: Deno.FsFile): AsyncBuffer {
  const byteLength = disk.statSync().size;
  return {
    byteLength,
    slice(start, end = byteLength) {
      const bytes = new Uint8Array(Math.max(0, end - start));
      disk.seekSync(start, Deno.SeekMode.Start);
      for (let at = 0; at < bytes.length;) {
        const count = disk.readSync(bytes.subarray(at));
        if (count === null) throw new Error("it is cut short");
        at += count;
      }
      return bytes.buffer;
    },
  };
}

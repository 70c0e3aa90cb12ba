/**
 * CIFAR-10 and CIFAR-100 from files of the official binary form: records of one label byte (two for CIFAR-100, coarse
 * then fine) and 3072 pixel bytes, the red, green and blue planes of a 32x32 image. The last 5,000 training images are
 * the validation split, as in He et al. 2015 (45k/5k). What is read is compared with the official checksums.
 */
import { createHash } from "node:crypto";
import { type Dataset, DatasetError, datasetOf, newSplit, type Split } from "../dataset.ts";
import { absenceOf, kindOf, reading } from "../files.ts";
import { bytesOf, type CifarFormat, dataFiles, IMAGE_BYTES, PLANE_BYTES, recordsOf } from "./cifar_format.ts";

const SIZE = 32, CHANNELS = 3;

/** A file of the official binary form, whatever it was converted from. */
export interface RecordFile {
  /** "data_batch_1.bin" */
  readonly name: string;
  /** Where its bytes come from, for messages. */
  readonly path: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export interface CifarOptions {
  /** Refuses, as `malformed`, what cannot be the data set at all: duplicate files, or one image repeated. */
  readonly strict?: boolean;
  readonly signal?: AbortSignal;
}

/** A folder with files of the data set, and the .bin files that it lacks. */
export interface FoundCifar {
  readonly folder: string;
  readonly missing: readonly string[];
}

/** Where the .bin files are: in the folder given, or in the archive's folder below it; null if neither has any. */
export async function findCifar(format: CifarFormat, directory: string): Promise<FoundCifar | null> {
  const names = dataFiles(format);
  for (const folder of [directory, `${directory}/${format.folder}`]) {
    const missing: string[] = [];
    for (const name of names) if (await kindOf(`${folder}/${name}`) !== "file") missing.push(name);
    if (missing.length < names.length) return { folder, missing };
  }
  return null;
}

/** Reads the files of a folder. Throws a DatasetError that names the file if one is missing, truncated or damaged. */
export function loadCifar(format: CifarFormat, folder: string, options: CifarOptions = {}): Promise<Dataset> {
  return loadRecords(format, folder, recordFilesOfFolder(format, folder), options);
}

export async function* recordFilesOfFolder(format: CifarFormat, folder: string): AsyncGenerator<RecordFile> {
  for (const name of [...dataFiles(format), format.classesFile]) {
    const path = `${folder}/${name}`;
    if (await kindOf(path) === "file") yield { name, path, bytes: await reading(path, () => Deno.readFile(path)) };
  }
}

/**
 * Fills the splits from the files, in any order. `from` is the folder or archive, for messages. Throws a
 * DatasetError (`malformed`) where one is missing, has the wrong size or an invalid label.
 */
export async function loadRecords(
  format: CifarFormat,
  from: string,
  files: AsyncIterable<RecordFile>,
  { strict = false, signal }: CifarOptions = {},
): Promise<Dataset> {
  const { trainFiles, testFile, trainRecords, testRecords, validation } = format;
  const all = newSplit(trainFiles.length * trainRecords, IMAGE_BYTES), kept = all.count - validation;
  if (kept < 1) {
    throw new RangeError(`Cannot take ${validation} validation images of ${format.name} as it has ${all.count} in all`);
  }
  const test = newSplit(testRecords, IMAGE_BYTES), missing = new Set(dataFiles(format));
  const review = new Review(format);
  let classes: readonly string[] = format.classNames;
  for await (const file of files) {
    signal?.throwIfAborted();
    const { name } = file, number = trainFiles.indexOf(name);
    if (missing.delete(name)) {
      readRecords(format, file, name === testFile ? test : all, Math.max(0, number) * trainRecords);
      review.look(file);
    } else if (name === format.classesFile) classes = readClassNames(format, file) ?? classes;
    await breathe();
  }
  for (const name of missing) {
    const { isSymlink } = await Deno.lstat(`${from}/${name}`).catch(() => ({ isSymlink: false }));
    const why = isSymlink ? await absenceOf(`${from}/${name}`) : "it is missing";
    const message = `Cannot load ${from}/${name} as ${why}: put the official file there, or move ${from} away`;
    throw new DatasetError("malformed", `${message} and fetch it again`);
  }
  const notice = review.finish(from, strict);
  return datasetOf({
    name: format.name,
    height: SIZE,
    width: SIZE,
    channels: CHANNELS,
    classes,
    all,
    kept,
    test,
    notice,
  });
}

/** Whether every file of records is the official one, by its checksum. */
export class Review {
  readonly #sha1 = new Map<string, string>();
  readonly #defects: string[] = [];

  constructor(readonly format: CifarFormat) {}

  look({ name, bytes }: RecordFile): void {
    const sum = createHash("sha1").update(bytes).digest("hex");
    const twin = [...this.#sha1].find(([, other]) => other === sum)?.[0];
    this.#sha1.set(name, sum);
    if (sum === this.format.sha1[name]) return;
    if (twin !== undefined) this.#defects.push(`${name} is a copy of ${twin}`);
    else if (hasOneImage(this.format, bytes)) this.#defects.push(`every image of ${name} is the same`);
  }

  /** The checked files whose checksum differs. */
  get unofficial(): string[] {
    return [...this.#sha1].filter(([name, sum]) => sum !== this.format.sha1[name]).map(([name]) => name);
  }

  /**
   * Null if all files are official, else a sentence that says which are not. Throws a DatasetError (`malformed`) where
   * it is `strict` and the files cannot be the data set at all.
   */
  finish(from: string, strict: boolean): string | null {
    const { title } = this.format, { unofficial } = this, defects = this.#defects.join(", ");
    if (unofficial.length === 0) return null;
    if (defects && strict) {
      const message = `Cannot take ${from} for ${title} as ${defects}: move it away and fetch it again`;
      throw new DatasetError("malformed", message);
    }
    const which = unofficial.length === this.#sha1.size ? "of every file" : `of ${unofficial.join(", ")}`;
    const found = defects ? `; ${defects}` : "";
    return `${from} is not the official ${title}: the checksum ${which} differs${found}. It is used as it is`;
  }
}

/** Only where there are several. */
function hasOneImage({ labelBytes }: CifarFormat, bytes: Uint8Array): boolean {
  const recordBytes = labelBytes + IMAGE_BYTES;
  if (bytes.length < 2 * recordBytes) return false;
  for (let at = labelBytes; at < bytes.length; at += recordBytes) {
    for (let i = 0; i < IMAGE_BYTES; i++) if (bytes[at + i] !== bytes[labelBytes + i]) return false;
  }
  return true;
}

/** Throws a DatasetError (`malformed`) for a file that is truncated or too long. */
export function checkSize(format: CifarFormat, { name, path, bytes }: RecordFile): void {
  const expected = bytesOf(format, name);
  if (bytes.length === expected) return;
  throw new DatasetError(
    "malformed",
    `Cannot load ${path} as it must have ${expected} bytes: it has ${bytes.length}. ` +
      "It is cut short or not the official file: delete it and fetch it again",
  );
}

function readRecords(format: CifarFormat, file: RecordFile, into: Split, first: number): void {
  checkSize(format, file);
  const { path, bytes, name } = file, { labelBytes, target, classes } = format;
  const recordBytes = labelBytes + IMAGE_BYTES, count = recordsOf(format, name);
  for (let n = 0; n < count; n++) {
    const label = bytes[n * recordBytes + target];
    if (label >= classes) {
      throw new DatasetError(
        "malformed",
        `Cannot load ${path} as labels must be below ${classes}: record ${n} has ${label}. Fetch the official file again`,
      );
    }
    into.labels[first + n] = label;
  }
  interleave(bytes, recordBytes, labelBytes, into.pixels.subarray(first * IMAGE_BYTES, (first + count) * IMAGE_BYTES));
}

/**
 * The red, green and blue planes of every record -> pixels, four of them (three 32-bit words, little-endian like every
 * machine that Deno runs on) at a time: 0.25 s for the 184 MB of CIFAR-10, byte by byte took 1.9 s.
 */
function interleave(records: Uint8Array, recordBytes: number, labelBytes: number, pixels: Uint8Array): void {
  const planes = new Uint8Array(IMAGE_BYTES), from = new Uint32Array(planes.buffer), quarter = PLANE_BYTES / 4;
  const to = new Uint32Array(pixels.buffer, pixels.byteOffset, pixels.length / 4);
  for (let record = labelBytes, at = 0; at < to.length; record += recordBytes) {
    planes.set(records.subarray(record, record + IMAGE_BYTES)); // records are not word-aligned
    for (let i = 0; i < quarter; i++, at += 3) {
      const red = from[i], green = from[i + quarter], blue = from[i + 2 * quarter];
      to[at] = (red & 0xff) | (green & 0xff) << 8 | (blue & 0xff) << 16 | (red >>> 8 & 0xff) << 24;
      to[at + 1] = (green >>> 8 & 0xff) | (blue >>> 8 & 0xff) << 8 | (red >>> 16 & 0xff) << 16 |
        (green >>> 16 & 0xff) << 24;
      to[at + 2] = (blue >>> 16 & 0xff) | (red >>> 24) << 8 | (green >>> 24) << 16 | (blue >>> 24) << 24;
    }
  }
}

/** One per line; null if the list has another length. */
function readClassNames({ classes }: CifarFormat, { bytes }: RecordFile): string[] | null {
  const names = new TextDecoder().decode(bytes).split("\n").map((line) => line.trim()).filter(Boolean);
  return names.length === classes ? names : null;
}

/** Lets signals and timers fire between two pieces of work. */
export function breathe(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

/**
 * The forms in which CIFAR-10 and CIFAR-100 are distributed, each converted into the files of the official binary form,
 * so that reading, checking and storing them is written once (`cifar.ts`, `unpack.ts`).
 */
import { DatasetError } from "../dataset.ts";
import { kindOf, reading } from "../files.ts";
import { breathe, findCifar, type RecordFile, recordFilesOfFolder } from "./cifar.ts";
import {
  bytesOf,
  CIFAR10,
  CIFAR100,
  type CifarFormat,
  COARSE_OF_FINE,
  dataFiles,
  IMAGE_BYTES,
  PLANE_BYTES,
  recordsOf,
} from "./cifar_format.ts";
import { PYTHON, recordsOfPickle } from "./cifar_python.ts";
import { classesOf, findSplits, type Picture, picturesOf, readPicture } from "./folder.ts";
import { countRows, findParquet, readParquet } from "./parquet.ts";
import type { RgbImage } from "./png.ts";
import { readTarGz } from "./tar.ts";

/** The data set in one of its forms, found but not read yet. */
export interface Form {
  readonly kind: "binary folder" | "archive" | "Python folder" | "Parquet" | "images";
  /** The folder or file that contains it. */
  readonly from: string;
  /** Reads it; throws a DatasetError that names the file at fault, or the signal's reason. */
  files(signal?: AbortSignal): AsyncGenerator<RecordFile>;
}

type Kind = "file" | "folder";
/** Looks for one form in a folder or a given file; null if there is none. */
type Find = (format: CifarFormat, path: string, kind: Kind) => Promise<Form | null>;

/** In order of preference: the fastest to read first. */
const FINDERS: readonly Find[] = [binaryFolder, pythonFolder, archive, parquet, images];

/** Every form found in a folder or the given file; the preferred one first. */
export async function findForms(format: CifarFormat, path: string): Promise<Form[]> {
  const kind = await kindOf(path);
  if (kind === null) return [];
  const found = await Promise.all(FINDERS.map((find) => find(format, path, kind)));
  return found.filter((form) => form !== null);
}

/** Only if complete: the missing files may be in another form beside it. */
async function binaryFolder(format: CifarFormat, path: string, kind: Kind): Promise<Form | null> {
  const found = kind === "folder" ? await findCifar(format, path) : null;
  if (found === null || found.missing.length > 0) return null;
  return { kind: "binary folder", from: found.folder, files: () => recordFilesOfFolder(format, found.folder) };
}

async function pythonFolder(format: CifarFormat, path: string, kind: Kind): Promise<Form | null> {
  const { folder, fileOf } = PYTHON[format.name];
  for (const from of kind === "folder" ? [path, `${path}/${folder}`] : []) {
    const there = await Promise.all(dataFiles(format).map((name) => kindOf(`${from}/${fileOf(name)}`)));
    if (there.some((kind) => kind !== "file")) continue;
    return { kind: "Python folder", from, files: () => recordFilesOfPythonFolder(format, from) };
  }
  return null;
}

async function* recordFilesOfPythonFolder(format: CifarFormat, folder: string): AsyncGenerator<RecordFile> {
  for (const name of dataFiles(format)) {
    const path = `${folder}/${PYTHON[format.name].fileOf(name)}`;
    yield recordsOfPickle(format, name, path, await reading(path, () => Deno.readFile(path)));
  }
}

/** The binary version or the Python version; a file given by the user may have any name. */
async function archive(format: CifarFormat, path: string, kind: Kind): Promise<Form | null> {
  const names = [format.archive, PYTHON[format.name].archive];
  for (const from of kind === "file" ? [path] : names.map((name) => `${path}/${name}`)) {
    if (await kindOf(from) !== "file" || from.endsWith(".parquet")) continue;
    return { kind: "archive", from, files: (signal) => recordFilesOfArchive(format, from, signal) };
  }
  return null;
}

/** Files are identified by name, in any folder of the archive; of two with one name the first counts. */
async function* recordFilesOfArchive(
  format: CifarFormat,
  archive: string,
  signal?: AbortSignal,
): AsyncGenerator<RecordFile> {
  const python = new Map(dataFiles(format).map((name) => [PYTHON[format.name].fileOf(name), name]));
  const seen = new Set<string>();
  for await (const { path, content } of readTarGz(archive, signal)) {
    const file = path.at(-1) ?? "", name = python.get(file) ?? file, from = `${archive}/${path.join("/")}`;
    if (!format.allFiles.includes(name) || seen.has(name)) continue;
    seen.add(name);
    yield python.has(file) ? recordsOfPickle(format, name, from, content) : { name, path: from, bytes: content };
  }
}

/** Label columns of Hugging Face's files, in the order of the bytes of a record. */
const COLUMNS: Readonly<Record<CifarFormat["name"], readonly string[]>> = {
  cifar10: ["label"],
  cifar100: ["coarse_label", "fine_label"],
};

/** Where `download` stores them, below the download folder. */
export const parquetFolder = ({ name }: CifarFormat) => `${name}-parquet`;

async function parquet(format: CifarFormat, path: string, kind: Kind): Promise<Form | null> {
  if (kind === "file") return null;
  for (const from of [path, `${path}/${parquetFolder(format)}`]) {
    const [train, test] = await Promise.all([findParquet(from, "train"), findParquet(from, "test")]);
    if (train.length === 0 || test.length === 0) continue;
    return { kind: "Parquet", from, files: (signal) => recordFilesOfParquet(format, train, test, signal) };
  }
  return null;
}

async function* recordFilesOfParquet(
  format: CifarFormat,
  train: readonly string[],
  test: readonly string[],
  signal?: AbortSignal,
): AsyncGenerator<RecordFile> {
  for (const files of [train, test]) {
    const names = files === train ? format.trainFiles : [format.testFile];
    const expected = names.reduce((sum, name) => sum + recordsOf(format, name), 0), count = await countRows(files);
    if (count !== expected) throw wrongCount(files.join(" and "), expected, count);
    const rows = readParquet(files, COLUMNS[format.name], signal);
    for (const name of names) {
      const writer = new RecordWriter(format, name, files[0]);
      for (let n = 0; n < recordsOf(format, name); n++) {
        const { image, labels } = (await rows.next()).value!;
        writer.add(image, COLUMNS[format.name].map((column) => labels[column]), `${files[0]}, row ${n}`);
      }
      yield writer.file;
    }
  }
}

async function images(format: CifarFormat, path: string, kind: Kind): Promise<Form | null> {
  for (const from of kind === "folder" ? [path, `${path}/${format.name}`] : []) {
    const splits = await findSplits(from);
    if (splits === null || splits.test === null) continue;
    const { train, test } = splits;
    return { kind: "images", from, files: (signal) => recordFilesOfImages(format, train, test, signal) };
  }
  return null;
}

async function* recordFilesOfImages(
  format: CifarFormat,
  train: string,
  test: string,
  signal?: AbortSignal,
): AsyncGenerator<RecordFile> {
  // Labels of the whole data set, the format's targets may be the coarse ones.
  const fine = (format.name === "cifar10" ? CIFAR10 : CIFAR100).classNames;
  for (const folder of [train, test]) {
    const pictures = picturesOf(folder, knownClasses(folder, fine));
    const names = folder === train ? format.trainFiles : [format.testFile];
    const expected = names.reduce((sum, name) => sum + recordsOf(format, name), 0);
    if (pictures.length !== expected) throw wrongCount(folder, expected, pictures.length);
    for (const [index, name] of names.entries()) {
      const writer = new RecordWriter(format, name, folder), count = recordsOf(format, name);
      for (const picture of pictures.slice(index * count, (index + 1) * count)) {
        if (writer.count % 256 === 0) await breathe();
        signal?.throwIfAborted();
        writer.add(await readPicture(picture.path), labelsOf(format, picture, fine), picture.path);
      }
      yield writer.file;
    }
  }
}

/** Throws a DatasetError for a folder that is not a class of the data set. */
function knownClasses(folder: string, known: readonly string[]): readonly string[] {
  const stranger = classesOf(folder).find((name) => !known.includes(name));
  if (stranger === undefined) return known;
  throw new DatasetError(
    "malformed",
    `Cannot load ${folder}/${stranger} as that is not a class: the classes are ${known.slice(0, 10).join(", ")}` +
      `${known.length > 10 ? ", …" : ""}. For other classes use --dataset images`,
  );
}

function labelsOf({ labelBytes }: CifarFormat, { className }: Picture, fine: readonly string[]): number[] {
  const label = fine.indexOf(className);
  return labelBytes === 1 ? [label] : [COARSE_OF_FINE[label], label];
}

const wrongCount = (where: string, expected: number, count: number) =>
  new DatasetError("malformed", `Cannot load ${where} as there must be ${expected} images: there are ${count}`);

/** Converts decoded images into a file of records. */
class RecordWriter {
  readonly file: RecordFile;
  count = 0;

  constructor(readonly format: CifarFormat, name: string, path: string) {
    this.file = { name, path, bytes: new Uint8Array(bytesOf(format, name)) };
  }

  /** `from` is where the image is, for messages. Throws a DatasetError if it is not 32x32. */
  add({ width, height, pixels }: RgbImage, labels: readonly number[], from: string): void {
    if (width !== 32 || height !== 32) {
      const what = `Cannot load ${from} as images of ${this.format.title} are 32x32: it is ${width}x${height}`;
      throw new DatasetError("malformed", what);
    }
    const { bytes } = this.file, { labelBytes } = this.format;
    const start = this.count++ * (labelBytes + IMAGE_BYTES);
    for (let i = 0; i < labelBytes; i++) {
      // A label that is not a byte is invalid, and is refused with the others when they are read.
      bytes[start + i] = Number.isInteger(labels[i]) && labels[i] >= 0 && labels[i] < 256 ? labels[i] : 255;
    }
    const planes = start + labelBytes;
    for (let i = 0, from = 0; i < PLANE_BYTES; i++, from += 3) {
      bytes[planes + i] = pixels[from];
      bytes[planes + PLANE_BYTES + i] = pixels[from + 1];
      bytes[planes + 2 * PLANE_BYTES + i] = pixels[from + 2];
    }
  }
}

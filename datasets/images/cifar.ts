/**
 * CIFAR-10 and CIFAR-100 in their official binary form (Krizhevsky 2009): records of one label byte (two for CIFAR-100,
 * coarse then fine) and 3072 pixel bytes, the red, green and blue planes of a 32x32 image. The last 5,000 training
 * images are the validation split, as in He et al. 2015 (45k/5k).
 */
import { channelStatistics, type Dataset, DatasetError, newSplit, sliceSplit, type Split } from "../dataset.ts";
import { kindOf, reading } from "../files.ts";
import { readTarGz } from "./tar.ts";

const SIZE = 32, CHANNELS = 3, PLANE = SIZE * SIZE, IMAGE_BYTES = PLANE * CHANNELS;

/** One of the two archives. */
export interface CifarFormat {
  readonly name: string;
  /** Folder inside the archive. */
  readonly folder: string;
  readonly archive: string;
  readonly trainFiles: readonly string[];
  readonly testFile: string;
  /** Label bytes of a record, and which of them is the target. */
  readonly labelBytes: number;
  readonly target: number;
  readonly classesFile: string;
  readonly classes: number;
  /** Records of each training file and of the test file. */
  readonly trainRecords: number;
  readonly testRecords: number;
  readonly validation: number;
}

export const CIFAR10: CifarFormat = {
  name: "cifar10",
  folder: "cifar-10-batches-bin",
  archive: "cifar-10-binary.tar.gz",
  trainFiles: [1, 2, 3, 4, 5].map((k) => `data_batch_${k}.bin`),
  testFile: "test_batch.bin",
  labelBytes: 1,
  target: 0,
  classesFile: "batches.meta.txt",
  classes: 10,
  trainRecords: 10_000,
  testRecords: 10_000,
  validation: 5_000,
};

export const CIFAR100: CifarFormat = {
  name: "cifar100",
  folder: "cifar-100-binary",
  archive: "cifar-100-binary.tar.gz",
  trainFiles: ["train.bin"],
  testFile: "test.bin",
  labelBytes: 2,
  target: 1,
  classesFile: "fine_label_names.txt",
  classes: 100,
  trainRecords: 50_000,
  testRecords: 10_000,
  validation: 5_000,
};

/** CIFAR-100 with its 20 superclasses as targets. */
export const CIFAR100_COARSE: CifarFormat = {
  ...CIFAR100,
  target: 0,
  classesFile: "coarse_label_names.txt",
  classes: 20,
};

/** A folder that has files of the data set, and those of the .bin files that it lacks. */
export interface FoundCifar {
  readonly folder: string;
  readonly missing: readonly string[];
}

/** Where the .bin files are: in the folder given, or in the archive's folder below it; null where neither has any. */
export async function findCifar(format: CifarFormat, directory: string): Promise<FoundCifar | null> {
  const names = dataFiles(format);
  for (const folder of [directory, `${directory}/${format.folder}`]) {
    const missing: string[] = [];
    for (const name of names) if (await kindOf(`${folder}/${name}`) !== "file") missing.push(name);
    if (missing.length < names.length) return { folder, missing };
  }
  return null;
}

/** Reads the files of a folder. Throws a DatasetError that names the file where one is missing, cut short or damaged. */
export function loadCifar(format: CifarFormat, folder: string): Promise<Dataset> {
  return load(format, folder, filesOfFolder(format, folder));
}

/** Reads the files out of the official archive, without unpacking it to disk; throws as `loadCifar` does. */
export function loadCifarArchive(format: CifarFormat, archive: string): Promise<Dataset> {
  return load(format, archive, filesOfArchive(format, archive));
}

interface SourceFile {
  readonly name: string;
  /** For messages. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

const dataFiles = ({ trainFiles, testFile }: CifarFormat) => [...trainFiles, testFile];

async function* filesOfFolder(format: CifarFormat, folder: string): AsyncGenerator<SourceFile> {
  for (const name of [...dataFiles(format), format.classesFile]) {
    const path = `${folder}/${name}`;
    if (await kindOf(path) === "file") yield { name, path, bytes: await reading(path, () => Deno.readFile(path)) };
  }
}

async function* filesOfArchive(format: CifarFormat, archive: string): AsyncGenerator<SourceFile> {
  for await (const { path: [folder, name, ...below], content } of readTarGz(archive)) {
    if (folder !== format.folder || below.length > 0) continue;
    yield { name, path: `${archive}/${folder}/${name}`, bytes: content };
  }
}

/** Fills the splits from the files, in whatever order they come. `from` is the folder or archive, for messages. */
async function load(format: CifarFormat, from: string, files: AsyncIterable<SourceFile>): Promise<Dataset> {
  const { trainFiles, testFile, trainRecords, testRecords, validation } = format;
  const all = newSplit(trainFiles.length * trainRecords, IMAGE_BYTES), kept = all.count - validation;
  if (kept < 1) {
    throw new RangeError(`Cannot take ${validation} validation images of ${format.name} as it has ${all.count} in all`);
  }
  const test = newSplit(testRecords, IMAGE_BYTES), missing = new Set(dataFiles(format));
  let classes = Array.from({ length: format.classes }, (_, i) => `class ${i}`);
  for await (const file of files) {
    const { name } = file, number = trainFiles.indexOf(name);
    missing.delete(name);
    if (number >= 0) readRecords(format, file, trainRecords, all, number * trainRecords);
    else if (name === testFile) readRecords(format, file, testRecords, test, 0);
    else if (name === format.classesFile) classes = readClassNames(format, file) ?? classes;
  }
  for (const name of missing) {
    const message = `Cannot load ${from}/${name} as it is missing: put the official file there, or delete ${from}`;
    throw new DatasetError("malformed", `${message} and fetch it again`);
  }
  const train = sliceSplit(all, 0, kept);
  return {
    name: format.name,
    synthetic: false,
    height: SIZE,
    width: SIZE,
    channels: CHANNELS,
    classes,
    ...channelStatistics(train, CHANNELS),
    train,
    validation: sliceSplit(all, kept, all.count),
    test,
  };
}

function readRecords(
  { labelBytes, target, classes }: CifarFormat,
  { path, bytes }: SourceFile,
  count: number,
  into: Split,
  first: number,
): void {
  const recordBytes = labelBytes + IMAGE_BYTES;
  if (bytes.length !== count * recordBytes) {
    throw new DatasetError(
      "malformed",
      `Cannot load ${path} as it must have ${count * recordBytes} bytes: it has ${bytes.length}. ` +
        "It is cut short or not the official file: delete it and fetch it again",
    );
  }
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
 * The red, green and blue planes of every record -> pixels, four of them (three 32-bit words, little-endian as every
 * machine that Deno runs on) at a time: 0.25 s for the 184 MB of CIFAR-10, where byte by byte took 1.9 s.
 */
function interleave(records: Uint8Array, recordBytes: number, labelBytes: number, pixels: Uint8Array): void {
  const planes = new Uint8Array(IMAGE_BYTES), from = new Uint32Array(planes.buffer), quarter = PLANE / 4;
  const to = new Uint32Array(pixels.buffer, pixels.byteOffset, pixels.length / 4);
  for (let record = labelBytes, at = 0; at < to.length; record += recordBytes) {
    planes.set(records.subarray(record, record + IMAGE_BYTES)); // records do not start at whole words
    for (let i = 0; i < quarter; i++, at += 3) {
      const red = from[i], green = from[i + quarter], blue = from[i + 2 * quarter];
      to[at] = (red & 0xff) | (green & 0xff) << 8 | (blue & 0xff) << 16 | (red >>> 8 & 0xff) << 24;
      to[at + 1] = (green >>> 8 & 0xff) | (blue >>> 8 & 0xff) << 8 | (red >>> 16 & 0xff) << 16 |
        (green >>> 16 & 0xff) << 24;
      to[at + 2] = (blue >>> 16 & 0xff) | (red >>> 24) << 8 | (green >>> 24) << 16 | (blue >>> 24) << 24;
    }
  }
}

/** One a line; null where the list is not of as many. */
function readClassNames({ classes }: CifarFormat, { bytes }: SourceFile): string[] | null {
  const names = new TextDecoder().decode(bytes).split("\n").map((line) => line.trim()).filter(Boolean);
  return names.length === classes ? names : null;
}

/**
 * CIFAR-10 and CIFAR-100 in their official binary form (Krizhevsky 2009): records of one label byte (two for CIFAR-100,
 * coarse then fine) and 3072 pixel bytes, the red, green and blue planes of a 32x32 image. The last 5,000 training
 * images are the validation split, as in He et al. 2015 (45k/5k).
 */
import { channelStatistics, type Dataset, DatasetError, newSplit, sliceSplit, type Split } from "./dataset.ts";
import { kindOf, reading } from "./files.ts";

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

/** The folder with the .bin files: the one given, or the archive's folder below it; null where neither has them. */
export async function findCifar(format: CifarFormat, directory: string): Promise<string | null> {
  for (const folder of [directory, `${directory}/${format.folder}`]) {
    if (await kindOf(`${folder}/${format.testFile}`) === "file") return folder;
  }
  return null;
}

/** Reads the files of a folder. Throws a DatasetError that names the file where one is missing, cut short or damaged. */
export async function loadCifar(format: CifarFormat, folder: string): Promise<Dataset> {
  const all = newSplit(format.trainFiles.length * format.trainRecords, IMAGE_BYTES);
  for (const [i, file] of format.trainFiles.entries()) {
    await readRecords(format, `${folder}/${file}`, format.trainRecords, all, i * format.trainRecords);
  }
  const test = newSplit(format.testRecords, IMAGE_BYTES);
  await readRecords(format, `${folder}/${format.testFile}`, format.testRecords, test, 0);
  const kept = all.count - format.validation;
  const train = sliceSplit(all, 0, kept);
  return {
    name: format.name,
    synthetic: false,
    height: SIZE,
    width: SIZE,
    channels: CHANNELS,
    classes: await classNames(format, folder),
    ...channelStatistics(train, CHANNELS),
    train,
    validation: sliceSplit(all, kept, all.count),
    test,
  };
}

async function readRecords(
  { labelBytes, target, classes }: CifarFormat,
  file: string,
  count: number,
  into: Split,
  first: number,
): Promise<void> {
  if (await kindOf(file) !== "file") {
    throw new DatasetError("malformed", `Cannot load ${file} as it is missing: delete its folder to fetch it again`);
  }
  const bytes = await reading(file, () => Deno.readFile(file));
  const recordBytes = labelBytes + IMAGE_BYTES;
  if (bytes.length !== count * recordBytes) {
    throw new DatasetError(
      "malformed",
      `Cannot load ${file} as it must have ${count * recordBytes} bytes: it has ${bytes.length}. ` +
        "It is cut short or not the official file: delete it and fetch it again",
    );
  }
  for (let n = 0; n < count; n++) {
    const record = n * recordBytes, label = bytes[record + target];
    if (label >= classes) {
      throw new DatasetError(
        "malformed",
        `Cannot load ${file} as labels must be below ${classes}: record ${n} has ${label}. Fetch the official file again`,
      );
    }
    into.labels[first + n] = label;
    const image = (first + n) * IMAGE_BYTES, planes = record + labelBytes;
    for (let pixel = 0; pixel < PLANE; pixel++) {
      for (let c = 0; c < CHANNELS; c++) {
        into.pixels[image + pixel * CHANNELS + c] = bytes[planes + c * PLANE + pixel];
      }
    }
  }
}

/** From the archive's own list; numbers where it has none. */
async function classNames({ classesFile, classes }: CifarFormat, folder: string): Promise<string[]> {
  const file = `${folder}/${classesFile}`;
  const text = await kindOf(file) === "file" ? await reading(file, () => Deno.readTextFile(file)) : "";
  const names = text.split("\n").map((line) => line.trim()).filter(Boolean);
  return names.length === classes ? names : Array.from({ length: classes }, (_, i) => `class ${i}`);
}

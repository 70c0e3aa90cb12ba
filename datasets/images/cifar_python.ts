/**
 * The Python version of CIFAR (`cifar-10-batches-py`, `cifar-100-python`): pickles of a dict with the images as rows of
 * three planes and the labels as lists, in the order of the binary version.
 */
import { DatasetError } from "../dataset.ts";
import { reasonOf } from "../files.ts";
import type { RecordFile } from "./cifar.ts";
import { type CifarFormat, IMAGE_BYTES } from "./cifar_format.ts";
import { NumpyArray, type PickleDict, unpickle } from "./pickle.ts";

interface PythonFormat {
  readonly folder: string;
  readonly archive: string;
  /** The file that corresponds to each file of the binary version. */
  readonly fileOf: (binary: string) => string;
  /** Keys of the labels, in the order of the bytes of a record. */
  readonly labels: readonly string[];
}

export const PYTHON: Readonly<Record<CifarFormat["name"], PythonFormat>> = {
  cifar10: {
    folder: "cifar-10-batches-py",
    archive: "cifar-10-python.tar.gz",
    fileOf: (binary) => binary.replace(/\.bin$/, ""),
    labels: ["labels"],
  },
  cifar100: {
    folder: "cifar-100-python",
    archive: "cifar-100-python.tar.gz",
    fileOf: (binary) => binary.replace(/\.bin$/, ""),
    labels: ["coarse_labels", "fine_labels"],
  },
};

/** Throws a DatasetError (`malformed`) that names the file and what is wrong with it. */
export function recordsOfPickle(
  format: CifarFormat,
  name: string,
  path: string,
  bytes: Uint8Array,
): RecordFile {
  try {
    return { name, path, bytes: recordsFrom(format, bytes) };
  } catch (cause) {
    const message = `Cannot load ${path} as ${reasonOf(cause)}: fetch the official file again`;
    throw new DatasetError("malformed", message, { cause });
  }
}

function recordsFrom(format: CifarFormat, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const value = unpickle(bytes);
  if (!(value instanceof Map)) throw new Error("it is a pickle of something other than a dict");
  const images = value.get("data");
  if (!(images instanceof NumpyArray) || images.shape.at(-1) !== IMAGE_BYTES || images.shape.length !== 2) {
    throw new Error(`its "data" is not an array of images of ${IMAGE_BYTES} bytes`);
  }
  const count = images.shape[0], labels = PYTHON[format.name].labels.map((key) => labelsOf(value, key, count));
  const recordBytes = labels.length + IMAGE_BYTES, records = new Uint8Array(count * recordBytes);
  for (let n = 0; n < count; n++) {
    labels.forEach((list, at) => records[n * recordBytes + at] = list[n]);
    const image = images.data.subarray(n * IMAGE_BYTES, (n + 1) * IMAGE_BYTES);
    records.set(image, n * recordBytes + labels.length);
  }
  return records;
}

function labelsOf(dict: PickleDict, key: string, count: number): ArrayLike<number> {
  const value = dict.get(key), list = value instanceof NumpyArray ? value.data : value;
  if (list instanceof Uint8Array && list.length === count) return list;
  if (!Array.isArray(list) || list.length !== count) throw new Error(`its "${key}" are not ${count} labels`);
  if (!list.every((label) => typeof label === "number" && Number.isInteger(label) && label >= 0 && label <= 255)) {
    throw new Error(`its "${key}" are not whole numbers from 0 to 255`);
  }
  return list as number[];
}

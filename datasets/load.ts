/** The table of data sets: where each is looked for, fetched from, and how it is read. */
import {
  CIFAR10,
  CIFAR100,
  CIFAR100_COARSE,
  type CifarFormat,
  findCifar,
  loadCifar,
  loadCifarArchive,
} from "./images/cifar.ts";
import { type Dataset, DatasetError, type DatasetOptions } from "./dataset.ts";
import { download, type RemoteFile, unpack } from "./download/transfer.ts";
import { kindOf } from "./files.ts";
import { IDX_FILES, loadFashionMnist, missingFashionMnist } from "./images/idx.ts";
import { makeShapes } from "./images/shapes.ts";

type Load = (options: DatasetOptions) => Promise<Dataset>;

/** The official archives: https://www.cs.toronto.edu/~kriz/cifar.html */
const ARCHIVES: Readonly<Record<string, RemoteFile>> = {
  cifar10: {
    url: "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    md5: "c32a1d4ab5d03f1284b67883e8d87530",
    size: 170_052_171,
  },
  cifar100: {
    url: "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
    md5: "03b5dce01913d631647c71ecec9e9cb8",
    size: 168_513_733,
  },
};

/** Hosts that data sets come from, for the permissions of the tasks. */
export const DATASET_HOSTS: readonly string[] = [
  ...new Set(Object.values(ARCHIVES).map(({ url }) => new URL(url).host)),
];

/** Where Debian's package dataset-fashion-mnist puts its files. */
const DEBIAN_FASHION_MNIST = "/usr/share/datasets/fashion-mnist";

const LOADERS: Readonly<Record<string, Load>> = {
  cifar10: (options) => cifar(CIFAR10, options),
  cifar100: (options) => cifar(options.labels === "coarse" ? CIFAR100_COARSE : CIFAR100, options),
  "fashion-mnist": fashionMnist,
  shapes: ({ seed }) => Promise.resolve(makeShapes({ seed })),
};

/** The names that `loadDataset` knows. */
export const DATASET_NAMES: readonly string[] = Object.keys(LOADERS);

/**
 * Loads a data set. Throws a DatasetError: `unavailable` where it is not here and cannot be fetched, `malformed` where
 * its files are not what they should be; a RangeError for a name it does not know, or labels that the data set has not.
 */
export function loadDataset(name: string, options: DatasetOptions): Promise<Dataset> {
  if (!Object.hasOwn(LOADERS, name)) {
    throw new RangeError(`Cannot load data set "${name}" as there are ${DATASET_NAMES.join(", ")}`);
  }
  if (options.labels === "coarse" && name !== "cifar100") {
    throw new RangeError(`Cannot load data set "${name}" with coarse labels as only cifar100 has them`);
  }
  return LOADERS[name](options);
}

function cifar(format: CifarFormat, options: DatasetOptions): Promise<Dataset> {
  const { directory } = options;
  return directory !== undefined ? namedCifar(format, directory) : cachedCifar(format, options);
}

/** From the files of the folder that was named, or out of the archive there. Nothing is written. */
async function namedCifar(format: CifarFormat, directory: string): Promise<Dataset> {
  const found = await findCifar(format, directory);
  const archive = `${directory}/${format.archive}`, hasArchive = await kindOf(archive) === "file";
  if (found !== null && (found.missing.length === 0 || !hasArchive)) return await loadCifar(format, found.folder);
  if (hasArchive) return await loadCifarArchive(format, archive);
  throw new DatasetError(
    "unavailable",
    `Cannot load ${format.name} from ${directory} as ${lacks(await kindOf(directory), format)}: ${byHand(format)}`,
  );
}

function lacks(kind: "file" | "folder" | null, { folder, archive }: CifarFormat): string {
  if (kind === null) return "it does not exist";
  return kind === "file" ? "it is a file, not a folder" : `it has neither ${folder} nor ${archive}`;
}

const byHand = ({ name }: CifarFormat) => `put ${ARCHIVES[name].url} into a folder and name it with --data`;

/** From the cache, where what it lacks is unpacked from the archive, which is downloaded if need be. */
async function cachedCifar(format: CifarFormat, options: DatasetOptions): Promise<Dataset> {
  const cache = options.cache ?? "data", folder = `${cache}/${format.folder}`, archive = `${cache}/${format.archive}`;
  const found = await findCifar(format, cache);
  if (found?.missing.length === 0) return await loadCifar(format, found.folder);
  if (await kindOf(archive) !== "file") {
    if (!options.download && found !== null) return await loadCifar(format, found.folder); // says what is missing
    if (!options.download) {
      throw new DatasetError(
        "unavailable",
        `Cannot load ${format.name} as it is not in ${cache}: ${byHand(format)}`,
      );
    }
    await download(ARCHIVES[format.name], archive, { onProgress: options.onProgress, signal: options.signal });
  }
  await unpack(archive, format.folder, folder);
  return await loadCifar(format, folder);
}

/** From the folder named, the cache, or Debian's package; it is not downloaded. */
async function fashionMnist({ directory, cache = "data" }: DatasetOptions): Promise<Dataset> {
  const folders = directory !== undefined ? [directory] : [`${cache}/fashion-mnist`, cache, DEBIAN_FASHION_MNIST];
  const missing = await Promise.all(folders.map(missingFashionMnist));
  const whole = missing.findIndex((files) => files.length === 0);
  const begun = missing.findIndex((files) => files.length < IDX_FILES.length);
  if (begun >= 0) return await loadFashionMnist(folders[whole >= 0 ? whole : begun]); // says what is missing
  throw new DatasetError(
    "unavailable",
    `Cannot load fashion-mnist as its four IDX files are not in ${folders.join(" or ")}: ` +
      "install Debian's dataset-fashion-mnist, or put the files into a folder and name it with --data",
  );
}

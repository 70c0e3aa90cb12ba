/** The table of data sets: where each is looked for, fetched from, and how it is read. */
import { CIFAR10, CIFAR100, type CifarFormat, findCifar, loadCifar } from "./cifar.ts";
import { type Dataset, DatasetError, type DatasetOptions } from "./dataset.ts";
import { download, type RemoteFile, unpack } from "./download.ts";
import { kindOf, writing } from "./files.ts";
import { hasFashionMnist, loadFashionMnist } from "./idx.ts";
import { makeShapes } from "./shapes.ts";

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
  cifar100: (options) => cifar(CIFAR100, options),
  "fashion-mnist": fashionMnist,
  shapes: ({ seed }) => Promise.resolve(makeShapes({ seed })),
};

/** The names that `loadDataset` knows. */
export const DATASET_NAMES: readonly string[] = Object.keys(LOADERS);

/**
 * Loads a data set. Throws a DatasetError: `unavailable` where it is not here and cannot be fetched, `malformed` where
 * its files are not what they should be; a RangeError for a name it does not know.
 */
export function loadDataset(name: string, options: DatasetOptions): Promise<Dataset> {
  if (!Object.hasOwn(LOADERS, name)) {
    throw new RangeError(`Cannot load data set "${name}" as there are ${DATASET_NAMES.join(", ")}`);
  }
  return LOADERS[name](options);
}

async function cifar(format: CifarFormat, options: DatasetOptions): Promise<Dataset> {
  const directory = options.directory ?? options.cache ?? "data";
  const found = await findCifar(format, directory);
  if (found !== null) return await loadCifar(format, found);
  const archive = `${directory}/${format.archive}`, { url } = ARCHIVES[format.name];
  const cache = options.cache ?? "data", folder = `${cache}/${format.folder}`;
  if (await kindOf(archive) !== "file") {
    const byHand = `put ${url} into a folder and name it with --data`;
    if (options.directory !== undefined) {
      const looked = await kindOf(directory) === null
        ? "it does not exist"
        : `it has neither ${format.folder} nor ${format.archive}`;
      throw new DatasetError("unavailable", `Cannot load ${format.name} from ${directory} as ${looked}: ${byHand}`);
    }
    if (!options.download) {
      throw new DatasetError("unavailable", `Cannot load ${format.name} as it is not in ${cache}: ${byHand}`);
    }
    await writing(cache, () => Deno.mkdir(cache, { recursive: true }));
    await download(ARCHIVES[format.name], archive, { onProgress: options.onProgress, signal: options.signal });
  }
  await writing(cache, () => Deno.mkdir(cache, { recursive: true }));
  if (await kindOf(folder) === null) await unpack(archive, format.folder, folder);
  return await loadCifar(format, folder);
}

/** From the folder named, the cache, or Debian's package; it is not downloaded. */
async function fashionMnist({ directory, cache = "data" }: DatasetOptions): Promise<Dataset> {
  const folders = directory !== undefined ? [directory] : [`${cache}/fashion-mnist`, cache, DEBIAN_FASHION_MNIST];
  for (const folder of folders) if (await hasFashionMnist(folder)) return await loadFashionMnist(folder);
  throw new DatasetError(
    "unavailable",
    `Cannot load fashion-mnist as its four IDX files are not in ${folders.join(" or ")}: ` +
      "install Debian's dataset-fashion-mnist, or put the files into a folder and name it with --data",
  );
}

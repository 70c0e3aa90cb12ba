/** The table of data sets: for each, its description, where it is looked for and downloaded from, and its reader. */
import { type Dataset, DatasetError, type DatasetOptions } from "./dataset.ts";
import { dirname } from "node:path";
import { fetchFiles } from "./download/download.ts";
import { mirror } from "./download/mirror.ts";
import type { Source } from "./download/sources.ts";
import { SourceFailure } from "./download/transfer.ts";
import { absenceOf, kindOf } from "./files.ts";
import { findCifar, loadCifar, loadRecords, type RecordFile, Review } from "./images/cifar.ts";
import { CIFAR10, CIFAR100, CIFAR100_COARSE, type CifarFormat, dataFiles } from "./images/cifar_format.ts";
import { findForms, type Form } from "./images/cifar_forms.ts";
import { PYTHON } from "./images/cifar_python.ts";
import { loadImages } from "./images/folder.ts";
import { loadImageNet } from "./imagenet/imagenet.ts";
import { findIdx, IDX_FILES, IDX_FORMATS, type IdxFormat, loadIdx, missingIdx } from "./images/idx.ts";
import { makeShapes } from "./images/shapes.ts";
import { requireWhole, stateOf, sweep, unpack } from "./images/unpack.ts";

type Load = (options: DatasetOptions) => Promise<Dataset>;

interface Row {
  /** For the help page: its images of the training, validation and test splits, or where they come from. */
  readonly about: string;
  /** Where it is downloaded from, tried from the top; none if it cannot be. */
  readonly sources?: readonly Source[];
  readonly load: Load;
}

export const DATASETS: Readonly<Record<string, Row>> = {
  cifar10: {
    about: "45,000 training, 5,000 validation and 10,000 test photographs of 10 classes, 32x32",
    sources: CIFAR10.sources,
    load: (options) => cifar(CIFAR10, options),
  },
  cifar100: {
    about: "the same numbers of photographs of 100 classes, 32x32",
    sources: CIFAR100.sources,
    load: (options) => cifar(options.labels === "coarse" ? CIFAR100_COARSE : CIFAR100, options),
  },
  ...Object.fromEntries(IDX_FORMATS.map((format): [string, Row] => [
    format.name,
    { about: format.about, sources: format.sources, load: (options) => idx(format, options) },
  ])),
  shapes: {
    about: "drawn colour images of 10 classes, 32x32, made from a seed: says nothing about photographs",
    load: ({ seed }) => Promise.resolve(makeShapes({ seed })),
  },
  images: { about: "your PNG or JPEG files in folders by class (--data), scaled to 32x32", load: loadImages },
  imagenet: {
    about: "ImageNet or its small relatives in folders by class (--data), decoded while training",
    load: loadImageNet,
  },
};

/** The names that `loadDataset` knows. */
export const DATASET_NAMES: readonly string[] = Object.keys(DATASETS);

/**
 * Loads a data set. Throws a DatasetError: `unavailable` if it is not here and cannot be fetched, `malformed` if
 * its files are wrong; a RangeError for a name it does not know, or labels that the data set does not
 * have.
 */
export function loadDataset(name: string, options: DatasetOptions): Promise<Dataset> {
  if (!Object.hasOwn(DATASETS, name)) {
    throw new RangeError(`Cannot load data set "${name}" as it is none of ${DATASET_NAMES.join(", ")}`);
  }
  if (options.labels === "coarse" && name !== "cifar100") {
    throw new RangeError(`Cannot load data set "${name}" with coarse labels as only cifar100 has them`);
  }
  return DATASETS[name].load(options);
}

function cifar(format: CifarFormat, options: DatasetOptions): Promise<Dataset> {
  const { directory } = options;
  return directory !== undefined ? namedCifar(format, directory, options) : cachedCifar(format, options);
}

const read = (format: CifarFormat, form: Form, options: DatasetOptions) =>
  loadRecords(format, form.from, form.files(options.signal), options);

/** From what the user named, in any form. Nothing is written. */
async function namedCifar(format: CifarFormat, path: string, options: DatasetOptions): Promise<Dataset> {
  const forms = await findForms(format, path);
  const form = await firstWhole(format, forms);
  if (form !== null) return await read(format, form, options);
  if (await kindOf(path) === "folder" && await findCifar(format, path) !== null) {
    return await loadCifar(format, (await findCifar(format, path))!.folder, options); // says what is missing
  }
  throw new DatasetError(
    "unavailable",
    `Cannot load ${format.name} from ${path} as ${await lacks(path, format)}: ${byHand(format)}`,
  );
}

/** A folder of the right files with a truncated one gives way to another form beside it. */
async function firstWhole(format: CifarFormat, forms: readonly Form[]): Promise<Form | null> {
  const [first = null, second] = forms;
  if (first?.kind !== "binary folder" || second === undefined) return first;
  const states = await Promise.all(dataFiles(format).map((name) => stateOf(format, `${first.from}/${name}`, name)));
  return states.every((state) => state === "whole") ? first : second;
}

async function lacks(path: string, { folder, archive, title }: CifarFormat): Promise<string> {
  const kind = await kindOf(path);
  if (kind === null) return await absenceOf(path);
  return kind === "file" ? `it is a file, but not an archive of ${title}` : `it has neither ${folder} nor ${archive}`;
}

const byHand = ({ sources }: CifarFormat) =>
  `put ${sources.at(-1)!.files[0].url} into a folder and name it with --data`;

/** From the cache; missing files are unpacked from an archive, which is downloaded if necessary. */
async function cachedCifar(format: CifarFormat, options: DatasetOptions): Promise<Dataset> {
  const cache = options.cache ?? "data", folder = `${cache}/${format.folder}`;
  await sweep(cache);
  const whole = await wholeFolder(format, cache);
  if (whole !== null) return await loadCifar(format, whole, options);
  const form = (await findForms(format, cache)).find((form) => belongsToCache(form, cache));
  if (form !== undefined && !mayWrite(cache)) return await read(format, form, options);
  if (form !== undefined) {
    await unpack(format, form.files(options.signal), folder, options);
    await requireWhole(format, folder, form.from);
  } else if (options.download) await fetchCifar(format, cache, folder, options);
  else {
    const found = await findCifar(format, cache);
    if (found !== null) return await loadCifar(format, found.folder, options); // says what is missing
    const what = `Cannot load ${format.name} as it is not in ${cache}: ${byHand(format)}`;
    throw new DatasetError("unavailable", what);
  }
  return await loadCifar(format, folder, options);
}

/** Parquet files and images directly in the cache may belong to any data set: only those in this one's folder count. */
const belongsToCache = ({ kind, from }: Form, cache: string) =>
  kind !== "binary folder" && !(from === cache && (kind === "Parquet" || kind === "images"));

const mayWrite = (path: string) => Deno.permissions.querySync({ name: "write", path }).state === "granted";

/** The folder of the cache that has every file in the right size; null if there is none. */
async function wholeFolder(format: CifarFormat, cache: string): Promise<string | null> {
  const found = await findCifar(format, cache);
  if (found === null || found.missing.length > 0) return null;
  const states = await Promise.all(dataFiles(format).map((name) => stateOf(format, `${found.folder}/${name}`, name)));
  return states.every((state) => state === "whole") ? found.folder : null;
}

/** Downloads from the first source that works and unpacks it into `folder`; bad files are discarded. */
async function fetchCifar(format: CifarFormat, cache: string, folder: string, options: DatasetOptions): Promise<void> {
  const { from, signal } = options, archives = [format.archive, PYTHON[format.name].archive];
  const sources = from === undefined ? format.sources : [mirror(format.name, from, archives)];
  const check = async (source: Source) => {
    try {
      const form = await formOf(format, source, cache);
      // The user's own mirror is trusted; an archive with the right MD5 was checked on arrival.
      const unchecked = from === undefined && source.files.some(({ md5 }) => md5 === null);
      const review = unchecked ? new Review(format) : null;
      await unpack(format, reviewed(form.files(signal), review), folder, options);
      await requireWhole(format, folder, form.from);
    } catch (error) {
      const useless = error instanceof SourceFailure || error instanceof DatasetError && error.reason === "malformed";
      if (!useless) throw error;
      for (const { name } of source.files) await Deno.remove(`${cache}/${name}`);
      throw new SourceFailure(error.message);
    }
  };
  const way = `${byHand(format)}${await incomplete(format, cache)}`;
  await fetchFiles(format.name, sources, cache, way, { ...options, check });
}

/** " (data/cifar-10-batches-bin is there without a whole data_batch_3.bin)"; nothing where there is no such folder. */
async function incomplete(format: CifarFormat, cache: string): Promise<string> {
  const found = await findCifar(format, cache);
  if (found === null) return "";
  const states = await Promise.all(dataFiles(format).map((name) => stateOf(format, `${found.folder}/${name}`, name)));
  const lacking = dataFiles(format).filter((_, at) => states[at] !== "whole");
  return ` (${found.folder} is there without a whole ${lacking.join(", ")})`;
}

/** What a source brought. */
async function formOf(format: CifarFormat, { files: [{ name }] }: Source, cache: string): Promise<Form> {
  const path = name.endsWith(".parquet") ? `${cache}/${dirname(name)}` : `${cache}/${name}`;
  const [form] = await findForms(format, path);
  if (form !== undefined) return form;
  throw new SourceFailure(`it sent no ${format.title}`);
}

/** The files as they are. Throws a SourceFailure after the last if one is not official. */
async function* reviewed(files: AsyncIterable<RecordFile>, review: Review | null): AsyncGenerator<RecordFile> {
  for await (const file of files) {
    if (file.name.endsWith(".bin")) review?.look(file);
    yield file;
  }
  const others = review?.unofficial ?? [];
  if (others.length > 0) throw new SourceFailure(`its images are not the official ones (${others.join(", ")})`);
}

/** From the folder named, the cache or an installed package, else downloaded. */
async function idx(format: IdxFormat, options: DatasetOptions): Promise<Dataset> {
  const { directory, cache = "data" } = options, own = `${cache}/${format.name}`;
  const folders = directory !== undefined ? [directory] : [own, cache, ...format.installed];
  const missing = await Promise.all(folders.map(async (folder) => missingIdx(await findIdx(format, folder))));
  const whole = missing.findIndex((files) => files.length === 0);
  if (whole >= 0) return await loadIdx(format, folders[whole], options);
  if (directory === undefined && options.download) {
    const way = `put the four files of ${format.sources[0].files[0].url} into a folder and name it with --data`;
    await fetchFiles(format.name, idxSources(format, options.from), own, way, options);
    return await loadIdx(format, own, options);
  }
  const begun = missing.findIndex((files) => files.length < IDX_FILES.length);
  if (begun >= 0) return await loadIdx(format, folders[begun], options); // says what is missing
  const why = directory !== undefined && await kindOf(directory) === null
    ? `from ${directory} as ${await absenceOf(directory)}`
    : `as its four IDX files are not in ${folders.join(" or ")}`;
  throw new DatasetError(
    "unavailable",
    `Cannot load ${format.name} ${why}: put the files into a folder and name it with --data`,
  );
}

/** The user's own mirror is a folder with the four files under their usual names. */
function idxSources({ name, sources }: IdxFormat, from: string | undefined): readonly Source[] {
  if (from === undefined) return sources;
  const files = sources[0].files.flatMap((file) => mirror(name, `${from.replace(/\/?$/, "/")}`, [file.name]).files);
  return [{ files, redirects: [] }];
}

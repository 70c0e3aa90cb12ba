/**
 * Labelled images as folders of PNG or JPEG files by class (`train/airplane/0001.png`), and the data set `images`, a
 * folder of any classes.
 */
import { channelStatistics, type Dataset, DatasetError, newSplit, sliceSplit, type Split } from "../dataset.ts";
import { absenceOf, kindOf, reading, reasonOf } from "../files.ts";
import { breathe } from "./cifar.ts";
import { decodePicture, PICTURE_NAME, scaled, SIDE } from "./picture.ts";
import type { RgbImage } from "./png.ts";
import { Random } from "../random.ts";

/** An image file and the class of its folder. */
export interface Picture {
  readonly path: string;
  readonly className: string;
}

/** Folder names of each split, the usual one first. */
const TRAIN = ["train", "training"], VALIDATION = ["val", "valid", "validation"], TEST = ["test", "testing"];

/** A label is a byte. */
const MAX_CLASSES = 256;
/** Minimum number of training images that fills the splits. */
const MIN_IMAGES = 10;

/** The splits in a folder: each a folder of classes. `train` is the folder itself if it holds the classes. */
export interface FoundSplits {
  readonly train: string;
  readonly validation: string | null;
  readonly test: string | null;
}

/** Null if there are no folders of images. */
export async function findSplits(path: string): Promise<FoundSplits | null> {
  const first = async (names: readonly string[]) => {
    for (const name of names) if (hasClasses(`${path}/${name}`)) return `${path}/${name}`;
    return await Promise.resolve(null);
  };
  if (await kindOf(path) !== "folder") return null;
  const train = await first(TRAIN);
  if (train !== null) return { train, validation: await first(VALIDATION), test: await first(TEST) };
  return hasClasses(path) ? { train: path, validation: null, test: null } : null;
}

/** Names of the classes of a split, in alphabetical order. */
export function classesOf(folder: string): string[] {
  return subfolders(folder).filter((name) => picturesIn(`${folder}/${name}`).length > 0).toSorted();
}

/**
 * The images of a split in the same order on every machine: by the numbers in their names if every image of the
 * split has a distinct one, as in exports in the original order, else class by class, each sorted by
 * name.
 */
export function picturesOf(folder: string, classes: readonly string[]): Picture[] {
  const byClass = classes.map((className) =>
    picturesIn(`${folder}/${className}`).map((name) => ({ name, path: `${folder}/${className}/${name}`, className }))
  );
  const all = byClass.flat();
  const numbers = new Map(all.map((picture) => [picture, numberIn(picture.name)]));
  const given = [...numbers.values()];
  if (given.every((number) => number !== null) && new Set(given).size === all.length) {
    return all.toSorted((a, b) => numbers.get(a)! - numbers.get(b)!);
  }
  const inTurn = byClass.flatMap((pictures) => pictures.map((picture, turn) => ({ picture, turn })));
  return inTurn.toSorted((a, b) => a.turn - b.turn).map(({ picture }) => picture);
}

/** Decodes an image; throws a DatasetError (`malformed`) that names the file. */
export async function readPicture(path: string): Promise<RgbImage> {
  const bytes = await reading(path, () => Deno.readFile(path));
  try {
    return await decodePicture(bytes);
  } catch (cause) {
    throw new DatasetError("malformed", `Cannot load ${path} as ${reasonOf(cause)}: repair it or move it away`, {
      cause,
    });
  }
}

export interface ImagesOptions {
  readonly directory?: string;
  readonly signal?: AbortSignal;
}

/**
 * The data set `images`: every image scaled to 32x32 from its middle square. Without a validation folder, a
 * tenth of the training images is used for it, and without a test folder, another; the choice depends only on
 * their number. Throws a DatasetError if there are no such folders, or they do not match.
 */
export async function loadImages({ directory, signal }: ImagesOptions): Promise<Dataset> {
  if (directory === undefined) {
    throw new DatasetError(
      "unavailable",
      "Cannot load images as no folder was named: give one with --data, with images by class as in train/cat/1.png",
    );
  }
  const found = await findSplits(directory);
  if (found === null) throw new DatasetError("unavailable", await noFolders(directory));
  const classes = classesOf(found.train);
  if (classes.length < 2 || classes.length > MAX_CLASSES) {
    const what = `Cannot load ${found.train} as 2 to ${MAX_CLASSES} classes are supported`;
    throw new DatasetError("malformed", `${what}: it has folders with images of ${classes.length}`);
  }
  const sizes = new Set<string>();
  const read = async (folder: string) => {
    const others = classesOf(folder).filter((name) => !classes.includes(name));
    if (others.length === 0) return await readSplit(picturesOf(folder, classes), classes, sizes, signal);
    throw new DatasetError(
      "malformed",
      `Cannot load ${folder} as ${found.train} has no class ${others[0]}: both must have the same classes`,
    );
  };
  let train = await read(found.train);
  if (train.count < MIN_IMAGES) {
    const what = `Cannot load ${found.train} as at least ${MIN_IMAGES} images are needed: it has ${train.count}`;
    throw new DatasetError("malformed", what);
  }
  const share = Math.floor(train.count / 10);
  if (found.validation === null || found.test === null) train = shuffled(train);
  const take = () => {
    const rest = train.count - share, taken = sliceSplit(train, rest, train.count);
    train = sliceSplit(train, 0, rest);
    return taken;
  };
  const test = found.test === null ? take() : await read(found.test);
  const validation = found.validation === null ? take() : await read(found.validation);
  return {
    name: "images",
    synthetic: false,
    ...noticeOf(directory, sizes),
    ...{ height: SIDE, width: SIDE, channels: 3, classes },
    ...channelStatistics(train, 3),
    ...{ train, validation, test },
  };
}

async function readSplit(
  pictures: readonly Picture[],
  classes: readonly string[],
  sizes: Set<string>,
  signal?: AbortSignal,
): Promise<Split> {
  const split = newSplit(pictures.length, SIDE * SIDE * 3);
  for (const [n, { path, className }] of pictures.entries()) {
    if (n % 256 === 0) {
      await breathe();
      signal?.throwIfAborted();
    }
    const image = await readPicture(path);
    if (sizes.size < 2) sizes.add(`${image.width}x${image.height}`);
    split.pixels.set(scaled(image), n * SIDE * SIDE * 3);
    split.labels[n] = classes.indexOf(className);
  }
  return split;
}

function noticeOf(directory: string, sizes: ReadonlySet<string>): { notice?: string } {
  const [first] = sizes;
  if (sizes.size === 1 && first === `${SIDE}x${SIDE}`) return {};
  const what = sizes.size === 1 ? `of ${first}` : "of several sizes";
  return { notice: `${directory}: images ${what}, their middle square scaled to ${SIDE}x${SIDE}` };
}

/** The same for the same number of images. */
function shuffled(split: Split): Split {
  const order = new Random(0).split("images").permutation(split.count), bytes = SIDE * SIDE * 3;
  const result = newSplit(split.count, bytes);
  order.forEach((from, to) => {
    result.pixels.set(split.pixels.subarray(from * bytes, (from + 1) * bytes), to * bytes);
    result.labels[to] = split.labels[from];
  });
  return result;
}

async function noFolders(directory: string): Promise<string> {
  const why = await kindOf(directory) === null ? await absenceOf(directory) : "it has no folders of images by class";
  return `Cannot load images from ${directory} as ${why}: put them there as in train/cat/1.png`;
}

function hasClasses(folder: string): boolean {
  return subfolders(folder).some((name) => picturesIn(`${folder}/${name}`).length > 0);
}

function subfolders(folder: string): string[] {
  return entriesOf(folder).filter(({ name, isFile }) => !isFile && !name.startsWith(".")).map(({ name }) => name);
}

/** Sorted by name, numbers by value. */
function picturesIn(folder: string): string[] {
  const names = entriesOf(folder).filter(({ name, isDirectory }) =>
    !isDirectory && PICTURE_NAME.test(name) && !name.startsWith(".")
  ).map(({ name }) => name);
  return names.toSorted(COLLATOR.compare);
}

const COLLATOR = new Intl.Collator("en", { numeric: true });

function entriesOf(folder: string): Deno.DirEntry[] {
  try {
    return [...Deno.readDirSync(folder)];
  } catch {
    return []; // not a folder
  }
}

/** The first number in a name; null without one. */
function numberIn(name: string): number | null {
  const digits = /\d+/.exec(name)?.[0];
  return digits === undefined ? null : Number(digits);
}

/**
 * The data set `imagenet`: photographs in folders by class, decoded while the network trains. Read as they are
 * published: ILSVRC2012's two tar archives with the labels of its validation images, Kaggle's folders, Imagenette and
 * Imagewoof, Tiny ImageNet, or any `train/CLASS/` and `val/CLASS/`, unpacked or in one tar archive.
 *
 * What is called validation there is what papers report, so it is the test split here; images for validation are held
 * out from the training images.
 */
import { type Dataset, DatasetError, type DatasetOptions, type Split } from "../dataset.ts";
import { absenceOf, kindOf, reading, reasonOf } from "../files.ts";
import { Random } from "../random.ts";
import { filesBelow, filesInTar, type Found, imageFiles, isImage } from "./image_files.ts";
import { findLabels, LABEL_FILES, type LabelOf } from "./labels.ts";
import { withCopies } from "./resized.ts";

/** Of ILSVRC2012's training images, as everybody uses them (torchvision, Keras): any data set is normalised by them. */
const MEAN = [0.485, 0.456, 0.406], STANDARD_DEVIATION = [0.229, 0.224, 0.225];
/** Side of the network's images where nothing else is said: that of the papers. */
const SIZE = 224;
/** Training images held out for validation: this share, and no more than this. */
const HELD_OUT = { share: 0.1, images: 10_000 };
/** Names of the folders of the splits. Tiny ImageNet's test images have no labels, so `val` comes first. */
const TRAIN = /^(train|training)$/, VAL = /^(val|valid|validation)$/, TEST = /^(test|testing)$/;
/** ILSVRC2012's archives. */
const TRAIN_TAR = /(^|\/)ILSVRC2012_img_train\.tar$/, VAL_TAR = /(^|\/)ILSVRC2012_img_val\.tar$/;

/** A file and the folder or archive that has it. */
interface Listed extends Found {
  readonly root: string;
}

/** An image with its class; null where only a file of labels tells it. */
interface Labelled extends Listed {
  readonly className: string | null;
}

/**
 * Loads the lists of images; no image is read. Throws a DatasetError: `unavailable` without --data or where it does not
 * exist, `malformed` where it has no such folders or lacks labels.
 */
export async function loadImageNet(options: DatasetOptions): Promise<Dataset> {
  const { directory, size = SIZE, signal } = options;
  if (directory === undefined) {
    throw new DatasetError(
      "unavailable",
      "Cannot load imagenet as it may not be downloaded without an account: name its folder with --data",
    );
  }
  // In the order of the paths, so that every form of the same images gives the same splits and batches.
  const files = (await listed(directory, signal)).toSorted((a, b) => a.path < b.path ? -1 : a.path > b.path ? 1 : 0);
  const train = files.flatMap((file) => isImage(file) ? placed(file, TRAIN, TRAIN_TAR) : []);
  const classes = [...new Set(train.map(({ className }) => className!))].toSorted();
  if (classes.length < 2) {
    throw new DatasetError(
      "malformed",
      `Cannot load imagenet from ${directory} as it has no folder train with a folder for each of several classes`,
    );
  }
  const judged = (split: RegExp) => files.flatMap((file) => isImage(file) ? placed(file, split, VAL_TAR) : []);
  const inVal = judged(VAL);
  const val = await withLabels(inVal.length > 0 ? inVal : judged(TEST), files, directory);
  const dataset = datasetOf(directory, size, classes, train, val);
  return options.copies === undefined ? dataset : await withCopies(dataset, options.copies);
}

function datasetOf(
  directory: string,
  size: number,
  classes: readonly string[],
  train: readonly Labelled[],
  val: readonly Labelled[],
): Dataset {
  const numbers = new Map(classes.map((name, number) => [name, number]));
  const stranger = val.find(({ className }) => !numbers.has(className!));
  if (stranger !== undefined) {
    const where = `${stranger.root}/${stranger.path}`;
    throw new DatasetError(
      "malformed",
      `Cannot load ${where} as no training image is of its class, ${stranger.className}`,
    );
  }
  const order = new Random(0).split("held out").permutation(train.length);
  const count = Math.min(HELD_OUT.images, Math.floor(HELD_OUT.share * train.length));
  const held = new Set(order.subarray(0, count));
  const split = (images: readonly Labelled[]) => splitOf(images, numbers);
  return {
    name: "imagenet",
    synthetic: false,
    notice:
      `${directory}: ${train.length - count} training images of ${classes.length} classes, ${count} more held out ` +
      `for validation, and ${val.length} for the test; decoded while training`,
    ...{ height: size, width: size, channels: 3, classes, mean: MEAN, standardDeviation: STANDARD_DEVIATION },
    train: split(train.filter((_, n) => !held.has(n))),
    validation: split(train.filter((_, n) => held.has(n))),
    test: split(val),
  };
}

function splitOf(images: readonly Labelled[], numbers: ReadonlyMap<string, number>): Split {
  const labels = new Int32Array(new SharedArrayBuffer(4 * images.length));
  images.forEach(({ className }, n) => labels[n] = numbers.get(className!)!);
  const pixels = new Uint8Array(new SharedArrayBuffer(0));
  return { count: images.length, pixels, labels, files: imageFiles(images[0]?.root ?? "", images) };
}

/** Every file below the folder or in the archive; ILSVRC2012's archives in a folder are opened too. */
async function listed(path: string, signal?: AbortSignal): Promise<Listed[]> {
  const kind = await kindOf(path);
  if (kind === null) {
    throw new DatasetError("unavailable", `Cannot load imagenet from ${path} as ${await absenceOf(path)}`);
  }
  if (kind === "file") return await archived(path, signal);
  const found: Listed[] = [];
  for await (const file of filesBelow(path, signal)) {
    if (TRAIN_TAR.test(file.path) || VAL_TAR.test(file.path)) {
      found.push(...await archived(`${path}/${file.path}`, signal));
    } else found.push({ ...file, root: path });
  }
  return found;
}

async function archived(archive: string, signal?: AbortSignal): Promise<Listed[]> {
  await reading(archive, async () => (await Deno.open(archive)).close());
  const found: Listed[] = [];
  try {
    for await (const file of filesInTar(archive, signal)) found.push({ ...file, root: archive });
    return found;
  } catch (cause) {
    signal?.throwIfAborted();
    const what = `Cannot read ${archive} as it is not an uncompressed tar archive, or is damaged: ${reasonOf(cause)}`;
    throw new DatasetError("malformed", `${what}. Unpack it, or fetch it again`, { cause });
  }
}

/**
 * The image of a split, with its class from the folder below `train` or `val` (or, in ILSVRC2012's archive of training
 * images, from the archive of its class); nothing for images elsewhere.
 */
function placed(file: Listed, split: RegExp, tar: RegExp): Labelled[] {
  const folders = file.path.split("/").slice(0, -1), isOwnTar = tar.test(file.root);
  const at = isOwnTar ? -1 : folders.findIndex((folder) => split.test(folder));
  if (at < 0 && !isOwnTar) return [];
  // Tiny ImageNet has a folder "images" below each class of train, and below val itself.
  const below = folders.slice(at + 1).filter((folder) => folder !== "images");
  return [{ ...file, className: below[0] ?? null }];
}

/** Images without a class folder get theirs from a file of labels. */
async function withLabels(val: readonly Labelled[], files: readonly Listed[], directory: string): Promise<Labelled[]> {
  if (val.length === 0) {
    throw new DatasetError("malformed", `Cannot load imagenet from ${directory} as it has no validation images in val`);
  }
  if (val.every(({ className }) => className !== null)) return [...val];
  const labels = await findLabels(
    files.filter(({ place }) => place === undefined).map(({ root, path }) => `${root}/${path}`),
  );
  if (labels === null) {
    throw new DatasetError(
      "malformed",
      `Cannot load imagenet from ${directory} as its validation images have no labels: sort them into folders by class, ` +
        `or put one of these files there: ${LABEL_FILES.join(", ")}`,
    );
  }
  return val.map((image) => ({ ...image, className: image.className ?? labelOf(image, labels) }));
}

function labelOf({ path, root }: Labelled, labels: LabelOf): string {
  const label = labels(path.split("/").at(-1)!);
  if (label !== null) return label;
  throw new DatasetError("malformed", `Cannot load ${root}/${path} as the file of labels has none for it`);
}

/**
 * MNIST (http://yann.lecun.com/exdb/mnist/), Fashion-MNIST (Xiao et al. 2017) and other sets in their IDX format, gzip
 * or not: grey 28x28 images, padded here to 32x32, or grey 32x32 images, repeated in three channels. The last 5,000
 * training images are validation. Files are identified by their first bytes; their names take precedence.
 */
import { createHash } from "node:crypto";
import { type Dataset, DatasetError, datasetOf, newSplit, type Split } from "../dataset.ts";
import { type Published, type Source, sourceAt } from "../download/sources.ts";
import { kindOf, reading, reasonOf } from "../files.ts";
import { breathe } from "./cifar.ts";
import { readAllUnpacked, readUnpacked } from "./gzip.ts";

const SIZE = 32, CHANNELS = 3, SIDES = [28, 32];

/** The four files, without ".gz". */
export const IDX_FILES = [
  "train-images-idx3-ubyte",
  "train-labels-idx1-ubyte",
  "t10k-images-idx3-ubyte",
  "t10k-labels-idx1-ubyte",
] as const;
type Role = typeof IDX_FILES[number];

export interface IdxFormat {
  readonly name: string;
  readonly title: string;
  /** Its row in the list of data sets (`datasets/load.ts`). */
  readonly about: string;
  /** Of the four files. */
  readonly sources: readonly Source[];
  readonly classes: readonly string[];
  /** MD5 of the four official files, unpacked: compressed ones differ between publishers. */
  readonly md5: Readonly<Record<Role, string>>;
  /** Whether more classes are accepted, as in EMNIST. */
  readonly moreClasses: boolean;
  /** Where torchvision puts the files, below its root folder. */
  readonly subfolders: readonly string[];
  /** Folders where packages put the files. */
  readonly installed: readonly string[];
}

/** Checksums of https://github.com/zalandoresearch/fashion-mnist, "Get the Data". */
const FASHION_MNIST_FILES: readonly Published[] = [
  { name: "train-images-idx3-ubyte.gz", md5: "8d4fb7e6c68d591d4c3dfef9ec88bf0d", size: 26_421_880 },
  { name: "train-labels-idx1-ubyte.gz", md5: "25c81989df183df01b3e8a0aad5dffbe", size: 29_515 },
  { name: "t10k-images-idx3-ubyte.gz", md5: "bef4ecab320f06d8554ea6380940ec79", size: 4_422_102 },
  { name: "t10k-labels-idx1-ubyte.gz", md5: "bb300cfdad3c16e7a12a480ee83cd310", size: 5_148 },
];
/** Checksums as torchvision lists them. */
const MNIST_FILES: readonly Published[] = [
  { name: "train-images-idx3-ubyte.gz", md5: "f68b3c2dcbeaaa9fbdd348bbdeb94873", size: 9_912_422 },
  { name: "train-labels-idx1-ubyte.gz", md5: "d53e105ee54ea40749a09fcbcd1e9432", size: 28_881 },
  { name: "t10k-images-idx3-ubyte.gz", md5: "9fb629c4189551a2d022fa330f9573f3", size: 1_648_877 },
  { name: "t10k-labels-idx1-ubyte.gz", md5: "ec29112dd5afa0611ce80d1b7f02629c", size: 4_542 },
];

/** Checksums as torchvision-like readers list them; those of Fashion-MNIST were also computed from Debian's package. */
export const FASHION_MNIST: IdxFormat = {
  name: "fashion-mnist",
  title: "Fashion-MNIST",
  about: "55,000 training, 5,000 validation and 10,000 test pictures of clothes in 10 classes, grey, 28x28",
  sources: [
    sourceAt(
      "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
      FASHION_MNIST_FILES,
    ),
    sourceAt("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/", FASHION_MNIST_FILES),
  ],
  classes: [
    ...["T-shirt/top", "trouser", "pullover", "dress", "coat"],
    ...["sandal", "shirt", "sneaker", "bag", "ankle boot"],
  ],
  md5: {
    "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
    "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
    "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
    "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
  },
  moreClasses: false,
  subfolders: ["raw", "FashionMNIST/raw"],
  installed: ["/usr/share/datasets/fashion-mnist"], // Debian's dataset-fashion-mnist
};

export const MNIST: IdxFormat = {
  name: "mnist",
  title: "MNIST",
  about: "55,000 training, 5,000 validation and 10,000 test images of handwritten digits, grey, 28x28",
  sources: [
    sourceAt("https://storage.googleapis.com/cvdf-datasets/mnist/", MNIST_FILES),
    sourceAt("https://ossci-datasets.s3.amazonaws.com/mnist/", MNIST_FILES),
  ],
  classes: Array.from({ length: 10 }, (_, digit) => String(digit)),
  md5: {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
  },
  moreClasses: true,
  subfolders: ["raw", "MNIST/raw", "KMNIST/raw", "EMNIST/raw"],
  installed: [],
};

/** All data sets in this form. */
export const IDX_FORMATS: readonly IdxFormat[] = [FASHION_MNIST, MNIST];

/** The files of a folder by role; missing ones are left out. */
export type FoundIdx = ReadonlyMap<Role, string>;

/**
 * The IDX files of a folder. Throws a DatasetError (`malformed`) where two are of one kind and no name tells which is
 * meant.
 */
export async function findIdx({ subfolders }: IdxFormat, folder: string): Promise<FoundIdx> {
  for (const place of [folder, ...subfolders.map((below) => `${folder}/${below}`)]) {
    const found = await findInFolder(place);
    if (found.size > 0) return found;
  }
  return new Map();
}

/** Which of the four files are missing. */
export const missingIdx = (found: FoundIdx): Role[] => IDX_FILES.filter((role) => !found.has(role));

export interface IdxOptions {
  /** Images taken from the end of training; 5,000 by default. */
  readonly validation?: number;
  /** Refuses, as `malformed`, files that cannot be the data set: one image repeated. */
  readonly strict?: boolean;
  readonly signal?: AbortSignal;
}

/** Throws a DatasetError that names the file if one is missing or malformed. */
export async function loadIdx(
  format: IdxFormat,
  folder: string,
  { validation = 5_000, strict = false, signal }: IdxOptions = {},
): Promise<Dataset> {
  const found = await findIdx(format, folder);
  for (const file of missingIdx(found)) {
    const message = `Cannot load ${format.name} as ${folder} lacks ${file} (or ${file}.gz): put it there`;
    throw new DatasetError("unavailable", message);
  }
  const sums = new Map<Role, string>(), read = (role: Role) => readIdx(role, found.get(role)!, sums, signal);
  const all = await splitOf(folder, await read(IDX_FILES[0]), await read(IDX_FILES[1]));
  const test = await splitOf(folder, await read(IDX_FILES[2]), await read(IDX_FILES[3]));
  const kept = all.count - validation;
  if (kept < 1) {
    throw new DatasetError("malformed", `Cannot load ${folder} as it has only ${all.count} training images`);
  }
  const notice = noticeOf(format, folder, sums);
  if (strict && notice !== null && hasOneImage(all)) {
    const message = `Cannot take ${folder} for ${format.title} as every training image is the same`;
    throw new DatasetError("malformed", `${message}: move it away and fetch it again`);
  }
  const classes = classesOf(format, notice === null, found, all, test);
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

/** Null if all four files are official; else a sentence that says what the images are. */
function noticeOf(format: IdxFormat, folder: string, sums: ReadonlyMap<Role, string>): string | null {
  const differing = ({ md5 }: IdxFormat) => IDX_FILES.filter((role) => sums.get(role) !== md5[role]);
  const others = differing(format);
  if (others.length === 0) return null;
  const real = IDX_FORMATS.find((other) => differing(other).length === 0);
  if (real !== undefined) return `${folder} holds ${real.title}, not ${format.title}. It is used as it is`;
  return `${folder} holds unknown images in IDX form, not the official ${format.title}: ` +
    `the checksum of ${others.length === 4 ? "every file" : others.join(", ")} differs. They are used as they are`;
}

/** Class names if the images are known, else numbers, one per label. Throws if there are too many. */
function classesOf(
  { classes, moreClasses }: IdxFormat,
  official: boolean,
  found: FoundIdx,
  ...[all, test]: readonly Split[]
): readonly string[] {
  if (official) return classes;
  let count = classes.length;
  for (const [{ labels }, role] of [[all, IDX_FILES[1]], [test, IDX_FILES[3]]] as const) {
    const wrong = moreClasses ? -1 : labels.findIndex((label) => label >= classes.length);
    if (wrong >= 0) {
      throw new DatasetError(
        "malformed",
        `Cannot load ${found.get(role)} as labels must be below ${classes.length}: item ${wrong} has ${labels[wrong]}`,
      );
    }
    for (const label of labels) count = Math.max(count, label + 1);
  }
  return Array.from({ length: count }, (_, label) => `class ${label}`);
}

function hasOneImage({ pixels, count }: Split): boolean {
  const bytes = pixels.length / count;
  return pixels.every((byte, at) => byte === pixels[at % bytes]);
}

interface Idx {
  readonly path: string;
  readonly count: number;
  /** Rows and columns; empty for labels. */
  readonly extents: readonly number[];
  readonly data: Uint8Array;
}

async function splitOf(folder: string, images: Idx, labels: Idx): Promise<Split> {
  if (images.count !== labels.count) {
    const [imagesFile, labelsFile] = [images, labels].map(({ path }) => path.slice(path.lastIndexOf("/") + 1));
    throw new DatasetError(
      "malformed",
      `Cannot load ${folder}: ${imagesFile} has ${images.count} images and ${labelsFile} ${labels.count} labels. Fetch both again`,
    );
  }
  const split = newSplit(images.count, SIZE * SIZE * CHANNELS);
  split.labels.set(labels.data);
  const [side] = images.extents, border = (SIZE - side) / 2;
  for (let n = 0, from = 0; n < images.count; n++) {
    if (n % 10_000 === 0) await breathe();
    for (let row = 0; row < side; row++) {
      let to = ((n * SIZE + row + border) * SIZE + border) * CHANNELS;
      for (let column = 0; column < side; column++, from++) {
        for (let c = 0; c < CHANNELS; c++) split.pixels[to++] = images.data[from];
      }
    }
  }
  return split;
}

async function findInFolder(folder: string): Promise<FoundIdx> {
  if (await kindOf(folder) !== "folder") return new Map();
  const files = [...Deno.readDirSync(folder)].filter(({ isDirectory }) => !isDirectory).map(({ name }) => name)
    .toSorted();
  const found = new Map<Role, string>(), nameless: Sniffed[] = [];
  // A file and its compressed copy count as one: torchvision keeps both.
  for (const name of files.filter((name) => !(name.endsWith(".gz") && files.includes(name.slice(0, -3))))) {
    const path = `${folder}/${name}`, role = roleByName(name);
    if (role !== null) place(found, role, path);
    else nameless.push(...await sniff(path));
  }
  if (found.size === 0) placeByContent(found, nameless);
  return found;
}

function place(found: Map<Role, string>, role: Role, path: string): void {
  const other = found.get(role);
  if (other !== undefined) {
    const message = `Cannot tell whether ${other} or ${path} is meant: leave one set of four files in a folder`;
    throw new DatasetError("malformed", message);
  }
  found.set(role, path);
}

/**
 * The role by the words of the name, as in "emnist-letters-train-images-idx3-ubyte.gz" and "t10k-labels.idx1-ubyte".
 */
function roleByName(name: string): Role | null {
  if (!/idx|ubyte/i.test(name)) return null;
  const split = /train/i.test(name) ? 0 : /t10k|test/i.test(name) ? 2 : null;
  const kind = /image/i.test(name) ? 0 : /label/i.test(name) ? 1 : null;
  return split === null || kind === null ? null : IDX_FILES[split + kind];
}

interface Sniffed {
  readonly path: string;
  readonly isImages: boolean;
  readonly count: number;
}

/** The role by the first bytes of a file, unpacked; none if they are not IDX. */
async function sniff(path: string): Promise<Sniffed[]> {
  try {
    for await (const chunk of readUnpacked(path)) {
      const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength), magic = view.getUint32(0);
      if (magic !== 0x0803 && magic !== 0x0801) return [];
      return [{ path, isImages: magic === 0x0803, count: view.getUint32(4) }];
    }
  } catch {
    // no such file: too short, unreadable or damaged gzip
  }
  return [];
}

/** Without telling names, the larger set is the training set. */
function placeByContent(found: Map<Role, string>, sniffed: readonly Sniffed[]): void {
  const counts = [...new Set(sniffed.map(({ count }) => count))].toSorted((a, b) => b - a);
  for (const { path, isImages, count } of counts.length === 2 ? sniffed : []) {
    const named = /train/i.test(path) ? 0 : /t10k|test/i.test(path) ? 2 : 2 * counts.indexOf(count);
    place(found, IDX_FILES[named + (isImages ? 0 : 1)], path);
  }
}

/** Header: two zero bytes, type 8 (bytes), number of dimensions, then each extent as a big-endian word. */
async function readIdx(role: Role, path: string, sums: Map<Role, string>, signal?: AbortSignal): Promise<Idx> {
  const malformed = (why: string) =>
    new DatasetError("malformed", `Cannot load ${path} as ${why}: delete it and fetch the official file again`);
  await reading(path, async () => (await Deno.open(path)).close());
  const bytes = await readAllUnpacked(path, signal).catch((error) => {
    signal?.throwIfAborted();
    throw malformed(`it is not a complete gzip file (${reasonOf(error)})`);
  });
  sums.set(role, createHash("md5").update(bytes).digest("hex"));
  const dimensions = role.includes("images") ? 3 : 1, header = 4 + 4 * dimensions;
  if (bytes.length < header) throw malformed("it is too short for its header");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const extents = Array.from({ length: dimensions - 1 }, (_, i) => view.getUint32(8 + 4 * i));
  const square = extents.every((extent) => extent === extents[0] && SIDES.includes(extent));
  if (view.getUint32(0) !== 0x0800 + dimensions || !square) {
    throw malformed(`its header is not that of ${dimensions === 3 ? "grey 28x28 or 32x32 images" : "labels"}`);
  }
  const count = view.getUint32(4), length = count * extents.reduce((product, extent) => product * extent, 1);
  if (bytes.length !== header + length) {
    throw malformed(`it must have ${header + length} bytes unpacked and has ${bytes.length}`);
  }
  return { path, count, extents, data: bytes.subarray(header) };
}

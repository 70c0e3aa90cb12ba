/**
 * Fashion-MNIST (Xiao et al. 2017) in the IDX format of MNIST (http://yann.lecun.com/exdb/mnist/), gzip or not: grey
 * 28x28 images, padded here to 32x32 and repeated in three channels. The last 5,000 training images are validation.
 */
import { channelStatistics, type Dataset, DatasetError, newSplit, sliceSplit, type Split } from "../dataset.ts";
import { kindOf, reading } from "../files.ts";

const SIZE = 32, CHANNELS = 3, SOURCE = 28, BORDER = (SIZE - SOURCE) / 2;
const CLASSES = [
  ...["T-shirt/top", "trouser", "pullover", "dress", "coat"],
  ...["sandal", "shirt", "sneaker", "bag", "ankle boot"],
];

/** The four files, without ".gz". */
export const IDX_FILES = [
  "train-images-idx3-ubyte",
  "train-labels-idx1-ubyte",
  "t10k-images-idx3-ubyte",
  "t10k-labels-idx1-ubyte",
] as const;

/** Which of the four files a folder lacks. */
export async function missingFashionMnist(folder: string): Promise<string[]> {
  const paths = await Promise.all(IDX_FILES.map((file) => pathOf(folder, file)));
  return IDX_FILES.filter((_, i) => paths[i] === null);
}

/** Throws a DatasetError that names the file where one is missing or malformed. `validation` images are taken from training. */
export async function loadFashionMnist(folder: string, validation = 5_000): Promise<Dataset> {
  for (const file of await missingFashionMnist(folder)) {
    const message = `Cannot load fashion-mnist as ${folder} lacks ${file} (or ${file}.gz): put it there`;
    throw new DatasetError("unavailable", message);
  }
  const all = await readSplit(folder, IDX_FILES[0], IDX_FILES[1]);
  const test = await readSplit(folder, IDX_FILES[2], IDX_FILES[3]);
  const kept = all.count - validation;
  if (kept < 1) {
    throw new DatasetError("malformed", `Cannot load ${folder} as it has only ${all.count} training images`);
  }
  const train = sliceSplit(all, 0, kept);
  return {
    name: "fashion-mnist",
    synthetic: false,
    height: SIZE,
    width: SIZE,
    channels: CHANNELS,
    classes: CLASSES,
    ...channelStatistics(train, CHANNELS),
    train,
    validation: sliceSplit(all, kept, all.count),
    test,
  };
}

async function readSplit(folder: string, imagesFile: string, labelsFile: string): Promise<Split> {
  const images = await readIdx(folder, imagesFile, [SOURCE, SOURCE]);
  const labels = await readIdx(folder, labelsFile, []);
  if (images.count !== labels.count) {
    throw new DatasetError(
      "malformed",
      `Cannot load ${folder}: ${imagesFile} has ${images.count} images and ${labelsFile} ${labels.count} labels. Fetch both again`,
    );
  }
  const split = newSplit(images.count, SIZE * SIZE * CHANNELS);
  split.labels.set(labels.data);
  for (let n = 0, from = 0; n < images.count; n++) {
    for (let row = 0; row < SOURCE; row++) {
      let to = ((n * SIZE + row + BORDER) * SIZE + BORDER) * CHANNELS;
      for (let column = 0; column < SOURCE; column++, from++) {
        for (let c = 0; c < CHANNELS; c++) split.pixels[to++] = images.data[from];
      }
    }
  }
  const wrong = labels.data.findIndex((label) => label >= CLASSES.length);
  if (wrong >= 0) {
    throw new DatasetError(
      "malformed",
      `Cannot load ${folder}/${labelsFile} as labels must be below 10: item ${wrong} has ${labels.data[wrong]}`,
    );
  }
  return split;
}

async function pathOf(folder: string, file: string): Promise<string | null> {
  for (const path of [`${folder}/${file}`, `${folder}/${file}.gz`]) if (await kindOf(path) === "file") return path;
  return null;
}

/** Header: two zero bytes, type 8 (bytes), number of dimensions, then each extent as a big-endian word. */
async function readIdx(folder: string, file: string, extents: number[]): Promise<{ count: number; data: Uint8Array }> {
  const path = await pathOf(folder, file) ?? `${folder}/${file}`;
  const malformed = (why: string) =>
    new DatasetError("malformed", `Cannot load ${path} as ${why}: delete it and fetch the official file again`);
  const raw = await reading(path, () => Deno.readFile(path));
  const bytes = path.endsWith(".gz") ? await gunzip(raw).catch(() => null) : raw;
  if (bytes === null) throw malformed("it is no whole gzip file");
  const header = 4 + 4 * (extents.length + 1);
  if (bytes.length < header) throw malformed("it is too short for its header");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = extents.map((_, i) => view.getUint32(8 + 4 * i));
  if (view.getUint32(0) !== 0x0800 + extents.length + 1 || found.some((extent, i) => extent !== extents[i])) {
    throw malformed("its header is not that of such a file");
  }
  const count = view.getUint32(4), length = count * extents.reduce((product, extent) => product * extent, 1);
  if (bytes.length !== header + length) {
    throw malformed(`it must have ${header + length} bytes unpacked and has ${bytes.length}`);
  }
  return { count, data: bytes.subarray(header) };
}

async function gunzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

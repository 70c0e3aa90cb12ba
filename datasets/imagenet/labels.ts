/**
 * Labels of validation images that lie in one folder without classes, from the files in which they are published: Tiny
 * ImageNet's `val_annotations.txt`, Kaggle's `LOC_val_solution.csv`, TensorFlow's
 * `imagenet_2012_validation_synset_labels.txt`, and ILSVRC2012's own development kit, `ILSVRC2012_devkit_t12.tar.gz` or
 * what is in it (`ILSVRC2012_validation_ground_truth.txt` with `meta.mat`).
 */
import { DatasetError } from "../dataset.ts";
import { readTarGz } from "../images/tar.ts";
import { synsetsOf } from "./meta_mat.ts";

/** The class (a WordNet ID, "n01440764") of a validation image, by its file name; null if the file does not have it. */
export type LabelOf = (name: string) => string | null;

/** Names of files that may have labels, the most explicit first, and how they are read. */
const READERS: Readonly<Record<string, (path: string, beside: (name: string) => string | null) => Promise<LabelOf>>> = {
  "val_annotations.txt": async (path) => byName(lines(await Deno.readTextFile(path)).map((line) => line.split("\t"))),
  "LOC_val_solution.csv": async (path) =>
    byName(
      lines(await Deno.readTextFile(path)).slice(1).map((line) => line.split(/[,\s]/)).map(([name, label]) => [
        `${name}.JPEG`,
        label,
      ]),
    ),
  "imagenet_2012_validation_synset_labels.txt": async (path) => byNumber(lines(await Deno.readTextFile(path))),
  "ILSVRC2012_devkit_t12.tar.gz": readKit,
  "ILSVRC2012_validation_ground_truth.txt": async (path, beside) => {
    const meta = beside("meta.mat");
    if (meta === null) {
      throw new DatasetError("malformed", `Cannot use ${path} as meta.mat of the development kit is not there`);
    }
    return byIdentifier(await Deno.readTextFile(path), await Deno.readFile(meta), meta);
  },
};

/** Files that hold labels, to be told to people. */
export const LABEL_FILES: readonly string[] = Object.keys(READERS);

/**
 * The labels of the first such file among `paths`; null if there is none. Throws a DatasetError (`malformed`) that names
 * the file if it is not what its name says.
 */
export async function findLabels(paths: readonly string[]): Promise<LabelOf | null> {
  const beside = (name: string) => paths.find((path) => path.endsWith(`/${name}`)) ?? null;
  for (const [name, read] of Object.entries(READERS)) {
    const path = beside(name);
    if (path !== null) return await read(path, beside);
  }
  return null;
}

/** The development kit, of whose files two are needed. */
async function readKit(path: string): Promise<LabelOf> {
  let truth: Uint8Array | null = null, meta: Uint8Array | null = null;
  for await (const { path: segments, content } of readTarGz(path)) {
    const name = segments.at(-1);
    if (name === "ILSVRC2012_validation_ground_truth.txt") truth = content;
    if (name === "meta.mat") meta = content;
  }
  if (truth !== null && meta !== null) return byIdentifier(new TextDecoder().decode(truth), meta, path);
  throw new DatasetError("malformed", `Cannot use ${path} as it lacks the validation labels or meta.mat`);
}

/** Numbers of classes, in the order of the images, and what each number stands for. */
function byIdentifier(truth: string, meta: Uint8Array, path: string): LabelOf {
  const synsets = synsetsOf(meta, path);
  return byNumber(
    lines(truth).map((line) => {
      const label = synsets.get(Number(line));
      if (label === undefined) throw new DatasetError("malformed", `Cannot use ${path} as it has no class ${line}`);
      return label;
    }),
  );
}

/** Labels in the order of the numbers in the images' names, from 1: "ILSVRC2012_val_00000001.JPEG". */
function byNumber(labels: readonly string[]): LabelOf {
  return (name) => labels[Number(/(\d+)\.\w+$/.exec(name)?.[1] ?? 0) - 1] ?? null;
}

function byName(rows: readonly (readonly string[])[]): LabelOf {
  const labels = new Map(rows.map(([name, label]) => [name, label]));
  return (name) => labels.get(name) ?? null;
}

function lines(text: string): string[] {
  return text.split(/\r?\n/).filter((line) => line.trim() !== "");
}

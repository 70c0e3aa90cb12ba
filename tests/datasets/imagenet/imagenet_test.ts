/** ImageNet in the forms in which it and its small relatives are published, and what is wrong with others. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { openEvaluationBatches, openTrainingBatches } from "../../../datasets/batches.ts";
import type { Batch, Dataset } from "../../../datasets/dataset.ts";
import { placeOf, readImage } from "../../../datasets/imagenet/image_files.ts";
import { loadDataset } from "../../../datasets/load.ts";
import { gzip, tarOf, withFolder } from "../scratch.ts";
import { bytesOf, imagenette, meta, photograph, tarOfTree, type Tree, writeTree } from "./photographs.ts";

const load = (directory: string) => loadDataset("imagenet", { directory, download: false, size: 8 });

/** Names of a split's images with their classes. */
const labelled = ({ classes, test }: Dataset) =>
  test.files!.names.map((name, n) => [name.split("/").at(-1), classes[test.labels[n]]]);

const VAL = ["1", "2", "3"].map((n) => `ILSVRC2012_val_0000000${n}.JPEG`);
const TRUTH = [[VAL[0], "n02"], [VAL[1], "n01"], [VAL[2], "n02"]];

/** Validation images in one folder, and a file that says which is which. */
function flat(file: string, content: string | Uint8Array<ArrayBuffer>, more: Tree = {}): Tree {
  const train = Object.fromEntries(Object.entries(imagenette()).filter(([path]) => path.startsWith("train/")));
  return {
    ...train,
    ...Object.fromEntries(VAL.map((name) => [`val/${name}`, photograph("plain")])),
    [file]: content,
    ...more,
  };
}

describe("loadImageNet", () => {
  it("reads folders by class, holds a tenth of the training images out, and tests on val", () =>
    withFolder(async (folder) => {
      await writeTree(folder, { ...imagenette(), "train/n01/notes.txt": "no image", "train/.hidden/x.JPEG": "" });
      const { classes, train, validation, test, height, width, notice } = await load(folder);
      assertEquals([classes, train.count, validation.count, test.count, height, width], [
        ["n01", "n02"],
        22,
        2,
        6,
        8,
        8,
      ]);
      assertEquals([...test.labels], [0, 0, 0, 1, 1, 1]);
      const all = [...train.files!.names, ...validation.files!.names];
      assertEquals(new Set(all).size, 24);
      for (const split of [train, validation]) {
        split.files!.names.forEach((name, n) => assertEquals(name.split("/")[1], classes[split.labels[n]]));
      }
      assertStringIncludes(notice!, "22 training images of 2 classes, 2 more held out");
    }));

  it("reads the same from a folder below the one named, and from one tar archive", () =>
    withFolder(async (folder) => {
      const tree = Object.fromEntries(
        Object.entries(imagenette()).map(([path, file]) => [`imagenette2/${path}`, file]),
      );
      await writeTree(`${folder}/unpacked`, tree);
      await Deno.writeFile(`${folder}/all.tar`, tarOfTree(tree));
      const [unpacked, packed] = await Promise.all([load(`${folder}/unpacked`), load(`${folder}/all.tar`)]);
      assertEquals(packed.train.files!.names.toSorted(), unpacked.train.files!.names.toSorted());
      const name = unpacked.test.files!.names[4], at = packed.test.files!.names.indexOf(name);
      assertEquals(await readImage(placeOf(packed.test.files!, at)), photograph("progressive"));
      assertEquals(packed.classes, unpacked.classes);
    }));

  it("reads Tiny ImageNet as it is unpacked: images below each class, labels of val in a table, no use of test", () =>
    withFolder(async (folder) => {
      const tree: Record<string, string | Uint8Array<ArrayBuffer>> = {};
      for (
        const [path, file] of Object.entries(
          flat(
            "val/val_annotations.txt",
            `${VAL[0]}\tn02\t0\t0\t62\t57\n${VAL[1]}\tn01\t1\t1\t2\t2\n${VAL[2]}\tn02\t0\t0\t1\t1\n`,
          ),
        )
      ) {
        const [split, ...rest] = path.split("/");
        const isList = rest.at(-1)!.endsWith(".txt");
        tree[isList ? path : [split, ...rest.slice(0, -1), "images", rest.at(-1)].join("/")] = file;
      }
      await writeTree(folder, {
        ...tree,
        "train/n01/n01_boxes.txt": "x",
        "test/images/test_0.JPEG": "",
        "wnids.txt": "n01\nn02\n",
      });
      const dataset = await load(folder);
      assertEquals([dataset.classes, dataset.train.count], [["n01", "n02"], 22]);
      assertEquals(labelled(dataset), TRUTH);
    }));

  const KIT = { "ILSVRC2012_validation_ground_truth.txt": "2\n1\n300\n" };
  const kitClasses = [[VAL[0], "n02100735"], [VAL[1], "n02119789"], [VAL[2], "n02110185"]];
  /** Training images of the classes of `meta`. */
  const kitTree = (files: Tree): Tree => {
    const train = ["n02100735", "n02119789", "n02110185"].map((id) =>
      [`train/${id}/a.JPEG`, photograph("plain")] as const
    );
    const val = VAL.map((name) => [`val/${name}`, photograph("plain")] as const);
    return { ...Object.fromEntries([...train, ...val]), ...files };
  };

  it("reads labels from Kaggle's and TensorFlow's lists", () =>
    withFolder(async (folder) => {
      const kaggle = `ImageId,PredictionString\n${
        TRUTH.map(([name, id]) => `${name.replace(".JPEG", "")},${id} 1 2 3 4 `).join("\n")
      }\n`;
      await writeTree(`${folder}/kaggle`, flat("LOC_val_solution.csv", kaggle));
      await writeTree(`${folder}/tf`, flat("imagenet_2012_validation_synset_labels.txt", "n02\r\nn01\r\nn02\r\n"));
      for (const form of ["kaggle", "tf"]) assertEquals(labelled(await load(`${folder}/${form}`)), TRUTH, form);
    }));

  it("reads labels from the development kit, unpacked or not, compressed MATLAB or not", () =>
    withFolder(async (folder) => {
      for (const form of ["compressed", "plain"] as const) {
        const mat = bytesOf(meta[form]);
        await writeTree(`${folder}/${form}`, kitTree({ ...KIT, "data/meta.mat": mat }));
        const kit = tarOfTree({
          "ILSVRC2012_devkit_t12/data/meta.mat": mat,
          [`ILSVRC2012_devkit_t12/data/${Object.keys(KIT)[0]}`]: Object.values(KIT)[0],
        });
        await writeTree(`${folder}/${form}-kit`, kitTree({ "ILSVRC2012_devkit_t12.tar.gz": await gzip(kit) }));
        for (const path of [form, `${form}-kit`]) {
          assertEquals(labelled(await load(`${folder}/${path}`)), kitClasses, path);
        }
      }
    }));

  it("reads ILSVRC2012's own archives where they are: an archive of archives, and images without folders", () =>
    withFolder(async (folder) => {
      const ids = ["n02100735", "n02119789", "n02110185"];
      const classes = Object.fromEntries(ids.map((id) => [
        `${id}.tar`,
        tarOfTree({ [`${id}_1.JPEG`]: photograph("plain"), [`${id}_2.JPEG`]: photograph("grey") }),
      ]));
      await Deno.writeFile(`${folder}/ILSVRC2012_img_train.tar`, tarOfTree(classes));
      await Deno.writeFile(
        `${folder}/ILSVRC2012_img_val.tar`,
        tarOfTree(Object.fromEntries(VAL.map((name) => [name, photograph("exif6")]))),
      );
      await writeTree(folder, { ...KIT, "meta.mat": bytesOf(meta.compressed) });
      const dataset = await load(folder);
      assertEquals([dataset.classes, dataset.train.count, dataset.test.count], [ids.toSorted(), 6, 3]);
      assertEquals(labelled(dataset), kitClasses);
      const at = dataset.train.files!.names.indexOf("n02110185/n02110185_2.JPEG");
      assertEquals(dataset.classes[dataset.train.labels[at]], "n02110185");
      assertEquals(await readImage(placeOf(dataset.train.files!, at)), photograph("grey"));
    }));

  it("says what is missing or wrong, and what to do", () =>
    withFolder(async (folder) => {
      await writeTree(`${folder}/no-val`, { "train/a/1.jpg": "", "train/b/1.jpg": "" });
      await writeTree(`${folder}/one-class`, { "train/a/1.jpg": "", "val/a/1.jpg": "" });
      await writeTree(`${folder}/stranger`, { ...imagenette(), "val/n03/1.JPEG": "" });
      await writeTree(`${folder}/unlabelled`, flat("README.txt", "nothing"));
      await writeTree(`${folder}/short`, flat("imagenet_2012_validation_synset_labels.txt", "n02\n"));
      await writeTree(`${folder}/no-meta`, kitTree(KIT));
      await writeTree(
        `${folder}/bad-meta`,
        kitTree({ ...KIT, "meta.mat": "not MATLAB at all, but long enough for a header" }),
      );
      await writeTree(folder, { "file.zip": "PK\u0003\u0004" });
      await Deno.writeFile(`${folder}/cut.tar`, tarOfTree(imagenette()).subarray(0, 5000));
      await Deno.writeFile(`${folder}/out.tar`, tarOf([{ name: "../train/a/1.jpg", content: new Uint8Array(3) }]));
      const cases: readonly (readonly [path: string, says: string])[] = [
        ["nowhere", "as it does not exist"],
        ["no-val", "as it has no validation images in val"],
        ["one-class", "as it has no folder train with a folder for each of several classes"],
        ["stranger", "as no training image is of its class, n03"],
        ["unlabelled", "as its validation images have no labels: sort them into folders by class, or put one of these"],
        ["short", "as the file of labels has none for it"],
        ["no-meta", "as meta.mat of the development kit is not there"],
        ["bad-meta", "Cannot use meta.mat of"],
        ["file.zip", "as it is not an uncompressed tar archive, or is damaged"],
        ["cut.tar", "as it is not an uncompressed tar archive, or is damaged"],
        ["out.tar", "would be written outside its folder"],
      ];
      for (const [path, says] of cases) {
        const { message } = await assertRejects(() => load(`${folder}/${path}`), Error, says);
        assert(!message.includes("\n"), message);
      }
      await assertRejects(() => loadDataset("imagenet", { download: true }), Error, "name its folder with --data");
    }));
});

/** The numbers of a batch, copied. */
const copy = ({ images, labels }: Batch) => ({ images: [...images], labels: [...labels] });

describe("streamed batches", () => {
  it("are a function of seed and step, whatever was asked before", () =>
    withFolder(async (folder) => {
      await writeTree(folder, imagenette());
      const dataset = await load(folder);
      const read = async (seed: number, steps: readonly number[], augment = true) => {
        const source = openTrainingBatches(dataset, { batch: 5, seed, augment });
        try {
          const batches = [];
          for (const step of steps) batches.push(copy(await source.at(step)));
          return batches;
        } finally {
          source.close();
        }
      };
      const [first, second, , , fifth] = await read(1, [0, 1, 2, 3, 4]);
      assertEquals(await read(1, [4, 0]), [fifth, first]); // step 4 is of the second epoch
      assert(JSON.stringify(await read(2, [0])) !== JSON.stringify([first]));
      assert(JSON.stringify(first) !== JSON.stringify(second));
      assertEquals([first.images.length, first.labels.length], [5 * 8 * 8 * 3, 5]);
      const [plain] = await read(1, [0], false);
      assertEquals(plain.labels, first.labels);
      assert(JSON.stringify(plain.images) !== JSON.stringify(first.images));
    }));

  it("visit every image of an epoch once, normalised by ImageNet's mean and deviation", () =>
    withFolder(async (folder) => {
      await writeTree(folder, imagenette());
      const dataset = await load(folder);
      const source = openTrainingBatches(dataset, { batch: 11, seed: 1, augment: false });
      const batches = [copy(await source.at(0)), copy(await source.at(1))];
      source.close();
      assertEquals(
        batches.flatMap(({ labels }) => labels).filter((label) => label === 1).length,
        [...dataset.train.labels].filter((label) => label === 1).length,
      );
      const { images } = batches[0];
      assert(Math.min(...images) >= -0.485 / 0.229 - 1e-5 && Math.max(...images) <= (1 - 0.406) / 0.225 + 1e-5);
    }));

  it("replace images that cannot be decoded, the same ones each time, and name each once", () =>
    withFolder(async (folder) => {
      const broken = ["train/n01/n01_1.JPEG", "train/n02/n02_2.JPEG"];
      await writeTree(folder, {
        ...imagenette(),
        [broken[0]]: photograph("cmyk"),
        [broken[1]]: photograph("plain").slice(0, 300),
      });
      const dataset = await load(folder), isIn = (name: string) => dataset.train.files!.names.includes(name);
      const read = async () => {
        const skipped = new Map<string, string>(), told: string[] = [];
        const onSkipped = (name: string, reason: string) => {
          told.push(name);
          skipped.set(name, reason);
        };
        const source = openTrainingBatches(dataset, { batch: 22, seed: 3, augment: true, onSkipped });
        const batch = copy(await source.at(0));
        await source.at(1);
        source.close();
        assertEquals(told.length, skipped.size);
        return { batch, skipped: [...skipped].toSorted() };
      };
      const first = await read();
      assertEquals(await read(), first);
      assertEquals(first.skipped.map(([name]) => name), broken.filter(isIn).map((name) => `${folder}/${name}`));
      assertStringIncludes(Object.fromEntries(first.skipped)[`${folder}/${broken[0]}`] ?? "CMYK", "CMYK");
    }));

  it("judge the centres in order, leave out what cannot be decoded, and give up where nothing can", () =>
    withFolder(async (folder) => {
      await writeTree(folder, { ...imagenette(), "val/n01/val_n01_1.JPEG": "no image" });
      const dataset = await load(folder), names: string[] = [];
      const read = async (dataset: Dataset, limit?: number) => {
        const labels: number[] = [];
        const onSkipped = (name: string) => void names.push(name);
        for await (const batch of openEvaluationBatches(dataset, "test", { batch: 4, limit, onSkipped })) {
          labels.push(...batch.labels);
        }
        return labels;
      };
      assertEquals(await read(dataset), [0, 0, 1, 1, 1]);
      assertEquals(names, [`${folder}/val/n01/val_n01_1.JPEG`]);
      assertEquals(await read(dataset, 1), [0]);
      for (const name of dataset.test.files!.names) await Deno.writeTextFile(`${folder}/${name}`, "no image");
      await assertRejects(() => read(dataset), Error, "as none of its images can be decoded");
      for (const name of dataset.train.files!.names) await Deno.writeTextFile(`${folder}/${name}`, "no image");
      const source = openTrainingBatches(dataset, { batch: 2, seed: 1, augment: true });
      await assertRejects(async () => await source.at(0), Error, "as 100 images in a row cannot be decoded");
      source.close();
    }));

  it("refuse a batch larger than the training split", () =>
    withFolder(async (folder) => {
      await writeTree(folder, imagenette());
      const dataset = await load(folder);
      for (const batch of [0, 23, 1.5]) {
        await assertRejects(
          () => Promise.resolve().then(() => openTrainingBatches(dataset, { batch, seed: 1, augment: true })),
          RangeError,
          `${batch} were asked for`,
        );
      }
    }));
});

/**
 * One small data set in each of its forms gives the same images, labels and order, and damage is told by the file's
 * name.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { Dataset } from "../../../datasets/dataset.ts";
import { DatasetError } from "../../../datasets/dataset.ts";
import { loadRecords, Review } from "../../../datasets/images/cifar.ts";
import {
  CIFAR10,
  CIFAR100,
  CIFAR100_COARSE,
  type CifarFormat,
  dataFiles,
} from "../../../datasets/images/cifar_format.ts";
import { findForms } from "../../../datasets/images/cifar_forms.ts";
import { PYTHON } from "../../../datasets/images/cifar_python.ts";
import { pngOf } from "../pictures.ts";
import { withFolder, writeTarGz } from "../scratch.ts";

/** Six images: five files of one for training, and one test image. */
const SMALL10: CifarFormat = { ...CIFAR10, trainRecords: 1, testRecords: 1, validation: 2 };
const SMALL100: CifarFormat = { ...CIFAR100, trainRecords: 5, testRecords: 1, validation: 2 };
const SMALL100_COARSE: CifarFormat = { ...CIFAR100_COARSE, trainRecords: 5, testRecords: 1, validation: 2 };

/** As the Parquet files in fixtures/ hold it: red 10n + column, green the row, blue n; label n. */
const pixelsOf = (n: number) =>
  Uint8Array.from({ length: 3072 }, (_, i) => [10 * n + Math.floor(i / 3) % 32, Math.floor(i / 96), n][i % 3]);
const planesOf = (n: number) => [0, 1, 2].flatMap((c) => [...pixelsOf(n)].filter((_, i) => i % 3 === c));
/** Coarse and fine labels of the small CIFAR-100 in fixtures/. */
const labelsOf = (format: CifarFormat, n: number) => format.name === "cifar10" ? [n] : [19 - n, 90 + n];

/** Images of each file, in the order of the files. */
function imagesOf(format: CifarFormat): readonly (readonly [file: string, images: number[]])[] {
  const files = dataFiles(format);
  return format.name === "cifar10"
    ? files.map((file, n) => [file, [n]])
    : [[files[0], [0, 1, 2, 3, 4]], [files[1], [5]]];
}

const binary = (format: CifarFormat, images: readonly number[]) =>
  Uint8Array.from(images.flatMap((n) => [...labelsOf(format, n), ...planesOf(n)]));

const letters = (text: string) => [...new TextEncoder().encode(text)];
const str = (text: string) => [0x55, text.length, ...letters(text)];

/** A batch as Python 2 wrote it, numpy's array and all. */
function pickle(format: CifarFormat, images: readonly number[]): Uint8Array<ArrayBuffer> {
  const data = images.flatMap(planesOf), size = [0, 8, 16, 24].map((shift) => data.length >>> shift & 255);
  const array = [
    ...letters("cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n"),
    ...[0x4b, 0, 0x85, ...str("b"), 0x74, 0x52], // (0,), "b" -> an empty array
    ...[0x28, 0x4b, 1, 0x4b, images.length, 0x4d, 0, 12, 0x86], // version, (images, 3072)
    ...[...letters("cnumpy\ndtype\n("), ...str("u1"), 0x4b, 0, 0x4b, 1, 0x74, 0x52], // dtype("u1", 0, 1)
    ...[0x28, 0x4b, 3, ...str("|"), 0x4e, 0x4e, 0x4e, 0x4b, 0, 0x4b, 0, 0x4b, 0, 0x74, 0x62],
    ...[0x89, 0x54, ...size, ...data, 0x74, 0x62], // False, the bytes
  ];
  const labels = PYTHON[format.name].labels.flatMap((key, at) => [
    ...str(key),
    ...[0x5d, 0x28, ...images.flatMap((n) => [0x4b, labelsOf(format, n)[at]]), 0x65],
  ]);
  return Uint8Array.from([0x80, 2, 0x7d, 0x28, ...str("data"), ...array, ...labels, 0x75, 0x2e]);
}

type Write = (format: CifarFormat, folder: string) => Promise<void>;

const contents = (format: CifarFormat, of: (format: CifarFormat, images: readonly number[]) => Uint8Array) =>
  imagesOf(format).map(([file, images]) => ({ file, content: of(format, images) }));

/** How each form is written. */
const FORMS: Readonly<Record<string, Write>> = {
  "the binary folder": async (format, folder) => {
    await Deno.mkdir(`${folder}/${format.folder}`);
    for (const { file, content } of contents(format, binary)) {
      await Deno.writeFile(`${folder}/${format.folder}/${file}`, content);
    }
  },
  "the binary archive": (format, folder) =>
    writeTarGz(
      `${folder}/${format.archive}`,
      contents(format, binary).map(({ file, content }) => ({ name: `${format.folder}/${file}`, content })),
    ),
  "an archive without a root folder": (format, folder) =>
    writeTarGz(
      `${folder}/${format.archive}`,
      contents(format, binary).map(({ file, content }) => ({ name: file, content })),
    ),
  "the Python folder": async (format, folder) => {
    const { folder: name, fileOf } = PYTHON[format.name];
    await Deno.mkdir(`${folder}/${name}`);
    for (const { file, content } of contents(format, pickle)) {
      await Deno.writeFile(`${folder}/${name}/${fileOf(file)}`, content);
    }
  },
  "the Python archive": (format, folder) => {
    const { folder: name, archive, fileOf } = PYTHON[format.name];
    return writeTarGz(
      `${folder}/${archive}`,
      contents(format, pickle).map(({ file, content }) => ({ name: `${name}/${fileOf(file)}`, content })),
    );
  },
  "Parquet files": async (_, folder) => {
    for (const split of ["train", "test"]) {
      const name = `${split}-00000-of-00001.parquet`;
      await Deno.copyFile(new URL(`fixtures/${name}`, import.meta.url), `${folder}/${name}`);
    }
  },
};

/** Folders of images of CIFAR-10; `nameOf` an image. */
async function writeImages(folder: string, nameOf: (n: number) => string): Promise<void> {
  for (let n = 0; n < 6; n++) {
    const into = `${folder}/${n < 5 ? "train" : "test"}/${CIFAR10.classNames[n]}`;
    await Deno.mkdir(into, { recursive: true });
    await Deno.writeFile(`${into}/${nameOf(n)}`, pngOf(32, 32, pixelsOf(n), { filter: n % 5 }));
  }
}

async function load(format: CifarFormat, folder: string): Promise<Dataset> {
  const [form] = await findForms(format, folder);
  return await loadRecords(format, form.from, form.files());
}

function assertSmall({ train, validation, test }: Dataset, labels: readonly number[]): void {
  assertEquals([...train.labels, ...validation.labels, ...test.labels], labels);
  const pixels = [...train.pixels, ...validation.pixels, ...test.pixels];
  assertEquals(pixels, [0, 1, 2, 3, 4, 5].flatMap((n) => [...pixelsOf(n)]));
}

async function malformed(format: CifarFormat, folder: string, says: string): Promise<void> {
  const error = await assertRejects(() => load(format, folder), DatasetError, says);
  assertEquals(error.reason, "malformed");
}

describe("a form of CIFAR", () => {
  for (const [name, write] of Object.entries(FORMS)) {
    it(`gives the same images and labels: ${name}`, () =>
      withFolder(async (folder) => {
        for (const format of [SMALL10, SMALL100, SMALL100_COARSE]) {
          const own = `${folder}/${format.name}-${format.target}`;
          await Deno.mkdir(own);
          await write(format, own);
          assertSmall(await load(format, own), [0, 1, 2, 3, 4, 5].map((n) => labelsOf(format, n)[format.target]));
        }
      }));
  }

  it("gives the same where images are numbered over all classes, and else takes the classes in turn", () =>
    withFolder(async (folder) => {
      await writeImages(`${folder}/numbered`, (n) => `${(n + 95) % 100}.png`.padStart(9, "0"));
      assertSmall(await load(SMALL10, `${folder}/numbered`), [0, 1, 2, 3, 4, 5]);
      await writeImages(`${folder}/same`, () => "image.png");
      assertSmall(await load(SMALL10, `${folder}/same`), [0, 1, 2, 3, 4, 5]);
    }));

  it("has the coarse label of each fine class, read from folders too", () =>
    withFolder(async (folder) => {
      const fine = ["apple", "baby", "bear", "beaver", "bed", "wolf"];
      for (const [n, name] of fine.entries()) {
        const into = `${folder}/${n < 5 ? "train" : "test"}/${name}`;
        await Deno.mkdir(into, { recursive: true });
        await Deno.writeFile(`${into}/${n}.png`, pngOf(32, 32, pixelsOf(n)));
      }
      // As the official files have them: fruit 4, people 14, large carnivores 8, aquatic mammals 0, furniture 6.
      assertSmall(await load(SMALL100_COARSE, folder), [4, 14, 8, 0, 6, 8]);
      assertSmall(await load(SMALL100, folder), [0, 2, 3, 4, 5, 97]);
    }));

  it("refuses another class, a wrong number of images, and images of another size", () =>
    withFolder(async (folder) => {
      await writeImages(folder, (n) => `${n}.png`);
      await Deno.writeFile(`${folder}/train/cat/3.png`, pngOf(16, 32, new Uint8Array(1536)));
      await malformed(SMALL10, folder, "train/cat/3.png as images of CIFAR-10 are 32x32: it is 16x32");
      await Deno.writeTextFile(`${folder}/train/cat/3.png`, "no image");
      await malformed(SMALL10, folder, "train/cat/3.png as it is neither a PNG nor a JPEG image");
      await Deno.remove(`${folder}/train/cat/3.png`);
      await malformed(SMALL10, folder, `${folder}/train as there must be 5 images: there are 4`);
      await Deno.rename(`${folder}/train/bird`, `${folder}/train/owl`);
      await malformed(SMALL10, folder, "train/owl as that is not a class");
    }));

  it("names the file that is damaged", () =>
    withFolder(async (folder) => {
      for (const name of ["the Python folder", "Parquet files"]) {
        const own = `${folder}/${name}`;
        await Deno.mkdir(own);
        await FORMS[name](SMALL10, own);
      }
      const batch = `${folder}/the Python folder/cifar-10-batches-py/data_batch_2`;
      await Deno.truncate(batch, 1000);
      await malformed(SMALL10, `${folder}/the Python folder`, `Cannot load ${batch} as it is cut short`);
      const parquet = `${folder}/Parquet files/test-00000-of-00001.parquet`;
      await Deno.truncate(parquet, 1000);
      await malformed(
        SMALL10,
        `${folder}/Parquet files`,
        `Cannot load ${parquet} as it is not a complete Parquet file`,
      );
      await malformed(
        { ...SMALL10, trainRecords: 2 },
        `${folder}/Parquet files`,
        "train-00000-of-00001.parquet as there must be 10 images: there are 5",
      );
    }));

  it("is read out of a file that is named, whatever that is called", () =>
    withFolder(async (folder) => {
      await FORMS["the Python archive"](SMALL10, folder);
      await Deno.rename(`${folder}/${PYTHON.cifar10.archive}`, `${folder}/backup.bin`);
      assertSmall(await load(SMALL10, `${folder}/backup.bin`), [0, 1, 2, 3, 4, 5]);
    }));
});

describe("Review", () => {
  const file = (name: string, byte: number, labels: readonly number[] = [0, 1]) => ({
    ...{ name, path: name },
    bytes: Uint8Array.from(labels.flatMap((label) => [label, ...new Uint8Array(3072).fill(byte + label)])),
  });

  it("says nothing of official files, and calls others what they are", () => {
    const bytes = new Uint8Array(), sha1 = "da39a3ee5e6b4b0d3255bfef95601890afd80709"; // of no bytes
    const review = new Review({ ...CIFAR10, sha1: { "data_batch_1.bin": sha1 } });
    review.look({ name: "data_batch_1.bin", path: "", bytes });
    assertEquals(review.finish("here", true), null);
    review.look(file("data_batch_2.bin", 1));
    const said = review.finish("here", true)!;
    assertEquals(
      said,
      "here is not the official CIFAR-10: the checksum of data_batch_2.bin differs. It is used as it is",
    );
  });

  it("finds copies of one file, and files of one image, and refuses them if it is strict", async () => {
    const copies = new Review(CIFAR10), same = new Review(CIFAR10);
    for (const k of [1, 2, 3]) copies.look(file(`data_batch_${k}.bin`, 7));
    same.look(file("data_batch_1.bin", 0, [0, 0]));
    const says = [
      [copies, "data_batch_2.bin is a copy of data_batch_1.bin, data_batch_3.bin is a copy of data_batch_1.bin"],
      [same, "every image of data_batch_1.bin is the same"],
    ] as const;
    for (const [review, defect] of says) {
      assert(review.finish("here", false)!.includes(defect));
      await assertRejects(() => Promise.resolve().then(() => review.finish("here", true)), DatasetError, defect);
    }
  });
});

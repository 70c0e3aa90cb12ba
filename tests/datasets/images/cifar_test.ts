/** The CIFAR binaries: which byte becomes which pixel, which images make which split, and what damage is told. */
import { assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { findCifar, loadCifar } from "../../../datasets/images/cifar.ts";
import { CIFAR10, CIFAR100, CIFAR100_COARSE, type CifarFormat } from "../../../datasets/images/cifar_format.ts";
import { DatasetError, withoutTest } from "../../../datasets/dataset.ts";

const PLANE = 1024;
/** The official layout with 2 records per training file and 3 in the test file. */
const SMALL10: CifarFormat = { ...CIFAR10, trainRecords: 2, testRecords: 3, validation: 4 };
const SMALL100: CifarFormat = { ...CIFAR100, trainRecords: 5, testRecords: 2, validation: 2 };

/**
 * A byte that differs between neighbours, its mean too between images, which are numbered across the whole data set.
 */
const byteAt = (image: number, channel: number, place: number) => (channel * 101 + place * 7) % (200 + 5 * image);

/** Label bytes, then red, green and blue planes. */
function record(image: number, labels: readonly number[]): number[] {
  const planes = [0, 1, 2].flatMap((channel) => Array.from({ length: PLANE }, (_, at) => byteAt(image, channel, at)));
  return [...labels, ...planes];
}

/**
 * Writes a small data set whose image n has label n (CIFAR-100: coarse 19 - n, fine 90 + n); the test files come last.
 */
async function writeSmall(format: CifarFormat, folder: string): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  let image = 0;
  for (const file of [...format.trainFiles, format.testFile]) {
    const count = file === format.testFile ? format.testRecords : format.trainRecords;
    const bytes = Array.from({ length: count }, () => {
      const labels = format.labelBytes === 1 ? [image % format.classes] : [19 - image, 90 + image];
      return record(image++, labels);
    }).flat();
    await Deno.writeFile(`${folder}/${file}`, Uint8Array.from(bytes));
  }
}

/** Runs `test` with a small data set in a folder of its own. */
async function withSmall(format: CifarFormat, test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "cifar-" });
  try {
    await writeSmall(format, folder);
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function malformed(format: CifarFormat, folder: string, says: string): Promise<void> {
  const error = await assertRejects(() => loadCifar(format, folder), DatasetError, says);
  assertEquals(error.reason, "malformed");
}

describe("loadCifar", () => {
  it("turns the three planes of a record into interleaved pixels", () =>
    withSmall(SMALL10, async (folder) => {
      const { train, height, width, channels } = await loadCifar(SMALL10, folder);
      assertEquals([height, width, channels], [32, 32, 3]);
      for (let image = 0; image < train.count; image++) {
        const expected = Array.from({ length: 3 * PLANE }, (_, i) => byteAt(image, i % 3, Math.floor(i / 3)));
        assertEquals([...train.pixels.subarray(image * 3 * PLANE, (image + 1) * 3 * PLANE)], expected);
      }
    }));

  it("takes validation from the end of the training files, in their order", () =>
    withSmall(SMALL10, async (folder) => {
      const { train, validation, test } = await loadCifar(SMALL10, folder);
      assertEquals([...train.labels], [0, 1, 2, 3, 4, 5]);
      assertEquals([...validation.labels], [6, 7, 8, 9]);
      assertEquals([...test.labels], [0, 1, 2]);
      assertEquals([train.count, validation.count, test.count], [6, 4, 3]);
      assertEquals(validation.pixels[0], byteAt(6, 0, 0));
      assertEquals(test.pixels[0], byteAt(10, 0, 0));
    }));

  it("measures mean and deviation over the training split alone", () =>
    withSmall(SMALL10, async (folder) => {
      const { mean, standardDeviation } = await loadCifar(SMALL10, folder);
      for (let channel = 0; channel < 3; channel++) {
        const values = Array.from({ length: 6 * PLANE }, (_, i) =>
          byteAt(Math.floor(i / PLANE), channel, i % PLANE) / 255);
        const expected = values.reduce((sum, value) =>
          sum + value
        ) / values.length;
        const squares = values.reduce((sum, value) => sum + (value - expected) ** 2, 0);
        assertAlmostEquals(mean[channel], expected, 1e-12);
        assertAlmostEquals(standardDeviation[channel], Math.sqrt(squares / values.length), 1e-12);
      }
    }));

  it("takes the fine label of CIFAR-100, not the coarse one", () =>
    withSmall(SMALL100, async (folder) => {
      const { train, validation, test, classes } = await loadCifar(SMALL100, folder);
      assertEquals([...train.labels, ...validation.labels, ...test.labels], [90, 91, 92, 93, 94, 95, 96]);
      assertEquals(train.pixels[3], byteAt(0, 0, 1));
      assertEquals(classes.length, 100);
    }));

  it("takes the coarse label of CIFAR-100, of 20 superclasses, if it is asked for", () =>
    withSmall(SMALL100, async (folder) => {
      const coarse: CifarFormat = { ...CIFAR100_COARSE, trainRecords: 5, testRecords: 2, validation: 2 };
      const superclasses = Array.from({ length: 20 }, (_, i) => `superclass ${i}`);
      await Deno.writeTextFile(`${folder}/coarse_label_names.txt`, superclasses.join("\n"));
      const { train, validation, test, classes } = await loadCifar(coarse, folder);
      assertEquals([...train.labels, ...validation.labels, ...test.labels], [19, 18, 17, 16, 15, 14, 13]);
      assertEquals(train.pixels[3], byteAt(0, 0, 1));
      assertEquals(classes, superclasses);
    }));

  it("refuses to leave no training image", () =>
    withSmall(SMALL10, async (folder) => {
      const none = { ...SMALL10, validation: 10 };
      await assertRejects(() => loadCifar(none, folder), RangeError, "10 validation images of cifar10 as it has 10");
    }));

  it("names the classes as the archive's list does, and as they are known without it", () =>
    withSmall(SMALL10, async (folder) => {
      assertEquals((await loadCifar(SMALL10, folder)).classes[3], "cat");
      const names = ["plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
      await Deno.writeTextFile(`${folder}/batches.meta.txt`, names.join("\n") + "\n\n");
      assertEquals((await loadCifar(SMALL10, folder)).classes, names);
    }));

  it("names the file that is missing", () =>
    withSmall(SMALL10, async (folder) => {
      await Deno.remove(`${folder}/data_batch_4.bin`);
      await malformed(SMALL10, folder, `${folder}/data_batch_4.bin as it is missing`);
    }));

  it("refuses a file that is a byte short, a record short or a byte long", () =>
    withSmall(SMALL10, async (folder) => {
      const file = `${folder}/data_batch_2.bin`, whole = await Deno.readFile(file);
      for (const length of [0, whole.length - 1, whole.length / 2, whole.length + 1]) {
        await Deno.writeFile(file, Uint8Array.from({ length }, (_, i) => whole[i] ?? 0));
        await malformed(SMALL10, folder, `${file} as it must have 6146 bytes: it has ${length}`);
      }
    }));

  it("refuses an invalid label and says which record has it", () =>
    withSmall(SMALL10, async (folder) => {
      const file = `${folder}/test_batch.bin`, bytes = await Deno.readFile(file);
      bytes[2 * 3073] = 10;
      await Deno.writeFile(file, bytes);
      await malformed(SMALL10, folder, `${file} as labels must be below 10: record 2 has 10`);
    }));

  it("shares its memory with workers", () =>
    withSmall(SMALL10, async (folder) => {
      const dataset = await loadCifar(SMALL10, folder);
      const copy = structuredClone(dataset);
      dataset.train.labels[0] = 9;
      assertEquals(copy.train.labels[0], 9);
    }));
});

describe("withoutTest", () => {
  it("leaves training and validation and takes every test image away", () =>
    withSmall(SMALL10, async (folder) => {
      const dataset = await loadCifar(SMALL10, folder), seen = withoutTest(dataset);
      assertEquals([seen.train, seen.validation], [dataset.train, dataset.validation]);
      assertEquals([seen.test.count, seen.test.pixels.buffer.byteLength, seen.test.labels.buffer.byteLength], [
        0,
        0,
        0,
      ]);
      assertEquals(dataset.test.count, 3);
    }));
});

describe("findCifar", () => {
  it("finds the files in the folder named or in the archive's folder below it, and nowhere else", () =>
    withSmall(SMALL10, async (folder) => {
      await writeSmall(SMALL10, `${folder}/below/cifar-10-batches-bin`);
      await Deno.mkdir(`${folder}/empty`);
      const below = `${folder}/below/cifar-10-batches-bin`;
      assertEquals(await findCifar(SMALL10, folder), { folder, missing: [] });
      assertEquals(await findCifar(SMALL10, `${folder}/below`), { folder: below, missing: [] });
      assertEquals(await findCifar(SMALL10, `${folder}/empty`), null);
      assertEquals(await findCifar(SMALL10, `${folder}/absent`), null);
    }));

  it("says which files the folder lacks", () =>
    withSmall(SMALL10, async (folder) => {
      await Deno.remove(`${folder}/test_batch.bin`);
      await Deno.remove(`${folder}/data_batch_2.bin`);
      assertEquals(await findCifar(SMALL10, folder), { folder, missing: ["data_batch_2.bin", "test_batch.bin"] });
    }));
});

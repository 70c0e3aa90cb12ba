/** Fashion-MNIST's IDX files: how grey 28x28 becomes colour 32x32, and what damage is told. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { DatasetError } from "../../../datasets/dataset.ts";
import { FASHION_MNIST, findIdx, IDX_FILES, loadIdx, missingIdx, MNIST } from "../../../datasets/images/idx.ts";

const [TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS] = IDX_FILES;
const TRAIN_COUNT = 5, TEST_COUNT = 2;

const loadFashion = (folder: string, validation: number) => loadIdx(FASHION_MNIST, folder, { validation });
const missing = async (folder: string) => missingIdx(await findIdx(FASHION_MNIST, folder));

/** Never 0, so that the border is told from the image. */
const greyAt = (image: number, row: number, column: number) => 1 + (image * 53 + row * 29 + column * 3) % 255;

const word = (value: number) => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];

function imagesFile(first: number, count: number): Uint8Array<ArrayBuffer> {
  const pixels = Array.from({ length: count * 784 }, (_, i) => {
    const place = i % 784;
    return greyAt(first + Math.floor(i / 784), Math.floor(place / 28), place % 28);
  });
  return Uint8Array.from([0, 0, 8, 3, ...word(count), ...word(28), ...word(28), ...pixels]);
}

const labelsFile = (labels: readonly number[]) => Uint8Array.from([0, 0, 8, 1, ...word(labels.length), ...labels]);

async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Runs `test` with 5 training and 2 test images in a folder of its own. */
async function withFiles(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "idx-" });
  try {
    await Deno.writeFile(`${folder}/${TRAIN_IMAGES}`, imagesFile(0, TRAIN_COUNT));
    await Deno.writeFile(`${folder}/${TRAIN_LABELS}`, labelsFile([0, 1, 2, 3, 9]));
    await Deno.writeFile(`${folder}/${TEST_IMAGES}`, imagesFile(TRAIN_COUNT, TEST_COUNT));
    await Deno.writeFile(`${folder}/${TEST_LABELS}`, labelsFile([7, 8]));
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function malformed(folder: string, says: string): Promise<void> {
  const error = await assertRejects(() => loadFashion(folder, 2), DatasetError, says);
  assertEquals(error.reason, "malformed");
}

describe("loadIdx", () => {
  it("centres the grey image in 32x32 black and repeats it in three channels", () =>
    withFiles(async (folder) => {
      const { test, height, width, channels } = await loadFashion(folder, 2);
      assertEquals([height, width, channels], [32, 32, 3]);
      for (let image = 0; image < TEST_COUNT; image++) {
        const expected = Array.from({ length: 32 * 32 * 3 }, (_, i) => {
          const row = Math.floor(i / 96) - 2, column = Math.floor(i / 3) % 32 - 2;
          const inside = row >= 0 && row < 28 && column >= 0 && column < 28;
          return inside ? greyAt(TRAIN_COUNT + image, row, column) : 0;
        });
        assertEquals([...test.pixels.subarray(image * 3072, (image + 1) * 3072)], expected);
      }
    }));

  it("takes validation from the end of training", () =>
    withFiles(async (folder) => {
      const { train, validation, test } = await loadFashion(folder, 2);
      assertEquals([[...train.labels], [...validation.labels], [...test.labels]], [[0, 1, 2], [3, 9], [7, 8]]);
      assertEquals(validation.pixels[(2 * 32 + 2) * 3], greyAt(3, 0, 0));
    }));

  it("reads the same from gzip as from plain files", () =>
    withFiles(async (folder) => {
      const plain = await loadFashion(folder, 2);
      for (const file of IDX_FILES) {
        await Deno.writeFile(`${folder}/${file}.gz`, await gzip(await Deno.readFile(`${folder}/${file}`)));
        await Deno.remove(`${folder}/${file}`);
      }
      assertEquals(await missing(folder), []);
      assertEquals(await loadFashion(folder, 2), plain);
    }));

  it("names the file that is missing", () =>
    withFiles(async (folder) => {
      await Deno.remove(`${folder}/${TEST_LABELS}`);
      assertEquals(await missing(folder), [TEST_LABELS]);
      const error = await assertRejects(() => loadFashion(folder, 2), DatasetError, TEST_LABELS);
      assertEquals(error.reason, "unavailable");
    }));

  it("refuses a file that is cut short, too long or not of its kind, and names it", () =>
    withFiles(async (folder) => {
      const file = `${folder}/${TRAIN_IMAGES}`, whole = await Deno.readFile(file);
      const cases: readonly [Uint8Array, string][] = [
        [whole.slice(0, whole.length - 1), `${file} as it must have ${whole.length} bytes`],
        [Uint8Array.from([...whole, 0]), `${file} as it must have ${whole.length} bytes`],
        [whole.slice(0, 15), `${file} as it is too short for its header`],
        [new Uint8Array(), `${file} as it is too short for its header`],
        [whole.with(2, 9), `${file} as its header`],
        [whole.with(11, 27), `${file} as its header`],
      ];
      for (const [bytes, says] of cases) {
        await Deno.writeFile(file, bytes);
        await malformed(folder, says);
      }
    }));

  it("refuses gzip that is cut short", () =>
    withFiles(async (folder) => {
      const file = `${folder}/${TRAIN_LABELS}`, packed = await gzip(await Deno.readFile(file));
      await Deno.remove(file);
      await Deno.writeFile(`${file}.gz`, packed.slice(0, packed.length - 6));
      await malformed(folder, `${file}.gz as it is not a complete gzip file`);
    }));

  it("refuses an invalid label, and images without their labels", () =>
    withFiles(async (folder) => {
      await Deno.writeFile(`${folder}/${TRAIN_LABELS}`, labelsFile([0, 1, 10, 3, 4]));
      await malformed(folder, `${TRAIN_LABELS} as labels must be below 10: item 2 has 10`);
      await Deno.writeFile(`${folder}/${TRAIN_LABELS}`, labelsFile([0, 1, 2, 3]));
      await malformed(folder, `has 5 images and ${TRAIN_LABELS} 4 labels`);
    }));

  it("finds the files under the names that other sets and tools give them, where the library puts them", () =>
    withFiles(async (folder) => {
      const plain = await loadFashion(folder, 2);
      const renamed = async (nameOf: (file: string) => string) => {
        const other = `${folder}/renamed`;
        for (const file of IDX_FILES) {
          const path = `${other}/${nameOf(file)}`;
          await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
          await Deno.copyFile(`${folder}/${file}`, path);
        }
        const { notice, ...loaded } = await loadIdx(MNIST, other, { validation: 2 });
        const { notice: _, name: __, ...expected } = plain;
        assertEquals(loaded, { ...expected, name: "mnist" });
        assert(notice!.includes("unknown images in IDX form, not the official MNIST"), notice);
        await Deno.remove(other, { recursive: true });
      };
      await renamed((file) => file.replace("-idx", ".idx"));
      await renamed((file) => `emnist-digits-${file.replace("t10k", "test")}`);
      await renamed((file) => `MNIST/raw/${file}`);
      await renamed((file) => `${file}.gz`); // not gzip at all
      await renamed((file) => `part ${IDX_FILES.indexOf(file as typeof IDX_FILES[number])}`); // by their content alone
    }));

  it("reads gzip of two members, and gzip under a name that does not say so", () =>
    withFiles(async (folder) => {
      const plain = await loadFashion(folder, 2), file = `${folder}/${TRAIN_IMAGES}`, bytes = await Deno.readFile(file);
      const members = [await gzip(bytes.slice(0, 999)), await gzip(bytes.slice(999))];
      await Deno.writeFile(file, Uint8Array.from([...members[0], ...members[1]]));
      assertEquals(await loadFashion(folder, 2), plain);
    }));

  it("takes 32x32 images without a border", () =>
    withFiles(async (folder) => {
      const pixels = Array.from({ length: 2 * 1024 }, (_, i) => i % 251);
      const images = Uint8Array.from([0, 0, 8, 3, ...word(2), ...word(32), ...word(32), ...pixels]);
      await Deno.writeFile(`${folder}/${TEST_IMAGES}`, images);
      const { test } = await loadFashion(folder, 2);
      assertEquals([...test.pixels], pixels.flatMap((grey) => [grey, grey, grey]));
    }));

  it("calls images of other checksums unknown, and numbers their classes, of which mnist takes as many as there are", () =>
    withFiles(async (folder) => {
      const fashion = await loadFashion(folder, 2);
      assertEquals([fashion.official, fashion.classes[9], fashion.classes.length], [false, "class 9", 10]);
      assert(fashion.notice!.includes("unknown images in IDX form, not the official Fashion-MNIST"), fashion.notice);
      await Deno.writeFile(`${folder}/${TEST_LABELS}`, labelsFile([7, 25]));
      assertEquals((await loadIdx(MNIST, folder, { validation: 2 })).classes.length, 26);
      await malformed(folder, `${TEST_LABELS} as labels must be below 10: item 1 has 25`);
    }));

  it("refuses two sets in one folder, and if asked to the same image repeatedly", () =>
    withFiles(async (folder) => {
      const same = Uint8Array.from([0, 0, 8, 3, ...word(5), ...word(28), ...word(28), ...new Uint8Array(5 * 784)]);
      await Deno.writeFile(`${folder}/${TRAIN_IMAGES}`, same);
      await assertRejects(
        () => loadIdx(MNIST, folder, { validation: 2, strict: true }),
        DatasetError,
        "every training image is the same",
      );
      await loadIdx(MNIST, folder, { validation: 2 });
      await Deno.copyFile(`${folder}/${TRAIN_IMAGES}`, `${folder}/kmnist-${TRAIN_IMAGES}`);
      await malformed(folder, "leave one set of four files in a folder");
    }));

  it("refuses to leave no training image", () =>
    withFiles(async (folder) => {
      const error = await assertRejects(() => loadFashion(folder, 5), DatasetError, "only 5 training images");
      assertEquals(error.reason, "malformed");
    }));
});

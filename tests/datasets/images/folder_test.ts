/** The data set `images`: folders by class of any names and sizes, and how splits are taken from them. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { DatasetError } from "../../../datasets/dataset.ts";
import { loadImages, picturesOf } from "../../../datasets/images/folder.ts";
import { pngOf } from "../pictures.ts";
import { withFolder } from "../scratch.ts";

/** Writes plain images of one grey, `of` which class in each split and how many. */
async function write(folder: string, images: Readonly<Record<string, readonly number[]>>, side = 32): Promise<void> {
  for (const [where, greys] of Object.entries(images)) {
    await Deno.mkdir(`${folder}/${where}`, { recursive: true });
    for (const [n, grey] of greys.entries()) {
      const file = pngOf(side, side, new Uint8Array(3 * side * side).fill(grey));
      await Deno.writeFile(`${folder}/${where}/${n}.png`, file);
    }
  }
}

const greys = (count: number, first: number) => Array.from({ length: count }, (_, i) => first + i);

async function fails(directory: string | undefined, says: string): Promise<void> {
  await assertRejects(() => loadImages({ directory }), DatasetError, says);
}

describe("loadImages", () => {
  it("reads classes by the names of their folders, and the splits that are there", () =>
    withFolder(async (directory) => {
      await write(directory, {
        ...{ "train/dog": greys(6, 100), "train/cat": greys(6, 0) },
        ...{ "val/cat": [50, 51], "test/dog": [60], "test/cat": [61] },
      });
      await Deno.writeTextFile(`${directory}/train/notes.txt`, "no image");
      const { train, validation, test, classes, notice, official } = await loadImages({ directory });
      assertEquals([classes, notice, official], [["cat", "dog"], undefined, undefined]);
      assertEquals([train.count, validation.count, test.count], [12, 2, 2]);
      assertEquals([...train.labels].slice(0, 4), [0, 1, 0, 1]); // classes in turn
      assertEquals([train.pixels[0], train.pixels[3072], train.pixels[6144]], [0, 100, 1]);
      assertEquals([...test.labels, test.pixels[0], test.pixels[3072]], [0, 1, 61, 60]);
    }));

  it("takes a tenth for validation and a tenth for tests if there are no such folders, always the same", () =>
    withFolder(async (directory) => {
      await write(directory, { a: greys(20, 0), b: greys(20, 100) });
      const first = await loadImages({ directory }), again = await loadImages({ directory });
      assertEquals([first.train.count, first.validation.count, first.test.count], [32, 4, 4]);
      assertEquals(first, again);
      const all = [first.train, first.validation, first.test].flatMap(({ pixels, count }) =>
        Array.from({ length: count }, (_, n) => pixels[n * 3072])
      );
      assertEquals(all.toSorted((a, b) => a - b), [...greys(20, 0), ...greys(20, 100)]); // each image once
    }));

  it("scales images of other sizes, and says so", () =>
    withFolder(async (directory) => {
      await write(directory, { a: greys(6, 0), b: greys(6, 100) }, 48);
      const { train, notice } = await loadImages({ directory });
      assert(notice!.includes("images of 48x48, their middle square scaled to 32x32"), notice);
      assertEquals(train.pixels.length, train.count * 3072);
    }));

  it("says what is missing, and that splits must have the same classes", () =>
    withFolder(async (directory) => {
      await fails(undefined, "give one with --data");
      await fails(`${directory}/absent`, "as it does not exist");
      await fails(directory, "it has no folders of images by class");
      await write(directory, { "train/a": greys(12, 0) });
      await fails(directory, "2 to 256 classes are supported: it has folders with images of 1");
      await write(directory, { "train/b": greys(3, 0), "test/c": [1] });
      await fails(directory, `${directory}/test as ${directory}/train has no class c`);
      await Deno.remove(`${directory}/train`, { recursive: true });
      await write(directory, { "train/a": [1], "train/b": [2], "train/c": [3] });
      await fails(directory, "at least 10 images are needed: it has 3");
    }));

  it("names the image that is damaged", () =>
    withFolder(async (directory) => {
      await write(directory, { a: greys(6, 0), b: greys(6, 0) });
      await Deno.writeTextFile(`${directory}/a/3.png`, "broken");
      await fails(directory, `Cannot load ${directory}/a/3.png as it is neither a PNG nor a JPEG image`);
    }));
});

describe("picturesOf", () => {
  it("orders by the numbers in the names where each image has its own, by value", () =>
    withFolder(async (folder) => {
      for (const path of ["a/10.png", "a/9_a.png", "b/100.png", "b/1.png"]) {
        await Deno.mkdir(`${folder}/${path[0]}`, { recursive: true });
        await Deno.writeTextFile(`${folder}/${path}`, "");
      }
      const names = () => picturesOf(folder, ["a", "b"]).map(({ path }) => path.slice(folder.length + 1));
      assertEquals(names(), ["b/1.png", "a/9_a.png", "a/10.png", "b/100.png"]);
      await Deno.writeTextFile(`${folder}/b/10.png`, ""); // two of one number: the classes in turn
      assertEquals(names(), ["a/9_a.png", "b/1.png", "a/10.png", "b/10.png", "b/100.png"]);
    }));
});

/** Copies of photographs: what they are of, when they are used, and what happens to those that are not whole. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { openEvaluationBatches, openTrainingBatches } from "../../../datasets/batches.ts";
import { DatasetError } from "../../../datasets/dataset.ts";
import { resample } from "../../../datasets/imagenet/resample.ts";
import { resized, sideFor } from "../../../datasets/imagenet/resized.ts";
import { decodePicture } from "../../../datasets/images/picture.ts";
import { loadDataset } from "../../../datasets/load.ts";
import { withFolder } from "../scratch.ts";
import { imagenette, photograph, tarOfTree, writeTree } from "./photographs.ts";

/** A folder with one photograph of 40x24 pixels, and how to ask for its copy. */
function withPhotograph(
  test: (file: string, copy: (side?: number) => ReturnType<typeof resized>, directory: string) => Promise<void>,
): Promise<void> {
  return withFolder(async (root) => {
    await Deno.writeFile(`${root}/a.jpg`, photograph("plain"));
    await Deno.utime(`${root}/a.jpg`, 1, 1);
    const directory = `${root}/copies`;
    await test(
      `${root}/a.jpg`,
      (side = 12) => resized({ root, name: "a.jpg", place: null }, { directory, side, keeps: true }),
      directory,
    );
  });
}

/** Paths of the copies in a folder. */
function copiesIn(directory: string): string[] {
  return [...Deno.readDirSync(directory)].flatMap(({ name }) =>
    [...Deno.readDirSync(`${directory}/${name}`)].map((file) => `${directory}/${name}/${file.name}`)
  );
}

describe("a copy of a photograph", () => {
  it("has its shorter side scaled down, with the pixels of the whole resampled; small ones stay as they are", () =>
    withPhotograph(async (_file, copy) => {
      const original = await decodePicture(photograph("plain"));
      const { image, notKept } = await copy(12);
      assertEquals([image.width, image.height, notKept], [20, 12, null]);
      const whole = { left: 0, top: 0, width: 40, height: 24 };
      assertEquals(image.pixels, resample(original, whole, { width: 20, height: 12 }));
      assertEquals((await copy(24)).image.pixels, original.pixels);
      assertEquals((await copy(100)).image.pixels, original.pixels);
      assertEquals([32, 224, 225, 448].map(sideFor), [256, 256, 257, 512]);
    }));

  it("is read instead of the file, and of no other: not where that was changed, for another side, or in an archive", () =>
    withPhotograph(async (file, copy, directory) => {
      const first = await copy();
      assertEquals(copiesIn(directory).length, 1);
      const { size } = Deno.statSync(file);
      await Deno.writeFile(file, new Uint8Array(size));
      await Deno.utime(file, 1, 1);
      assertEquals((await copy()).image, first.image); // nothing shows that the file is another
      await assertRejects(() => copy(13), Error, "neither a PNG nor a JPEG");
      await Deno.utime(file, 2, 2);
      await assertRejects(() => copy(), Error, "neither a PNG nor a JPEG");
      assertEquals(copiesIn(directory).length, 1); // of images that cannot be decoded there is none

      const place = async (name: string) => {
        const tar = tarOfTree({ x: photograph("plain"), y: photograph("grey") });
        await Deno.writeFile(`${file}.tar`, tar);
        await Deno.utime(`${file}.tar`, 1, 1);
        const header = { x: 0, y: 512 * (1 + Math.ceil(photograph("plain").length / 512)) }[name]!;
        const bytes = photograph(name === "x" ? "plain" : "grey").length;
        const at = { root: `${file}.tar`, name, place: [header + 512, bytes] as const };
        return (await resized(at, { directory, side: 12, keeps: true })).image;
      };
      const [x, y] = [await place("x"), await place("y")];
      assertEquals(x, first.image);
      assert(y.pixels.some((value, i) => value !== x.pixels[i]));
      assertEquals([await place("x"), await place("y")], [x, y]);
      assertEquals(copiesIn(directory).length, 3);
    }));

  it("may be made several times at once", () =>
    withPhotograph(async (_file, copy, directory) => {
      const found = await Promise.all([1, 2, 3, 4, 5, 6].map(() => copy()));
      assertEquals(found, found.map(() => ({ image: found[0].image, notKept: null })));
      assertEquals(copiesIn(directory).length, 1);
    }));

  it("is made again where it is cut, changed, empty, of another image or something else", () =>
    withPhotograph(async (file, copy, directory) => {
      const { image } = await copy(), [path] = copiesIn(directory), whole = await Deno.readFile(path);
      await Deno.utime(file, 3, 3);
      await copy();
      const other = await Deno.readFile(copiesIn(directory).find((found) => found !== path)!);
      await Deno.utime(file, 1, 1);
      const changed = (at: number) => whole.with(at, whole[at] ^ 1);
      const bad = [
        ...[whole.slice(0, -1), whole.slice(0, 20), new Uint8Array(), new Uint8Array([...whole, 0])],
        ...[changed(0), changed(20), changed(45), changed(50), changed(whole.length - 1)],
        ...[other, photograph("plain")],
      ];
      for (const bytes of bad) {
        await Deno.writeFile(path, bytes);
        assertEquals(await copy(), { image, notKept: null });
        assertEquals(await Deno.readFile(path), whole);
      }
      await Deno.remove(path);
      await Deno.mkdir(path); // cannot be replaced
      const { image: again, notKept } = await copy();
      assertEquals(again, image);
      assert(notKept !== null && copiesIn(directory).every((name) => !name.endsWith(".part")));
    }));
});

describe("imagenet with copies", () => {
  const load = (directory: string, copies?: string) =>
    loadDataset("imagenet", { directory, download: false, size: 224, copies });

  it("gives the same batches whether copies are there, missing, or cannot be kept, of which it tells once", () =>
    withFolder(async (root) => {
      await writeTree(`${root}/photos`, imagenette());
      const dataset = await load(`${root}/photos`, `${root}/copies`);
      assertStringIncludes(
        dataset.notice!,
        `; copies of 256 pixels on the shorter side are kept in ${root}/copies, about 0.0079 GB for all 30 images`,
      );
      const notices: string[] = [];
      const batches = async () => {
        const hooks = { onNotice: (line: string) => void notices.push(line) };
        const source = openTrainingBatches(dataset, { batch: 11, seed: 1, augment: true, ...hooks });
        const found = [];
        try {
          for (const step of [0, 1]) found.push((await source.at(step)).images.slice());
        } finally {
          source.close();
        }
        for await (const { images } of openEvaluationBatches(dataset, "test", { batch: 4, ...hooks })) {
          found.push(images.slice());
        }
        return found;
      };
      const missing = await batches();
      assert(copiesIn(`${root}/copies`).length >= 22 + 6);
      assertEquals(await batches(), missing);
      assertEquals(notices, []);

      await Deno.remove(`${root}/copies`, { recursive: true });
      await Deno.writeTextFile(`${root}/copies`, "a file where the folder should be");
      assertEquals(await batches(), missing);
      assertEquals(notices.length, 2); // of the training, and of the evaluation
      for (const line of notices) {
        assertStringIncludes(line, `Cannot keep more copies of images in ${root}/copies: `);
        assertStringIncludes(line, "goes on without, with the same results");
      }
    }));

  it("is refused where the folder cannot be written", () =>
    withFolder(async (root) => {
      await writeTree(`${root}/photos`, imagenette());
      await Deno.writeTextFile(`${root}/file`, "");
      await assertRejects(() => load(`${root}/photos`, `${root}/file`), DatasetError, `Cannot write ${root}/file: `);
      await assertRejects(() => load(`${root}/photos`, "/proc/x"), DatasetError, "name a folder in data");
    }));
});

/** `deno task imagenet` as a process, on a few tiny photographs, one of which is broken. */
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { imagenette, photograph, tarOfTree, writeTree } from "../datasets/imagenet/photographs.ts";
import { commandLine, fails, inFolder } from "./command_line.ts";

const TINY = ["--network", "resnet8", "--size", "32", "--batch", "4", "--threads", "1", "--json"];

/** The objects of stdout and the lines of stderr; fails where the command did. */
async function rowsOf(line: readonly string[], cwd: string) {
  const { code, out, err } = await commandLine(line, { cwd });
  assertEquals(code, 0, err.join("\n"));
  return { rows: out.trim().split("\n").map((row) => JSON.parse(row)) as Record<string, unknown>[], err };
}

describe("deno task imagenet", () => {
  it("trains and tests on photographs, names what it skips, and resumes to the same results", () =>
    inFolder(async (cwd) => {
      const tree = { ...imagenette(6), "val/n02/val_n02_1.JPEG": photograph("cmyk") };
      await writeTree(`${cwd}/photos`, tree);
      const line = ["imagenet", "--act", "swish", "--data", "photos", ...TINY, "--steps", "4"];
      const { rows, err } = await rowsOf([...line, "--name", "a", "--save"], cwd);
      assertEquals(rows.map(({ event }) => event), ["point", "point", "point", "point", "seed", "finished"]);
      const [seed, finished] = rows.slice(-2);
      assertEquals(Object.keys(finished.skipped_images as object), ["photos/val/n02/val_n02_1.JPEG"]);
      assert(err.some((told) => told.startsWith("skipped photos/val/n02/val_n02_1.JPEG: it is a CMYK image")));
      assert(err.includes("1 image was skipped (named above)"), err.join("\n"));
      assertEquals([seed.test_top5, (seed.test_accuracy as number) * 5 % 1], [1, 0]); // 5 images of 2 classes

      // The same images in one archive are the same training.
      await Deno.writeFile(`${cwd}/photos.tar`, tarOfTree(tree));
      const [tested, packed] = await Promise.all([
        rowsOf(["test-model", seed.saved as string, "--data", "photos", "--json"], cwd),
        rowsOf(["imagenet", "--act", "swish", "--data", "photos.tar", ...TINY, "--steps", "4", "--name", "b"], cwd),
      ]);
      assertEquals([tested.rows[0].as_saved, tested.rows[0].test_accuracy], [true, seed.test_accuracy]);
      assertEquals(packed.rows.slice(0, 4), rows.slice(0, 4));
      const cached = await rowsOf([...line, "--name", "c", "--cache", "data/copies"], cwd);
      assertEquals([...Deno.readDirSync(`${cwd}/data/copies`)].length > 0, true);
      assertEquals(cached.rows.slice(0, 4), rows.slice(0, 4)); // these photographs are too small to be scaled down
      const resumed = await rowsOf(["imagenet", "--resume", "a", "--json"], cwd);
      const { skipped_images: _, ...rest } = finished;
      assertEquals(resumed.rows.at(-1), rest);
      // One after the other: a run that one process resumes is in use for another.
      const resume = ["imagenet", "--resume", "a"];
      await fails([...resume, "--size", "64"], { cwd }, 1, ["as its size is 32, and 64 was asked for"]);
      await fails([...resume, "--cache", "data/copies"], { cwd }, 1, ["copies", "256 was asked for"]);
      await Promise.all([
        fails(["imagenet", "--act", "swish"], { cwd }, 1, ["name its folder with --data"]),
        fails(["imagenet", "--data", "photos", "--cache", "elsewhere"], { cwd }, 1, ["name a folder in data"]),
        fails(["cifar10", "--size", "64"], { cwd }, 2, ["cifar10 has no flag --size"]),
      ]);
    }));
});

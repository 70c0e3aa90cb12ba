/** `deno task search` on images under shift, and learning from an earlier run, as processes. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { commandLine, fails, inFolder } from "./command_line.ts";
import { IMAGES, inFolderOfImages } from "./small_images.ts";

const SMALL = ["search", "--preset", "smoke", ...IMAGES, "--steps", "2", "--trials", "4", "--seeds", "1"];

describe("deno task search", () => {
  it("names its metric where it judges under shift, and learns from that run", () =>
    inFolderOfImages(async (cwd) => {
      const first = [...SMALL, "--no-web", "--json", "--run", "first", "--objective", "shift"];
      const shifted = await commandLine(first, { cwd });
      assertEquals(shifted.code, 0, shifted.err.join("\n"));
      assertEquals(JSON.parse(shifted.out.trim().split("\n").at(-1)!).best.metric, "validation accuracy under shift");
      assertStringIncludes((await commandLine(["show", "first"], { cwd })).out, "under shift");

      const second = [...SMALL, "--no-web", "--json", "--run", "second", "--learn-from", "first"];
      const learnt = await commandLine([...second, "--sampler", "evolution", "--units", "1"], { cwd });
      assertEquals(learnt.code, 0, learnt.err.join("\n"));
      assert(
        learnt.err.some((line) => /evolution learns from \d+ functions of first/.test(line)),
        learnt.err.join("\n"),
      );
      assertEquals(JSON.parse(learnt.out.trim().split("\n").at(-1)!).best.metric, "validation accuracy");
    }));

  it("says what to do if there is nothing to learn from, and keeps the settings of a run that is resumed", () =>
    inFolder(async (cwd) => {
      await fails([...SMALL, "--learn-from", "gone"], { cwd }, 1, ["Cannot learn from gone", "neither a search"]);
      await fails(["search", "--resume", "a", "--learn-from", "b"], { cwd }, 2, ["leave out --learn-from"]);
      await fails(["search", "--resume", "a", "--objective", "shift"], { cwd }, 2, ["leave out --objective"]);
    }));
});

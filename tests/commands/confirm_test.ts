/** `deno task confirm` on a search of scripted size: both real, on drawn images. */
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { commandLine, fails, inFolder } from "./command_line.ts";
import { IMAGES, inFolderOfImages } from "./small_images.ts";

const SMALL = ["--network", "resnet8", "--batch", "40", "--steps", "2", "--threads", "1", "--json"];

describe("deno task confirm", () => {
  it("judges the function that the search named, the next ones and the references on the same fresh seeds", () =>
    inFolderOfImages(async (cwd) => {
      const search = ["search", "--preset", "smoke", "--steps", "4", ...IMAGES, "--no-web", "--json", "--run", "s"];
      const tame = ["--sampler", "random", "--units", "1", "--seed", "5"]; // candidates that all train
      const found = await commandLine([...search, ...tame], { cwd });
      assertEquals(found.code, 0, found.err.join("\n"));
      const { best, found: isFound, leader, trials } = last(found.out);
      assertEquals([best.n, Object.keys(best.versus), isFound, trials], [2, ["relu", "swish"], false, 4]);
      assert(leader.n >= 1 && best.standard_error >= 0 && best.versus.relu.p <= 1);

      const line = ["confirm", "s", "--top", "2", "--seeds", "2", ...SMALL];
      const confirmed = await commandLine(line, { cwd });
      assertEquals(confirmed.code, 0, confirmed.err.join("\n"));
      const { rows, results, dataset, steps } = last(confirmed.out);
      assertEquals([dataset, steps, rows.length], ["images", 2, 4]);
      assertEquals(rows.map((row: { expression: string }) => row.expression).slice(0, 3), [
        "ReLU",
        "Swish",
        best.expression,
      ]);
      for (const row of rows) {
        assertEquals([row.n, Object.keys(row.versus).length], [2, row.reference ? 0 : 2]);
        assert(row.mean > 0 && row.mean < 1 && row.standard_error >= 0);
      }
      assert(Math.abs(rows[2].versus.relu.difference - (rows[2].mean - rows[0].mean)) < 1e-12);
      const table = await Deno.readTextFile(`${cwd}/${results}`);
      assert(table.includes("2 fresh seeds"), table);
      assertEquals(last((await commandLine(line, { cwd })).out).rows, rows); // goes on, with nothing left to do

      const both = ["confirm", "s", "--top", "1", "--seeds", "1", ...SMALL].with(7, "resnet14; resnet8");
      const compared = await commandLine(both, { cwd });
      assertEquals(compared.code, 0, compared.err.join("\n"));
      const { rows: all, over_models: over, network, results: file } = last(compared.out);
      const named = all.map((row: { network: string; dataset: string }) => `${row.network} ${row.dataset}`);
      assertEquals([network, named], ["resnet14;resnet8", [
        ...Array(3).fill("resnet14 images"),
        ...Array(3).fill("resnet8 images"),
      ]]);
      assertEquals(over.map(({ versus }: { versus: string }) => versus), ["ReLU", "Swish"]);
      for (const { better, equal, worse } of over) assertEquals(better + equal + worse, 2);
      assert((await Deno.readTextFile(`${cwd}/${file}`)).includes("## Over all models"));
      const pictures = [...Deno.readDirSync(`${cwd}/${file.replace("/confirm.md", "")}`)].map(({ name }) => name);
      for (const one of ["resnet14", "resnet8"]) assert(pictures.includes(`accuracy-${one}-images.svg`), `${pictures}`);
    }));

  it("refuses a network or a data set that there is not, or one named twice", () =>
    inFolder(async (cwd) => {
      const line = ["confirm", "s", "--network"];
      await fails([...line, "resnet8;resnet02"], { cwd }, 2, ["--network takes one of", "did you mean resnet32?"]);
      await fails([...line, "resnet8;resnet8"], { cwd }, 2, ["--network names resnet8 twice"]);
      await fails([...line, ";"], { cwd }, 2, ["--network names none"]);
      await fails(["confirm", "s", "--dataset", "shapes;cifar11"], { cwd }, 2, ["did you mean cifar10?"]);
    }));

  it("needs a search with a function that was trained", () =>
    inFolder((cwd) => fails(["confirm", "none"], { cwd }, 1, ["runs/none"])));
});

// deno-lint-ignore no-explicit-any -- JSON, checked by the assertions
function last(out: string): any {
  const line = JSON.parse(out.trim().split("\n").at(-1)!);
  assertEquals(line.event, "finished");
  return line;
}

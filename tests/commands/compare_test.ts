/** `deno task compare` and `deno task table` as processes, on a table whose scores come from a formula. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { firstOf } from "../../child/pair_settings.ts";
import { childText } from "../../controller/child_text.ts";
import { PRESETS } from "../../controller/presets.ts";
import { tableText } from "../../controller/comparison/function_table.ts";
import { syntheticTable } from "../controller/comparison/synthetic_table.ts";
import { commandLine, fails, failsHere, inFolder, start } from "./command_line.ts";
import { IMAGES, inFolderOfImages } from "./small_images.ts";

const TEXT = tableText(syntheticTable(1, 300));

function withTable(test: (cwd: string) => Promise<void>): Promise<void> {
  return inFolder(async (cwd) => {
    await Deno.mkdir(`${cwd}/runs`);
    await Deno.writeTextFile(`${cwd}/runs/t.jsonl`, TEXT);
    await test(cwd);
  });
}

const ON_TABLE = ["--file", "runs/t.jsonl"], AT = ["--table", "runs/t.jsonl"];

describe("deno task compare", () => {
  it("ends with each sampler's results, as fractions, and writes its report", () =>
    withTable(async (cwd) => {
      const line = [
        "compare",
        ...AT,
        "--samplers",
        "random;evolution",
        "--seeds",
        "6",
        "--trials",
        "40",
      ];
      const { code, out, err } = await commandLine([...line, "--json", "--out", "first"], { cwd });
      assertEquals(code, 0, err.join("\n"));
      const rows = out.trim().split("\n").map((row) => JSON.parse(row));
      assertEquals(rows.map(({ event }) => event), [...Array(12).fill("search"), "finished"]);
      const { samplers, synthetic } = rows[12];
      assertEquals(synthetic, true);
      assertEquals(Object.keys(samplers), ["random", "evolution"]);
      for (const one of Object.values(samplers) as Record<string, number>[]) {
        assert(one.top1_rate >= 0 && one.top1_rate <= 1 && Number.isInteger(6 * one.top1_rate));
        assert(one.regret >= 0 && one.regret < 0.35 && Math.abs(one.optimism) < 0.05);
        assert("median_trainings_to_top1" in one);
      }
      const files = [...Deno.readDirSync(`${cwd}/runs/compare`)].map(({ name }) => name).sort();
      assertEquals(files, ["first.csv", "first.json", "first.md", "first.svg"]);
      assertStringIncludes(Deno.readTextFileSync(`${cwd}/runs/compare/first.md`), "| evolution |");
      assertStringIncludes(Deno.readTextFileSync(`${cwd}/runs/compare/first.md`), "SYNTHETIC");

      const again = await commandLine([...line, "--json", "--workers", "1"], { cwd });
      assertEquals(JSON.parse(again.out.trim().split("\n").at(-1)!).samplers, samplers);
    }));

  it("without a file stands on the measured table in progress, or while that is too small on the one that is shipped", () =>
    withTable(async (cwd) => {
      const short = ["--seeds", "2", "--trials", "20", "--workers", "1"];
      const line = ["compare", "--table", "--samplers", "random;exhaustive", ...short];
      // A table that has only been begun has no top 1 %.
      await Deno.mkdir(`${cwd}/runs/table`);
      const [header, ...lines] = TEXT.split("\n"), own = `${cwd}/runs/table/cifar10-laptop.jsonl`;
      await Deno.writeTextFile(own, [header, ...lines.slice(0, 50), ""].join("\n"));
      const lastOf = async (line: readonly string[]) => {
        const { code, out, err } = await commandLine([...line, "--json"], { cwd });
        assertEquals(code, 0, err.join("\n"));
        return out.trim().split("\n").map((row) => JSON.parse(row)).at(-1);
      };
      const shipped = await lastOf(line);
      assertEquals([shipped.event, shipped.dataset, shipped.synthetic], ["finished", "cifar10", false]);
      assert(shipped.functions >= 1400, `${shipped.functions}`); // of 1,503, mirror images taken together
      assertEquals(
        shipped.truth,
        `children trained on cifar10, images from JPEGs of quality 75 (${childText(firstOf(PRESETS.laptop.child))})`,
      );
      assertEquals(Object.keys(shipped.samplers), ["random", "exhaustive"]);

      const plausible = await lastOf(["compare", "--table", "plausible-tokens", ...line.slice(2)]);
      assertEquals([plausible.synthetic, plausible.functions > 3600], [true, true]);
      assertMatch(plausible.truth, /^NOT MEASURED but drawn from a model of 74 functions trained on CIFAR-10/);

      await Deno.writeTextFile(
        own,
        TEXT.replace('"synthetic":true,', '"synthetic":false,').replace(/"about":"[^"]*",/, ""),
      );
      const measured = await lastOf(line);
      assertEquals([measured.synthetic, measured.functions], [false, 303]); // with references, less mirror images
      assertEquals(measured.truth, `children trained on synthetic (${childText(firstOf(PRESETS.laptop.child))})`);
    }));

  it("trains real children, each once, and trains nothing when it is repeated", () =>
    inFolderOfImages(async (cwd) => {
      const line = ["compare", "--real", "--preset", "smoke", ...IMAGES, "--samplers", "random;exhaustive"];
      const short = [...line, "--seeds", "2", "--trials", "2", "--rule", "maximum", "--json"];
      const { code, out, err } = await commandLine(short, { cwd });
      assertEquals(code, 0, err.join("\n"));
      const finished = JSON.parse(out.trim().split("\n").at(-1)!);
      assertEquals([finished.real, finished.synthetic, Object.keys(finished.samplers)], [true, false, [
        "random",
        "exhaustive",
      ]]);
      const table = Deno.readTextFileSync(`${cwd}/runs/table/images-smoke.jsonl`);
      const trainings = table.trim().split("\n").slice(1).map((row) => JSON.parse(row).slice(0, 2).join());
      assertEquals(new Set(trainings).size, trainings.length);
      assert(trainings.length >= 2 && trainings.length <= 8);
      const again = await commandLine(short, { cwd });
      assertEquals(again.out, out);
      assertEquals(Deno.readTextFileSync(`${cwd}/runs/table/images-smoke.jsonl`), table);
    }));

  it("says what to do if there is no table, and which samplers there are", () =>
    withTable(async (cwd) => {
      await fails(["compare", "--table", "--dataset", "shapes", "--preset", "smoke"], { cwd }, 1, [
        "There is no table of functions for shapes and the preset smoke",
        "deno task table --train --dataset shapes --preset smoke",
      ]);
      await fails(["compare", "--table", "runs/none.jsonl"], { cwd }, 1, ["the table runs/none.jsonl", "no such file"]);
      await failsHere(["compare", ...AT, "--samplers", "evolutoin"], 2, ["did you mean evolution?"]);
      await failsHere(["compare", ...AT, "--samplers", "random;random"], 2, ["names random twice"]);
      await failsHere(["compare", ...AT, "--samplers", ";"], 2, ["--samplers names none"]);
      await failsHere(["compare", ...AT, "--controller", "papre"], 2, ["--controller takes NAME=NUMBER"]);
      await failsHere(["compare", ...AT, "--real"], 2, ["leave out one of them"]);
      await failsHere(["compare", ...AT, "--engine", "wasm"], 2, ["--engine is for --real"]);
      await failsHere(["compare", ...AT, "--rule", "maximum", "--pruner", "none"], 2, [
        "--pruner is for --rule search",
      ]);
      await failsHere(["compare", ...AT, "--samplers", "random", "--controller", "epochs=2"], 2, [
        "none of these is among --samplers",
      ]);
      await Deno.writeTextFile(`${cwd}/runs/bad.jsonl`, "{}\n");
      await fails(["compare", "--table", "runs/bad.jsonl"], { cwd }, 1, [
        "Cannot read runs/bad.jsonl as a table of functions",
      ]);
    }));
});

describe("deno task table", () => {
  it("shows the best functions, the ranks of the references, and prints all as CSV", () =>
    withTable(async (cwd) => {
      const { code, out } = await commandLine(["table", ...ON_TABLE, "--json"], { cwd });
      assertEquals(code, 0);
      const { event, members, distinct, constant, linear, overflow, useful, trained, best, references } = JSON.parse(
        out,
      );
      assertEquals([event, members, best.length], ["finished", 6250, 20]);
      assertEquals(constant + linear + overflow + useful, distinct);
      const names = references.map(({ name }: { name: string }) => name);
      assertEquals(names, ["ReLU", "Swish-1", "Swish", "GELU", "ELU", "Softplus", "tanh(x)"]);
      const table = (await commandLine(["table", ...ON_TABLE, "--csv"], { cwd })).out.trim().split("\n");
      assertEquals(table.length, trained + 1);
      assertStringIncludes(table[0], "expression,accuracy,mean");
    }));

  it("shows the means of both children", () =>
    withTable(async (cwd) => {
      const { code, out } = await commandLine(["table", "--second", "--json"], { cwd });
      assertEquals(code, 0);
      const { child, distinct, trained, best, references } = JSON.parse(out);
      assertEquals([child.network, child.second.network, best.length], ["resnet14", "resnet8", 20]);
      assertEquals(references.map(({ n }: { n: number }) => n), references.map(() => 16));
      assert(trained > 100 && trained < distinct / 20, `${trained} of ${distinct}`);
      assert(best[0].accuracy > 0.39 && best[0].accuracy < 0.41, `${best[0].accuracy}`); // the first alone: above 0.43
    }));

  it("resumes where it was interrupted, and trains the k-th seed of each function alike", () =>
    inFolderOfImages(async (cwd) => {
      const line = ["table", "--train", "--preset", "smoke", ...IMAGES, "--workers", "1", "--random", "1"];
      const stopped = start([...line, "--json"], { cwd });
      const file = `${cwd}/runs/table/images-smoke.jsonl`;
      const lines = () => {
        try {
          return Deno.readTextFileSync(file).split("\n").length - 1;
        } catch {
          return 0; // not begun
        }
      };
      while (lines() < 3) await new Promise((resolve) => setTimeout(resolve, 50));
      stopped.kill("SIGINT");
      const { code, stdout, stderr } = await stopped.output();
      assertEquals(code, 130, new TextDecoder().decode(stderr));
      const { event, state } = JSON.parse(new TextDecoder().decode(stdout).trim().split("\n").at(-1)!);
      assertEquals([event, state], ["finished", "interrupted"]);
      const before = Deno.readTextFileSync(file);
      await Deno.writeTextFile(file, before + '["tanh(x)",1,[0.'); // as a kill leaves it

      const resumed = start([...line, "--json"], { cwd });
      while (lines() < before.split("\n").length) await new Promise((resolve) => setTimeout(resolve, 50));
      resumed.kill("SIGINT");
      await resumed.output();
      const after = Deno.readTextFileSync(file);
      assert(after.startsWith(before) && after.endsWith("\n") && after.length > before.length);
      const trainings = after.trim().split("\n").slice(1).map((row) => JSON.parse(row).slice(0, 2).join());
      assertEquals(new Set(trainings).size, trainings.length);

      const search = ["search", "--preset", "smoke", ...IMAGES, "--trials", "1", "--seeds", "1", "--no-web", "--json"];
      const started = await commandLine([...search, "--learn-from", file], { cwd });
      assertEquals(started.code, 0, started.err.join("\n"));
      assert(started.err.some((line) => /ppo learns from \d+ functions/.test(line)), started.err.join("\n"));
      assert(!started.err.some((line) => line.includes("trains itself")), started.err.join("\n"));
      const [relu] = started.out.trim().split("\n").map((row) => JSON.parse(row)).filter(({ trial }) => trial === 0);
      const ofRelu = trainings.filter((training) => training.startsWith("relu(x),")).length;
      assertEquals([relu.expression, relu.n, relu.from_table], ["ReLU", ofRelu, ofRelu]);

      await Deno.writeTextFile(file, before.replace('"steps":20', '"steps":21'));
      await fails(line, { cwd }, 1, ["as its functions were trained differently"]);
    }));

  it("refuses flags that contradict each other", async () => {
    await failsHere(["table", "--random", "5"], 2, ["--random is for --train"]);
    await failsHere(["table", "--csv", "--json"], 2, ["give only one"]);
    await failsHere(["table", "--train", "--second", "--random", "5"], 2, ["--random is not for --second"]);
    await failsHere(["table", "--second", "--preset", "smoke"], 2, ["smoke has no second child"]);
  });
});

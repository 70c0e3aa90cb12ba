/** `deno task search --objective likelihood`: it chooses by the validation loss, and reports accuracy. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { activationFrom } from "../../child/activation/catalog.ts";
import { openEngine } from "../../child/engine/open.ts";
import { trainChild } from "../../child/trainer.ts";
import { loadRun } from "../../controller/runs/run_store.ts";
import { loadDataset } from "../../datasets/load.ts";
import { Random } from "../../datasets/random.ts";
import { commandLine, fails } from "./command_line.ts";
import { IMAGES, inFolderOfImages } from "./small_images.ts";

const SMALL = ["search", "--preset", "smoke", "--steps", "3", "--trials", "6", "--seeds", "2", "--engine", "wasm"];

describe("search --objective likelihood", () => {
  it("has the likelihood of a child as its score, but in the verdict its accuracy", () =>
    inFolderOfImages(async (cwd) => {
      const line = [...SMALL, ...IMAGES, "--objective", "likelihood", "--no-web", "--run", "first", "--json"];
      const { code, out, err } = await commandLine(line, { cwd });
      assertEquals(code, 0, err.join("\n"));
      const finished = JSON.parse(out.trim().split("\n").at(-1)!);
      assertEquals([finished.metric, finished.best.metric], ["validation likelihood", "validation accuracy"]);
      assertStringIncludes(
        (await commandLine(["show", "first"], { cwd })).out,
        "on 2 fresh seeds, validation accuracy",
      );

      const { trials, info: { settings } } = loadRun(`${cwd}/runs/first`);
      const dataset = await loadDataset("images", { directory: `${cwd}/images`, download: false });
      const { engine } = await openEngine("wasm");
      const trainings = trials[finished.best.trial].trainings;
      assert(["search", "playoff", "verdict"].every((stage) => trainings.some((training) => training.stage === stage)));
      for (const { seed, stage, score, loss } of trainings) {
        const alone = await trainChild({
          ...{ engine, dataset, activation: activationFrom(finished.best.expression), settings: settings.child },
          seed: new Random(settings.seed).split(stage === "verdict" ? "verdict" : "training", seed).nextUint32(),
        });
        assert(alone.outcome === "complete");
        assertEquals([score, loss], [stage === "verdict" ? alone.score : Math.exp(-alone.loss), alone.loss]);
      }
      const { best } = finished, own = trainings.filter(({ stage }) => stage === "verdict").map(({ score }) => score!);
      assertEquals(best.score, (own[0] + own[1]) / 2);

      const other = [...SMALL, ...IMAGES, "--no-web", "--run", "other", "--learn-from", "first"];
      await fails(other, { cwd }, 1, ["Cannot learn from first", "likelihood, and this search by validation accuracy"]);
    }));
});

/** `deno task search` with a second child: scores are means of two networks, and every place says so. */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { activationFrom } from "../../child/activation/catalog.ts";
import { openEngine } from "../../child/engine/open.ts";
import { trainChild } from "../../child/trainer.ts";
import { loadRun } from "../../controller/runs/run_store.ts";
import { loadDataset } from "../../datasets/load.ts";
import { Random } from "../../datasets/random.ts";
import { commandLine } from "./command_line.ts";
import { IMAGES, inFolderOfImages } from "./small_images.ts";

const SMALL = ["search", "--preset", "smoke", "--steps", "2", "--trials", "4", "--image-size", "16", "--seeds", "2"];
const SECOND = ["--second-network", "resnet14", "--second-steps", "3"];
const METRIC = "mean validation accuracy";
const BOTH = "mean of resnet8, 2 steps of 32, images of 16x16, and resnet14, 3 steps of 40";

describe("search --second-network", () => {
  it("scores by the mean of both, each on its own images; show and export say so", () =>
    inFolderOfImages(async (cwd) => {
      const line = [...SMALL, ...SECOND, ...IMAGES, "--engine", "wasm", "--no-web", "--run", "first", "--json"];
      const { code, out, err } = await commandLine(line, { cwd });
      assertEquals(code, 0, err.join("\n"));
      const { best, metric } = JSON.parse(out.trim().split("\n").at(-1)!);
      assertEquals([metric, best.metric, best.child, best.n], [METRIC, METRIC, BOTH, 2]);

      const { trials, info: { settings } } = loadRun(`${cwd}/runs/first`);
      assert(trials.filter(({ state }) => state === "complete").every(({ steps }) => steps === 5));
      const dataset = await loadDataset("images", { directory: `${cwd}/images`, download: false });
      const { engine } = await openEngine("wasm"), { second, ...first } = settings.child;
      for (const { seed, score, loss } of trials[best.trial].trainings.filter(({ stage }) => stage === "verdict")) {
        const request = {
          ...{ engine, dataset, activation: activationFrom(best.expression) },
          seed: new Random(settings.seed).split("verdict", seed).nextUint32(),
        };
        const one = await trainChild({ ...request, settings: first });
        const other = await trainChild({ ...request, settings: second! });
        assert(one.outcome === "complete" && other.outcome === "complete");
        assertAlmostEquals(score!, (one.score + other.score) / 2, 1e-12);
        assertAlmostEquals(loss!, (one.loss + other.loss) / 2, 1e-12);
      }
      const shown = await commandLine(["show", "first"], { cwd });
      assert(shown.out.includes(`${METRIC} on images, ${BOTH}`), shown.out);
      const exported = await commandLine(["export", "first", "--trainings", "--format", "json"], { cwd });
      const children = exported.out.trim().split("\n").map((line) => JSON.parse(line).child);
      assertEquals([...new Set(children)], [BOTH]);
    }));
});

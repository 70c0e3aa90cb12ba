/** `deno task search` with a target: its last trainings are of another network, on whole images. */
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { activationFrom } from "../../child/activation/catalog.ts";
import { openEngine } from "../../child/engine/open.ts";
import { trainChild } from "../../child/trainer.ts";
import { loadRun } from "../../controller/runs/run_store.ts";
import { loadDataset } from "../../datasets/load.ts";
import { Random } from "../../datasets/random.ts";
import { commandLine } from "./command_line.ts";
import { IMAGES, inFolderOfImages } from "./small_images.ts";

const SMALL = "search --preset smoke --steps 2 --trials 8 --image-size 16 --seeds 2 --seed 2".split(" ");
const TARGET = ["--target-network", "resnet14", "--target-steps", "3"];
const CHILD = "resnet14, 3 steps of 40, schedule warm-cosine";

describe("search --target-network", () => {
  it("judges on whole images, by that network, what is named; show, export and confirm know what met on it", () =>
    inFolderOfImages(async (cwd) => {
      const line = [...SMALL, ...TARGET, ...IMAGES, "--engine", "wasm", "--no-web", "--run", "first", "--json"];
      const { code, out, err } = await commandLine(line, { cwd });
      assertEquals(code, 0, err.join("\n"));
      const { best, target } = JSON.parse(out.trim().split("\n").at(-1)!);
      assertEquals([best.child, best.n], [CHILD, 2]);
      assertEquals([target.length, target[0].trial], [2, best.trial]);
      assert(target.every(({ n, score }: { n: number; score: number }) => n === 2 && score > 0 && score < 1));
      assert(target[0].score >= target[1].score);

      const { trials, info: { settings, targetWork } } = loadRun(`${cwd}/runs/first`);
      assert(targetWork! > 4, `${targetWork}`); // larger images, more layers, more steps
      const dataset = await loadDataset("images", { directory: `${cwd}/images`, download: false });
      const { engine } = await openEngine("wasm");
      for (const { seed, score, loss } of trials[best.trial].trainings.filter(({ stage }) => stage === "verdict")) {
        const alone = await trainChild({
          ...{ engine, dataset, activation: activationFrom(best.expression), settings: settings.judging.target!.child },
          seed: new Random(settings.seed).split("verdict", seed).nextUint32(),
        });
        assert(alone.outcome === "complete");
        assertEquals([score, loss], [alone.score, alone.loss]);
      }
      const shown = await commandLine(["show", "first"], { cwd });
      assert(shown.out.includes(`on 2 fresh seeds of ${CHILD}`), shown.out);
      const met = target.map(({ trial }: { trial: number }) => `n=2   trial ${trial}`);
      for (const line of met) assert(shown.out.includes(line), `${line} in ${shown.out}`);

      const exported = await commandLine(["export", "first", "--trainings", "--format", "json"], { cwd });
      const rows = exported.out.trim().split("\n").map((line) => JSON.parse(line));
      assertEquals(rows.length, trials.flatMap(({ trainings }) => trainings).length);
      const own = trials[best.trial].trainings.filter(({ stage }) => stage === "verdict");
      assertEquals(
        rows.filter(({ trial, stage }) => trial === best.trial && stage === "verdict"),
        own.map(({ seed, state, score, loss }) => ({
          ...{ trial: best.trial, expression: best.expression, role: "candidate", stage: "verdict", seed },
          ...{ child: CHILD, state, score, loss, from: null, engine: "wasm" },
        })),
      );
      const csv = await commandLine(["export", "first", "--trainings"], { cwd });
      assertEquals(csv.out.trim().split("\n").length, rows.length + 1);
      assert(
        csv.out.startsWith("trial,expression,role,stage,seed,child,state,score,loss,from,engine\n0,ReLU,reference,"),
      );

      const flags = "--top 2 --network resnet8 --steps 1 --batch 8 --seeds 1 --json".split(" ");
      const confirmed = await commandLine(["confirm", "first", ...flags], { cwd });
      assertEquals(confirmed.code, 0, confirmed.err.join("\n"));
      const { rows: judged } = JSON.parse(confirmed.out.trim().split("\n").at(-1)!);
      const expressions = (of: readonly { readonly expression: string }[]) => of.map(({ expression }) => expression);
      assertEquals(expressions(judged).sort(), [...expressions(target), "ReLU", "Swish"].sort());
    }));
});

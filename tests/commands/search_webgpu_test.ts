/** A search whose children train side by side on a card, killed at the real command line: it ends as an unbroken one. */
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { loadRun } from "../../controller/runs/run_store.ts";
import { isFinished } from "../../controller/trial.ts";
import { whyNoCard } from "../child/engine/why_no_card.ts";
import { commandLine, linesFrom, start } from "./command_line.ts";
import { IMAGES, inFolderOfImages } from "./small_images.ts";

/** Three candidates, two of them side by side, after one reference, of the cheapest child; and the verdict. */
const SEARCH = [
  ...["search", "--preset", "smoke", ...IMAGES, "--engine", "webgpu", "--workers", "2", "--no-web"],
  ...["--trials", "3", "--steps", "6", "--batch", "8", "--image-size", "8", "--sampler", "random", "--units", "1"],
  ...["--reference", "relu", "--finals", "0", "--seeds", "1", "--json"],
];

/** What must not depend on the kill. */
function results(cwd: string) {
  const { trials, state } = loadRun(`${cwd}/runs/first`);
  return [
    state,
    trials.map(({ expression, state, trainings, score, finalLoss, curve, betaMean }) => ({
      ...{ expression, state, trainings, score, finalLoss, curve, betaMean },
    })),
  ];
}

const reason = await whyNoCard();
describe("a search on a card", { skip: reason !== null }, () => {
  it("is killed while children train, resumed, and ends as one that was not", () =>
    inFolderOfImages(async (unbroken) => {
      const whole = await commandLine([...SEARCH, "--run", "first"], { cwd: unbroken });
      assertEquals(whole.code, 0, whole.err.join("\n"));
      await inFolderOfImages(async (cwd) => {
        const process = start([...SEARCH, "--run", "first"], { cwd });
        const stderr = new Response(process.stderr).text(); // read, or the search says that it cannot write
        for await (const line of linesFrom(process.stdout)) {
          if (JSON.parse(line).event === "trial") process.kill("SIGKILL"); // two other children train now
        }
        assertEquals((await process.status).signal, "SIGKILL", await stderr);
        const { trials } = loadRun(`${cwd}/runs/first`);
        assert(trials.some(isFinished) && !trials.every(isFinished), JSON.stringify(trials.map(({ state }) => state)));
        const resumed = await commandLine(["search", "--resume", "first", "--no-web", "--json"], { cwd });
        assertEquals(resumed.code, 0, resumed.err.join("\n"));
        assertEquals(results(cwd), results(unbroken));
        assertEquals(JSON.parse(resumed.out.trim().split("\n").at(-1)!).engine, "webgpu");
      });
    }));
});

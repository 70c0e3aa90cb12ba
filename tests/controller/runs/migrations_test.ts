/** Stores that earlier versions made open in this one: they are kept in stores/, as those versions left them. */
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { outcomeOf } from "../../../controller/finals.ts";
import { loadRun } from "../../../controller/runs/run_store.ts";
import { bestTrial, isFinished } from "../../../controller/trial.ts";
import { commandLine, inFolder } from "../../commands/command_line.ts";

const STORES = `${import.meta.dirname}/stores/`;

/** With a copy of a store as `runs/NAME`, since opening brings it to this version. */
async function withStore(version: string, name: string, test: (cwd: string, folder: string) => Promise<void>) {
  await inFolder(async (cwd) => {
    const folder = `${cwd}/runs/${name}`;
    await Deno.mkdir(folder, { recursive: true });
    for (const { name: file } of Deno.readDirSync(`${STORES}${version}/${name}`)) {
      await Deno.copyFile(`${STORES}${version}/${name}/${file}`, `${folder}/${file}`);
    }
    await test(cwd, folder);
  });
}

describe("a store of the first format", () => {
  it("opens with its trials, scores and roles", () =>
    withStore("v1", "finished", (_, folder) => {
      const { state, trials, info } = loadRun(folder);
      assertEquals([state, trials.length, info.metric], ["finished", 4, "validation accuracy"]);
      assert(trials.every((trial) => trial.role === "candidate" && isFinished(trial)));
      assert(!trials.some((trial) => "validationAccuracy" in trial));
      for (const { state, score, trainings } of trials.filter(({ duplicateOf }) => duplicateOf === null)) {
        const told = trainings.map(({ seed, stage, state, score }) => [seed, stage, state, score]);
        assertEquals(told, [[0, "search", state, state === "diverged" ? 0.1 : score]]);
      }
      assert(bestTrial(trials)!.score! > 0.1);
      assertEquals(outcomeOf(trials), null); // no fresh seeds: nothing is named
      return Promise.resolve();
    }));

  for (const name of ["interrupted", "killed"]) {
    it(`resumes to its end if the run was ${name}`, () =>
      withStore("v1", name, async (cwd, folder) => {
        const before = loadRun(folder).trials.filter(isFinished);
        const { code, out, err } = await commandLine(["search", "--resume", name, "--no-web", "--json"], { cwd });
        assertEquals(code, 0, err.join("\n"));
        const { trials, state } = loadRun(folder);
        assertEquals([state, trials.every(isFinished)], ["finished", true]);
        for (const { id, trainings } of before) assertEquals(trials[id].trainings, trainings);
        assertEquals(JSON.parse(out.trim().split("\n").at(-1)!).event, "finished");
      }));
  }

  it("is shown and listed", () =>
    withStore("v1", "finished", async (cwd) => {
      const shown = await commandLine(["show", "finished"], { cwd });
      assertEquals(shown.code, 0, shown.err.join("\n"));
      assert(shown.out.includes("no function is named yet"), shown.out);
      assertEquals((await commandLine(["runs"], { cwd })).code, 0);
    }));
});

/** Stores that earlier versions made open in this one: they are kept in stores/, as those versions left them. */
import { DatabaseSync } from "node:sqlite";
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { outcomeOf } from "../../../controller/finals.ts";
import { loadRun } from "../../../controller/runs/run_store.ts";
import { PAPER_CONTROLLER } from "../../../controller/samplers/ppo/config.ts";
import { bestTrial, isFinished } from "../../../controller/trial.ts";
import { commandLine } from "../../commands/command_line.ts";
import { withStore } from "./with_store.ts";

/** What the sampler reported in a store of the second format, as that has it. */
function reportedBefore(folder: string): Record<string, unknown>[] {
  using database = new DatabaseSync(`${folder}/run.sqlite`, { readOnly: true });
  return database.prepare("SELECT data FROM sampler_update ORDER BY batch").all()
    .map(({ data }) => JSON.parse(data as string));
}

describe("a store of before", () => {
  for (const [format, had] of [["v1", {}], ["v2", { batch: 4, hidden: 8 }]] as const) {
    it(`states every setting as it ran, in format ${format}`, () =>
      withStore(format, "finished", (_, folder) => {
        const { controller, childTimeMs, objective, learnFrom, tableSeeds, judging } = loadRun(folder).info.settings;
        assertEquals(controller, { ...PAPER_CONTROLLER, ...had });
        assertEquals({ childTimeMs, objective, learnFrom, tableSeeds, target: judging.target }, {
          childTimeMs: null,
          objective: "validation",
          learnFrom: null,
          tableSeeds: false,
          target: null,
        });
      }));
  }

  it("keeps the settings that it has", () =>
    withStore("v2", "finished", (_, folder) => {
      {
        using database = new DatabaseSync(`${folder}/run.sqlite`);
        database.exec(`UPDATE run SET info = json_set(info,
          '$.settings.controller', json('{"hidden":7,"screen":3}'), '$.settings.learnFrom', 'first',
          '$.settings.childTimeMs', 5, '$.settings.tableSeeds', json('true'), '$.settings.objective', 'shift')`);
      }
      const { controller, childTimeMs, objective, learnFrom, tableSeeds } = loadRun(folder).info.settings;
      assertEquals<unknown>(controller, { hidden: 7, screen: 3, ranked: 0, elites: 0 });
      assertEquals([childTimeMs, objective, learnFrom, tableSeeds], [5, "shift", "first", true]);
    }));
});

describe("a store of the second format", () => {
  it("opens with what its sampler reported as a list of named metrics", () =>
    withStore("v2", "finished", (_, folder) => {
      const [before, ...others] = reportedBefore(folder);
      const { updates: [update], state, stage } = loadRun(folder);
      assertEquals([state, stage.name, others.length], ["finished", "verdict", 0]);
      assertEquals(update.metrics.map(({ name, unit, value }) => [name, unit, value]), [
        ["mean_reward", "reward", before.meanReward],
        ["best_reward", "reward", before.bestReward],
        ["baseline", "reward", before.baseline],
        ["entropy", "nats", before.entropy],
        ["kl", "nats", before.kl],
        ["loss", "", before.loss],
      ]);
      assertEquals([update.batch, update.probabilities], [before.batch, before.probabilities]);
      return Promise.resolve();
    }));

  it("opens without the metrics that its sampler did not have", () =>
    withStore("v2", "finished", (_, folder) => {
      {
        using database = new DatabaseSync(`${folder}/run.sqlite`);
        database.exec(`UPDATE sampler_update SET data = json_set(data,
          '$.baseline', NULL, '$.entropy', NULL, '$.kl', NULL, '$.loss', NULL, '$.probabilities', NULL)`);
      }
      const { updates: [update] } = loadRun(folder);
      assertEquals(update.metrics.map(({ label }) => label), ["mean reward", "best reward"]);
      assertEquals(update.probabilities, null);
      return Promise.resolve();
    }));

  it("is shown, exported and resumed", () =>
    withStore("v2", "interrupted", async (cwd, folder) => {
      const before = loadRun(folder), done = before.trials.filter(isFinished);
      assertEquals(before.state, "interrupted");
      const { code, err } = await commandLine(["search", "--resume", "interrupted", "--no-web"], { cwd });
      assertEquals(code, 0, err.join("\n"));
      const { trials, updates, state } = loadRun(folder);
      assertEquals([state, trials.every(isFinished), trials.length], ["finished", true, 8]);
      for (const { id, trainings } of done) {
        assertEquals(trials[id].trainings.filter(({ stage }) => stage === "search").slice(0, 1), trainings.slice(0, 1));
      }
      assertEquals(updates.slice(0, 1), before.updates);
      assertEquals(updates.map(({ metrics }) => metrics.length), [6, 6]);
      assertEquals((await commandLine(["show", "interrupted"], { cwd })).code, 0);
      assertEquals((await commandLine(["export", "interrupted"], { cwd })).code, 0);
    }));
});

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

  it("opens where the run was interrupted, with what is left to do", () =>
    withStore("v1", "interrupted", (_, folder) => {
      const { state, trials } = loadRun(folder);
      assertEquals([state, trials.every(isFinished)], ["interrupted", false]);
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
      assert(shown.out.includes("no function is named: the run has had no verdict"), shown.out);
      assertEquals((await commandLine(["runs"], { cwd })).code, 0);
    }));
});

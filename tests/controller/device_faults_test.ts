/** A search whose card is lost for good goes on on the processor, and says which trainings were where. */
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { closingTable } from "../../controller/console.ts";
import { loadRun } from "../../controller/runs/run_store.ts";
import { snapshotOf } from "../../controller/runs/stored_run.ts";
import { recordOfTrial } from "../../controller/trial_record.ts";
import { enginesOf } from "../../controller/trial.ts";
import { inFolder } from "../commands/command_line.ts";
import { openScripted, runScripted } from "./search_program.ts";

const OPTIONS = { trials: 6, batch: 3, verdictSeeds: 1, onCard: true };

function shown(folder: string) {
  const { info, trials, notices, state } = loadRun(folder);
  return { info, state, trials, engines: enginesOf(trials), notices: notices.map(({ message }) => message) };
}

describe("a search on a card that is lost", () => {
  it("for good ends on the processor: notices, the run and each trial say so", () =>
    inFolder(async (cwd) => {
      await runScripted(`${cwd}/a`, 3, { ...OPTIONS, engine: "lost 99" });
      const { info, state, trials, engines, notices } = shown(`${cwd}/a`);
      assertEquals([state, info.engine, engines], ["finished", "scripted", ["scripted"]]);
      assert(notices.includes("the scripted device: lost (3 times): from here on engine scripted trains"));
      assertEquals(
        trials.map(({ attempts }) => attempts),
        trials.map(({ duplicateOf }) => duplicateOf === null ? 1 : 0),
      );
      assertEquals(recordOfTrial(trials[0]).engines, ["scripted"]);
    }));

  it("after some trainings has them of both, and one resumed where there is no card as well", () =>
    inFolder(async (cwd) => {
      const folder = `${cwd}/a`;
      const { search, store } = openScripted(folder, 3, undefined, { ...OPTIONS, engine: "card 0" });
      const stop = new AbortController();
      search.subscribe(({ event }) => event === "sampler_updated" && stop.abort());
      await search.run(stop.signal).finally(() => store.close());
      await runScripted(folder, 3, { ...OPTIONS, onCard: false });
      const { info, trials, engines, notices } = shown(folder);
      assertEquals([info.engine, engines], ["scripted", ["card", "scripted"]]);
      const sentence = "trainings until now used card, those from now on scripted";
      assert(notices.includes(sentence) && info.engineNotices.includes(sentence), notices.join("\n"));
      const firsts = trials.filter(({ duplicateOf }) => duplicateOf === null).map(({ trainings: [{ engine }] }) =>
        engine
      );
      assertEquals([firsts[0], firsts.at(-1)], ["card", "scripted"]);
      const table = closingTable({ snapshot: () => snapshotOf(loadRun(folder)) });
      assert(table[1].endsWith("engine card and scripted"), table[1]);
    }));
});

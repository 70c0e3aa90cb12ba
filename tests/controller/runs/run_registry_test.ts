/** The runs on disk as the dashboard lists, labels, renames and deletes them. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { bestOf } from "../../../controller/runs/registry.ts";
import { runRegistry } from "../../../controller/runs/run_registry.ts";
import { loadRun, RunStore } from "../../../controller/runs/run_store.ts";
import { trainingsJudged } from "../../../controller/trial.ts";
import { openScripted, runScripted } from "../search_program.ts";
import { inFolder } from "../../commands/command_line.ts";

/** A folder of runs of which `first` is finished. */
function withRun(test: (root: string) => Promise<void>): Promise<void> {
  return inFolder(async (root) => {
    await runScripted(`${root}/first`, 2);
    await test(root);
  });
}

async function names(root: string): Promise<string[]> {
  return (await runRegistry(root, null).list()).map(({ name }) => name);
}

describe("the runs on disk", () => {
  it("are listed as a running one would be, the newest first, and what is no run is passed over", () =>
    withRun(async (root) => {
      await Deno.mkdir(`${root}/folder`);
      await Deno.mkdir(`${root}/broken`);
      await Deno.writeTextFile(`${root}/broken/run.sqlite`, "garbage");
      const { search, store } = openScripted(`${root}/second`, 2);
      const [second, first] = await runRegistry(root, search).list();
      const { trials } = loadRun(`${root}/first`);
      const best = trials.filter(({ state }) => state === "complete")
        .reduce((best, trial) => trial.score! > best.score! ? trial : best);
      assertEquals([first.name, first.state, first.live, second.name, second.live], [
        ...["first", "finished", false],
        ...["second", true],
      ]);
      assertEquals(first.counts.complete, trials.filter(({ state }) => state === "complete").length);
      assertEquals(first.best, {
        trial: best.id,
        expression: best.simplified,
        score: best.score!,
        deviation: best.deviation,
        n: trainingsJudged(best),
      });
      await search.run(AbortSignal.abort());
      store.close();
    }));

  it("have as best neither a reference nor what computes the same as one", () =>
    withRun(async (root) => {
      const { trials } = loadRun(`${root}/first`), swish = trials.find(({ expression }) => expression === "Swish")!;
      const copied = trials.find(({ role, duplicateOf }) => role === "candidate" && duplicateOf === null)!;
      const store = RunStore.open(`${root}/first`);
      store.saveTrials([{ ...swish, score: 0.99 }, { ...copied, score: 0.99, duplicateOf: swish.id, trainings: [] }]);
      store.close();
      const { best } = (await runRegistry(root, null).list())[0];
      assertEquals(best, bestOf(loadRun(`${root}/first`).trials));
      assert(best!.n > 0 && best!.trial !== copied.id, JSON.stringify(best));
    }));

  it("that were killed are interrupted, and running only if a process holds them", () =>
    withRun(async (root) => {
      const store = RunStore.open(`${root}/first`), registry = runRegistry(root, null);
      store.saveState("running", 1000);
      assertEquals((await registry.list())[0].state, "running");
      assertStringIncludes((await registry.change("first", { name: "other" }))!, "another process");
      assertStringIncludes((await registry.remove("first"))!, "another process");
      store.close();
      assertEquals((await registry.list())[0].state, "interrupted");
      assertEquals((await registry.open("first"))!.snapshot().state, "interrupted");
    }));

  it("keep notes and tags, and are renamed with all they have", () =>
    withRun(async (root) => {
      const registry = runRegistry(root, null), before = loadRun(`${root}/first`);
      assertEquals(await registry.change("first", { notes: "a <b> note", tags: ["good"] }), null);
      assertEquals(await registry.change("first", { tags: ["better", "best"] }), null);
      assertEquals(await registry.change("first", { name: "renamed" }), null);
      const [{ name, notes, tags }] = await registry.list();
      assertEquals([name, notes, tags], ["renamed", "a <b> note", ["better", "best"]]);
      assertEquals(loadRun(`${root}/renamed`), { ...before, info: { ...before.info, name: "renamed" } });
      await Deno.writeTextFile(`${root}/renamed/labels.json`, '{"notes": 7}');
      assertEquals((await registry.list())[0].notes, "");
    }));

  it("are not renamed onto each other nor out of their folder", () =>
    withRun(async (root) => {
      await Deno.mkdir(`${root}/taken`);
      const registry = runRegistry(root, null);
      assertStringIncludes((await registry.change("first", { name: "taken" }))!, "as a run of that name exists");
      for (const name of ["../first", "a/b", ".hidden", ""]) {
        assertStringIncludes((await registry.change("first", { name }))!, "must be letters");
      }
      for (const name of ["nothing", "../first", "taken"]) {
        assertEquals(await registry.open(name), null);
        assertEquals(await registry.remove(name), `no run is called ${name}`);
      }
      assertEquals(await names(root), ["first"]);
    }));

  it("are deleted whole", () =>
    withRun(async (root) => {
      assertEquals(await runRegistry(root, null).remove("first"), null);
      assertEquals([...Deno.readDirSync(root)], []);
    }));

  it("are not renamed or deleted while this process searches them, but labelled", () =>
    inFolder(async (root) => {
      const { search, store } = openScripted(`${root}/first`, 1), registry = runRegistry(root, search);
      assertStringIncludes((await registry.remove("first"))!, "being searched by this process");
      assertStringIncludes((await registry.change("first", { name: "b" }))!, "being searched by this process");
      assertEquals(await registry.change("first", { tags: ["now"] }), null);
      assertEquals((await registry.list())[0].tags, ["now"]);
      await search.run(AbortSignal.abort());
      store.close();
    }));
});

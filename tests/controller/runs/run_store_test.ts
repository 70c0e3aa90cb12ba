/**
 * What a run leaves on disk, whatever happened to it: killed early, locked, cut, deleted, on a full disk, or of an
 * older program.
 */
import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { DatabaseSync } from "node:sqlite";
import { writeAtomically } from "../../../child/model/atomic_file.ts";
import type { SearchEvent } from "../../../controller/runs/events.ts";
import { MIGRATIONS } from "../../../controller/runs/migrations.ts";
import { RunStoreError } from "../../../controller/runs/run_files.ts";
import { isBeingContinued } from "../../../controller/runs/run_lock.ts";
import { listRuns, loadRun, RunStore } from "../../../controller/runs/run_store.ts";
import { inFolder } from "../../commands/command_line.ts";
import { openScripted, runScripted } from "../search_program.ts";

const STORES = "tests/controller/runs/stores";

/** A copy of a run that an earlier program wrote. */
async function copyOf(store: string, folder: string): Promise<string> {
  await Deno.mkdir(folder, { recursive: true });
  for (const { name } of Deno.readDirSync(`${STORES}/${store}`)) {
    await Deno.copyFile(`${STORES}/${store}/${name}`, `${folder}/${name}`);
  }
  return folder;
}

describe("runs that earlier programs wrote", () => {
  const states = [["finished", "finished", 4], ["interrupted", "interrupted", 6], [
    "killed",
    "interrupted",
    2,
  ]] as const;
  for (const [name, state, finished] of states) {
    it(`of format 1, ${name}, are listed, shown and resumed`, () =>
      inFolder(async (root) => {
        const folder = await copyOf(`v1/${name}`, `${root}/${name}`);
        const [listed] = listRuns(root, (error) => assert(false, error.message));
        const run = loadRun(folder), reward = run.trials.filter(({ reward }) => reward !== null);
        assertEquals([listed.info.name, listed.state, run.state, reward.length], [name, state, state, finished]);
        assertEquals(run.trials.filter(({ state }) => state === "running"), []);
        const store = RunStore.open(folder);
        assertEquals([store.load().trials.length, store.isLogMissing], [run.trials.length, false]);
        store.close();
      }));
  }
});

describe("a run", () => {
  it("that was killed before it started is started under its name, and says how", () =>
    inFolder(async (root) => {
      const unbegun = [`${root}/empty`, `${root}/tables`];
      for (const folder of unbegun) await Deno.mkdir(folder);
      await Deno.writeFile(`${root}/empty/run.sqlite`, new Uint8Array());
      const database = new DatabaseSync(`${root}/run.sqlite`);
      database.exec(`PRAGMA journal_mode = WAL; ${MIGRATIONS[0]}; PRAGMA user_version = 1`);
      for (const file of ["run.sqlite", "run.sqlite-wal"]) {
        await Deno.copyFile(`${root}/${file}`, `${root}/tables/${file}`);
      }
      database.close();
      for (const folder of unbegun) {
        assertThrows(
          () => RunStore.open(folder),
          RunStoreError,
          "never started: start it with --run",
        );
        await runScripted(folder, 1);
        assertEquals(loadRun(folder).state, "finished");
      }
    }));

  it("is never called running if its process was killed, in the list or alone", () =>
    inFolder(async (root) => {
      for (const state of ["starting", "running", "paused", "stopping"] as const) {
        const { store } = openScripted(`${root}/${state}`, 1);
        store.saveState(state, 5);
        assertEquals([loadRun(`${root}/${state}`).state, listRuns(root, () => {})[0].state], [state, state]);
        store.close();
        assertEquals(loadRun(`${root}/${state}`).state, "interrupted");
        assertEquals(listRuns(root, () => {}).map(({ state }) => state), ["interrupted"]);
        await Deno.remove(`${root}/${state}`, { recursive: true });
      }
    }));

  it("whose log was deleted says so, and continues from what is left, if anything", () =>
    inFolder(async (root) => {
      const folder = await copyOf("v1/killed", `${root}/killed`);
      await Deno.remove(`${folder}/run.sqlite-wal`);
      assertThrows(
        () => RunStore.open(folder),
        RunStoreError,
        "its log run.sqlite-wal, which holds all of it, is missing",
      );
      assertThrows(() => RunStore.makeFolder(folder), RunStoreError, "it holds a run already");
      await runScripted(`${root}/whole`, 1);
      const store = RunStore.open(`${root}/whole`);
      store.saveState("running", 1);
      store.close();
      const again = RunStore.open(`${root}/whole`);
      assertEquals(again.isLogMissing, true);
      again.close();
    }));

  it("has one writer though its lock is deleted", () =>
    inFolder(async (root) => {
      const { store } = openScripted(`${root}/run`, 1);
      await Deno.remove(`${root}/run/run.lock`);
      assertThrows(() => RunStore.open(`${root}/run`), RunStoreError, "another process is running it");
      assertEquals(isBeingContinued(`${root}/run`), true);
      store.close();
      assertEquals(isBeingContinued(`${root}/run`), false);
    }));

  it("waits, and says so, while another program has its file locked", () =>
    inFolder(async (root) => {
      const { store } = openScripted(`${root}/run`, 1), told: string[] = [];
      store.onLocked = (message) => told.push(message);
      const locker = new Worker(new URL("./locker.ts", import.meta.url), { type: "module" });
      await new Promise((resolve) => {
        locker.onmessage = resolve;
        locker.postMessage({ file: `${root}/run/run.sqlite`, holdMs: 6500 });
      });
      const started = performance.now();
      store.saveState("running", 7);
      assert(performance.now() - started > 5000, "it did not wait");
      assertEquals([told.length, store.load().elapsedMs], [1, 7]);
      assertStringIncludes(told[0], "run.sqlite is locked by another program: waiting for up to 60 s");
      locker.terminate();
      store.close();
    }));

  it("that cannot be written says which file and why, in a transaction too", () =>
    inFolder((root) => {
      const { store } = openScripted(`${root}/run`, 1);
      const other = new DatabaseSync(`${root}/run/run.sqlite`);
      other.exec("DROP TABLE run");
      other.close();
      const save = () => store.saveProposals([], new Uint8Array());
      const error = assertThrows(save, RunStoreError, `Cannot write ${root}/run/run.sqlite: no such table: run`);
      assert(!error.message.includes("rollback"), error.message);
      store.close();
      return Promise.resolve();
    }));

  it("that is finished is left as it is when it is run again, even by an interruption", () =>
    inFolder(async (root) => {
      await runScripted(`${root}/run`, 1);
      const before = loadRun(`${root}/run`), events: SearchEvent[] = [];
      const { search, store } = openScripted(`${root}/run`, 1);
      search.subscribe((event) => events.push(event));
      assertEquals(await search.run(AbortSignal.abort()), "finished");
      store.close();
      assertEquals(loadRun(`${root}/run`), before);
    }));
});

describe("a file written at once", () => {
  it("is not written half, and its error names it: nothing is left beside it", () =>
    inFolder(async (root) => {
      await Deno.mkdir(`${root}/taken/full`, { recursive: true });
      await assertRejects(() => writeAtomically(`${root}/taken`, "x"), Error, `Cannot write ${root}/taken: `);
      await assertRejects(() => writeAtomically(`${root}/none/file`, "x"), Error, `Cannot write ${root}/none/file: `);
      assertEquals([...Deno.readDirSync(root)].map(({ name }) => name), ["taken"]);
    }));
});

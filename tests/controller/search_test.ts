import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { FunctionFacts } from "../../controller/samplers/function_facts.ts";
import { RandomSampler } from "../../controller/samplers/random.ts";
import { RunStoreError } from "../../controller/runs/run_files.ts";
import { loadRun, RunStore } from "../../controller/runs/run_store.ts";
import { SearchSpace } from "../../controller/search_space.ts";
import { Random } from "../../datasets/random.ts";
import { openScripted, runScripted } from "./search_program.ts";

/** What must not depend on workers, kills or time. */
function results(folder: string) {
  const store = RunStore.open(folder, { readOnly: true });
  const { trials, state, stage } = store.load();
  store.close();
  return {
    state,
    stage,
    trials: trials.map(({ id, batch, expression, role, state, score, deviation, reward, trainings, duplicateOf }) => ({
      ...{ id, batch, expression, role, state, score, deviation, reward, duplicateOf },
      trainings: trainings.toSorted((a, b) => a.stage.localeCompare(b.stage) || a.seed - b.seed),
    })),
  };
}

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const root = await Deno.makeTempDir({ dir: await temporaryRoot() });
  try {
    await body(`${root}/run`);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

/** The folder that the test task may write. */
async function temporaryRoot(): Promise<string> {
  await Deno.mkdir(".tmp", { recursive: true });
  return ".tmp";
}

describe("search", () => {
  it("gives the same trials with 1 and with 3 workers", async () => {
    await inFolder(async (one) => {
      await runScripted(one, 1);
      await inFolder(async (three) => {
        await runScripted(three, 3);
        assertEquals(results(three), results(one));
      });
      const { state, trials } = results(one);
      assertEquals([state, trials.length], ["finished", 62]); // with the two references
    });
  });

  it("stops candidates below the median halfway, the same ones whatever the number of workers or interruptions", async () => {
    const options = { pruner: "median" } as const;
    await inFolder(async (one) => {
      await runScripted(one, 1, options);
      const { state, trials } = results(one), candidates = trials.filter(({ role }) => role === "candidate");
      const pruned = candidates.filter(({ state }) => state === "pruned");
      assertEquals(state, "finished");
      assert(pruned.length >= 10 && pruned.length <= 35, `${pruned.length} of 60 were pruned`);
      for (const { batch, score, reward, trainings, duplicateOf } of pruned) {
        assert(batch >= 2, "two batches of six are the first ten earlier candidates");
        assert(score !== null && reward === score);
        if (duplicateOf === null) assertEquals(trainings.map(({ state }) => state), ["pruned"]); // none in the playoff
      }
      for (const trial of loadRun(one).trials) {
        if (trial.state === "pruned" && trial.duplicateOf === null) assert(/above the bar/.test(trial.reason!));
      }
      await inFolder(async (three) => {
        const { search, store } = openScripted(three, 3, undefined, options);
        const stop = new AbortController();
        search.subscribe((event) => event.event === "sampler_updated" && event.update.batch === 4 && stop.abort());
        await search.run(stop.signal);
        store.close();
        assertEquals(results(three).state, "interrupted");
        await runScripted(three, 3, options);
        assertEquals(results(three), results(one));
      });
    });
  });

  it("stores with the run why it failed", () =>
    inFolder(async (folder) => {
      const sampler = new RandomSampler(new FunctionFacts(new SearchSpace(1)), 7);
      sampler.ask = () => Promise.reject(new Error("out of candidates"));
      const { search, store } = openScripted(folder, 1, sampler);
      await assertRejects(() => search.run(new AbortController().signal), Error, "out of candidates");
      store.close();
      const { state, notices } = loadRun(folder);
      assertEquals([state, notices.at(-1)?.level], ["failed", "error"]);
      assertEquals(notices.at(-1)?.message, "the search failed: out of candidates");
    }));

  it("ends with an error when no worker can be started any more, with no trial failed, and is resumed to the same end", () =>
    inFolder(async (unbroken) => {
      await runScripted(unbroken, 2);
      await inFolder(async (folder) => {
        await Deno.mkdir(folder);
        const { search, store } = openScripted(folder, 2, undefined, { engine: `once ${folder}/opened` });
        await assertRejects(() => search.run(new AbortController().signal), Error, "no worker can be started");
        assertEquals(await search.control({ control: "set_workers", workers: 3 }), "the run is failed");
        store.saveInfo({ ...store.load().info, settings: { ...store.load().info.settings, engine: "scripted" } });
        store.close();
        const { state, trials, notices } = loadRun(folder);
        assertEquals([state, new Set(trials.map(({ state }) => state))], ["failed", new Set(["queued"])]);
        assert(notices.at(-1)!.message.includes("no worker can be started"), notices.at(-1)!.message);
        await runScripted(folder, 2);
        assertEquals(results(folder), results(unbroken));
      });
    }));

  it("measures how long a trial took on a monotonic clock", () =>
    inFolder(async (folder) => {
      const now = Date.now;
      try {
        let calls = 0;
        Date.now = () => now() - 100_000 * calls++; // set back again and again
        await runScripted(folder, 2);
      } finally {
        Date.now = now;
      }
      const took = loadRun(folder).trials.filter(({ duplicateOf }) => duplicateOf === null)
        .map(({ startedAt, finishedAt }) => finishedAt! - startedAt!);
      assert(took.every((ms) => ms > 0 && ms < 5000), took.join());
    }));

  it("ends with an error if every trial failed", () =>
    inFolder(async (folder) => {
      const { search, store } = openScripted(folder, 2, undefined, { engine: "broken", trials: 6 });
      await assertRejects(() => search.run(new AbortController().signal), Error, "all 6 trials failed, the first as");
      store.close();
      assertEquals(loadRun(folder).state, "failed");
    }));

  it("ends with an error if its folder was deleted, and leaves nothing behind", () =>
    inFolder(async (folder) => {
      const { search, store } = openScripted(folder, 2);
      const gone = search.subscribe(({ event }) => {
        if (event !== "sampler_updated") return;
        gone();
        Deno.removeSync(folder, { recursive: true });
      });
      await assertRejects(() => search.run(new AbortController().signal), Error, "was deleted or moved");
      store.close();
      assertThrows(() => Deno.statSync(folder), Deno.errors.NotFound);
    }));

  it("blames no worker for suspensions of the process, however long", () =>
    inFolder(async (unbroken) => {
      const options = { hangMs: 400, trials: 200, batch: 20 };
      await runScripted(unbroken, 2, options);
      await inFolder(async (folder) => {
        const process = startSearch(folder, "2", JSON.stringify(options));
        for (const finished of [20, 80]) {
          while (finishedIds(folder).length < finished) await pause(20);
          process.kill("SIGSTOP");
          await pause(4 * options.hangMs);
          process.kill("SIGCONT");
        }
        assertEquals((await process.status).code, 0);
        assertEquals(results(folder), results(unbroken));
        assertEquals(loadRun(folder).notices, []);
      });
    }));

  it("loses no finished trial in 20 kills and ends as an unbroken run", async () => {
    await inFolder(async (unbroken) => {
      await runScripted(unbroken, 2);
      await inFolder(async (killed) => {
        const random = new Random(3);
        for (let kill = 0; kill < 20; kill++) {
          const before = finishedIds(killed);
          await runAndKill(killed, 150 + 500 * random.uniform());
          const after = new Set(finishedIds(killed));
          assert(before.every((id) => after.has(id)), `kill ${kill} lost a finished trial`);
        }
        await runScripted(killed, 2);
        assertEquals(results(killed), results(unbroken));
      });
    });
  });
});

function finishedIds(folder: string): number[] {
  try {
    return results(folder).trials.filter(({ reward }) => reward !== null).map(({ id }) => id);
  } catch (error) {
    if (error instanceof RunStoreError) return []; // killed before it had begun
    throw error;
  }
}

/** A scripted search as a process. */
function startSearch(...args: string[]): Deno.ChildProcess {
  const program = new URL("./search_program.ts", import.meta.url).pathname;
  return new Deno.Command("deno", {
    args: ["run", "--no-check", "--allow-read", "--allow-write", "--allow-env", "--allow-sys", program, ...args],
    stdout: "null",
    stderr: "null",
  }).spawn();
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function runAndKill(folder: string, afterMs: number): Promise<void> {
  const process = startSearch(folder, "2");
  await pause(afterMs);
  try {
    process.kill("SIGKILL");
  } catch {
    // it had ended by itself
  }
  await process.status;
}

describe("run store", () => {
  it("says what is wrong with a folder that is not a run, or whose file is garbage", async () => {
    await inFolder(async (folder) => {
      assertThrows(() => RunStore.open(folder), RunStoreError, "not a run folder");
      await Deno.mkdir(folder);
      await Deno.writeTextFile(`${folder}/run.sqlite`, "garbage ".repeat(200));
      assertThrows(() => RunStore.open(folder), RunStoreError, "Cannot read");
    });
  });

  it("refuses a run that another process continues", async () => {
    await inFolder(async (folder) => {
      await runScripted(folder, 1);
      const first = RunStore.open(folder);
      assertThrows(() => RunStore.open(folder), RunStoreError, "another process");
      first.close();
      RunStore.open(folder).close();
    });
  });
});

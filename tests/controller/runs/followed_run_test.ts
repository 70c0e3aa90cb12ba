/** A run that another process searches, told as it goes from what that process writes. */
import { trialRow } from "../../../controller/trial.ts";
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { FollowedRun } from "../../../controller/runs/followed_run.ts";
import type { RunState, SearchEvent } from "../../../controller/runs/events.ts";
import { loadRun, RunStore } from "../../../controller/runs/run_store.ts";
import { liveEvent, liveSnapshot } from "../../../web/protocol.ts";
import { RunView } from "../../../web/run_view.ts";
import { openScripted, runScripted } from "../search_program.ts";
import { inFolder } from "../../commands/command_line.ts";

const EVERY_MS = 5;
const PROGRAM = new URL("../search_program.ts", import.meta.url).pathname;

/** What a page that opens now would show, kept up to date; `until` waits for a state. */
class Page {
  readonly view: RunView;
  readonly events: SearchEvent[] = [];
  readonly close: () => void;

  constructor(run: FollowedRun) {
    this.close = run.subscribe((event) => {
      this.events.push(event);
      assert(this.view.apply(liveEvent(event)), `event ${event.seq} came after ${this.view.seq}`);
    });
    this.view = new RunView(liveSnapshot(run.snapshot()), Date.now());
  }

  async until(done: (page: Page) => boolean): Promise<void> {
    for (const end = Date.now() + 20_000; !done(this);) {
      assert(Date.now() < end, `the run is ${this.view.state} after ${this.view.trials.length} trials`);
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
  }

  ended(state: RunState): Promise<void> {
    return this.until(({ view }) => view.state === state);
  }

  /** How many trials were told to change to a state. */
  changes(state: string): number {
    return this.events.filter((event) => event.event === "trial_changed" && event.trial.state === state).length;
  }
}

function startProgram(folder: string): Deno.ChildProcess {
  const allowed = ["--allow-read", "--allow-write", "--allow-env", "--allow-sys"];
  const args = ["run", "--no-check", ...allowed, PROGRAM, folder, "2"];
  return new Deno.Command("deno", { args, stdout: "null", stderr: "null" }).spawn();
}

/** A page on a run whose process has just begun. */
async function openWhenBegun(folder: string): Promise<Page> {
  for (;;) {
    try {
      return new Page(new FollowedRun(folder, EVERY_MS));
    } catch {
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS)); // it is not begun yet
    }
  }
}

function assertAsStored(view: RunView, folder: string): void {
  const { state, trials, updates, notices } = loadRun(folder);
  assertEquals(view.state, state);
  assertEquals(view.trials, trials.map(trialRow));
  assertEquals(view.updates.map(({ batch }) => batch), updates.map(({ batch }) => batch));
  assertEquals(view.notices.map(({ message }) => message), notices.map(({ message }) => message));
}

describe("a run that another process searches", () => {
  it("is followed from its first trial to its last, and told as finished", () =>
    inFolder(async (root) => {
      const { search, store } = openScripted(`${root}/run`, 2);
      const page = new Page(new FollowedRun(`${root}/run`, EVERY_MS));
      assertEquals([page.view.state, page.view.trials.length], ["starting", 0]);
      await search.run(new AbortController().signal);
      store.close();
      await page.ended("finished");
      page.close();
      assertAsStored(page.view, `${root}/run`);
      assert(page.changes("running") > 0, "no trial was seen while it was trained");
      assertEquals(page.view.run.engine, loadRun(`${root}/run`).info.engine);
      const workers = [...page.view.workers.values()].sort((one, other) => one.id - other.id); // as they were seen
      assertEquals(workers.map(({ id, state, trial }) => ({ id, state, trial })), [
        { id: 0, state: "stopped", trial: null },
        { id: 1, state: "stopped", trial: null },
      ]);
    }));

  it("is told as interrupted when that process is killed, and followed on when another continues it", () =>
    inFolder(async (root) => {
      const folder = `${root}/run`, process = startProgram(folder);
      const page = await openWhenBegun(folder);
      await page.until(({ view }) => view.trials.some(({ state }) => state === "running") && view.trials.length > 6);
      assertEquals(page.view.state, "running");
      process.kill("SIGKILL");
      await process.status;
      await page.ended("interrupted");
      assertEquals(page.view.trials.filter(({ state }) => state === "running"), []);
      const heard = page.events.length;
      await new Promise((resolve) => setTimeout(resolve, 20 * EVERY_MS));
      assertEquals(page.events.length, heard, "events of a run that nobody searches");

      await runScripted(folder, 2);
      await page.ended("finished");
      page.close();
      assertAsStored(page.view, folder);
    }));

  it("shows how far its children are, and how long it has gone on, between two results", () =>
    inFolder(async (root) => {
      await runScripted(`${root}/run`, 1);
      const store = RunStore.open(`${root}/run`);
      const run = new FollowedRun(`${root}/run`, EVERY_MS), page = new Page(run);
      const [before] = store.load().trials, trial = { ...before, id: 60, curve: [], steps: 0, finishedAt: null };
      const running = { ...trial, state: "running", attempts: 1, startedAt: Date.now() - 2000 } as const;
      store.saveTrial(running);
      store.saveState("running", 5000);
      await page.until(({ view }) => view.workers.get(0)?.trial === trial.id);
      store.saveTrial({ ...running, steps: 20, curve: [{ step: 10, loss: 2 }, { step: 20, loss: 1.5 }] });
      await page.until(({ view }) => view.workers.get(0)?.step === 20);
      assertEquals(page.view.curves.get(trial.id), [{ step: 10, loss: 2 }, { step: 20, loss: 1.5 }]);
      assert(page.view.workers.get(0)!.imagesPerSecond! > 0);
      const { elapsedMs } = run.snapshot();
      assert(elapsedMs >= 5000 && elapsedMs < 25_000, `${elapsedMs} ms`);
      page.close();
      store.close();
    }));

  it("says so if its file can be read no longer, and asks no more", () =>
    inFolder(async (root) => {
      await runScripted(`${root}/run`, 1);
      const page = new Page(new FollowedRun(`${root}/run`, EVERY_MS));
      await Deno.writeTextFile(`${root}/run/run.sqlite`, "garbage ".repeat(1000));
      await page.until(({ view }) => view.notices.length > 0);
      page.close();
      assertEquals(page.view.notices.at(-1)!.level, "error");
    }));
});

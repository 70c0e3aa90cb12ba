/** The one fold: a snapshot and the events after it lead to the snapshot that the search, a follower and a page show. */
import { trialRow } from "../../../controller/trial.ts";
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { RunSnapshot, RunSource, SearchEvent } from "../../../controller/runs/events.ts";
import { FollowedRun } from "../../../controller/runs/followed_run.ts";
import { RunFold, withPoint } from "../../../controller/runs/run_fold.ts";
import { loadRun } from "../../../controller/runs/run_store.ts";
import { liveEvent, liveSnapshot } from "../../../web/protocol.ts";
import { RunView } from "../../../web/run_view.ts";
import { inFolder } from "../../commands/command_line.ts";
import { FakeRun } from "../../web/fake_run.ts";
import { openScripted } from "../search_program.ts";

/** A fold of the run that takes each later event; `events` are those. */
function folding(run: RunSource): { fold: RunFold; events: SearchEvent[] } {
  const fold = new RunFold(run.snapshot()), events: SearchEvent[] = [];
  run.subscribe((event) => {
    assertEquals(event.seq, fold.seq + 1);
    events.push(event);
    fold.fold(event);
  });
  return { fold, events };
}

/** Without its clock, which is no event. */
function state(snapshot: RunSnapshot): Omit<RunSnapshot, "elapsedMs"> {
  const { elapsedMs: _, ...rest } = snapshot;
  return rest;
}

describe("the fold of a run's events", () => {
  it("equals the snapshot of a run that trains several seeds, loses workers and names a function", () => {
    const run = new FakeRun({ trials: 80, seed: 3, verdict: "found" });
    for (let steps = 0; steps < 40; steps++) run.advance(3000);
    const { fold, events } = folding(run), view = new RunView(liveSnapshot(run.snapshot()), 0);
    run.subscribe((event) => assert(view.apply(liveEvent(event))));
    run.finish(3000);
    assertEquals(new Set(events.map(({ event }) => event)).size, 6, "kinds of events"); // all but run_started
    assertEquals(state(fold.snapshot(0)), state(run.snapshot()));
    assertEquals(view.stage, run.snapshot().stage);
    assertEquals(view.trials, run.snapshot().trials.map(trialRow));
  });

  it("equals the snapshots of a search and of a process that follows it", () =>
    inFolder(async (root) => {
      const { search, store } = openScripted(`${root}/run`, 2, undefined, { trials: 24 });
      const follower = new FollowedRun(`${root}/run`, 5);
      const own = folding(search), followed = folding(follower);
      await search.run(new AbortController().signal);
      store.close();
      const stored = loadRun(`${root}/run`);
      for (const end = Date.now() + 20_000; followed.fold.state !== "finished";) {
        assert(Date.now() < end, `followed to ${followed.fold.state}`);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      assertEquals(state(own.fold.snapshot(0)), state(search.snapshot()));
      assertEquals(state(followed.fold.snapshot(0)), state(follower.snapshot()));
      for (const { fold } of [own, followed]) {
        assertEquals([fold.state, fold.stage, fold.run], [stored.state, stored.stage, stored.info]);
        assertEquals(fold.trials, stored.trials);
        assertEquals(fold.updates, stored.updates);
      }
      assert(own.events.some(({ event }) => event === "stage_changed"));
    }));

  it("shows in a trial only the progress of its first training, and in a worker that of any", () => {
    const run = new FakeRun({ trials: 4 });
    while (!run.snapshot().trials.some(({ curve }) => curve.length > 0)) run.advance(1000);
    const { fold, events } = folding(run);
    const [worker] = [...fold.workers.values()].filter(({ state }) => state === "training");
    const trial = fold.trials[worker.trial!], view = new RunView(liveSnapshot(run.snapshot()), 0);
    const progress = (training: number, step: number, seq: number): SearchEvent => ({
      ...{ event: "trial_progress", trial: trial.id, training, worker: worker.id, at: 0, seq },
      ...{ point: { step, loss: 1 }, imagesPerSecond: 77 },
    });
    assertEquals(events.length, 0);
    const first = progress(0, trial.steps + 10, fold.seq + 1), other = progress(3, 5, fold.seq + 2);
    for (const event of [first, other]) {
      fold.fold(event);
      assert(view.apply(event));
    }
    assertEquals(fold.trials[trial.id], {
      ...trial,
      steps: trial.steps + 10,
      curve: [...trial.curve, { step: trial.steps + 10, loss: 1 }],
    });
    assertEquals(fold.workers.get(worker.id), { ...worker, step: 5, imagesPerSecond: 77 });
    assertEquals(view.curves.get(trial.id), [{ step: trial.steps + 10, loss: 1 }]);
    assertEquals(view.trials[trial.id].steps, trial.steps + 10);
    assertEquals(view.workers.get(worker.id)!.step, 5);
  });

  it("replaces the points of an earlier attempt when a training starts again", () => {
    const curve = [{ step: 10, loss: 3 }, { step: 20, loss: 2 }, { step: 30, loss: 1 }];
    assertEquals(withPoint(curve, { step: 20, loss: 9 }), [{ step: 10, loss: 3 }, { step: 20, loss: 9 }]);
    assertEquals(withPoint([], { step: 1, loss: 9 }), [{ step: 1, loss: 9 }]);
    assertEquals(withPoint(curve, { step: 40, loss: 0 }).length, 4);
  });
});

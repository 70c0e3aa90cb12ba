/** What someone watching may ask of a running search. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { SearchEvent } from "../../controller/runs/events.ts";
import { isByHand, isCandidate, isFinished, type Trial } from "../../controller/trial.ts";
import { inFolder } from "../commands/command_line.ts";
import { ask, finishes, once, runReacting, trialsOf } from "./reactions.ts";
import { openScripted, runScripted } from "./search_program.ts";

/** Results of the sampler's own candidates. */
function judged(trials: readonly Trial[]) {
  return trials.filter((trial) => isCandidate(trial)).map(({ expression, score, reward, batch }) => ({
    ...{ expression, score, reward, batch },
  }));
}

describe("a candidate added by hand", () => {
  it("is trained with each of its seeds, and changes nothing for the sampler's own", () =>
    inFolder(async (plain) => {
      await runScripted(plain, 2);
      await inFolder(async (folder) => {
        const add = once(
          finishes(3),
          (search) => ask(search, { control: "add_candidate", expression: "relu(x)", seeds: 3 }),
        );
        assertEquals(await runReacting(folder, add), "finished");
        const trials = trialsOf(folder), byHand = trials.filter(isByHand);
        assertEquals(byHand.map(({ state, duplicateOf }) => [state, duplicateOf]), [["complete", null]]);
        assertEquals(
          byHand[0].trainings.map(({ seed, state }) => [seed, state]),
          [0, 1, 2].map((k) => [k, "complete"]),
        );
        assertEquals(judged(trials), judged(trialsOf(plain)));
      });
    }));

  it("is trained though it was added when the last batch was told, while another is being trained", () =>
    inFolder(async (folder) => {
      const last = (event: SearchEvent) => event.event === "sampler_updated" && event.update.batch === 9;
      const addFirst = once(last, (search) => ask(search, { control: "add_candidate", expression: "x * 2" }));
      const addSecond = once(finishes(60), (search) => ask(search, { control: "add_candidate", expression: "x * 3" }));
      let started = 0;
      const state = await runReacting(folder, (event, ...all) => {
        if (event.event === "trial_changed" && isByHand(event.trial) && event.trial.state === "running") started++;
        addFirst(event, ...all);
        addSecond(event, ...all);
      });
      assertEquals([state, trialsOf(folder).filter(isByHand).map(({ state }) => state)], ["finished", [
        "complete",
        "complete",
      ]]);
      assertEquals(started, 2); // once each, though the search trains its own meanwhile
    }));

  it("is not lost if the search ends before its turn", () =>
    inFolder(async (folder) => {
      const addAndEnd = once(finishes(2), (search, abort) => {
        ask(search, { control: "add_candidate", expression: "x * tanh(x)", seeds: 5 });
        abort();
      });
      assertEquals(await runReacting(folder, addAndEnd), "interrupted");
      const left = trialsOf(folder).filter(isByHand);
      const waiting = ({ trainings }: Trial) => trainings.filter(({ state }) => state === "queued").length;
      assertEquals(left.map(({ trainings }) => trainings.length), [5]);
      assert(waiting(left[0]) > 0, "all were trained before the end");
      await runScripted(folder, 2);
      const [added] = trialsOf(folder).filter(isByHand);
      assertEquals([added.state, added.trainings.length, waiting(added)], ["complete", 5, 0]);
    }));

  it("that is not an expression is refused with a sentence", () =>
    inFolder(async (folder) => {
      let refused: Promise<string | null> | undefined;
      await runReacting(
        folder,
        once(finishes(0), (search) => {
          refused = search.control({ control: "add_candidate", expression: "foo(x)" });
          ask(search, { control: "stop" });
        }),
      );
      assertStringIncludes((await refused!)!, '"foo"');
    }));
});

describe("control", () => {
  it("stops after the batch, which the sampler learns from, and the run continues to the same end", () =>
    inFolder(async (unbroken) => {
      await runScripted(unbroken, 2);
      await inFolder(async (folder) => {
        const stop = once(finishes(9), (search) => ask(search, { control: "stop" }));
        assertEquals(await runReacting(folder, stop), "interrupted");
        assertEquals(trialsOf(folder).filter(isCandidate).length, 12); // two batches of 6
        assert(trialsOf(folder).every(isFinished));
        await runScripted(folder, 2);
        assertEquals(judged(trialsOf(folder)), judged(trialsOf(unbroken)));
      });
    }));

  it("takes a stop back when it is resumed before the batch is done, and refuses to pause one that stops", () =>
    inFolder(async (folder) => {
      let paused: Promise<string | null> | undefined;
      const state = await runReacting(
        folder,
        once(finishes(7), (search) => {
          ask(search, { control: "stop" });
          paused = search.control({ control: "pause" });
          ask(search, { control: "resume" });
          assertEquals(search.snapshot().state, "running");
        }),
      );
      assertStringIncludes((await paused!)!, "resume it first");
      assertEquals([state, trialsOf(folder).filter(isCandidate).length], ["finished", 60]);
    }));

  it("does not report a search past its last batch as continuing", () =>
    inFolder(async (folder) => {
      const answers: (string | null)[] = [];
      const state = await runReacting(folder, (event, search) => {
        if (event.event !== "sampler_updated" || event.update.batch !== 1) return;
        ask(search, { control: "stop" });
        // Something to wait for after the last batch.
        ask(search, { control: "add_candidate", expression: "relu(x)", seeds: 8 });
        setTimeout(() => search.control({ control: "resume" }).then((answer) => answers.push(answer)), 0);
      });
      assertEquals(state, "interrupted");
      assertEquals(answers.length, 1);
      assertStringIncludes(answers[0]!, "too late");
    }));

  it("starts no child while paused, and continues", () =>
    inFolder(async (folder) => {
      let started = 0, whilePaused = 0, paused = false;
      const pause = once(finishes(5), (search) => {
        ask(search, { control: "pause" });
        paused = true;
        setTimeout(() => {
          paused = false;
          ask(search, { control: "resume" });
        }, 300);
      });
      const state = await runReacting(folder, (event, search, abort) => {
        if (event.event === "trial_changed" && event.trial.state === "running") paused ? whilePaused++ : started++;
        pause(event, search, abort);
      });
      assertEquals([state, whilePaused], ["finished", 0]);
      assert(started > 20, `${started} started`);
    }));

  it("changes the number of workers while running", () =>
    inFolder(async (folder) => {
      const workers = new Set<number>();
      const grow = once(finishes(1), (search) => ask(search, { control: "set_workers", workers: 4 }));
      const state = await runReacting(folder, (event, search, abort) => {
        if (event.event === "worker_changed" && event.worker.state === "training") workers.add(event.worker.id);
        grow(event, search, abort);
      });
      assertEquals([state, workers.size], ["finished", 4]);
    }));

  it("is refused once the run has ended", () =>
    inFolder(async (folder) => {
      const { search, store } = openScripted(folder, 2);
      await search.run(new AbortController().signal);
      assertEquals(await search.control({ control: "pause" }), "the run is finished");
      store.close();
    }));
});

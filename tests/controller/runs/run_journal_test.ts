/** The elapsed time of a run in progress, on a clock of the test's own. */
import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { RunJournal } from "../../../controller/runs/run_journal.ts";
import { RunStore } from "../../../controller/runs/run_store.ts";
import { withStore } from "./with_store.ts";

const SECOND = 1000, HOUR = 3600 * SECOND;

/** With the journal of a run that was at work for 5 s before, and a function that lets time pass and reads it, in s. */
function withJournal(
  test: (journal: RunJournal, after: (ms: number) => number, store: RunStore) => void,
): Promise<void> {
  return withStore("v2", "interrupted", (_, folder) => {
    const store = RunStore.open(folder);
    store.saveState("running", 5 * SECOND);
    let now = 123;
    const journal = new RunJournal(store, () => now);
    test(journal, (ms) => {
      now += ms;
      return Math.round(journal.elapsedMs / SECOND);
    }, store);
    store.close();
  });
}

describe("the elapsed time of a run", () => {
  it("goes on from what the store has, and is stored", () =>
    withJournal((journal, after, store) => {
      assertEquals([after(0), after(2 * SECOND), after(50 * SECOND)], [5, 7, 57]);
      journal.setState("running", null);
      journal.saveProgress();
      assertEquals([journal.snapshot().elapsedMs, store.load().elapsedMs], [57 * SECOND, 57 * SECOND]);
    }));

  it("does not pass while the run is paused, nor after its end", () =>
    withJournal((journal, after) => {
      journal.setState("running", null);
      assertEquals(after(10 * SECOND), 15);
      journal.setState("paused", null);
      for (let minute = 0; minute < 90; minute++) assertEquals(after(60 * SECOND), 15);
      journal.setState("running", null);
      assertEquals(after(10 * SECOND), 25);
      journal.setState("finished", null);
      assertEquals([after(SECOND), after(HOUR)], [25, 25]);
    }));

  it("does not pass while the process is suspended", () =>
    withJournal((journal, after) => {
      journal.setState("running", null);
      assertEquals(after(10 * SECOND), 15);
      assertEquals(after(8 * HOUR), 30); // 15 s of them count, as it is not known when it fell asleep
      assertEquals(after(10 * SECOND), 40);
    }));
});

/** How much a run has left to do, against what it then does. */
import { assertAlmostEquals, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { PRESETS, TARGET } from "../../controller/presets.ts";
import type { RunSettings, Stage } from "../../controller/runs/events.ts";
import type { Training, TrialRow, TrialState } from "../../controller/trial.ts";
import { timeLeft, type Work, workOf } from "../../controller/work_left.ts";
import { inFolder } from "../commands/command_line.ts";
import { openScripted } from "./search_program.ts";

type Judged = Pick<TrialRow, "role" | "state" | "trainings">;

const JUDGING = { ...PRESETS.laptop.judging, finals: 0.25, verdictSeeds: 5 };
const SEARCH: Stage = { name: "search", promoted: 0 };

/** A run of 100 trials with two references; a training of the target's child is worth 20 of its own. */
function run(judging: RunSettings["judging"] = JUDGING, timeLimitMs: number | null = null) {
  return { settings: { judging, timeLimitMs, trials: 100 } as RunSettings, targetWork: 20 };
}

function candidate(state: TrialState, trainings: Partial<Training>[] = [{}]): Judged {
  const full = trainings.map((change): Training => ({
    ...{ seed: 0, stage: "search", state: state as Training["state"], score: state === "queued" ? null : 0.5 },
    ...change,
  }));
  return { role: "candidate", state, trainings: full };
}

const leftOf = ({ proposals, playoff, after }: Work) => proposals + playoff + after;

const times = (count: number, make: () => Judged) => Array.from({ length: count }, make);

describe("the work left", () => {
  it("is what the run then does, from each of its last stages on", () =>
    inFolder(async (folder) => {
      const target = { ...TARGET, candidates: 3, seeds: 4 }, told: [stage: string, Work][] = [];
      const { search, store } = openScripted(folder, 2, undefined, { target });
      search.subscribe((event) => {
        if (event.event === "stage_changed") told.push([event.stage.name, workOf(search.snapshot())]);
      });
      await search.run(new AbortController().signal).finally(() => store.close());
      const after = workOf(search.snapshot());
      assertEquals(leftOf(after), 0);
      const ends = told.filter(([stage]) => stage !== "search");
      assertEquals(new Set(ends.map(([stage]) => stage)), new Set(["playoff", "target", "verdict"]));
      // Of a field of three, two go on: the trainings of a round are rounded down.
      for (const [stage, work] of ends) assertAlmostEquals(work.done + leftOf(work), after.done, 2, stage);
      const [, last] = ends.at(-1)!;
      assertEquals(last.done + leftOf(last), after.done);
    }));

  it("has all stages before it in the search", () => {
    const trials = [...times(20, () => candidate("complete")), ...times(5, () => candidate("queued"))];
    const left = (judging: RunSettings["judging"]) => workOf({ run: run(judging), stage: SEARCH, trials });
    assertEquals(left(JUDGING), { done: 20, proposals: 80, playoff: 100 / 3, after: 15 });
    const { after } = left({ ...JUDGING, target: { ...TARGET, candidates: 8, seeds: 3 } });
    assertEquals(after, 20 * (24 + 15));
    assertEquals(left({ ...JUDGING, verdictSeeds: 0 }), { done: 20, proposals: 80, playoff: 0, after: 0 });
  });

  it("takes candidates to come to be like those so far, of which some take no time", () => {
    const trials = [
      ...times(9, () => candidate("complete")),
      candidate("complete", [{ from: "table", engine: "wasm" }]), // the first of two children
      ...times(6, () => candidate("diverged")),
      ...times(2, () => candidate("complete", [])), // duplicates
      ...times(2, () => candidate("complete", [{ from: "table" }])),
    ];
    const { done, proposals, playoff } = workOf({ run: run(), stage: SEARCH, trials });
    assertEquals([done, proposals], [10, 40]);
    assertAlmostEquals(playoff, 90 / 3, 1e-9); // its share is of all that was judged
  });

  it("counts a training on the target for what it takes", () => {
    const trials = times(
      4,
      () => candidate("complete", [{}, { stage: "target" }, { stage: "target", state: "queued" }]),
    );
    const stage = { name: "target", round: 1, finalists: [0, 1, 2, 3], trainings: 12 } as const;
    const judging = { ...JUDGING, target: TARGET };
    const after = 20 * (4 + 4 + 15);
    assertEquals(workOf({ run: run(judging), stage, trials }), { done: 84, proposals: 0, playoff: 0, after });
  });

  it("becomes time at the speed so far, and the playoff ends with the time limit", () => {
    const work = { done: 10, proposals: 90, playoff: 30, after: 20 };
    const left = (change: Partial<Work>, limit: number | null) =>
      timeLeft({ ...work, ...change }, run(JUDGING, limit).settings, 1000);
    assertEquals(left({}, null), 14_000);
    assertEquals(left({}, 4000), 3000 + 2000);
    assertEquals(left({}, 1000), 2000);
    assertEquals(left({ proposals: 0 }, 1000), 5000); // the playoff takes what it takes
    assertEquals(left({ done: 0 }, null), null);
    assertEquals(left({ proposals: 0, playoff: 0, after: 0 }, null), 0);
  });
});

/** How much a run has left to do, against what it then does. */
import { assertAlmostEquals, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { PRESETS, TARGET } from "../../controller/presets.ts";
import type { RunSettings, Stage } from "../../controller/runs/events.ts";
import type { Training, TrialState } from "../../controller/trial.ts";
import { type Pace, type Progress, timeLeft, type Work, workOf } from "../../controller/work_left.ts";
import { inFolder } from "../commands/command_line.ts";
import { openScripted } from "./search_program.ts";

type Judged = Progress["trials"][number];

const JUDGING = { ...PRESETS.laptop.judging, finals: 0.25, verdictSeeds: 5 };
const SEARCH: Stage = { name: "search", promoted: 0 };
const TARGET_WORK = 20;

/** A run of 100 trials with two references; a training of the target's child is worth 20 of its own. */
function run(judging: RunSettings["judging"] = JUDGING, timeLimitMs: number | null = null) {
  return { settings: { judging, timeLimitMs, trials: 100 } as RunSettings, targetWork: TARGET_WORK };
}

/** A candidate whose first training took a second. */
function candidate(state: TrialState, trainings: Partial<Training>[] = [{}]): Judged {
  const full = trainings.map((change): Training => ({
    ...{ seed: 0, stage: "search", state: state as Training["state"], score: state === "queued" ? null : 0.5 },
    ...change,
  }));
  return { role: "candidate", state, trainings: full, startedAt: 5000, finishedAt: state === "queued" ? null : 6000 };
}

/** In trainings of the search's own child. */
const leftOf = ({ proposals, playoff, verdict, onTarget }: Work, targetWork = TARGET_WORK) =>
  proposals + playoff + verdict + targetWork * onTarget;

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
      const after = workOf(search.snapshot()), { targetWork = 1 } = search.snapshot().run;
      assertEquals(leftOf(after), 0);
      const ends = told.filter(([stage]) => stage !== "search");
      assertEquals(new Set(ends.map(([stage]) => stage)), new Set(["playoff", "target", "verdict"]));
      // Of a field of three, two go on: the trainings of a round are rounded down.
      for (const [stage, work] of ends) {
        assertAlmostEquals(work.done + leftOf(work, targetWork), after.done, 2 * targetWork, stage);
      }
      const [, last] = ends.at(-1)!;
      assertAlmostEquals(last.done + leftOf(last, targetWork), after.done, 1e-9);
    }));

  it("has all stages before it in the search", () => {
    const trials = [...times(20, () => candidate("complete")), ...times(5, () => candidate("queued"))];
    const left = (judging: RunSettings["judging"]) => workOf({ run: run(judging), stage: SEARCH, trials });
    const common = { done: 20, proposals: 80, trainingMs: 1000 };
    assertEquals(left(JUDGING), { ...common, playoff: 100 / 3, verdict: 15, onTarget: 0 });
    const { verdict, onTarget } = left({ ...JUDGING, target: { ...TARGET, candidates: 8, seeds: 3 } });
    assertEquals([verdict, onTarget], [0, 24 + 15]);
    assertEquals(left({ ...JUDGING, verdictSeeds: 0 }), { ...common, playoff: 0, verdict: 0, onTarget: 0 });
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
    const common = { done: 84, proposals: 0, playoff: 0, verdict: 0, trainingMs: 1000 };
    assertEquals(workOf({ run: run(judging), stage, trials }), { ...common, onTarget: 4 + 4 + 15 });
  });

  it("knows how long a training takes from those trained here, whole and to the end", () => {
    const trained = (ms: number, trainings?: Partial<Training>[]) => ({
      ...candidate("complete", trainings),
      finishedAt: 5000 + ms,
    });
    const others = [
      trained(1, [{ from: "table", engine: "wasm" }]),
      { ...candidate("diverged"), finishedAt: 5001 },
      { ...candidate("complete", [{ from: "table" }]), startedAt: null },
    ];
    const msOf = (trials: Judged[]) => workOf({ run: run(), stage: SEARCH, trials }).trainingMs;
    assertEquals(msOf([trained(1000), trained(1e7), trained(3000), ...others]), 3000); // one was suspended
    assertEquals(msOf(others), null);
    assertEquals(msOf([...times(15, () => trained(9000)), ...times(15, () => trained(2000)), ...others]), 2000);
  });
});

describe("the time left", () => {
  const WORK: Work = { done: 10, proposals: 90, playoff: 30, verdict: 20, onTarget: 0, trainingMs: null };
  const worker = { state: "training", step: 5, imagesPerSecond: 100 } as const;
  /** After a second of ten trainings. */
  const left = (change: Partial<Work>, pace: Partial<Pace> = {}) =>
    timeLeft({ ...WORK, ...change }, { run: run(), stage: SEARCH, elapsedMs: 1000, workers: [], ...pace });

  it("is the work at the speed so far, and the playoff ends with the time limit", () => {
    assertEquals(left({}), 14_000);
    const limited = (limit: number) => ({ run: run(JUDGING, limit) });
    assertEquals(left({}, limited(4000)), 3000 + 2000);
    assertEquals(left({}, limited(1000)), 2000);
    assertEquals(left({ proposals: 0 }, limited(1000)), 5000); // the playoff takes what it takes
    assertEquals(left({ done: 0 }), null);
    assertEquals(left({ proposals: 0, playoff: 0, verdict: 0 }), 0);
  });

  it("has all workers train what comes after the proposals, of which a batch may leave some idle", () => {
    const workers = [worker, worker, { ...worker, state: "idle" }, { ...worker, state: "stopped" }] as const;
    assertEquals(left({ trainingMs: 150 }, { workers }), 9000 + (30 + 20) * 50);
  });

  it("counts the target's trainings by their work until the workers tell how fast they train them", () => {
    const judging = { ...JUDGING, target: { ...TARGET, child: { ...TARGET.child, steps: 50, batch: 8 } } };
    const stage = { name: "target", round: 1, finalists: [0, 1], trainings: 4 } as const;
    const onTarget = { proposals: 0, playoff: 0, verdict: 0, onTarget: 6, trainingMs: 150 };
    const of = (pace: Partial<Pace>) => left(onTarget, { run: run(judging), ...pace });
    const notBegun = { ...worker, step: 0 };
    assertEquals(of({ workers: [worker, worker] }), 6 * TARGET_WORK * 75); // the speed is that of the search's child
    assertEquals(of({ workers: [notBegun, notBegun], stage }), 6 * TARGET_WORK * 75);
    assertEquals(of({ workers: [worker, notBegun], stage }), 6 * 50 * 8 / 0.2);
  });
});

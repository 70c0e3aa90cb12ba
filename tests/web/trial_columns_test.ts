/** What a snapshot carries of trials is all of it, in few bytes. */
import { type TrialRow, trialRow } from "../../controller/trial.ts";
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { packTrials, unpackTrials } from "../../web/trial_columns.ts";
import { FakeRun } from "./fake_run.ts";

function sent(trials: readonly TrialRow[]): TrialRow[] {
  return unpackTrials(JSON.parse(JSON.stringify(packTrials(trials))));
}

describe("the columns of a snapshot", () => {
  const judged = new FakeRun({ trials: 300, workers: 4, verdict: "found" }).finish().snapshot().trials.map(trialRow);

  it("bring every field of every trial, whatever its state and role", () => {
    const going = new FakeRun({ trials: 300, workers: 4 });
    for (let step = 0; step < 40; step++) going.advance(3_000);
    const states = [...judged, ...going.snapshot().trials.map(trialRow)];
    assert(new Set(states.map(({ state }) => state)).size >= 4);
    assertEquals(new Set(judged.map(({ role }) => role)), new Set(["reference", "candidate"]));
    assertEquals(sent(states), states);
    assertEquals(sent([]), []);
  });

  it("bring trials that have none, one and many trainings, each its own", () => {
    const trials = [0, 3, 1, 0, 2].map((count, id): TrialRow => ({
      ...judged[0],
      id,
      trainings: Array.from({ length: count }, (_, seed) => ({
        ...{ seed: 10 * id + seed, stage: "playoff", state: seed === 1 ? "failed" : "complete" },
        score: seed === 1 ? null : id + seed / 10,
      })),
    }));
    assertEquals(sent(trials), trials);
  });

  it("bring each text and list of tokens once", () => {
    const { expression, tokens, state } = packTrials(judged);
    assertEquals(expression.values.length, new Set(judged.map(({ expression }) => expression)).size);
    assertEquals(tokens.values.length, new Set(judged.map(({ tokens }) => tokens.join())).size);
    assert(state.values.length <= 6 && state.at.length === judged.length);
  });

  it("are less than half of the bytes of the rows, though each function is another", () => {
    const trials = new FakeRun({ trials: 300, functions: 300, workers: 4 }).finish().snapshot().trials.map(trialRow);
    const [columns, rows] = [packTrials(trials), trials].map((value) => JSON.stringify(value).length);
    assert(columns < rows / 2, `${columns} of ${rows} bytes`);
  });
});

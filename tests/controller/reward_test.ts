import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { rewardOf } from "../../controller/reward.ts";

describe("reward", () => {
  it("is the validation accuracy of a child that was trained", () => {
    assertEquals(rewardOf({ id: 1, state: "complete", score: 0.8125 }, 10), 0.8125);
    assertEquals(rewardOf({ id: 1, state: "pruned", score: 0.25 }, 10), 0.25);
    assertEquals(rewardOf({ id: 1, state: "complete", score: 0 }, 10), 0);
  });

  it("is the accuracy of guessing for a child that diverged or failed", () => {
    assertEquals(rewardOf({ id: 1, state: "diverged", score: null }, 10), 0.1);
    assertEquals(rewardOf({ id: 1, state: "failed", score: null }, 100), 0.01);
  });

  it("is not available before the trial is finished", () => {
    for (const state of ["queued", "running"] as const) {
      assertThrows(() => rewardOf({ id: 7, state, score: null }, 10), Error, `its state is ${state}`);
    }
    assertThrows(() => rewardOf({ id: 7, state: "complete", score: null }, 10), Error, "trial 7");
    assertThrows(() => rewardOf({ id: 7, state: "failed", score: null }, 0), RangeError, "it is 0");
  });
});

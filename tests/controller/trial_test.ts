/** Which trials can be named. */
import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ranked, type Role, type Trial } from "../../controller/trial.ts";
import { newTrial } from "../../controller/trial_changes.ts";

/** A complete trial of the function, whatever it trained. */
function judged(id: number, role: Role, expression: string, score: number): Trial {
  return { ...newTrial({ id, batch: 0, role, expression, tokens: [], seeds: 1 }), state: "complete", score };
}

describe("the trials that can be named", () => {
  it("are neither references, nor what computes the same, nor their mirror images, which train alike", () => {
    const trials = [
      judged(0, "reference", "ReLU", 0.5),
      judged(1, "candidate", "max(x, 0)", 0.9),
      judged(2, "candidate", "min(x, 0)", 0.8),
      judged(3, "by hand", "-max(0, -x)", 0.7),
      judged(4, "candidate", "tanh(x)", 0.4),
      judged(5, "candidate", "max(-x, 0)", 0.6), // another function than ReLU and its mirror image
    ];
    assertEquals(ranked(trials).map(({ expression }) => expression), ["max(-x, 0)", "tanh(x)"]);
  });
});

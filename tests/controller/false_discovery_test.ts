/** What a search says of functions that are all alike: nothing, in at least 19 of 20 searches. */
import { assert } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { outcomeOf } from "../../controller/finals.ts";
import { inFolder } from "../commands/command_line.ts";
import { openScripted } from "./search_program.ts";

describe("a search whose scores are pure noise", () => {
  // Scripted children score by a hash of function and seed: luck, as where labels are random.
  it("finds nothing in at least 19 of 20 runs, and is not far off in what it reports", () =>
    inFolder(async (cwd) => {
      let found = 0;
      const reported: number[] = [];
      for (let seed = 1; seed <= 20; seed++) {
        const { search, store } = openScripted(`${cwd}/${seed}`, 2, undefined, { trials: 12, seed, verdictSeeds: 16 });
        await search.run(new AbortController().signal).finally(() => store.close());
        const { trials } = search.snapshot(), outcome = outcomeOf(trials)!;
        if (outcome.verdict.found) found++;
        reported.push(outcome.verdict.score);
      }
      assert(found <= 1, `${found} of 20 searches found something`);
      // Scores are uniform in [0, 1]: a mean of 16 has a standard error of 0.072, the mean over 20 searches 0.016.
      const mean = reported.reduce((sum, score) => sum + score, 0) / reported.length;
      assert(Math.abs(mean - 0.5) < 0.05, `reported ${mean} where the truth is 0.5`);
    }));
});

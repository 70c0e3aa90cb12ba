/** What the console says of a run in progress. */
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { followRun } from "../../controller/console.ts";
import { FakeRun } from "../web/fake_run.ts";

const MINUTE = 60_000;

describe("the console", () => {
  it("tells the rate and the time left of the time at work, whatever the pauses and what was before", async () => {
    const run = new FakeRun({ trials: 200 });
    for (let minute = 0; minute < 5; minute++) run.advance(MINUTE);
    await run.control!({ control: "pause" });
    run.advance(600 * MINUTE);
    await run.control!({ control: "resume" });
    let tell = (_: string) => {};
    const output = { out: () => {}, err: () => {}, live: (line: string) => tell(line), terminal: true };
    const stop = followRun(run, output, false);
    const parts = async () => {
      const line = await new Promise<string>((resolve) => tell = resolve);
      return line.split(" · ").filter((part) => / per hour$| left$/.test(part));
    };
    for (let minute = 0; minute < 15; minute++) run.advance(MINUTE);
    const before = await parts(), [rate, left] = before.map((part) => Number(/[\d.]+/.exec(part)![0]));
    // Two workers, of which each has a new child every other minute, and a playoff and a verdict after 190 more.
    assert(rate > 50 && rate < 70 && left > 190 / 70 && left < 10, before.join());
    await run.control!({ control: "pause" });
    run.advance(600 * MINUTE);
    assertEquals(await parts(), before);
    stop();
  });
});

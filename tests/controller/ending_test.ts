/** How a search ends: the verdict is made whatever stops it on the way, and is none before it is made. */
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { DatabaseSync } from "node:sqlite";
import { outcomeOf } from "../../controller/finals.ts";
import type { SearchEvent } from "../../controller/runs/events.ts";
import { hasWorkLeft, type Trial } from "../../controller/trial.ts";
import { inFolder } from "../commands/command_line.ts";
import { ask, once, runReacting, trialsOf } from "./reactions.ts";
import { openScripted, runScripted } from "./search_program.ts";

/** When a training of that stage ends, be it the last of a round or not. */
const trains = (stage: string, count: number) => (event: SearchEvent) =>
  event.event === "trial_changed" &&
  event.trial.trainings.filter((one) => one.stage === stage && one.state === "complete").length >= count;

function verdictOf(folder: string) {
  const { trial, verdict, left } = outcomeOf(trialsOf(folder))!;
  return { expression: trial.expression, verdict, left };
}

describe("a search that is stopped after its last batch", () => {
  for (const [stage, count] of [["playoff", 1], ["playoff", 4], ["verdict", 1]] as const) {
    it(`in the ${stage}, when a function has ${count} of its trainings, ends as one that was not`, () =>
      inFolder(async (unbroken) => {
        await runScripted(unbroken, 2);
        await inFolder(async (folder) => {
          const stop = once(trains(stage, count), (search) => ask(search, { control: "stop" }));
          // All trainings of the verdict are under way when it is stopped: it is made.
          assertEquals(await runReacting(folder, stop), stage === "verdict" ? "finished" : "interrupted");
          await runScripted(folder, 2);
          assertEquals(verdictOf(folder), verdictOf(unbroken));
          assertEquals(verdictOf(folder).left, 0);
        });
      }));
  }

  it("is not resumed while it waits for a function added by hand, and later goes on to its verdict", () =>
    inFolder(async (folder) => {
      let stopped = false, answer: Promise<string | null> | undefined;
      const state = await runReacting(folder, (event, search) => {
        const isRoundOver = stopped && event.event === "stage_changed";
        if (isRoundOver) setTimeout(() => answer = search.control({ control: "resume" }), 0);
        if (stopped || !trains("playoff", 1)(event)) return;
        stopped = true;
        ask(search, { control: "add_candidate", expression: "relu(x)", seeds: 20 });
        ask(search, { control: "stop" });
      });
      assertEquals([state, await answer], ["interrupted", "the last batch is done: it is too late to continue"]);
      await runScripted(folder, 2);
      assertEquals(verdictOf(folder).left, 0);
    }));

  it("goes on with its verdict where an earlier version called the run finished without one", () =>
    inFolder(async (folder) => {
      await runReacting(folder, once(trains("playoff", 4), (search) => ask(search, { control: "stop" })));
      const database = new DatabaseSync(`${folder}/run.sqlite`);
      database.exec("UPDATE run SET state = 'finished'");
      database.close();
      await runScripted(folder, 2);
      assertEquals(verdictOf(folder).left, 0);
      assert(!trialsOf(folder).some(hasWorkLeft));
    }));
});

describe("a verdict", () => {
  it("is trained seed by seed, so that what there is of it favours no function", () =>
    inFolder(async (folder) => {
      const { search, store } = openScripted(folder, 1), seeds: number[] = [], judged = new Set<string>();
      search.subscribe((event) => {
        if (event.event !== "trial_changed") return;
        for (const { stage, state, seed } of event.trial.trainings) {
          const key = `${event.trial.id} ${seed}`;
          if (stage !== "verdict" || state !== "complete" || judged.has(key)) continue;
          judged.add(key);
          seeds.push(seed);
        }
      });
      await search.run(new AbortController().signal).finally(() => store.close());
      assertEquals(seeds, [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]);
    }));

  it("is made beside a reference whose first training failed", () =>
    inFolder(async (folder) => {
      await runScripted(folder, 2, { references: ["ReLU", "x + 8"] });
      const { verdict: { versus } } = verdictOf(folder);
      assertEquals(Object.entries(versus).map(([name, { n }]) => [name, n]), [["relu", 4], ["x + 8", 4]]);
    }));

  it("says which reference could not be judged, as nothing is found then", () =>
    inFolder(async (folder) => {
      const notices: string[] = [];
      const state = await runReacting(folder, (event) => {
        if (event.event === "notice") notices.push(event.message);
      }, { references: ["ReLU", "x + 1"] });
      assertEquals([state, verdictOf(folder).verdict.found], ["finished", false]);
      assert(notices.includes("nothing can be found, as not judged were: x + 1"), notices.join("\n"));
    }));

  it("finds nothing before its last training, however clear it is", () => {
    const trial = (role: Trial["role"], score: number, last: "complete" | "queued") => ({
      ...{ role, expression: role },
      trainings: [0, 1, 2, 3].map((seed) => {
        const state = seed < 3 ? "complete" : last;
        return { seed, stage: "verdict", state, score: state === "complete" ? score + seed / 1000 : null } as const;
      }),
    });
    const outcome = (own: "complete" | "queued", reference: "complete" | "queued") =>
      outcomeOf([trial("reference", 0.5, reference), trial("candidate", 0.6, own)])!;
    assertEquals([outcome("complete", "complete").verdict.found, outcome("complete", "complete").left], [true, 0]);
    for (const [own, reference] of [["queued", "complete"], ["complete", "queued"]] as const) {
      const { verdict: { found, n }, left } = outcome(own, reference);
      assertEquals([found, left], [false, 1]);
      assert(n >= 3);
    }
  });
});

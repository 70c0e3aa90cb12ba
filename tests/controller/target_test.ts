/** A search whose best meet on another child in the end: what it trains there, and what it names. */
import { DatabaseSync } from "node:sqlite";
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { meanOf } from "../../controller/comparison/statistics.ts";
import { nextDecision, outcomeOf } from "../../controller/finals.ts";
import { PRESETS } from "../../controller/presets.ts";
import type { JudgingSettings, Target } from "../../controller/runs/events.ts";
import { loadRun } from "../../controller/runs/run_store.ts";
import { bestTrial, type Training, type Trial } from "../../controller/trial.ts";
import { inFolder } from "../commands/command_line.ts";
import { openScripted, runScripted } from "./search_program.ts";

const TARGET: Target = { child: { ...PRESETS.smoke.child, network: "resnet14", steps: 77 }, candidates: 4, seeds: 4 };

function inFolders(body: (...folders: string[]) => Promise<void>): Promise<void> {
  return inFolder((root) => body(`${root}/one`, `${root}/other`));
}

function scoresOf({ trainings }: Trial, stage: Training["stage"]): number[] {
  return trainings.filter((training) => training.stage === stage).map(({ score }) => score!);
}

describe("a search with a target", () => {
  it("names the best on the target of the best of the playoff, and judges it and the references there", () =>
    inFolders(async (folder, without) => {
      await runScripted(folder, 2, { target: TARGET, seed: 1 });
      await runScripted(without, 2, { seed: 1 });
      const { trials, state } = loadRun(folder), other = loadRun(without).trials;
      assertEquals(state, "finished");
      // The target changes nothing of the search before it.
      assertEquals(
        trials.map(({ expression, score }) => [expression, score]),
        other.map((t) => [t.expression, t.score]),
      );
      const met = trials.filter((trial) => scoresOf(trial, "target").length > 0)
        .sort((a, b) => scoresOf(b, "target").length - scoresOf(a, "target").length);
      assertEquals(met.map((trial) => scoresOf(trial, "target").length), [6, 6, 2, 2], "the better half trains on");
      const played = trials.filter((trial) => scoresOf(trial, "playoff").length > 0);
      const scores = played.map(({ score }) => score!).sort((a, b) => b - a);
      assertEquals(met.map(({ score }) => score!).sort((a, b) => b - a), scores.slice(0, 4));
      const [first, second, ...others] = met.map((trial) => meanOf(scoresOf(trial, "target").slice(0, 2)));
      assert(Math.min(first, second) > Math.max(...others));
      const named = outcomeOf(trials)!, means = met.slice(0, 2).map((trial) => meanOf(scoresOf(trial, "target")));
      assertEquals(named.trial.id, met[means.indexOf(Math.max(...means))].id);
      assertNotEquals(
        named.trial.id,
        bestTrial(trials)!.id,
        "with this seed the search's own child would name another",
      );
      assertEquals(named.verdict.score, meanOf(scoresOf(named.trial, "verdict")));
      // On the same fresh seeds the two children score differently.
      const fresh = (of: readonly Trial[]) =>
        of.filter(({ role }) => role === "reference").map((t) => scoresOf(t, "verdict"));
      assert(fresh(trials).every((scores, i) => scores.every((score, k) => score !== fresh(other)[i][k])));
    }));

  it("tells workers' progress by the steps of the child that they train", () =>
    inFolders(async (folder) => {
      const { search, store } = openScripted(folder, 2, undefined, { target: TARGET });
      const steps = new Map<string, Set<number>>();
      let stage = "search";
      search.subscribe((event) => {
        if (event.event === "stage_changed") stage = event.stage.name;
        if (event.event !== "worker_changed" || event.worker.state !== "training") return;
        steps.set(stage, (steps.get(stage) ?? new Set()).add(event.worker.steps));
      });
      await search.run(new AbortController().signal);
      store.close();
      const own = PRESETS.smoke.child.steps;
      const wanted = { search: [own], playoff: [own], target: [77], verdict: [77] };
      assertEquals(Object.fromEntries([...steps].map(([name, set]) => [name, [...set]])), wanted);
    }));

  it("ends the same if it is interrupted on the target, and with another number of workers", () =>
    inFolders(async (one, other) => {
      await runScripted(one, 1, { target: TARGET });
      for (const stage of ["target", "verdict"]) {
        const { search, store } = openScripted(other, 3, undefined, { target: TARGET });
        const stop = new AbortController();
        search.subscribe((event) => event.event === "stage_changed" && event.stage.name === stage && stop.abort());
        await search.run(stop.signal);
        store.close();
        assertEquals([loadRun(other).state, loadRun(other).stage.name], ["interrupted", stage]);
      }
      await runScripted(other, 3, { target: TARGET });
      const ends = [one, other].map((folder) => {
        const { trials, stage } = loadRun(folder);
        return {
          stage,
          scores: trials.map(({ trainings }) => trainings.map(({ stage, seed, score }) => [stage, seed, score])),
        };
      });
      assertEquals(ends[0].stage, ends[1].stage);
      for (const [i, trainings] of ends[0].scores.entries()) {
        assertEquals(trainings.toSorted(), ends[1].scores[i].toSorted());
      }
    }));

  it("opens a store of the third format, in which all trained the same number on the target, and names the best", () =>
    inFolder(async (folder) => {
      await runScripted(folder, 2, { target: TARGET });
      const met = loadRun(folder).trials.filter((trial) => scoresOf(trial, "target").length === 6);
      {
        using database = new DatabaseSync(`${folder}/run.sqlite`);
        const stage = JSON.stringify({ name: "target", trials: met.map(({ id }) => id) });
        database.prepare("UPDATE run SET stage = ?").run(stage);
        database.exec("PRAGMA user_version = 3");
      }
      const { trials, stage, info } = loadRun(folder);
      const means = met.map((trial) => meanOf(scoresOf(trial, "target")));
      const best = met[means.indexOf(Math.max(...means))];
      assertEquals(nextDecision(trials, stage, info.settings.judging)?.stage, { name: "verdict", trial: best.id });
    }));

  /** The only candidate of a run. */
  const lone = (...trainings: Training[]) =>
    ({
      id: 0,
      role: "candidate",
      state: "complete",
      score: 0.5,
      duplicateOf: null,
      fingerprint: "",
      trainings,
    }) as const;
  const judging: JudgingSettings = { ...PRESETS.laptop.judging, target: TARGET };

  it("names the only finalist without trying it on the target", () => {
    const stage = { name: "playoff", round: 0, finalists: [0], trainings: 3 } as const;
    assertEquals(nextDecision([lone()], stage, judging)?.stage, { name: "verdict", trial: 0 });
  });

  it("names nothing if no training on the target ended", () => {
    const failed = lone({ seed: 0, stage: "target", state: "failed", score: null });
    const stage = { name: "target", round: 1, trainings: 4 } as const;
    assertEquals(nextDecision([failed], { ...stage, finalists: [0] }, judging), null);
    assertEquals(nextDecision([], { ...stage, finalists: [] }, judging), null);
  });
});

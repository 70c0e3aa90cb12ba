/** Searches that begin with what is known from elsewhere, and samplers that are told what a user adds. */
import { assert, assertEquals, assertMatch, assertNotEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { differenceOf, FunctionTable, newHeader, tableText } from "../../controller/comparison/function_table.ts";
import { distinctFunctions, type Member } from "../../controller/comparison/table_plan.ts";
import { PRESETS, SECOND } from "../../controller/presets.ts";
import type { Objective, RunSettings } from "../../controller/runs/events.ts";
import { FunctionFacts } from "../../controller/samplers/function_facts.ts";
import { RandomSampler } from "../../controller/samplers/random.ts";
import type { Known } from "../../controller/samplers/sampler.ts";
import { createSampler } from "../../controller/samplers/samplers.ts";
import { SearchSpace } from "../../controller/search_space.ts";
import { counts, isByHand, isCandidate, trainingsSpent, type Trial } from "../../controller/trial.ts";
import { openWarmStart, takenFrom, usualWarmStart, type WarmStart } from "../../controller/warm_start.ts";
import { warmStartAgain, whyNotTaken } from "../../commands/search_settings.ts";
import type { Dataset } from "../../datasets/dataset.ts";
import { makeShapes } from "../../datasets/images/shapes.ts";
import { inFolder } from "../commands/command_line.ts";
import { openScripted, runScripted } from "./search_program.ts";

/** A random sampler that keeps what it is told. */
class Listening extends RandomSampler {
  readonly heard: Known[][] = [];

  constructor() {
    super(new FunctionFacts(new SearchSpace(1)), 7);
  }

  override learnFrom(known: readonly Known[]): Promise<void> {
    if (known.length > 0) this.heard.push([...known]);
    return super.learnFrom(known);
  }
}

const COUNTS = { train: 20, validation: 1, test: 1 };
const SHAPES = makeShapes(COUNTS);

function headerOf(engine: string) {
  const { mean, standardDeviation } = SHAPES, images = { mean, standardDeviation };
  const about = { dataset: "shapes", synthetic: true, guessing: 0.1, device: "", date: "2026-11-26" };
  return newHeader({ ...about, child: PRESETS.smoke.child, images, engine });
}

let functions: readonly Member[] | undefined;

/** Every function of one core unit has one training, of seed 1; every tenth diverged. */
function tableOf(engine: string): FunctionTable {
  const table = new FunctionTable(headerOf(engine));
  (functions ??= distinctFunctions()).forEach(({ expression, fingerprint }, i) =>
    table.add(expression, 1, i % 10 === 0 ? null : 0.2 + (i % 97) / 200, { fingerprint })
  );
  return table;
}

/** That of a table, if none is given, of nothing. */
function startFrom(from: Partial<WarmStart>): WarmStart {
  return { source: "elsewhere", known: [], objective: "validation", table: null, second: null, ...from };
}

describe("what the sampler did not propose", () => {
  it("is told to it if it is a reference: once, with its score, after the first batch", () =>
    inFolder(async (folder) => {
      const sampler = new Listening(), { search, store } = openScripted(folder, 2, sampler, { trials: 18 });
      let told = -1;
      search.subscribe((event) => {
        if (event.event === "sampler_updated" && event.update.batch === 0) told = sampler.heard.length;
      });
      await search.run(new AbortController().signal).finally(() => store.close());
      const references = search.snapshot().trials.filter(({ role }) => role === "reference");
      assertEquals(references.map(({ expression }) => expression), ["ReLU", "Swish"]);
      assertEquals([told, sampler.heard.length], [0, 1]);
      const heard = references.map(({ expression, reward }) => ({ expression, reward: reward! }));
      assertEquals(sampler.heard[0], heard.map((one) => ({ ...one, isOwn: true, isReference: true })));
      assert(heard.every(({ reward }) => reward > 0.1 && reward < 1));
    }));

  it("is told to it if it was added by hand: once, with its score, before the next batch", () =>
    inFolder(async (folder) => {
      const sampler = new Listening(), options = { trials: 30, references: [] };
      const { search, store } = openScripted(folder, 2, sampler, options);
      let added = false;
      search.subscribe((event) => {
        if (added || event.event !== "sampler_updated") return;
        added = true;
        search.control({ control: "add_candidate", expression: "x * tanh(x)", seeds: 2 });
      });
      await search.run(new AbortController().signal).finally(() => store.close());
      const byHand = search.snapshot().trials.filter(isByHand);
      assertEquals(sampler.heard.flat().map(({ expression }) => expression), ["x * tanh(x)"]);
      assertEquals(byHand.map(({ reward }) => reward), sampler.heard.flat().map(({ reward }) => reward));
    }));
});

describe("a search with a table", () => {
  it("trains what the table lacks, takes the rest from it and says so, and has fresh seeds for its verdict", () =>
    inFolder(async (folder) => {
      const table = tableOf("scripted"), warmStart = startFrom({ table });
      const { search, store } = openScripted(folder, 2, undefined, { trials: 30, warmStart });
      await search.run(new AbortController().signal).finally(() => store.close());
      const candidates = search.snapshot().trials.filter((trial) => isCandidate(trial) && trial.duplicateOf === null);
      for (const { expression, trainings, state } of candidates) {
        const [known] = table.entryOf(expression)!.scores;
        assertEquals(trainings[0].from, "table");
        assertEquals([state, trainings[0].score], known === null ? ["diverged", 0.1] : ["complete", known]);
        for (const training of trainings.slice(1)) assertEquals(training.from, undefined);
      }
      assert(candidates.some(({ trainings }) => trainings.some(({ stage }) => stage === "verdict")));
    }));

  it("is the same with other numbers of workers, and resumed, also where its sampler's source is gone", () =>
    inFolder(async (folder) => {
      const table = {
          source: "elsewhere",
          known: [],
          objective: "validation" as const,
          table: tableOf("scripted"),
          second: null,
        },
        trials = 30;
      /** Runs until the batch is told, or to the end. */
      const runUntil = async (name: string, workers: number, batch: number | null, warmStart?: WarmStart) => {
        const sampler = createSampler("evolution", new SearchSpace(1), 7);
        const { search, store } = openScripted(`${folder}/${name}`, workers, sampler, { trials, warmStart });
        const controller = new AbortController();
        search.subscribe((event) => {
          if (event.event === "sampler_updated" && event.update.batch === batch) controller.abort();
        });
        await search.run(controller.signal).finally(() => store.close());
        return search.snapshot().trials.map(({ expression, trainings }) => [
          expression,
          trainings.map(({ seed, stage, score, from }) => [seed, stage, score, from]),
        ]);
      };
      const one = await runUntil("one", 1, null, table);
      assertEquals(await runUntil("three", 3, null, table), one);
      await runUntil("stopped", 2, 1, table);
      assertEquals(await runUntil("stopped", 2, null, table), one);
      const run = startFrom({ known: [{ expression: "x * tanh(x)", reward: 0.5 }] });
      const whole = await runUntil("whole", 2, null, run);
      await runUntil("without", 2, 1, run);
      assertEquals(await runUntil("without", 2, null), whole);
      assertNotEquals(await runUntil("never", 2, null), whole);
    }));

  it("trains the second of two children itself, but of what diverged", () =>
    inFolder(async (folder) => {
      const firstTrainings = async (engine: string) => {
        const warmStart = startFrom({ table: tableOf(engine) });
        const options = { trials: 30, warmStart, second: SECOND };
        const { search, store } = openScripted(`${folder}/${engine}`, 2, undefined, options);
        await search.run(new AbortController().signal).finally(() => store.close());
        const own = search.snapshot().trials.filter((trial) => isCandidate(trial) && trial.duplicateOf === null);
        return own.map(({ expression, trainings: [training] }) => ({ expression, ...training }));
      };
      const [taken, trained] = [await firstTrainings("scripted"), await firstTrainings("another")];
      for (const [i, { expression, from, engine, score, state }] of taken.entries()) {
        const [known] = tableOf("scripted").entryOf(expression)!.scores;
        assertEquals(from, "table");
        if (known === null) assertEquals([state, engine, score], ["diverged", undefined, 0.1]);
        else assertEquals([state, engine, score], ["complete", "scripted", (known! + trained[i].score!) / 2]);
      }
      assert(taken.some(({ state }) => state === "diverged") && taken.some(({ state }) => state === "complete"));
    }));

  it("trains neither of two children where tables have both, and takes all seeds that these have", () =>
    inFolder(async (folder) => {
      const table = tableOf("scripted"), second = new FunctionTable({ ...table.header, child: SECOND });
      (functions ??= distinctFunctions()).forEach(({ expression, fingerprint }, i) => {
        for (const seed of [2, 3]) table.add(expression, seed, 0.3 + (i % 89) / 200, { fingerprint });
        if (i % 3 > 0) { for (const seed of [1, 2, 3]) second.add(expression, seed, 0.7, { fingerprint }); }
      });
      const warmStart = startFrom({ table, second }), seen = new Set<string>();
      for (const workers of [1, 3]) {
        const options = { trials: 30, warmStart, second: SECOND, pruner: "none" as const };
        const { search, store } = openScripted(`${folder}/${workers}`, workers, undefined, options);
        await search.run(new AbortController().signal).finally(() => store.close());
        const { trials } = search.snapshot();
        const own = trials.filter((trial) => isCandidate(trial) && trial.duplicateOf === null);
        const isOfBoth = ({ expression }: Trial) => second.entryOf(expression) !== undefined;
        assert(own.some(isOfBoth) && own.some((trial) => !isOfBoth(trial)));
        for (const trial of own.filter(isOfBoth).filter(({ state }) => state === "complete")) {
          const known = table.entryOf(trial.expression)!.scores.map((score) => (score! + 0.7) / 2);
          const taken = trial.trainings.filter(({ seed, stage }) => seed < 3 && counts({ stage }));
          assertEquals(
            taken.map(({ score, from, engine }) => [score, from, engine]),
            known.map((score) => [score, "table", undefined]),
          );
        }
        for (const { trainings: [training] } of own.filter((trial) => !isOfBoth(trial) && trial.state === "complete")) {
          assertEquals([training.from, training.engine], ["table", "scripted"]);
        }
        assert(
          own.flatMap(({ trainings }) => trainings).every(({ stage, from }) =>
            stage !== "verdict" || from === undefined
          ),
        );
        const playoff = own.flatMap(({ trainings }) => trainings).filter(({ stage }) => stage === "playoff");
        assert(playoff.length > 8, `${playoff.length}`);
        assert(playoff.every(({ seed, from }) => seed >= 3 && from === undefined), "from seeds that no finalist had");
        const spent = own.reduce((sum, trial) => sum + trainingsSpent(trial), 0);
        assert(spent < 30 / 0.75 + 4, `${spent} trainings are spent on 30 candidates and their playoff`);
        seen.add(JSON.stringify(trials.map(({ expression, score, trainings }) => [expression, score, trainings])));
      }
      assertEquals(seen.size, 1);
    }));

  it("trains everything itself if the table is of another engine", () =>
    inFolder(async (folder) => {
      const warmStart = startFrom({ table: tableOf("another") });
      const { search, store } = openScripted(folder, 2, undefined, { trials: 6, warmStart });
      await search.run(new AbortController().signal).finally(() => store.close());
      assert(search.snapshot().trials.every(({ trainings }) => trainings.every(({ from }) => from === undefined)));
    }));
});

describe("what is known from elsewhere", () => {
  it("is read from a run by its name, and from a table by its file", () =>
    inFolder(async (folder) => {
      await runScripted(`${folder}/first`, 2, { trials: 12 });
      const run = openWarmStart("first", folder);
      assert(run.table === null && run.known.length > 0);
      assert(run.known.every(({ reward }) => reward >= 0 && reward <= 1));
      await Deno.writeTextFile(`${folder}/t.jsonl`, tableText(tableOf("scripted")));
      const { table, known } = openWarmStart(`${folder}/t.jsonl`, folder);
      assert(table !== null && known.length === 400);
      const rewards = known.map(({ reward }) => reward), best = Math.max(...rewards);
      assert(rewards.slice(0, 200).every((reward) => reward > 0.9 * best) && Math.min(...rewards) < 0.7 * best);
      assertThrows(() => openWarmStart("none", folder), Error, "neither a search");
    }));

  it("is read from the measured table by the name of table, unless a run has it", () =>
    inFolder(async (folder) => {
      const { table, known } = openWarmStart("table", folder);
      assertEquals([table!.header.dataset, table!.header.synthetic, known.length], ["cifar10", false, 400]);
      await runScripted(`${folder}/table`, 2, { trials: 2 });
      assertEquals(openWarmStart("table", folder).table, null);
    }));

  it("is of two children what both say, and where only the first is known what that says, moved by their difference", () => {
    const header = headerOf("scripted"), table = new FunctionTable(header);
    const second = new FunctionTable({ ...header, child: SECOND });
    const scores = { "sin(x)": [0.4, 0.2], "tanh(x)": [0.3, 0.2], "atan(x)": [0.35, 0.25], "cos(x)": [0.2, undefined] };
    for (const [expression, [one, other]] of Object.entries(scores)) {
      table.add(expression, 1, one!);
      if (other !== undefined) second.add(expression, 1, other);
    }
    const child = { ...header.child, second: SECOND }, from = startFrom({ table, second });
    const { known, whole, first } = takenFrom(from, child);
    const rewards = Object.fromEntries(known.map(({ expression, reward }) => [expression, Number(reward.toFixed(9))]));
    assertEquals(rewards, { "sin(x)": 0.3, "tanh(x)": 0.25, "atan(x)": 0.3, "cos(x)": 0.15 });
    assertEquals([whole?.entries.length, first], [3, table]);
    assertEquals(takenFrom(from, header.child), { known: [], whole: table, first: null });
    const other = takenFrom(from, { ...child, second: { ...SECOND, steps: 99 } });
    assertEquals(other, { known: [], whole: null, first: table });
    assertEquals(takenFrom(startFrom({ table }), child), { known: [], whole: null, first: table });
  });

  it("is the measured table if the user says nothing, where the search trains and judges as the table did", () =>
    inFolder(async (folder) => {
      const cifar = { ...SHAPES, name: "cifar10" }, { child } = PRESETS.laptop;
      const usual = (changed: Partial<typeof child>, objective: Objective = "validation", dataset: Dataset = cifar) =>
        usualWarmStart({ child: { ...child, ...changed }, objective }, dataset, folder)?.source ?? null;
      assertEquals([usual({}), usual({ second: undefined })], ["table", "table"]);
      const others = [
        usual({ steps: 399 }),
        usual({}, "shift"),
        usual({}, "likelihood"),
        usual({}, "validation", SHAPES),
      ];
      assertEquals(others, [null, null, null, null]);
      await runScripted(`${folder}/table`, 2, { trials: 2 });
      assertEquals(usual({}), null);
    }));

  it("is needed again only by a run whose sampler has not learnt yet", () => {
    const settings = { learnFrom: "gone", objective: "validation" as const, sampler: "evolution" }, said: string[] = [];
    const again = (hasLearnt: boolean) =>
      warmStartAgain(settings, "runs", hasLearnt, (sentence) => said.push(sentence));
    assertThrows(() => again(false), Error, "Cannot learn from gone");
    assertEquals([again(true), said.length], [null, 1]);
    assertMatch(said[0], /^Cannot learn from gone .*evolution has learnt from it already/);
  });

  it("of a table counts as trained alike whatever the order of settings, and not on other images that share a name", () => {
    const header = headerOf("scripted"), { child } = header;
    const reordered = Object.fromEntries(Object.entries(child).toReversed()) as unknown as typeof child;
    assertEquals(differenceOf(header, SHAPES, reordered), null);
    const other = { ...child, steps: 21, network: "resnet14" as const, imageSize: 16 };
    assertEquals(
      differenceOf(header, SHAPES, other),
      "its child has network resnet8 instead of resnet14, steps 20 instead of 21, imageSize none instead of 16",
    );
    assertEquals(
      differenceOf(header, { ...SHAPES, name: "cifar10" }, child),
      "it is of the data set shapes, not cifar10",
    );
    const again = makeShapes({ ...COUNTS, seed: 1 });
    assertEquals(differenceOf(header, again, child), "its images of shapes differ from those found here");
    assertEquals(differenceOf({ ...header, images: undefined }, again, child), null); // older tables do not say
  });

  it("is taken from a table only if that says it was judged on these images", () => {
    const header = headerOf("scripted"), { child } = header;
    const why = (about: Partial<typeof header>, objective: RunSettings["objective"] = "validation") =>
      whyNotTaken(new FunctionTable({ ...header, ...about }), { child, objective }, SHAPES);
    assertEquals(why({}), null);
    const both = { child: { ...child, second: SECOND }, objective: "validation" as const };
    assertEquals(whyNotTaken(new FunctionTable(header), both, SHAPES), null, "a table is of the first child");
    assertEquals(why({ images: undefined }), "it does not say on which images it was trained");
    assertEquals(why({}, "shift"), "it is judged on images without shift");
    assertMatch(why({ dataset: "cifar10" })!, /^it is of the data set cifar10/);
  });

  it("reaches the sampler before its first batch, once, even if the run is resumed", () =>
    inFolder(async (folder) => {
      const known = [{ expression: "x * tanh(x)", reward: 0.5 }], warmStart = startFrom({ known });
      const first = new Listening(), controller = new AbortController();
      const { search, store } = openScripted(folder, 2, first, { trials: 18, warmStart });
      search.subscribe((event) => event.event === "sampler_updated" && controller.abort());
      await search.run(controller.signal).finally(() => store.close());
      const second = new Listening(), resumed = openScripted(folder, 2, second, { trials: 18, warmStart });
      await resumed.search.run(new AbortController().signal).finally(() => resumed.store.close());
      const references = ["ReLU", "Swish"];
      assertEquals(first.heard, [known]);
      assertEquals(second.heard.map((heard) => heard.map(({ expression }) => expression)), [references]);
    }));
});

/** A series whose trainings share a card: the same results as one after another, also interrupted in between. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { activationFrom } from "../../child/activation/catalog.ts";
import type { TrainingResult } from "../../child/training_run.ts";
import { EXIT, UsageError } from "../../commands/command.ts";
import { trainSeries } from "../../commands/training/training_series.ts";
import { whyNoCard } from "../child/engine/why_no_card.ts";
import { colours, TINY } from "../child/tiny.ts";
import { inside } from "./command_line.ts";

const DATASET = colours({ train: 24, validation: 6, test: 6 });
const FUNCTIONS = ["relu", "swish", "tanh(x)"];

interface Asked {
  readonly engine?: string;
  readonly children?: number;
  /** Interrupts it when the first training is told. */
  readonly interrupted?: boolean;
}

/** Trains each function for some steps, in the working folder; how it ended, what was trained in order, and what was said. */
async function train(name: string, { engine = "webgpu", children, interrupted = false }: Asked) {
  const results: Omit<TrainingResult, "seconds" | "imagesPerSecond">[] = [], said: string[] = [];
  const stop = new AbortController();
  const code = await trainSeries(
    {
      ...{ name, command: "test", isResumedByName: false, settings: { dataset: DATASET.name, ...TINY }, free: [] },
      flags: { engine, threads: 1, children, json: false },
      trainings: FUNCTIONS.map((text) => ({
        ...{ title: text, names: {}, dataset: DATASET, activation: activationFrom(text), seed: 1 },
        settings: { ...TINY, steps: 3 },
      })),
    },
    {
      onTrained(_, { result: { seconds: _seconds, imagesPerSecond: _speed, ...result } }) {
        results.push(result);
        if (interrupted) stop.abort();
        return Promise.resolve();
      },
      onFinished: () => Promise.resolve(),
    },
    {
      ...{ out: () => {}, err: (line) => said.push(line), live: () => {} },
      ...{ terminal: false, columns: () => 80, signal: stop.signal },
    },
  );
  return { code, results, said: said.filter((line) => line.endsWith("on the card")) };
}

const reason = await whyNoCard();
describe("a series on a card", { skip: reason !== null }, () => {
  it("trains several at once with the results of one after another, and is resumed", () =>
    inside(async () => {
      const alone = await train("alone", { children: 1 });
      assertEquals([alone.code, alone.results.length, alone.said], [EXIT.done, 3, []]);
      const broken = await train("at-once", { children: 2, interrupted: true });
      assertEquals([broken.code, broken.results], [EXIT.interrupted, alone.results.slice(0, broken.results.length)]);
      assert(broken.results.length < 3);
      const resumed = await train("at-once", { children: 8 });
      assertEquals([resumed.code, resumed.results], [EXIT.done, alone.results]);
      assertEquals([broken.said, resumed.said], [["2 trainings at once on the card"], [
        "3 trainings at once on the card",
      ]]);
    }));
});

describe("a series on the processor", () => {
  it("refuses several trainings at once, which it would train no faster", () =>
    inside(async () => {
      await assertRejects(() => train("a", { engine: "wasm", children: 2 }), UsageError, "--children needs");
    }));
});

/**
 * A training with a checkpoint: interrupted anywhere, it ends with the same numbers; a checkpoint of another training
 * is refused.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { activationFrom } from "../../child/activation/catalog.ts";
import { DeviceError, type Engine } from "../../child/engine/engine.ts";
import { openReference } from "../../child/engine/reference/engine.ts";
import { Child, type ChildRequest } from "../../child/trainer.ts";
import { trainAndTest, type Trained, type TrainingOptions } from "../../child/training_run.ts";
import { withFolder } from "../datasets/scratch.ts";
import { actingEngine, colours, TINY } from "./tiny.ts";

/** Computes nothing, for what needs no numbers. */
const ACTING = { engine: actingEngine({}) };
const DATASET = colours({ train: 64, validation: 30, test: 12 });

function request(changes: Partial<ChildRequest> = {}): ChildRequest {
  const settings = { ...TINY, steps: 4, batch: 4, augment: true };
  const activation = activationFrom("swish");
  return { engine: openReference(), dataset: DATASET, activation, settings, seed: 1, ...changes };
}

/** The engine of a device that is lost so many times, whenever a child has trained a step. */
function losing(times: number): Engine {
  const engine = openReference(), compile = engine.compile.bind(engine);
  engine.compile = async (...child) => {
    const program = await compile(...child), train = program.train.bind(program);
    let isFirst = true;
    program.train = (steps) => {
      if (!isFirst && times-- > 0) return Promise.reject(new DeviceError("lost", "the card was lost"));
      isFirst = false;
      return train(steps);
    };
    return program;
  };
  return engine;
}

/** Without what the clock decides. */
function lasting({ result: { seconds: _, imagesPerSecond: __, ...result }, state }: Trained) {
  return { result, state };
}

/** Trains, interrupted at the points given, each time resuming from the file. */
async function trainInPieces(checkpoint: string, stops: readonly number[], options: TrainingOptions = {}) {
  for (const stop of stops) {
    const controller = new AbortController();
    const onPoint = ({ step }: { step: number }) => step === stop && controller.abort();
    assertEquals(await trainAndTest(request(), { ...options, checkpoint, signal: controller.signal, onPoint }), null);
  }
  return lasting((await trainAndTest(request(), { ...options, checkpoint }))!);
}

const observe = async (child: Child) => ({ beta: (await child.betaMean())! });

describe("trainAndTest", () => {
  it("ends with the same numbers, curve and weights whether or not it was interrupted, and wherever", async () => {
    const whole = lasting((await trainAndTest(request(), { observe }))!);
    await withFolder(async (folder) => {
      assertEquals(await trainInPieces(`${folder}/a`, [1, 3, 4], { observe }), whole);
      assertEquals(await trainInPieces(`${folder}/b`, [2], { observe, checkpointEveryMs: 0 }), whole);
    });
    assertEquals(whole.result.curve.map(({ step }) => step), [1, 2, 3, 4]);
    assertEquals(whole.result.curve[3].observed?.beta, whole.result.betaMean ?? undefined);
    assertEquals(whole.result.curve[3].validationAccuracy, whole.result.validation?.accuracy);
  });

  it("judges as trainChild would, on both splits with the top five", async () => {
    const { result } = (await trainAndTest(request()))!;
    const child = await Child.open(request());
    await child.train(4);
    assertEquals(await child.evaluate("validation"), result.validation as unknown);
    assertEquals(await child.evaluate("test"), result.test as unknown);
    assertEquals([result.validation?.top5, result.test?.images], [1, 12]);
    child.dispose();
  });

  it("reads the result of a finished training without training again", async () => {
    await withFolder(async (folder) => {
      const checkpoint = `${folder}/a`;
      const first = (await trainAndTest(request(ACTING), { checkpoint }))!;
      const engine = { ...ACTING.engine, compile: () => Promise.reject(new Error("it trained again")) };
      assertEquals(await trainAndTest(request({ engine }), { checkpoint }), first);
    });
  });

  it("continues twice on a device that was lost, to the same numbers, and no more", () =>
    withFolder(async (folder) => {
      const told: string[] = [], options = { onDevice: (sentence: string) => told.push(sentence), pauseMs: 1 };
      const trained = await trainAndTest(request({ engine: losing(2) }), { ...options, checkpoint: `${folder}/a` });
      assertEquals(lasting(trained!), lasting((await trainAndTest(request()))!));
      assertEquals(
        told,
        Array(2).fill("the card was lost: it is opened again, and the training continues from its checkpoint"),
      );
      await assertRejects(
        () => trainAndTest(request({ engine: losing(3) }), options),
        DeviceError,
        "the card was lost",
      );
    }));

  it("keeps a divergence as the result", async () => {
    await withFolder(async (folder) => {
      const checkpoint = `${folder}/a`;
      const engine = actingEngine({ loss: (step) => step === 3 ? NaN : 1 });
      const first = (await trainAndTest(request({ engine }), { checkpoint }))!;
      assertEquals([first.result.outcome, first.result.reason], ["diverged", "the loss became NaN at step 4"]);
      assertEquals([first.result.validation, first.result.finalLoss, first.result.curve.length], [null, null, 3]);
      assertEquals(await trainAndTest(request({ engine }), { checkpoint }), first);
    });
  });

  it("keeps its checkpoint up to date though the clock is set back", async () => {
    await withFolder(async (folder) => {
      const checkpoint = `${folder}/a`, now = Date.now;
      const wait = () => {
        for (const end = performance.now() + 20; performance.now() < end;);
      };
      let kept = 0;
      try {
        Date.now = () => now() - 3_600_000 * performance.now();
        await trainAndTest(request({ engine: actingEngine({ onStep: wait }), settings: { ...TINY, steps: 20 } }), {
          ...{ checkpoint, checkpointEveryMs: 100 },
          onPoint: () => kept += [...Deno.readDirSync(folder)].length,
        });
      } finally {
        Date.now = now;
      }
      assert(kept > 0, "no checkpoint before the end");
    });
  });

  it("validates during training within its share of the training", async () => {
    const settings = { ...TINY, steps: 2000, batch: 8 };
    const { result } = (await trainAndTest(request({ engine: actingEngine({}), settings })))!;
    const turns = result.curve.filter((point) => point.validationAccuracy !== undefined).map(({ step }) => step);
    assertEquals(turns, Array.from({ length: 20 }, (_, i) => 100 * (i + 1)));
  });

  it("tells after the first seconds how long the rest will take", async () => {
    const wait = () => {
      for (const end = performance.now() + 40; performance.now() < end;);
    };
    const engine = actingEngine({ onStep: wait });
    const told: number[] = [];
    const settings = { ...TINY, steps: 100 };
    await trainAndTest(request({ engine, settings }), { onEstimate: ({ secondsLeft }) => told.push(secondsLeft) });
    assertEquals(told.length, 1);
    assert(told[0] > 0.5 && told[0] < 3, `${told[0]} s were told of about 1`);
  });

  const others: readonly (readonly [what: string, changes: Partial<ChildRequest>, message: string])[] = [
    [
      "expression",
      { activation: activationFrom("relu") },
      "its expression is x * sigmoid(b * x), and relu(x) was asked",
    ],
    ["network", { settings: { ...request().settings, network: "resnet14" } }, "its network is resnet8, and resnet14"],
    ["learning rate", { settings: { ...request().settings, learningRate: 0.2 } }, "its learningRate is 0.05, and 0.2"],
    ["seed", { seed: 2 }, "its seed is 1, and 2 was asked for"],
    ["data", { dataset: colours({ train: 60, validation: 30, test: 12 }) }, "is [64,30,12], and [60,30,12] was asked"],
    ["engine", { engine: { ...ACTING.engine, name: "wasm" } }, "its engine is acting, and wasm was asked for"],
  ];
  for (const [what, changes, message] of others) {
    it(`refuses a checkpoint of another ${what} in one sentence`, async () => {
      await withFolder(async (folder) => {
        const checkpoint = `${folder}/a`;
        await trainAndTest(request(ACTING), { checkpoint });
        const error = await assertRejects(
          () => trainAndTest(request({ ...ACTING, ...changes }), { checkpoint }),
          Error,
          message,
        );
        assert(!error.message.includes("\n"));
      });
    });
  }

  it("refuses a checkpoint that is cut short", async () => {
    await withFolder(async (folder) => {
      const checkpoint = `${folder}/a`;
      await trainAndTest(request(ACTING), { checkpoint });
      const bytes = await Deno.readFile(checkpoint);
      await Deno.writeFile(checkpoint, bytes.subarray(0, bytes.length - 9));
      await assertRejects(
        () => trainAndTest(request(ACTING), { checkpoint }),
        Error,
        `Cannot read ${checkpoint}: it is cut`,
      );
    });
  });

  it("reads no half-written checkpoint: what a killed process left beside it does not count", async () => {
    await withFolder(async (folder) => {
      const checkpoint = `${folder}/a`;
      await Deno.writeTextFile(`${checkpoint}.partial`, "half of");
      assertEquals(
        lasting((await trainAndTest(request(), { checkpoint }))!),
        lasting((await trainAndTest(request()))!),
      );
    });
  });
});

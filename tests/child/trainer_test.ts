import { assert, assertAlmostEquals, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { activationFrom } from "../../child/activation/catalog.ts";
import { openReference } from "../../child/engine/reference/engine.ts";
import {
  Child,
  type ChildHooks,
  type ChildRequest,
  type LossPoint,
  type Outcome,
  trainChild,
} from "../../child/trainer.ts";
import { TrainingBatches } from "../../datasets/batches.ts";
import { scaledDown } from "../../datasets/scaled_down.ts";
import { actingEngine, colours, type Script, TINY } from "./tiny.ts";

const DATASET = colours({ train: 64, validation: 30, test: 12 });
const RELU = activationFrom("relu");
const SWISH = activationFrom("swish");

function request(changes: Partial<ChildRequest> = {}): ChildRequest {
  return { engine: openReference(), dataset: DATASET, activation: RELU, settings: TINY, seed: 1, ...changes };
}

/** A child of an acting engine with so many steps. */
function act(script: Script, steps: number, hooks: ChildHooks = {}): Promise<Outcome> {
  return trainChild(request({ engine: actingEngine(script), settings: { ...TINY, steps } }), hooks);
}

/** Judged without the batch statistics of its training, which dropout changes. */
async function evaluatedAsAtStart(child: Child) {
  const statistics = await child.program.read("statistics");
  for (const [name, values] of statistics) values.fill(name.endsWith(".variance") ? 1 : 0);
  await child.program.write("statistics", statistics);
  return await child.evaluate("validation");
}

/** Without what the clock decides. */
function lasting({ seconds: _, imagesPerSecond: __, ...rest }: Outcome) {
  return rest;
}

describe("trainChild", () => {
  it("learns to distinguish colours and reports how well it does on the validation split", async () => {
    const outcome = await trainChild(request());
    assert(outcome.outcome === "complete");
    assert(outcome.score > 0.9, `accuracy is ${outcome.score}`);
    assertEquals([outcome.steps, outcome.betaMean], [12, null]);
    assert(outcome.finalLoss < 1 && outcome.seconds > 0 && outcome.imagesPerSecond > 0);
  });

  it("is a function of its request", async () => {
    const settings = { ...TINY, steps: 4, augment: true };
    const outcome = lasting(await trainChild(request({ settings })));
    assertEquals(lasting(await trainChild(request({ settings }))), outcome);
    assertNotEquals(lasting(await trainChild(request({ settings, seed: 2 }))), outcome);
  });

  it("never continues from the weights of the child before it on the same engine", async () => {
    const engine = openReference();
    const settings = { ...TINY, steps: 4 };
    const first = lasting(await trainChild(request({ engine, settings })));
    await trainChild(request({ engine, settings, seed: 9, activation: SWISH }));
    assertEquals(lasting(await trainChild(request({ engine, settings }))), first);
  });

  it("never reads the test split", async () => {
    const dataset = Object.defineProperty({ ...DATASET }, "test", {
      get: () => {
        throw new Error("the test split was read");
      },
    });
    assertEquals((await trainChild(request({ dataset, settings: { ...TINY, steps: 2 } }))).outcome, "complete");
  });

  it("stops where it is told to after a point of its curve, and is judged there", async () => {
    const steps: number[] = [], hooks: ChildHooks = { onProgress: ({ step }) => void steps.push(step) };
    const stopped = await trainChild(request(), { ...hooks, whyStop: () => steps.at(-1) === 5 ? "too slow" : null });
    assert(stopped.outcome === "pruned");
    assertEquals([stopped.reason, stopped.steps, steps.at(-1)], ["too slow", 5, 5]);
    assert(stopped.score > 0 && stopped.score <= 1);
    // After the last step there is nothing left to stop.
    const last = await trainChild(request(), { ...hooks, whyStop: () => steps.at(-1) === 12 ? "too late" : null });
    assertEquals(last.outcome, "complete");
  });

  it("judges as many validation images as the settings ask for", async () => {
    let images = 0;
    const engine = actingEngine({
      logits: ({ labels }) => {
        images += labels.length;
        return new Float32Array(labels.length * 3);
      },
    });
    await trainChild(request({ engine, settings: { ...TINY, validationImages: 13 } }));
    assertEquals(images, 13);
  });

  it("reports the mean of the trained betas", async () => {
    const outcome = await trainChild(request({ activation: SWISH, settings: { ...TINY, steps: 3 } }));
    assert(outcome.betaMean !== null && Math.abs(outcome.betaMean - 1) < 0.5 && outcome.betaMean !== 1);
    const fixed = await trainChild(
      request({ activation: activationFrom("0 * b + x"), settings: { ...TINY, steps: 1 } }),
    );
    assertEquals(fixed.betaMean, null);
  });

  it("gives the engine the learning rates of the schedule", async () => {
    const rates: number[] = [];
    await act({ onStep: (_step, { learningRate }) => rates.push(learningRate) }, 4);
    rates.forEach((rate, step) => assertAlmostEquals(rate, 0.05 * (1 + Math.cos(Math.PI * step / 4)) / 2));
    assertEquals(rates.length, 4);
  });

  it("gives the engine the batch of every step, however many steps it gives at once", async () => {
    const batches = new TrainingBatches(DATASET, { batch: TINY.batch, seed: 1, augment: false });
    let compared = 0;
    await act({
      onStep: (step, { batch: { images, labels } }) => {
        const expected = batches.at(step);
        assertEquals([images, labels], [expected.images, expected.labels], `step ${step}`);
        compared++;
      },
    }, 500);
    assertEquals(compared, 500);
  });

  it("smooths the labels in training as much as the settings say, and judges without", async () => {
    const first = async (labelSmoothing?: number) => {
      const child = await Child.open(request({ settings: { ...TINY, learningRate: 0, labelSmoothing } }));
      assertEquals(await child.train(1), null);
      return { loss: child.recentLoss(1), judged: await child.evaluate("validation") };
    };
    const plain = await first(), smoothed = await first(0.5);
    assertEquals(await first(0), plain);
    assertNotEquals(smoothed.loss, plain.loss);
    assertEquals(smoothed.judged, plain.judged);
  });

  it("drops elements in training as the settings say, others in each step and with each seed, and none when judged", async () => {
    const first = async (dropout?: number) => {
      const settings = { ...TINY, network: "densenet-10-12", learningRate: 0, dropout };
      const child = await Child.open(request({ settings }));
      assertEquals(await child.train(1), null);
      return { loss: child.recentLoss(1), judged: await evaluatedAsAtStart(child) };
    };
    const plain = await first(), dropped = await first(0.2);
    assertEquals(await first(0), plain);
    assertNotEquals(dropped.loss, plain.loss);
    assertEquals(dropped.judged, plain.judged);
  });

  it("gives the engine a seed of dropout for each step, the same when it resumes there", async () => {
    const seeds = async (seed: number, from = 0) => {
      const found: number[] = [], engine = actingEngine({ onStep: (_, step) => found.push(step.dropoutSeed!) });
      const child = await Child.open(request({ engine, seed, settings: { ...TINY, steps: 100 } }));
      await child.restore({ ...await child.state(), step: from });
      await child.train(100);
      return found;
    };
    const all = await seeds(1);
    assertEquals(new Set([...all, ...await seeds(2)]).size, 200);
    assertEquals(await seeds(1, 37), all.slice(37));
  });

  it("sees images scaled down as the settings say, as if the data set had them", async () => {
    const settings = { ...TINY, steps: 3, imageSize: 4 }, { imageSize: _, ...plain } = settings;
    const outcome = lasting(await trainChild(request({ settings })));
    assertEquals(lasting(await trainChild(request({ settings: plain, dataset: scaledDown(DATASET, 4) }))), outcome);
    assertNotEquals(lasting(await trainChild(request({ settings: plain }))), outcome);
  });

  it("disposes its program whatever happens", async () => {
    const engine = actingEngine({});
    await trainChild(request({ engine }));
    assertEquals(engine.open, 0);
    const broken = actingEngine({
      onStep: () => {
        throw new Error("device lost");
      },
    });
    await assertRejects(() => trainChild(request({ engine: broken })), Error, "device lost");
    assertEquals(broken.open, 0);
  });
});

describe("divergence", () => {
  it("is found at the step at which the loss stops being finite", async () => {
    for (const loss of [NaN, Infinity]) {
      const outcome = await act({ loss: (step) => step === 17 ? loss : 1 }, 200);
      assert(outcome.outcome === "diverged");
      assertEquals([outcome.steps, outcome.reason], [18, `the loss became ${loss} at step 18`]);
    }
  });

  it("is found within 20 steps of the loss leaving reason for good", async () => {
    const outcome = await act({ loss: (step) => step < 50 ? 1 : 1e6 }, 200);
    assert(outcome.outcome === "diverged");
    assertEquals([outcome.steps, outcome.finalLoss], [70, 1e6]);
    assert(outcome.reason.includes("10 times that of guessing"));
  });

  it("is not a spike that the child recovers from", async () => {
    const outcome = await act({ loss: (step) => step % 20 === 19 ? 1 : 1e6 }, 100);
    assertEquals(outcome.outcome, "complete");
  });

  it("is found in logits that are not finite", async () => {
    const outcome = await act({ logits: ({ labels }) => new Float32Array(labels.length * 3).fill(NaN) }, 5);
    assert(outcome.outcome === "diverged");
    assert(outcome.reason.includes("validation"));
  });

  it("comes from functions that blow up", async () => {
    const outcome = await trainChild(request({ activation: activationFrom("exp(x^2)") }));
    assertEquals(outcome.outcome, "diverged");
  });
});

describe("stopping a child", () => {
  it("times out at its deadline, in training and in evaluation", async () => {
    const late = await act({}, 10, { deadlineMs: performance.now() - 1 });
    assertEquals([late.outcome, late.steps], ["timed_out", 0]);

    const training = { deadlineMs: Infinity };
    const stopped = await act({ onStep: (step) => step === 5 && (training.deadlineMs = 0) }, 1000, training);
    assertEquals(stopped.outcome, "timed_out");
    assert(stopped.steps > 5 && stopped.steps < 1000);

    const evaluating = { deadlineMs: Infinity };
    const logits: Script["logits"] = ({ labels }) => {
      evaluating.deadlineMs = 0;
      return new Float32Array(labels.length * 3);
    };
    const unjudged = await act({ logits }, 3, evaluating);
    assertEquals([unjudged.outcome, unjudged.steps], ["timed_out", 3]);
  });

  it("is interrupted by its signal, though the engine never waits for anything", async () => {
    const controller = new AbortController();
    const onStep = (step: number) => step === 5 && setTimeout(() => controller.abort());
    const outcome = await act({ onStep }, 1e9, { signal: controller.signal });
    assertEquals(outcome.outcome, "interrupted");
    assert(outcome.steps > 5);
  });

  it("is interrupted during evaluation", async () => {
    const controller = new AbortController();
    const logits: Script["logits"] = ({ labels }) => {
      controller.abort();
      return new Float32Array(labels.length * 3);
    };
    assertEquals((await act({ logits }, 3, { signal: controller.signal })).outcome, "interrupted");
  });
});

describe("the training curve", () => {
  async function curve(steps: number): Promise<LossPoint[]> {
    const points: LossPoint[] = [];
    await act({ loss: (step) => 1 + step / 1e5 }, steps, { onProgress: (point) => points.push(point) });
    return points;
  }

  it("has about 100 points, the mean losses since the last", async () => {
    const points = await curve(430);
    assertEquals(points.length, 108);
    assertEquals(points.slice(0, 2).map(({ step }) => step), [4, 8]);
    assertAlmostEquals(points[1].loss, 1 + (4 + 5 + 6 + 7) / 4e5);
  });

  it("has a point of at most 20 steps, and one at the end", async () => {
    const points = await curve(10_001);
    assertEquals(points.length, 501);
    assertEquals(points.at(-1)!.step, 10_001);
    assertAlmostEquals(points.at(-1)!.loss, 1 + 10_000 / 1e5);
  });
});

describe("Child", () => {
  it("resumes from a state exactly as if never interrupted", async () => {
    for (
      const optimizer of [TINY.optimizer, {
        kind: "adam",
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        weightDecay: 0,
      }] as const
    ) {
      const asked = request({ activation: SWISH, settings: { ...TINY, steps: 6, augment: true, optimizer } });
      const unbroken = await Child.open(asked);
      await unbroken.train(3);
      const state = structuredClone(await unbroken.state());
      await unbroken.train(6);

      const resumed = await Child.open({ ...asked, engine: openReference() });
      await resumed.restore(state);
      assertEquals(resumed.step, 3);
      await resumed.train(6);
      assertEquals(await resumed.state(), await unbroken.state());
      assertEquals(await resumed.evaluate("test"), await unbroken.evaluate("test"));
    }
  });

  it("refuses the state of another network or function", async () => {
    const child = await Child.open(request({ activation: SWISH }));
    const state = await child.state();
    const other = await Child.open(request({ activation: RELU }));
    await assertRejects(() => other.restore(state), RangeError, "stem.act.beta");
    const larger = await Child.open(request({ settings: { ...TINY, network: "resnet14" }, activation: SWISH }));
    await assertRejects(async () => child.restore(await larger.state()), RangeError, "stage1.block2");
    await assertRejects(() => larger.restore(state), RangeError, "stage1.block2");
  });

  it("evaluates all of the test split when asked to", async () => {
    const child = await Child.open(request({ settings: { ...TINY, validationImages: 5 } }));
    const [validation, test] = [await child.evaluate("validation"), await child.evaluate("test")];
    assert("images" in validation && "images" in test);
    assertEquals([validation.images, test.images], [5, 12]);
  });
});

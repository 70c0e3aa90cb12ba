import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { Program } from "../../../child/engine/engine.ts";
import { evaluateProgram } from "../../../child/metrics/accuracy.ts";
import { buildResNet } from "../../../child/network/resnet.ts";
import type { Dataset } from "../../../datasets/dataset.ts";
import { activationFrom } from "../../../child/activation/catalog.ts";
import { actingEngine, colours, TINY } from "../tiny.ts";

/** Seven classes and as many validation images as there are rows, image n of class `labels[n]`. */
function labelled(labels: readonly number[]): Dataset {
  const dataset = colours({ train: 8, validation: labels.length, test: 4 });
  dataset.validation.labels.set(labels);
  return { ...dataset, classes: ["a", "b", "c", "d", "e", "f", "g"] };
}

/** Evaluates a program that gives these logits, row after row. */
function evaluateRows(labels: readonly number[], rows: readonly (readonly number[])[], batch = 3) {
  let next = 0;
  const engine = actingEngine({
    logits: (part) => Float32Array.from(rows.slice(next, next += part.labels.length).flat()),
  });
  return evaluate(engine, labelled(labels), { batch, limit: null });
}

async function evaluate(
  engine: ReturnType<typeof actingEngine>,
  dataset: Dataset,
  options: { batch: number; limit: number | null; stop?: () => boolean },
) {
  const graph = buildResNet(8, { classes: dataset.classes.length, usesBeta: false, image: [8, 8, 3] });
  const program = await engine.compile(graph, activationFrom("relu"), { batch: 8, optimizer: TINY.optimizer });
  return await evaluateProgram(program, dataset, "validation", options);
}

describe("evaluateProgram", () => {
  it("counts the label first and among the first five, and takes the mean loss", async () => {
    const rows = [
      [9, 1, 2, 3, 4, 5, 6], // label 0: first
      [9, 1, 2, 3, 4, 5, 6], // label 3: fifth
      [9, 1, 2, 3, 4, 5, 6], // label 2: sixth
      [0, 0, 0, 0, 0, 0, 0], // label 1: log 7
    ];
    const judged = (await evaluateRows([0, 3, 2, 1], rows))!;
    const total = Math.log([9, 1, 2, 3, 4, 5, 6].reduce((sum, logit) => sum + Math.exp(logit), 0));
    assertEquals([judged.images, judged.accuracy, judged.top5], [4, 0.25, 0.75]);
    assertAlmostEquals(judged.loss, (total - 9 + (total - 3) + (total - 2) + Math.log(7)) / 4, 1e-6);
  });

  it("judges several batches in one call where the program can, each image once and in order", async () => {
    const labels = Array.from({ length: 23 }, (_, n) => n % 7), calls: number[] = [];
    const engine = actingEngine({
      logits: ({ labels }) => Float32Array.from([...labels].flatMap((label) => [label, 3, 2, 1, 0, 4, 5])),
    });
    const graph = buildResNet(8, { classes: 7, usesBeta: false, image: [8, 8, 3] });
    const one = await engine.compile(graph, activationFrom("relu"), { batch: 8, optimizer: TINY.optimizer });
    const several: Program = {
      ...one,
      evaluate: () => Promise.reject(new Error("one by one")),
      evaluateAll: async (batches) => {
        calls.push(batches.length);
        return await Promise.all(batches.map((batch) => one.evaluate(batch)));
      },
    };
    const judge = (program: Program) =>
      evaluateProgram(program, labelled(labels), "validation", { batch: 2, limit: null });
    assertEquals(await judge(several), await judge(one));
    assertEquals(calls.reduce((sum, count) => sum + count, 0), 12);
    assert(calls.length < 12, `${calls}`);
  });

  it("takes the first of equal logits as the largest", async () => {
    const judged =
      (await evaluateRows([0, 1, 6], [[1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 1]]))!;
    assertAlmostEquals(judged.accuracy, 1 / 3);
    assertAlmostEquals(judged.top5, 2 / 3);
  });

  it("counts an image with a logit that is not finite as wrong and shows it in the loss", async () => {
    for (const strange of [NaN, Infinity, -Infinity]) {
      const judged = (await evaluateRows([0, 0], [[5, strange, 0, 0, 0, 0, 0], [5, 0, 0, 0, 0, 0, 0]]))!;
      assertEquals([judged.accuracy, judged.top5], [0.5, 0.5]);
      assertEquals(judged.loss, NaN);
    }
  });

  it("does not overflow on large logits", async () => {
    const judged = (await evaluateRows([0], [[1000, 0, 0, 0, 0, 0, -1000]]))!;
    assertEquals(judged.loss, 0);
  });

  it("judges the first images up to the limit, in batches that the program can take", async () => {
    const sizes: number[] = [];
    const engine = actingEngine({
      logits: ({ labels }) => {
        sizes.push(labels.length);
        return new Float32Array(labels.length * 3);
      },
    });
    const judged = await evaluate(engine, colours({ train: 8, validation: 20, test: 4 }), { batch: 8, limit: 18 });
    assertEquals([judged!.images, sizes], [18, [8, 8, 2]]);
  });

  it("gives up between batches when told to stop", async () => {
    let batches = 0;
    const engine = actingEngine({
      logits: ({ labels }) => {
        batches++;
        return new Float32Array(labels.length * 3);
      },
    });
    const dataset = colours({ train: 8, validation: 20, test: 4 });
    assertEquals(await evaluate(engine, dataset, { batch: 4, limit: null, stop: () => batches === 2 }), null);
    assertEquals(batches, 2);
  });
});

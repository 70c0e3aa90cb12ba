/** The tables of `deno task confirm` by hand: several models, their common correction, and the paper's table 3. */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { TrainingResult } from "../../child/training_run.ts";
import { confirmOverModels, confirmRows, jsonOfConfirmation } from "../../commands/training/confirm_report.ts";
import type { Model } from "../../commands/training/models.ts";
import { modelsTable, overModels } from "../../commands/training/models_table.ts";
import { holm, pairedT } from "../../controller/comparison/statistics.ts";
import { makeShapes } from "../../datasets/images/shapes.ts";

const dataset = makeShapes({ train: 10, validation: 10, test: 10 });

function modelOf(network: string, name: string): Model {
  return { network, dataset: { ...dataset, name }, title: `${network} on ${name}`, suffix: `-${network}-${name}` };
}

function results(accuracies: readonly (number | null)[]): TrainingResult[] {
  return accuracies.map((accuracy, seed) => {
    const scores = accuracy === null ? null : { loss: 1, accuracy, top5: 1, images: 100 };
    return {
      ...{ seed, steps: 2, finalLoss: 1, betaMean: null, seconds: 1, imagesPerSecond: 1, curve: [], reason: null },
      ...{ outcome: accuracy === null ? "diverged" : "complete", validation: scores, test: scores },
    };
  });
}

const MODELS = [
  { model: modelOf("resnet20", "cifar10"), found: [0.72, 0.73, 0.75], relu: [0.7, 0.71, 0.72] },
  { model: modelOf("wrn-16-4", "cifar10"), found: [0.8, 0.8002, 0.81], relu: [0.79, 0.8, 0.82] },
  { model: modelOf("resnet20", "fashion-mnist"), found: [0.9, null, null], relu: [0.88, 0.89, 0.9] },
].map(({ model, found, relu }) => ({
  model,
  functions: [
    { expression: "ReLU", isReference: true, results: results(relu) },
    { expression: "sin(x)", isReference: false, results: results(found) },
  ],
}));

describe("a confirmation on several models", () => {
  const rows = confirmRows(MODELS);

  it("has the rows of each model, and corrects the p-values of all models together", () => {
    assertEquals(rows.map(({ model, expression }) => `${model.title}: ${expression}`), [
      ...["resnet20 on cifar10: ReLU", "resnet20 on cifar10: sin(x)", "wrn-16-4 on cifar10: ReLU"],
      ...["wrn-16-4 on cifar10: sin(x)", "resnet20 on fashion-mnist: ReLU", "resnet20 on fashion-mnist: sin(x)"],
    ]);
    const alone = [
      [[0.72, 0.7], [0.73, 0.71], [0.75, 0.72]],
      [[0.8, 0.79], [0.8002, 0.8], [0.81, 0.82]],
      [[0.9, 0.88], [0.1, 0.89], [0.1, 0.9]],
    ].map((pairs) => pairedT(pairs as [number, number][]).oneSidedP);
    const expected = holm(alone);
    assert(expected[0] > 2.5 * alone[0], "the correction is for three comparisons");
    [1, 3, 5].forEach((at, i) => assertAlmostEquals(rows[at].versus.relu.p, expected[i], 1e-12));
  });

  it("counts the models on which the median is better, equal to a tenth of a percent, and worse", () => {
    const [over, ...others] = confirmOverModels(rows);
    assertEquals([others.length, over.expression, over.versus], [0, "sin(x)", "ReLU"]);
    assertEquals([over.wins, over.ties, over.losses], [1, 1, 1]); // 73.0, 80.0 of 80.02, and guessing
    const { rows: json, over_models } = jsonOfConfirmation(rows) as Record<string, Record<string, unknown>[]>;
    assertEquals(over_models, [{ expression: "sin(x)", versus: "ReLU", better: 1, equal: 1, worse: 1, sign_p: 0.75 }]);
    assertEquals(json.map(({ network, dataset }) => [network, dataset])[5], ["resnet20", "fashion-mnist"]);
  });
});

describe("the table over models", () => {
  it("has the paper's sign test: better on 8 of 9 models is 10 chances of 512", () => {
    const medians = [...Array(8).fill([0.9, 0.8]), [0.7, 0.8]] as [number, number][];
    assertAlmostEquals(overModels("Swish", "ReLU", medians).one_sided_p, 10 / 512, 1e-12);
    assertEquals(modelsTable([overModels("Swish", "ReLU", medians)]).rows, [["Swish", "ReLU", "8", "0", "1", "0.020"]]);
  });
});

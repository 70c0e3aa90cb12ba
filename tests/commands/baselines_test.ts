/** `deno task baselines` and `swish` as processes with the smallest children, and their tables by hand. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { activationFrom } from "../../child/activation/catalog.ts";
import type { TrainingResult } from "../../child/training_run.ts";
import {
  baselinesLines,
  baselinesTable,
  jsonOfBaselines,
  writeBaselines,
} from "../../commands/training/baselines_report.ts";
import { originalSetting } from "../../commands/training/original_settings.ts";
import { paperAccuracies } from "../../commands/training/paper_accuracies.ts";
import { signTest, summarise } from "../../controller/comparison/statistics.ts";
import { histogram } from "../../commands/training/swish_report.ts";
import { makeShapes } from "../../datasets/images/shapes.ts";
import { commandLine, contents, fails, inFolder, linesFrom, start } from "./command_line.ts";
import { IMAGES, inFolderOfImages, moveImages } from "./small_images.ts";

/** On few images: judging each training is most of what these commands do. */
const TINY = [...IMAGES, ..."--network resnet8 --batch 20 --steps 2 --threads 1 --json".split(" ")];
const BASELINES = ["ReLU", "LReLU", "PReLU", "Softplus", "ELU", "SELU", "GELU", "Swish-1", "Swish"];

type Row = Record<string, unknown>;

/** Lines of stderr are added to `told`. */
async function rowsOf(line: readonly string[], cwd: string, told: string[] = []): Promise<Row[]> {
  const { code, out, err } = await commandLine(line, { cwd });
  assertEquals(code, 0, err.join("\n"));
  told.push(...err);
  return out.trim().split("\n").map((row) => JSON.parse(row));
}

function result(seed: number, accuracy: number | null): TrainingResult {
  const scores = accuracy === null ? null : { loss: 1, accuracy, top5: 1, images: 100 };
  return {
    seed,
    outcome: accuracy === null ? "diverged" : "complete",
    reason: accuracy === null ? "the loss became NaN at step 1" : null,
    steps: 2,
    finalLoss: 1,
    validation: scores,
    test: scores,
    betaMean: null,
    seconds: 1,
    imagesPerSecond: 1,
    curve: [],
  };
}

describe("deno task baselines", () => {
  it("trains every baseline and --act with the first seed, and continues with the next if --seeds is raised", () =>
    inFolderOfImages(async (cwd) => {
      const told: string[] = [];
      const first = await rowsOf(
        ["baselines", ...TINY, "--seeds", "1", "--act", "cos(x) - x", "--name", "all"],
        cwd,
        told,
      );
      const estimate = /^10 trainings of 2 steps with resnet8: about \d+ (s|min) in all/;
      assert(told.some((line) => estimate.test(line)), told.join("\n"));
      assertEquals(first.map(({ act }) => act), [...BASELINES, "cos(x) - x", undefined]);
      const again = ["baselines", "--resume", "all", "--seeds", "2", "--data", "moved", "--json"];
      const others = ["these are not the images of images that it began with", "with --data"];
      await moveImages(cwd, () => fails(again, { cwd }, 1, others));
      const both = await rowsOf(again, cwd);
      assertEquals(both.slice(0, 10), first.slice(0, 10));
      assertEquals(both.map(({ act, seed }) => `${act} ${seed}`).slice(9, 12), ["cos(x) - x 1", "ReLU 2", "LReLU 2"]);
      const { table } = both.at(-1) as { table: { act: string; test: { n: number } }[] };
      assertEquals(table.map(({ act, test: { n } }) => [act, n]), [...BASELINES, "cos(x) - x"].map((act) => [act, 2]));

      const folder = `${cwd}/runs/all`, files = contents(folder);
      const named = ["baselines.md", "baselines.csv", "results.json", "accuracy.svg", "loss.svg", "validation.svg"];
      assertEquals(named.filter((name) => !files[`${folder}/${name}`]), []);
      const markdown = files[`${folder}/baselines.md`];
      for (const words of ["SELU: ", "kernels of variance 1 / fan in", "2 steps of 20"]) {
        assertStringIncludes(markdown, words);
      }
      await fails(["swish", "--resume", "all"], { cwd }, 1, ["it is a run of baselines"]);
      const { out } = await commandLine(["runs"], { cwd });
      assert(out.includes("all  finished  20/20 trainings  baselines"), out);
    }));

  it("says how many trainings it has when it is interrupted, and how to resume", () =>
    inFolderOfImages(async (cwd) => {
      // So many that it cannot be done before the signal reaches it.
      const process = start(["baselines", ...TINY, "--seeds", "50", "--name", "cut"], { cwd });
      const stderr = new Response(process.stderr).text(), lines: string[] = [];
      for await (const line of linesFrom(process.stdout)) if (lines.push(line) === 1) process.kill("SIGINT");
      assertEquals((await process.status).code, 130, await stderr);
      const { event, state, run, trainings, of } = JSON.parse(lines.at(-1)!);
      assertEquals([event, state, run, of], ["finished", "interrupted", "cut", 450]);
      assertEquals(trainings, lines.length - 1);
      assertStringIncludes(await stderr, "resume with: deno task baselines --resume cut");
      const { out } = await commandLine(["runs"], { cwd });
      assert(out.includes(`cut  interrupted  ${trainings}/450 trainings  baselines`), out);
    }));

  it("refuses a function that is trained already, under whatever form", () =>
    inFolder((cwd) =>
      fails(["baselines", ...TINY, "--act", "max(0, x)"], { cwd }, 2, ["is the same function as ReLU"])
    ));
});

describe("the table of baselines", () => {
  const functions = ["ReLU", "Softplus", "Swish"].map(activationFrom);
  const accuracies = [[0.5, 0.6, 0.9], [0.8, null, 0.7], [0.7, 0.7, 0.8]];
  const dataset = { ...makeShapes({ train: 10, validation: 10, test: 10 }), name: "cifar10" };
  const table = baselinesTable({
    dataset,
    network: "resnet20",
    functions: functions.map((activation, at) => ({
      activation,
      results: accuracies[at].map((accuracy, seed) => result(seed, accuracy)),
    })),
  });

  it("has median, mean, spread and number of the seeds that did not diverge", () => {
    assertEquals(table.rows[0].slice(0, 5), ["ReLU", "60.00", "66.67", "20.82", "3"]);
    assertEquals(table.rows[1].slice(0, 5), ["Softplus", "75.00", "75.00", "7.07", "2 (1 diverged)"]);
  });

  it("tests Swish against each by sign, a diverged training being worse than any other", () => {
    assertEquals(table.rows[0].slice(5, 8), ["2 0 1", "1.000", "0.500"]);
    assertEquals(table.rows[1].slice(5, 8), ["2 0 1", "1.000", "0.500"]);
    assertEquals(table.rows[2].slice(5, 8), ["", "", ""]);
  });

  it("has the paper's results beside the measured ones", () => {
    assertEquals(table.rows[0].slice(8), ["93.8", "95.3", "94.8"]);
    assertEquals(table.rows[2].slice(8), ["94.5", "95.5", "94.8"]);
    assertEquals(paperAccuracies(activationFrom("x * sigmoid(x)"), "cifar100"), [75.1, 78.5, 83.8]);
    assertEquals(paperAccuracies(activationFrom("relu"), "shapes"), null);
    assertEquals(paperAccuracies(activationFrom("x^2"), "cifar10"), null);
    assertEquals(table.columns.at(-2)!.title, "paper WRN 28-10");
    assertStringIncludes(table.notes.at(-1)!, "other, larger networks");
  });

  it("says above it where the images are synthetic", () =>
    inFolder(async (cwd) => {
      const judged = {
        ...{ dataset, network: "resnet20", title: "resnet20 on cifar10", suffix: "" },
        functions: functions.map((activation) => ({ activation, results: [result(1, 0.5)] })),
      };
      const about = {
        ...{
          dataset: "shapes",
          network: "resnet20",
          steps: 2,
          batch: 100,
          lr: 0.1,
          schedule: "cosine",
          optimizer: "sgd",
        },
        ...{ seeds: 1, seed: 1, engine: "wasm", device: "a processor" },
      } as const;
      await writeBaselines([judged], about, cwd);
      assertStringIncludes(contents(cwd)[`${cwd}/baselines.md`], "Synthetic images: accuracies say nothing");
    }));

  const columnsOf = (name: string, network: string) => {
    const results = functions.map((activation) => ({ activation, results: [result(1, 0.5)] }));
    return baselinesTable({ dataset: { ...dataset, name }, network, functions: results });
  };

  it("marks the column of the same network, and says that settings differ", () => {
    const { columns, notes } = columnsOf("cifar100", "wrn-28-10");
    assertEquals(columns.slice(-3).map(({ title }) => title), [
      "paper ResNet-164",
      "paper WRN 28-10 (this network)",
      "paper DenseNet 100-12",
    ]);
    assertStringIncludes(notes.at(-1)!, "what differs is listed in baselines.md");
  });

  it("has top-1 and top-5 of the paper's five networks on ImageNet, and one's own top-5", () => {
    const { columns, rows, data } = columnsOf("imagenet", "resnet20");
    assertEquals(columns.slice(-6).map(({ title }) => title), [
      "top-5 median (%)",
      ...["paper MobileNet", "paper Inception-v3", "paper Inception-v4", "paper Mobile NASNet-A"],
      "paper Inception-ResNet-v2",
    ]);
    assertEquals(rows[0].slice(-6), [
      "100.00",
      "72.0 / 90.8",
      "78.4 / 94.2",
      "79.2 / 94.6",
      "73.6 / 91.5",
      "79.6 / 94.8",
    ]);
    assertEquals(data[2].paper, [74.2, 78.7, 79.3, 74.9, 80.2]);
    assertEquals(data[2].paper_top5, [91.7, 94.0, 94.6, 92.4, 95.2]);
    assertEquals(data[0].top5?.median, 1);
  });

  it("compares with the settings of the network's own authors", () => {
    assertEquals(originalSetting("wrn-28-10", "cifar10").weightDecay, 5e-4);
    assertEquals(originalSetting("densenet-100-12", "cifar100").batch, 64);
    assertEquals(originalSetting("resnet20", "cifar10").of, "ResNet-164");
    assertEquals(originalSetting("resnet20", "imagenet").optimizer, "rmsprop");
  });
});

describe("baselines on several models", () => {
  const trained = [[[0.5, 0.6], [0.7, 0.8]], [[0.9, 0.9], [0.9, 0.9004]], [[null, null], [0.3, null]]] as const;
  const models = trained.map(([relu, swish], at) => ({
    network: ["resnet20", "wrn-16-4", "resnet8"][at],
    dataset: makeShapes({ train: 10, validation: 10, test: 10 }),
    ...{ title: `model ${at}`, suffix: `-${at}` },
    functions: [relu, swish].map((accuracies, i) => ({
      activation: activationFrom(["ReLU", "Swish"][i]),
      results: accuracies.map((accuracy, seed) => result(seed, accuracy)),
    })),
  }));

  it("have a table each, and count the models on which Swish is better, equal and worse", async () => {
    const { table, over_models } = jsonOfBaselines(models) as { table: Row[]; over_models: Row[] };
    assertEquals(table.map(({ network, act }) => `${network} ${act}`).slice(1, 4), [
      ...["resnet20 Swish", "wrn-16-4 ReLU", "wrn-16-4 Swish"],
    ]);
    assertEquals(over_models, [{ expression: "Swish", versus: "ReLU", better: 2, equal: 1, worse: 0, sign_p: 0.25 }]);
    assertStringIncludes(baselinesLines(models).join("\n"), "the paper's table 3");
    await inFolder(async (folder) => {
      const setting = { dataset: "shapes", network: "resnet20;wrn-16-4;resnet8", steps: 2, batch: 2, lr: 0.1 };
      const about = { ...setting, schedule: "cosine", optimizer: "sgd", seeds: 2, seed: 1, engine: "none", device: "" };
      await writeBaselines(models, about, folder);
      const files = contents(folder);
      for (const at of [0, 1, 2]) assert(files[`${folder}/loss-${at}.svg`].startsWith("<svg"));
      assertStringIncludes(files[`${folder}/baselines.md`], "## Over all models");
      assertEquals(files[`${folder}/baselines.csv`].split("\n").length, 1 + 12 + 1);
    });
  });
});

describe("statistics", () => {
  it("tests signs exactly: 8 of 9 wins are 10 of 512 chances one-sided, ties left out", () => {
    const pairs = [...Array(8).fill([2, 1]), [1, 2], [1, 1]];
    const { wins, losses, ties, one_sided_p, two_sided_p } = signTest(pairs);
    assertEquals([wins, losses, ties], [8, 1, 1]);
    assert(Math.abs(one_sided_p - 10 / 512) < 1e-12 && Math.abs(two_sided_p - 20 / 512) < 1e-12);
    assertEquals(signTest([]).one_sided_p, 1);
  });

  it("summarises by mean, spread of the sample and median", () => {
    assertEquals(summarise([1, 2, 6]), { mean: 3, standard_deviation: Math.sqrt(7), median: 2, n: 3 });
    assertEquals(summarise([4]), { mean: 4, standard_deviation: null, median: 4, n: 1 });
    assertEquals(summarise([]), null);
  });
});

describe("deno task swish", () => {
  it("trains three functions with three optimizers, and records each layer's betas during training and at the end", () =>
    inFolderOfImages(async (cwd) => {
      const rows = await rowsOf(["swish", ...TINY, "--name", "beta"], cwd);
      const pairs = rows.slice(0, -1).map(({ act, optimizer }) => `${act} ${optimizer}`);
      const expected = ["sgd", "rmsprop", "adam"].flatMap((kind) =>
        ["ReLU", "Swish-1", "Swish"].map((act) => `${act} ${kind}`)
      );
      assertEquals(pairs, expected);
      const folder = `${cwd}/runs/beta`, files = contents(folder);
      const { trainings } = JSON.parse(files[`${folder}/results.json`]);
      const swish = trainings.filter(({ act }: Row) => act === "Swish");
      assertEquals(swish.map(({ betas }: { betas: Row }) => Object.keys(betas).length), [7, 7, 7]); // sites of ResNet-8
      for (const { betas, curve } of swish) {
        assertEquals(Object.keys(curve.at(-1).beta), Object.keys(betas));
        assert(Object.values(betas as Record<string, number[]>).flat().some((beta) => beta !== 1));
      }
      const plots = [
        "functions",
        "loss",
        ...["sgd", "rmsprop", "adam"].flatMap((kind) => [
          `beta_by_layer_${kind}`,
          `beta_histogram_${kind}`,
        ]),
      ];
      assertEquals(plots.filter((name) => !files[`${folder}/${name}.svg`]?.startsWith("<svg")), []);
      assertStringIncludes(files[`${folder}/swish.md`], "| Swish | adam |");
    }));

  it("counts betas in bins that leave none out", () => {
    assertEquals(histogram([0.98, 1, 1.01, 1.12]), { width: 0.05, first: 19, counts: [1, 2, 0, 1] });
    assertEquals(histogram([-100, 1e4]).counts.reduce((a, b) => a + b), 2);
  });
});

/** What the page computes by itself: shapes of functions, similarity, filters and its URL. */
import { assert, assertAlmostEquals, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { activationFrom } from "../../child/activation/catalog.ts";
import { mirrorFingerprint } from "../../child/activation/fingerprint.ts";
import { trainingsJudged, type TrialRow, trialRow } from "../../controller/trial.ts";
import { baselines } from "../../web/client/dashboard.ts";
import { bends, type FunctionMath, mathOf, tendency } from "../../web/client/function_math.ts";
import { bytes, count, decimal, duration, percent, spread, worth } from "../../web/client/format.ts";
import { bestSoFar, rankFunctions } from "../../web/client/ranking.ts";
import { readRoute, writeRoute } from "../../web/client/route.ts";
import { featuresOf, layOut, nearest } from "../../web/client/similarity.ts";
import { textFilter } from "../../web/trial_filter.ts";
import { ALL_TRIALS, readTrialQuery, selectTrials, whyNothing } from "../../web/trial_query.ts";
import { FakeRun } from "./fake_run.ts";

function math(text: string): FunctionMath {
  const made = mathOf(text);
  assert(!(made instanceof Error), `${text}: ${made}`);
  return made;
}

describe("the shape of a function", () => {
  it("is described by its extrema, inflections and kinks", () => {
    const swish = bends(math("x * sigmoid(x)"), 1);
    // The minimum of x * sigmoid(x) is where 1 + exp(-x) + x exp(-x) = 0: x = -(1 + W(1/e)) = -1.278465.
    assertEquals(swish.map(({ kind }) => kind), ["inflection", "minimum", "inflection"]);
    assertAlmostEquals(swish[1].x, -1.278465, 1e-5);
    assertAlmostEquals(swish[1].y, -0.278465, 1e-5);
    assertAlmostEquals(swish[2].x, -swish[0].x, 1e-4);
    assertEquals(bends(math("relu(x)"), 1), [{ kind: "kink", x: 0, y: 0 }]);
    assertEquals(bends(math("abs(x - 1)"), 1).map(({ kind, x }) => [kind, x]), [["minimum", 1]]);
    assertEquals(bends(math("2 * x"), 1), []);
    assertEquals(bends(math("x^3"), 1), [{ kind: "inflection", x: 0, y: 0 }]);
  });

  it("is described by its limits", () => {
    const cases: [string, string, string][] = [
      ["relu(x)", "→ 0", "≈ x"],
      ["x * sigmoid(x)", "→ 0", "≈ x"],
      ["tanh(x)", "→ −1", "→ 1"],
      ["2 * x + 1", "≈ 2\u202fx + 1", "≈ 2\u202fx + 1"],
      ["abs(x) - 3", "≈ −x − 3", "≈ x − 3"],
      ["x^2", "∞, like |x|^2", "∞, like |x|^2"],
      ["exp(x)", "→ 0", "∞, faster than any power"],
      ["sinh(x)", "−∞, faster than any power", "∞, faster than any power"],
      ["sin(x)", "oscillates", "oscillates"],
      ["x * sin(x)", "grows and oscillates", "grows and oscillates"],
      ["sinc(x)", "→ 0, oscillating", "→ 0, oscillating"],
    ];
    for (const [text, left, right] of cases) {
      assertEquals([tendency(math(text), 1, -1), tendency(math(text), 1, 1)], [left, right], text);
    }
  });

  it("is an error if the text is no expression", () => {
    assert(mathOf("x / ") instanceof Error);
  });
});

describe("similarity", () => {
  const trials = new FakeRun({ trials: 120 }).finish().snapshot().trials.map(trialRow);

  it("ignores shift and positive scale, which batch norm undoes", () => {
    const [one, other] = [featuresOf("tanh(x)")!, featuresOf("3 * tanh(x) + 5")!];
    for (const [index, value] of one.entries()) assertAlmostEquals(other[index], value, 1e-6);
  });

  it("finds the nearest other functions, each once", () => {
    const found = nearest(trials, trials[0], 6);
    assertEquals(new Set(found.map(({ fingerprint }) => fingerprint)).size, found.length);
    assert(!found.some(({ fingerprint }) => fingerprint === trials[0].fingerprint));
  });

  it("lays functions out with the greatest variance along x, uncorrelated with y", () => {
    const places = layOut(trials);
    const sum = (f: (place: typeof places[number]) => number) => places.reduce((total, place) => total + f(place), 0);
    assert(sum(({ x }) => x * x) >= sum(({ y }) => y * y));
    assertAlmostEquals(sum(({ x, y }) => x * y) / sum(({ x }) => x * x), 0, 1e-3);
  });
});

describe("the filter", () => {
  const trials = new FakeRun({ trials: 200 }).finish().snapshot().trials.map(trialRow);
  const ids = (text: string) => selectTrials(trials, { ...ALL_TRIALS, text }).map(({ id }) => id);

  it("finds text in either form, whatever the spaces", () => {
    assertEquals(
      ids("sin(").length,
      trials.filter(({ expression, simplified }) => /sin\(/.test(expression + simplified)).length,
    );
    assertEquals(ids("X+"), ids("x+"));
    assertEquals(ids("#7"), [7]);
    assertEquals(ids("nothing-like-this"), []);
  });

  it("compares accuracies", () => {
    const over = trials.filter(({ score }) => score !== null && score > 0.6);
    assertEquals(ids(">60%"), over.map(({ id }) => id));
    assertEquals(ids(">0.6 <60%"), []);
  });

  it("compares any measure, in shares or percent, with spaces or without", () => {
    const some = (picks: (trial: TrialRow) => boolean) => trials.filter(picks).map(({ id }) => id);
    const accuracy = (picks: (value: number) => boolean) => some(({ score }) => score !== null && picks(score));
    const loss = (picks: (value: number) => boolean) => some(({ finalLoss }) => finalLoss !== null && picks(finalLoss));
    const cases: [string, number[]][] = [
      [">=50%", accuracy((value) => value >= 0.5)],
      [">= 50 %", accuracy((value) => value >= 0.5)],
      ["≥50", accuracy((value) => value >= 0.5)],
      ["accuracy<=.5", accuracy((value) => value <= 0.5)],
      ["Accuracy != 0.1", accuracy((value) => value !== 0.1)],
      ["loss<2", loss((value) => value < 2)],
      ["loss > 3e-1 loss < 1", loss((value) => value > 0.3 && value < 1)],
      ["batch=3", some(({ batch }) => batch === 3)],
      ["attempts>1", some(({ attempts }) => attempts > 1)],
      ["trial<10", some(({ id }) => id < 10)],
      ["took<10s", some(({ startedAt, finishedAt }) => finishedAt! - startedAt! < 10_000)],
      ["took<0.1min", some(({ startedAt, finishedAt }) => finishedAt! - startedAt! < 6_000)],
      ["!>50%", some(({ score }) => !(score !== null && score > 0.5))],
    ];
    for (const [text, expected] of cases) {
      assertEquals(ids(text), expected, text);
      assertEquals(textFilter(text).problems, [], text);
    }
    assert(cases.filter(([, expected]) => expected.length > 0).length > 9, "the run has too little to find");
  });

  it("finds states, and functions by their names or however they are written", () => {
    for (const text of ["diverged", "state:diverged", "state = diverged", "DIVERGED"]) {
      assertEquals(ids(text), trials.filter(({ state }) => state === "diverged").map(({ id }) => id), text);
    }
    const written = ["x * sigmoid(b * x)", "x * sigmoid(x)", "sigmoid(x) * x", "max(x, 0)", "x + 1"];
    const rows = written.map((expression, id): TrialRow => ({
      ...trials[0],
      ...{
        id,
        expression,
        simplified: expression,
        fingerprint: mirrorFingerprint(activationFrom(expression).expression),
      },
    }));
    const found = (text: string) => selectTrials(rows, { ...ALL_TRIALS, text }).map(({ id }) => id);
    assertEquals(found("swish"), [0, 1, 2]);
    assertEquals(found("silu"), [1, 2]);
    assertEquals(found("relu"), [3]);
    assertEquals(found("x*sigmoid(x)"), [1, 2]);
    assertEquals(found("x * sigmoid(x)"), [1, 2]);
    assertEquals(found("!swish"), [3, 4]);
  });

  it("finds the role of trials and their number of children", () => {
    const judged = new FakeRun({ trials: 100, verdict: "found" }).finish().snapshot().trials.map(trialRow);
    const picked = (text: string) => selectTrials(judged, { ...ALL_TRIALS, text }).map(({ id }) => id);
    const some = (picks: (trial: TrialRow) => boolean) => judged.filter(picks).map(({ id }) => id);
    assertEquals(picked("role:reference"), [0, 1]);
    assertEquals(picked("role = candidate"), some(({ role }) => role === "candidate"));
    assertEquals(picked("role:by_hand"), []);
    assertEquals(picked("n>=3"), some((trial) => trainingsJudged(trial) >= 3));
    assertEquals(picked("deviation<0.5%"), some(({ deviation }) => deviation !== null && deviation < 0.005));
    assertStringIncludes(textFilter("role:winner").problems[0], "the roles are candidate, reference, by_hand");
    const byChildren = selectTrials(judged, { ...ALL_TRIALS, sort: "n", descending: true });
    assertEquals(byChildren[0].id, some((trial) => trainingsJudged(trial) === trainingsJudged(byChildren[0]))[0]);
    assert(trainingsJudged(byChildren[0]) > 3);
  });

  it("says which words it does not understand, leaves them out, and says what no trial has", () => {
    for (const text of ["lost<2", "loss<", "<", "state:happy", "loss<2kg", "accuracy>>2", "50%<accuracy"]) {
      const { problems } = textFilter(text);
      assertEquals(problems.length, 1, text);
      assertStringIncludes(problems[0], "is not understood", text);
      assertEquals(ids(text).length, trials.length, text);
      assertThrows(() => readTrialQuery(new URLSearchParams({ q: text })), RangeError, "is not understood");
    }
    const query = { ...ALL_TRIALS, text: "sin divergd" };
    assertEquals(textFilter(query.text).problems, []);
    assertStringIncludes(whyNothing(trials, query)!, '"divergd"');
    assertEquals(whyNothing(trials, { ...ALL_TRIALS, text: ">99%" }), 'no trial of this run is or contains ">99%"');
  });

  it("sorts either way with the trials that lack a value last", () => {
    for (const descending of [false, true]) {
      const values = selectTrials(trials, { ...ALL_TRIALS, sort: "accuracy", descending })
        .map(({ score }) => score);
      const known = values.filter((value) => value !== null);
      assertEquals(values.slice(known.length).every((value) => value === null), true);
      assertEquals(known, [...known].sort((one, other) => descending ? other - one : one - other));
    }
  });
});

describe("the best functions", () => {
  const row = (id: number, print: string, score: number | null, change: Partial<TrialRow> = {}): TrialRow => ({
    ...trialRow(new FakeRun({ trials: 1 }).finish().snapshot().trials[0]),
    ...{ id, fingerprint: print, score, state: "complete" as const, duplicateOf: null, trainings: [], ...change },
  });
  const training = (seed: number, score: number | null, stage: "search" | "verdict" = "search") => ({
    ...{ seed, stage, score, state: score === null ? "failed" as const : "complete" as const },
  });

  it("are ranked by all of their children, with how many and how far they spread", () => {
    const ranked = rankFunctions([
      row(0, "lucky", 0.9),
      row(1, "lucky", 0.5),
      row(2, "steady", 0.75),
      row(3, "steady", 0.75),
      row(4, "steady", null, { state: "diverged" }),
      row(5, "copied", 0.6),
      row(6, "copied", 0.6, { duplicateOf: 5 }),
      row(7, "never", null, { state: "failed" }),
      row(8, "ReLU", 0.99, { role: "reference" }),
    ]);
    assertEquals(ranked.map(({ fingerprint, n, lost }) => [fingerprint, n, lost]), [
      ["steady", 2, 1],
      ["lucky", 2, 0],
      ["copied", 1, 0],
    ]);
    assertEquals(ranked.map(({ trial }) => trial.id), [2, 0, 5]);
    assertAlmostEquals(ranked[1].mean, 0.7, 1e-12);
    assertAlmostEquals(ranked[1].deviation!, Math.sqrt(0.08), 1e-12);
    assertEquals(ranked.map(({ deviation }) => deviation === null), [false, false, true]);
  });

  it("count the trainings of a trial, those of the verdict apart, and are worth the trial's own estimate", () => {
    const trainings = [training(0, 0.6), training(1, 0.8), training(2, null), training(0, 0.1, "verdict")];
    const [found] = rankFunctions([row(0, "a", 0.65, { trainings })]);
    assertEquals([found.score, found.n, found.lost], [0.65, 2, 1]);
    assertAlmostEquals(found.mean, 0.7, 1e-12);
    assertEquals(spread(found), "mean 70.00 ± 14.14, n = 2");
    assertEquals(rankFunctions([row(0, "a", 0.65, { role: "reference" })], true).length, 1);
  });

  it("are compared with the results of the references, not with equal candidates from the same seeds", () => {
    const relu = mirrorFingerprint(activationFrom("relu").expression);
    const trainings = [training(0, 0.4), training(1, 0.5)];
    const reference = row(0, relu, 0.45, { role: "reference", trainings });
    const equal = row(1, relu, 0.7);
    const elu = row(2, "elu", 0.5, { role: "reference", expression: "ELU" });
    const told = (trials: TrialRow[]) =>
      baselines(trials).map(({ name, found }) => [name, found?.score ?? null, found?.n ?? 0]);
    assertEquals(told([reference, equal, elu]), [["ReLU", 0.45, 2], ["Swish", null, 0], ["ELU", 0.5, 1]]);
    assertEquals(told([equal]), [["ReLU", 0.7, 1], ["Swish", null, 0]]);
  });

  it("so far are none before the first complete trial, whatever was judged before it", () => {
    const trials = [
      row(0, "a", 0.2, { state: "pruned" }),
      row(1, "b", null, { state: "diverged" }),
      row(2, "c", 0.4),
      row(3, "d", 0.6, { state: "pruned" }),
      row(4, "e", 0.5),
    ];
    assertEquals(bestSoFar(trials), [NaN, NaN, 0.4, 0.4, 0.5]);
  });
});

describe("the URL", () => {
  it("keeps a view exactly", () => {
    const route = {
      run: "a b/ü",
      view: "trials" as const,
      query: {
        states: new Set(["complete", "failed"] as const),
        text: "sin & #1?=%",
        sort: "loss" as const,
        descending: true,
      },
      trial: 12,
      columns: ["id", "loss"],
      compared: ["x", "y"],
      report: "a, b&c",
    };
    assertEquals(readRoute(writeRoute(route)), route);
  });

  it("accepts former names of views", () => {
    assertEquals(readRoute("#/a/mind?trial=3").view, "policy");
    assertEquals(readRoute("#/a/__proto__").view, "overview");
  });

  it("falls back to the overview if it cannot be read", () => {
    for (const hash of ["", "#", "#/%E0%A4%A", "#/a/nowhere?sort=__proto__&trial=-1&state=happy,complete"]) {
      const route = readRoute(hash);
      assertEquals(route.view, "overview");
      assertEquals(route.query.sort, "id");
      assertEquals(route.trial, null);
    }
  });
});

describe("numbers", () => {
  it("are short and have their unit", () => {
    assertEquals(percent(0.71234), "71.23\u202f%");
    assertEquals([count(1234567), decimal(-0.00001), decimal(null)], ["1\u202f234\u202f567", "−1.0e−5", "–"]);
    assertEquals([450, 59_900, 83_000, 3_600_000, 90_061_000].map(duration), [
      "0.5 s",
      "1\u202fmin",
      "1\u202fmin 23\u202fs",
      "1\u202fh",
      "1\u202fd 1\u202fh",
    ]);
    const one = { seed: 0, stage: "search" as const, state: "complete" as const, score: 0.7 };
    assertEquals(worth({ score: 0.7123, deviation: 0.004, trainings: [one, one] }), "71.23\u202f% ± 0.40, n = 2");
    assertEquals(worth({ score: 0.7123, deviation: null, trainings: [one] }), "71.23\u202f%, n = 1");
    assertEquals(worth({ score: null, deviation: null, trainings: [] }), "–");
    assertEquals([bytes(2 ** 20 * 69), bytes(1.5 * 2 ** 30)], ["69\u202fMiB", "1.5\u202fGiB"]);
  });
});

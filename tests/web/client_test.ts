/** What the page computes by itself: shapes of functions, similarity, filters and its URL. */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { bends, type FunctionMath, mathOf, tendency } from "../../web/client/function_math.ts";
import { bytes, count, decimal, duration, percent } from "../../web/client/format.ts";
import { readRoute, writeRoute } from "../../web/client/route.ts";
import { featuresOf, layOut, nearest } from "../../web/client/similarity.ts";
import { trialRow } from "../../web/protocol.ts";
import { ALL_TRIALS, selectTrials } from "../../web/trial_query.ts";
import { FakeRun } from "./fake_run.ts";

function math(text: string): FunctionMath {
  const made = mathOf(text);
  assert(!(made instanceof Error), `${text}: ${made}`);
  return made;
}

describe("the shape of a function", () => {
  it("is told by its extrema, inflections and kinks", () => {
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

  it("is told by what it tends to", () => {
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

  it("is a sentence where the text is no expression", () => {
    assert(mathOf("x / ") instanceof Error);
  });
});

describe("similarity", () => {
  const trials = new FakeRun({ trials: 120 }).finish().snapshot().trials.map(trialRow);

  it("does not see shift and positive scale, which batch norm undoes", () => {
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
    };
    assertEquals(readRoute(writeRoute(route)), route);
  });

  it("makes the usual view of whatever it cannot read", () => {
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
    assertEquals([bytes(2 ** 20 * 69), bytes(1.5 * 2 ** 30)], ["69\u202fMiB", "1.5\u202fGiB"]);
  });
});

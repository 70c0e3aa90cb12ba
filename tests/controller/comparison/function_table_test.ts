import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { activationFrom } from "../../../child/activation/catalog.ts";
import { fingerprint } from "../../../child/activation/fingerprint.ts";
import {
  correctedScores,
  FunctionTable,
  newHeader,
  pairTable,
  parseTable,
  spreadOf,
  tableText,
  trainingLine,
  truthOf,
} from "../../../controller/comparison/function_table.ts";
import { meanOf, medianOf } from "../../../controller/comparison/statistics.ts";
import { PRESETS } from "../../../controller/presets.ts";
import { Random } from "../../../datasets/random.ts";

const HEADER = newHeader({
  dataset: "shapes",
  synthetic: true,
  guessing: 0.1,
  child: PRESETS.smoke.child,
  engine: "wasm",
  device: "a test",
  date: "2026-11-26",
});
const printOf = (text: string) => fingerprint(activationFrom(text).expression);

describe("table of functions", () => {
  it("is read from lines appended in any order as from its compact form", () => {
    const lines = [
      trainingLine("sin(x)", 2, 0.25),
      trainingLine("relu(x)", 1, 0.5),
      trainingLine("max(x, 0)", 3, null), // relu, written otherwise
      trainingLine("sin(x)", 1, 0.375),
      trainingLine("relu(x)", 1, 0.9), // trained again: the first one stays
    ];
    const table = parseTable(JSON.stringify(HEADER) + "\n" + lines.join(""));
    assertEquals(table.entries.length, 2);
    assertEquals([...table.entry(printOf("sin(x)"))!.scores], [0.375, 0.25]);
    assertEquals([...table.entry(printOf("relu"))!.scores], [0.5, undefined, null]);
    const compact = tableText(table);
    assertEquals(compact.split("\n").slice(1, -1), [
      '["sin(x)",1,[0.375,0.25]]',
      '["relu(x)",1,[0.5]]',
      '["relu(x)",3,[null]]',
    ]);
    assertEquals(tableText(parseTable(compact)), compact);
  });

  it("of two children has the means of theirs, of the same function and seed", () => {
    const images = { mean: [0.5], standardDeviation: [0.25] }, header = { ...HEADER, images };
    const lines = (...all: [string, number, number | null][]) => all.map((one) => trainingLine(...one)).join("");
    const first = parseTable(
      `${JSON.stringify(header)}\n${lines(["sin(x)", 1, 0.2], ["sin(x)", 2, 0.3], ["cos(x)", 1, null])}`,
    );
    const child = { ...header.child, steps: 7 };
    const second = parseTable(
      `${JSON.stringify({ ...header, child })}\n` +
        lines(["0 + sin(x)", 2, 0.4], ["sin(x)", 3, 0.4], ["cos(x)", 1, 0.3], ["relu(x)", 1, 0.5]),
    );
    const pair = pairTable(first, second);
    assertEquals(pair.header, { ...header, child: { ...header.child, second: child } });
    assertEquals(tableText(pair).split("\n").slice(1, -1), ['["0 + sin(x)",2,[0.35]]', '["cos(x)",1,[null]]']);
    const other = (about: Partial<typeof header>) => new FunctionTable({ ...second.header, ...about }, second.entries);
    assertThrows(
      () => pairTable(first, other({ images: { ...images, mean: [0.4] } })),
      Error,
      "the images of shapes differ",
    );
    assertThrows(() => pairTable(first, other({ images: undefined })), Error, "the images of shapes differ");
    assertThrows(
      () => pairTable(first, other({ engine: "plain" })),
      Error,
      "one is by the engine wasm, the other by plain",
    );
    assertThrows(() => pairTable(first, other({ dataset: "mnist" })), Error, "one is of shapes, the other of mnist");
  });

  it("loses nothing but a line that was cut short", () => {
    const text = JSON.stringify(HEADER) + "\n" + trainingLine("sin(x)", 1, 0.25) + trainingLine("relu(x)", 1, 0.5);
    for (let length = text.length - 16; length < text.length; length++) {
      const { entries } = parseTable(text.slice(0, length));
      assertEquals(entries.map(({ expression }) => expression), ["sin(x)"]);
    }
  });

  it("says which line is none of a table", () => {
    const first = JSON.stringify(HEADER) + "\n";
    for (
      const line of [
        "{}",
        "[1, 2]",
        '["x(", 1, [0.5]]',
        '[["x"], 1, [0.5]]',
        '["x", 0, [0.5]]',
        '["x", 1, [1.5]]',
        '["x", 1, 0.5]',
        "nonsense",
      ]
    ) {
      assertThrows(
        () => parseTable(first + trainingLine("sin(x)", 1, 0.25) + line + "\n"),
        SyntaxError,
        "line 3 is not",
      );
    }
    const hollow = JSON.stringify({ ...HEADER, child: {} });
    for (
      const text of ["", "{}\n", "null\n", "nonsense\n", '{"format":"actsearch function table 1"}\n', `${hollow}\n`]
    ) {
      assertThrows(
        () => parseTable(text),
        SyntaxError,
        "Cannot read the text as a table of functions: its first line is not one of",
      );
    }
  });

  it("shrinks means of few trainings so that the best of many are not too good", () => {
    const random = new Random(5), table = new FunctionTable(HEADER), truths: number[] = [];
    const expressions = Array.from({ length: 400 }, (_, at) => `sin(${at + 1} * x)`);
    expressions.forEach((expression, at) => {
      truths.push(0.4 + 0.012 * random.normal());
      for (let seed = 1; seed <= (at % 4 === 0 ? 4 : 1); seed++) {
        table.add(expression, seed, truths[at] + 0.015 * random.normal());
      }
    });
    const spread = spreadOf(table);
    assertAlmostEquals(Math.sqrt(spread.betweenVariance), 0.012, 0.0025);
    assertAlmostEquals(Math.sqrt(spread.withinVariance), 0.015, 0.0015);
    const judged = expressions.map((text, at) => {
      const entry = table.entry(printOf(text))!;
      return { truth: truths[at], naive: entry.scores[0]!, shrunken: truthOf([entry], spread, 0.1) };
    });
    const optimism = (key: "naive" | "shrunken") => {
      const best = judged.toSorted((a, b) => b[key] - a[key]).slice(0, 20);
      return best.reduce((sum, one) => sum + one[key] - one.truth, 0) / best.length;
    };
    assert(optimism("naive") > 0.015, `${optimism("naive")}`);
    assert(Math.abs(optimism("shrunken")) < 0.005, `${optimism("shrunken")}`);
  });

  it("takes the seeds' effects out of means, so that functions of few seeds compare with those of many", () => {
    const random = new Random(6), effects = [0.02, -0.015, 0.001, -0.006];
    const table = new FunctionTable(HEADER);
    const truths = Array.from({ length: 200 }, (_, at) => {
      const truth = 0.4 + 0.03 * random.normal(), seeds = at < 10 ? 4 : at < 60 ? 2 : 1;
      for (let seed = 1; seed <= seeds; seed++) {
        // One training in twenty is far off, as if it had all but diverged.
        const luck = (at + seed) % 20 === 0 ? -0.2 : 0.005 * random.normal();
        table.add(`sin(${at + 1} * x)`, seed, truth + effects[seed - 1] + luck);
      }
      return truth;
    });
    const spread = spreadOf(table);
    for (const [at, effect] of effects.entries()) assertAlmostEquals(spread.seedEffects[at], effect, 0.004, `${at}`);
    const error = (from: number, to: number) =>
      medianOf(
        truths.slice(from, to).map((truth, i) =>
          meanOf(correctedScores(table.entry(printOf(`sin(${from + i + 1} * x)`))!, spread.seedEffects, 0.1)) - truth
        ),
      );
    for (const [from, to] of [[0, 10], [10, 60], [60, 200]]) assertAlmostEquals(error(from, to), 0, 0.004);
  });

  it("knows no effect of seeds that few functions have", () => {
    const table = new FunctionTable(HEADER);
    for (let at = 1; at <= 4; at++) [1, 2].forEach((seed) => table.add(`sin(${at} * x)`, seed, 0.3 + 0.1 * seed));
    assertEquals(spreadOf(table).seedEffects, [0, 0]);
  });

  it("takes nothing from a seed that only functions have which diverged", () => {
    const table = new FunctionTable(HEADER);
    table.add("sin(x)", 1, 0.5);
    table.add("cos(x)", 1, 0.3);
    [null, 0.4].forEach((score, at) => table.add("tanh(x)", 2 + at, score));
    assertAlmostEquals(truthOf([table.entry(printOf("tanh(x)"))!], spreadOf(table), 0.1), 0.25, 1e-12);
  });

  it("keeps the mean of a function that diverged, as guessing", () => {
    const table = new FunctionTable(HEADER);
    table.add("sin(x)", 1, 0.5);
    table.add("sin(x)", 2, null);
    assertAlmostEquals(
      truthOf(
        table.entries.slice(0, 1),
        { mean: 0.4, betweenVariance: 1, withinVariance: 1, seedEffects: [0, 0] },
        0.1,
      ),
      0.3,
      1e-12,
    );
  });
});

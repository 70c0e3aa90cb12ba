/** What a command makes of its arguments, and the sentence each mistake gets. */
import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { command, UsageError } from "../../commands/command.ts";
import { helpPage } from "../../commands/help.ts";
import { editDistance, nearest } from "../../commands/nearest.ts";
import { parseCommandLine, parseDuration } from "../../commands/parse.ts";

const EXAMPLE = command({
  name: "example",
  summary: "An example.",
  positionals: [
    { name: "file", help: "a file" },
    { name: "part", help: "a part", optional: true, choices: ["head", "tail"] },
  ],
  flags: [
    { name: "act", type: "string", value: "EXPR", help: "a function" },
    { name: "also", type: "strings", value: "EXPR", help: "more functions" },
    { name: "learning-rate", type: "number", min: 0, default: 0.1, help: "a rate" },
    { name: "seeds", type: "integer", min: 1, max: 100, default: 3, help: "how many seeds" },
    { name: "engine", type: "choice", choices: ["auto", "wasm"], default: "auto", help: "what computes" },
    { name: "networks", type: "choices", choices: ["resnet8", "resnet20"], help: "what is trained" },
    { name: "time", type: "duration", default: 600_000, help: "how long" },
    { name: "web", type: "boolean", default: true, help: "no dashboard" },
    { name: "json", type: "boolean", help: "print JSON" },
  ],
  run: () => Promise.resolve(0),
});

const DEFAULTS = {
  file: "a.json",
  part: undefined,
  act: undefined,
  also: [] as string[],
  learningRate: 0.1,
  seeds: 3,
  engine: "auto",
  networks: undefined,
  time: 600_000,
  web: true,
  json: false,
};

describe("parseCommandLine", () => {
  it("gives every flag its default", () => {
    assertEquals(parseCommandLine(EXAMPLE, ["a.json"]), DEFAULTS);
  });

  it("reads each type of flag under its camel-case name", () => {
    const line =
      "a.json tail --act relu --also x --also tanh(x) --learning-rate 1e-3 --seeds=5 --engine wasm --time 1h30m";
    const networks = ["--networks", "resnet20; resnet8;"];
    assertEquals(parseCommandLine(EXAMPLE, [...line.split(" "), ...networks, "--no-web", "--json"]), {
      file: "a.json",
      part: "tail",
      act: "relu",
      also: ["x", "tanh(x)"],
      learningRate: 1e-3,
      seeds: 5,
      engine: "wasm",
      networks: ["resnet20", "resnet8"],
      time: 5_400_000,
      web: false,
      json: true,
    });
  });

  it("reads values and positionals that begin with a minus sign", () => {
    const expected = { ...DEFAULTS, file: "-x", act: "-x * sigmoid(x)", also: ["-1,0", "-x"] };
    for (const also of [["--also", "-1,0", "--also=-x"], ["--also=-1,0", "--also", "-x"]]) {
      assertEquals(parseCommandLine(EXAMPLE, ["-x", "--act=-x * sigmoid(x)", ...also]), expected);
      assertEquals(parseCommandLine(EXAMPLE, ["--act", "-x * sigmoid(x)", "-x", ...also]), expected);
    }
  });

  it("sees --help among other arguments, right or wrong, but not after --", () => {
    assertEquals(parseCommandLine(EXAMPLE, ["--bogus", "--help"]), "help");
    assertEquals(parseCommandLine(EXAMPLE, ["-h"]), "help");
    assertEquals(parseCommandLine(EXAMPLE, ["--", "--help"]), { ...DEFAULTS, file: "--help" });
  });

  const mistakes: readonly (readonly [args: readonly string[], message: string])[] = [
    [["a", "--engin", "wasm"], "example has no flag --engin: did you mean --engine?"],
    [["a", "--no-wbe"], "example has no flag --no-wbe: did you mean --no-web?"],
    [["a", "--quiet"], "example has no flag --quiet"],
    [["a", "b", "-q"], 'example does not know what to do with "-q"'],
    [["a", "--act"], "--act needs a value (one that begins with -- is written --act=--…)"],
    [["a", "--act", "--json"], "--act needs a value (one that begins with -- is written --act=--…)"],
    [["a", "--also", ""], "--also needs a value (one that begins with -- is written --also=--…)"],
    [["a", "--seeds", "0"], '--seeds takes a whole number from 1 to 100: current value is "0"'],
    [["a", "--seeds", "2.5"], '--seeds takes a whole number from 1 to 100: current value is "2.5"'],
    [["a", "--seeds", "many"], '--seeds takes a whole number from 1 to 100: current value is "many"'],
    [["a", "--learning-rate", "-1"], '--learning-rate takes a number of at least 0: current value is "-1"'],
    [["a", "--learning-rate", "NaN"], '--learning-rate takes a number of at least 0: current value is "NaN"'],
    [["a", "--learning-rate", "1e999"], '--learning-rate takes a number of at least 0: current value is "1e999"'],
    [["a", "--engine", "wsam"], '--engine takes one of auto, wasm: current value is "wsam" (did you mean wasm?)'],
    [["a", "--engine", "gpu"], '--engine takes one of auto, wasm: current value is "gpu"'],
    [
      ["a", "--networks", "resnet8;resnet2"],
      '--networks takes one of resnet8, resnet20: current value is "resnet2" (did you mean resnet8?)',
    ],
    [["a", "--networks", "resnet8;resnet8"], "--networks names resnet8 twice: name it once"],
    [["a", "--networks"], "--networks names none: there are resnet8, resnet20"],
    [["a", "--time", "10"], '--time takes a duration such as 90s, 10m, 2h or 1h30m: current value is "10"'],
    [[], "example needs FILE: a file"],
    [["a", "middle"], 'PART takes one of head, tail: current value is "middle"'],
    [["a", "tail", "c"], 'example does not know what to do with "c"'],
  ];
  for (const [args, message] of mistakes) {
    it(`answers "${args.join(" ")}" with: ${message}`, () => {
      const error = assertThrows(() => parseCommandLine(EXAMPLE, args), UsageError);
      assertEquals(error.message, message);
    });
  }
});

describe("parseDuration", () => {
  it("sums hours, minutes, seconds and milliseconds", () => {
    assertEquals(["90s", "10m", "2h", "1h30m", "0.5s", "250ms"].map((text) => parseDuration(text)), [
      90_000,
      600_000,
      7_200_000,
      5_400_000,
      500,
      250,
    ]);
  });

  it("refuses anything else", () => {
    for (const text of ["", "10", "m", "-5m", "10 m", "5d", "1m!"]) assertThrows(() => parseDuration(text), UsageError);
  });
});

describe("helpPage", () => {
  it("names every positional and flag, with choices, defaults and the way to negate", () => {
    const page = helpPage(EXAMPLE);
    assertEquals(page.split("\n")[0], "deno task example FILE [PART] [flags]");
    for (
      const row of [
        "  PART  a part: head, tail",
        "  --also EXPR        more functions (may be repeated)",
        "  --learning-rate X  a rate (default 0.1)",
        "  --engine NAME      what computes: auto, wasm (default auto)",
        "  --networks A;B     what is trained: resnet8, resnet20",
        "  --time 10m         how long (default 10m)",
        "  --no-web           no dashboard",
      ]
    ) assertEquals(page.split("\n").filter((line) => line === row), [row]);
  });
});

describe("nearest", () => {
  it("counts insertions, deletions and substitutions", () => {
    assertEquals([editDistance("", "abc"), editDistance("kitten", "sitting"), editDistance("a", "a")], [3, 3, 0]);
  });

  it("suggests the closest name, a completed one, and nothing far", () => {
    assertEquals(nearest("serch", ["serve", "search"]), "search");
    assertEquals(nearest("down", ["download", "show"]), "download");
    assertEquals(nearest("zzz", ["search"]), undefined);
  });
});

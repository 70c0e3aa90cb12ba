/** The local `parseArgs` behaves as the original of `@std/cli` documents, for the options it offers. */
import { parseArgs, type ParseOptions } from "@std/cli/parse-args";
import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";

interface Case {
  readonly name: string;
  readonly args: readonly string[];
  readonly options: ParseOptions;
  readonly result: Record<string, unknown>;
}

const CASES: readonly Case[] = [
  {
    name: "joins a text flag with what follows = and keeps further = signs",
    args: ["a", "--name=x=1", "b"],
    options: { string: ["name"] },
    result: { _: ["a", "b"], name: "x=1" },
  },
  {
    name: "takes the next argument as a value, text where declared and a number where it reads as one",
    args: ["--name", "10", "--size", "10", "--word", "ten"],
    options: { string: ["name"] },
    result: { _: [], name: "10", size: 10, word: "ten" },
  },
  {
    name: "gives a text flag without its value the empty text",
    args: ["--name", "--json"],
    options: { string: ["name"], boolean: ["json"] },
    result: { _: [], name: "", json: true },
  },
  {
    name: "sets a negatable flag to false, without taking what follows it",
    args: ["--no-web", "page"],
    options: { boolean: ["web"], negatable: ["web"], default: { web: true } },
    result: { _: ["page"], web: false },
  },
  {
    name: "leaves --no- alone where the flag is not negatable",
    args: ["--no-web"],
    options: {},
    result: { _: [], "no-web": true },
  },
  {
    name: "reads true and false after a boolean flag and leaves anything else a positional",
    args: ["--json", "false", "--loud", "page"],
    options: { boolean: ["json", "loud"] },
    result: { _: ["page"], json: false, loud: true },
  },
  {
    name: "gives absent boolean flags false and absent text flags nothing",
    args: [],
    options: { boolean: ["json"], string: ["name"] },
    result: { _: [], json: false },
  },
  {
    name: "reads a short name and gives the value under both",
    args: ["-n", "5"],
    options: { string: ["number"], alias: { n: "number" } },
    result: { _: [], number: "5", n: "5" },
  },
  {
    name: "gathers the values of a collected flag in order",
    args: ["--act", "relu", "--act", "x"],
    options: { string: ["act"], collect: ["act"] },
    result: { _: [], act: ["relu", "x"] },
  },
  {
    name: "takes everything after -- as positionals",
    args: ["--loud", "--", "--json"],
    options: { boolean: ["loud"] },
    result: { _: ["--json"], loud: true },
  },
  {
    name: "keeps positionals as text where _ is declared so",
    args: ["1", "x"],
    options: { string: ["_"] },
    result: { _: ["1", "x"] },
  },
  { name: "reads numbers among positionals otherwise", args: ["1", "x"], options: {}, result: { _: [1, "x"] } },
];

describe("parseArgs", () => {
  for (const { name, args, options, result } of CASES) {
    it(name, () => assertEquals({ ...parseArgs(args, options) }, { ...result } as ReturnType<typeof parseArgs>));
  }

  it("shows undeclared flags and positionals to `unknown` and leaves out those it refuses", () => {
    const seen: unknown[] = [];
    const args = parseArgs(["page", "--job=3", "--json"], {
      boolean: ["json"],
      unknown: (arg, key, value) => {
        seen.push([arg, key, value]);
        return key === undefined;
      },
    });
    assertEquals(seen, [["page", undefined, undefined], ["--job", "job", 3]]);
    assertEquals({ ...args }, { _: ["page"], json: true } as ReturnType<typeof parseArgs>);
  });
});

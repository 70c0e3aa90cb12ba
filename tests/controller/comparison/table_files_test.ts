/** Which table a command reads and which one it goes on with, as files in runs/table/ come and go. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { firstOf } from "../../../child/pair_settings.ts";
import { pairTable } from "../../../controller/comparison/function_table.ts";
import { measuredTables, readTable, tableFile } from "../../../controller/comparison/table_files.ts";
import { STAGES } from "../../../controller/comparison/table_plan.ts";
import { inside } from "../../commands/command_line.ts";
import { PRESETS } from "../../../controller/presets.ts";

const LAPTOP = { dataset: "cifar10", preset: "laptop" } as const, PATH = "runs/table/cifar10-laptop.jsonl";

describe("the table that comes with the project", () => {
  it("is of the first child that laptop trains, says what its images are, and has every reference from all seeds", () =>
    inside(() => {
      const { header, entries } = readTable(LAPTOP);
      assertEquals(header.child, firstOf(PRESETS.laptop.child));
      assertEquals([header.dataset, header.synthetic, header.engine], ["cifar10", false, "wasm"]);
      assert(header.remark !== undefined && header.images !== undefined);
      assert(entries.length >= 1500, `${entries.length}`);
      const relu = entries.find(({ expression }) => expression === "relu(x)")!;
      assertEquals(relu.scores.filter((score) => typeof score === "number").length, STAGES.at(-1)!.seeds);
    }));

  it("has one of the second child beside it, of the best functions on the same images by the same engine", () =>
    inside(() => {
      const first = readTable(LAPTOP), second = readTable({ ...LAPTOP, second: true }), pair = pairTable(first, second);
      assertEquals(pair.header.child, PRESETS.laptop.child);
      assertEquals(pair.entries.length, second.entries.length);
      const often = pair.entries.filter(({ scores }) => scores.filter((score) => score !== undefined).length >= 16);
      assert(often.length >= first.entries.length / 50, `${often.length}`);
      assertEquals(measuredTables({ ...LAPTOP, second: true }).length, 1);
      assertThrows(
        () => readTable({ dataset: "mnist", preset: "laptop", second: true }),
        Error,
        "`deno task table --train --dataset mnist --preset laptop --second`",
      );
    }));

  it("is read until there is another, and gone on with where that fits, as a copy", () =>
    inside(() => {
      const [shipped] = measuredTables(LAPTOP);
      assertEquals(tableFile(LAPTOP, () => false), PATH);
      assertEquals(measuredTables(LAPTOP), [shipped]); // nothing was made
      assertEquals(tableFile(LAPTOP, ({ header }) => header.dataset === "cifar10"), PATH);
      assertEquals(Deno.readTextFileSync(PATH), shipped.text);
      Deno.writeTextFileSync(PATH, "own\n");
      assertEquals(tableFile(LAPTOP, () => true), PATH);
      assertEquals(measuredTables(LAPTOP), [{ path: PATH, text: "own\n" }, shipped]);
      assertThrows(() => readTable(LAPTOP), SyntaxError, `Cannot read ${PATH} as a table of functions`);
      assertThrows(() => readTable({ ...LAPTOP, file: "runs" }), Error, "Cannot read runs: ");
      assertThrows(
        () => readTable({ ...LAPTOP, preset: "paper" }),
        Error,
        "There is no table of functions for cifar10",
      );
    }));
});

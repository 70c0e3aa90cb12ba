/** Which of the files in the folder of runs are reports for the dashboard. */
import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { reportsIn } from "../../../controller/runs/reports.ts";
import { inFolder } from "../../commands/command_line.ts";

async function write(path: string, value: unknown): Promise<void> {
  await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  await Deno.writeTextFile(path, JSON.stringify(value));
}

describe("reports", () => {
  it("are comparisons and confirmations by name, and nothing else of the folder", () =>
    inFolder(async (root) => {
      const reports = reportsIn(root);
      assertEquals([await reports.list("comparisons"), await reports.list("confirmations")], [[], []]);
      await write(`${root}/compare/second.json`, { seeds: 2 });
      await write(`${root}/compare/first.json`, { seeds: 1 });
      await Deno.writeTextFile(`${root}/compare/first.csv`, "");
      await write(`${root}/c1/settings.json`, { command: "confirm s" });
      await write(`${root}/c1/results.json`, { run: "s" });
      await write(`${root}/begun/settings.json`, { command: "confirm s" });
      await write(`${root}/b/settings.json`, { command: "baselines" });
      await write(`${root}/b/results.json`, { table: [] });
      assertEquals(await reports.list("comparisons"), ["first", "second"]);
      assertEquals(await reports.list("confirmations"), ["c1"]);
      assertEquals(await reports.read("comparisons", "first"), { seeds: 1 });
      assertEquals(await reports.read("confirmations", "c1"), { run: "s" });
      for (const name of ["b", "none", "../b", "..", "", "c1/../c1"]) {
        assertEquals(await reports.read("confirmations", name), null, name);
        assertEquals(await reports.read("comparisons", name), null, name);
      }
    }));
});

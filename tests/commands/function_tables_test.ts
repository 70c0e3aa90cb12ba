/** docs/functions.md holds the tables of the code. */
import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { catalogueTable, functionTable } from "../../commands/function_tables.ts";
import { FUNCTION_NAMES } from "../../child/activation/parse.ts";
import { CATALOG } from "../../child/activation/catalog.ts";

const page = Deno.readTextFileSync("docs/functions.md");

function section(name: string): string {
  return page.split(`<!-- ${name} -->`)[1].split("<!-- end -->")[0].trim();
}

describe("docs/functions.md", () => {
  it("has a row for every function that can be called", () => {
    assertEquals(section("functions"), functionTable());
    for (const name of FUNCTION_NAMES) {
      assertEquals(new RegExp(`^\\| \`${name}\\b`, "m").test(functionTable()), true, name);
    }
  });

  it("has a row for every function of the catalogue", () => {
    assertEquals(section("catalogue"), catalogueTable());
    assertEquals(catalogueTable().split("\n").length, CATALOG.length + 2);
  });
});

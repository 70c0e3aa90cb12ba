/** What is written as CSV is read back as it was, by a reader that knows RFC 4180 and nothing else. */
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { activationFrom } from "../../child/activation/catalog.ts";
import { csvLines } from "../../controller/csv.ts";
import { recordOfTrial, TRIAL_FIELDS } from "../../controller/trial_record.ts";
import { FakeRun, random } from "../web/fake_run.ts";

/** RFC 4180, section 2: fields in quotes keep commas, line breaks and doubled quotes. */
function parse(text: string): string[][] {
  const rows: string[][] = [[""]];
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const row = rows[rows.length - 1], sign = text[at];
    if (quoted) {
      if (sign !== '"') row[row.length - 1] += sign;
      else if (text[at + 1] === '"') row[row.length - 1] += text[++at];
      else quoted = false;
    } else if (sign === '"') quoted = true;
    else if (sign === ",") row.push("");
    else if (sign === "\r" && text[at + 1] === "\n") {
      at++;
      rows.push([""]);
    } else {
      assert(sign !== "\n" && sign !== "\r", `a bare line break at ${at} of ${JSON.stringify(text)}`);
      row[row.length - 1] += sign;
    }
  }
  return rows;
}

describe("CSV", () => {
  it("is read back as it was, whatever the text holds", () => {
    const draw = random(3), signs = [",", '"', "\r", "\n", "'", "=", "-", "+", "@", "x", " ", "\t", "ü"];
    const rows = Array.from({ length: 300 }, () => ({
      a: Array.from({ length: Math.floor(6 * draw()) }, () => signs[Math.floor(signs.length * draw())]).join(""),
      b: draw() < 0.5 ? null : -draw(),
    }));
    const read = parse(csvLines(["a", "b"], rows).join("\r\n"));
    assertEquals(read, [["a", "b"], ...rows.map(({ a, b }) => [a, b === null ? "" : String(b)])]);
  });

  it("keeps an expression that begins with a minus as --act reads it", () => {
    for (const expression of ["-x*sigmoid(x)", "-x * sigmoid(x)", "+x", "-max(x, 0)"]) {
      const [, [read]] = parse(csvLines(["expression"], [{ expression }]).join("\r\n"));
      assertEquals(read, expression);
      activationFrom(read);
    }
  });

  it("guards formulas for a spreadsheet, and numbers not", () => {
    const rows = ["=1+1", "+x", "-x", "@a", "\tx", "\r=x", "x-1"].map((a) => ({ a }));
    const [, ...read] = parse(csvLines(["a"], rows, { forSpreadsheet: true }).join("\r\n"));
    assertEquals(read.map(([text]) => text), ["'=1+1", "'+x", "'-x", "'@a", "'\tx", "'\r=x", "x-1"]);
    assertEquals(csvLines(["a"], [{ a: -1.5 }], { forSpreadsheet: true }), ["a", "-1.5"]);
  });

  it("of trials has a column for each field, also without a trial", () => {
    const { trials } = new FakeRun({ trials: 5 }).finish().snapshot();
    const [head, first] = parse(csvLines(TRIAL_FIELDS, trials.map(recordOfTrial)).join("\r\n"));
    assertEquals(head, [...TRIAL_FIELDS]);
    assertEquals(first[head.indexOf("tokens")], trials[0].tokens.join(" "));
    assertEquals(first[head.indexOf("expression")], trials[0].expression);
    assertEquals(csvLines(TRIAL_FIELDS, []), [TRIAL_FIELDS.join(",")]);
  });
});

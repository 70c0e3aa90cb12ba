/** Every view in both themes, wide and on a phone, can be read, operated and seen whole; its pictures are kept. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { describe } from "@std/testing/bdd";
import { VIEWS } from "../../web/client/route.ts";
import { FAKE_REPORTS } from "../web/fake_reports.ts";
import { FakeRuns } from "../web/fake_runs.ts";
import { audit } from "./audit.ts";
import { seriousViolations } from "./axe.ts";
import { itInBrowser, NARROW, PHONE, screenshot, WIDE } from "./browser.ts";
import { DRAWN, finishedRun, judgedRun, show } from "./shown.ts";

/** Views whose pictures are kept, one of each theme and size at least. */
const KEPT = new Set([
  "overview wide light",
  "functions wide dark",
  "policy wide light",
  "workers wide dark",
  "overview phone dark",
  "functions phone light",
  "trials phone dark",
]);

describe("every view", () => {
  for (const [size, options] of [["wide", WIDE], ["narrow", NARROW], ["phone", PHONE]] as const) {
    for (const colorScheme of ["light", "dark"] as const) {
      itInBrowser(`can be read, operated and seen whole: ${size}, ${colorScheme}`, async (stage) => {
        const runs = [judgedRun("fake", "found"), judgedRun("old", "not found")];
        const url = await stage.serve(new FakeRuns(runs, FAKE_REPORTS));
        const page = await stage.open(url, { ...options, colorScheme });
        for (const view of VIEWS) {
          await show(page, url, view, view === "runs" ? "?compare=fake,old" : "");
          assertEquals(await audit(page), [], view);
          assertEquals(await seriousViolations(page), [], view);
          const name = `${view} ${size} ${colorScheme}`;
          if (KEPT.has(name)) await screenshot(page, name.replaceAll(" ", "-"));
        }
        await page.goto(`${url}#/old/overview`);
        await page.getByRole("heading", { name: "Named, not shown to be better" }).waitFor();
        assertEquals(await audit(page), []);
        assertEquals(await seriousViolations(page), []);
      });
    }
  }
});

describe("the measure of a view", () => {
  itInBrowser(
    "sees faint text, controls without names and what is too wide",
    async (stage) => {
      const page = await stage.open(await stage.serve(finishedRun()));
      await page.waitForSelector(DRAWN.overview);
      await page.evaluate(() => {
        const faint = document.createElement("p");
        faint.textContent = "faint";
        faint.style.color = "#999";
        const wide = document.createElement("div");
        wide.style.width = "2000px";
        wide.textContent = "wide";
        document.querySelector("main")!.append(faint, wide, document.createElement("button"));
      });
      const found = await audit(page);
      assertEquals(found.length, 3);
      assertMatch(found[0], /^contrast 2\.\d+ of "faint"$/);
      assertEquals(found[1], "no name: <button></button>");
      assertMatch(found[2], /pixels wide/);
    },
  );
});

describe("forced colours", () => {
  itInBrowser("keep the states of trials distinguishable, and show what is pressed", async (stage) => {
    const url = await stage.serve(new FakeRuns([finishedRun()]));
    const page = await stage.open(url, { ...WIDE, forcedColors: "active" });
    await page.waitForSelector(DRAWN.overview);
    const fills = await page.locator(".figures .state-bar rect[class^=fill-]").evaluateAll((rects) =>
      rects.filter((rect) => Number(rect.getAttribute("width")) > 0).map((rect) => getComputedStyle(rect).fill)
    );
    assert(fills.length >= 3 && new Set(fills).size === fills.length, `${fills}`);
    const outline = (chip: string) =>
      page.getByRole("button", { name: chip }).evaluate((e) => getComputedStyle(e).outlineStyle);
    await page.getByRole("button", { name: /^failed/ }).click();
    await page.getByRole("searchbox").focus();
    assertEquals([await outline("complete"), await outline("failed")], ["solid", "none"]);
    await show(page, url, "trials");
    const dots = await page.locator(".table-row .dot").evaluateAll((dots) =>
      dots.map((dot) => `${dot.className} ${getComputedStyle(dot).backgroundColor}`)
    );
    const colours = new Map(dots.map((dot) => [dot.split(" ")[1], dot.slice(dot.indexOf("rgb"))]));
    assertEquals(new Set(colours.values()).size, colours.size);
  });
});

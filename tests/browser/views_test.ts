/** Every view in both themes, wide and on a phone; filters, links, keys, control and the list of runs. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { describe } from "@std/testing/bdd";
import type { Page } from "playwright-core";
import { outcomeOf } from "../../controller/finals.ts";
import { readRoute, VIEWS } from "../../web/client/route.ts";
import { ALL_TRIALS, selectTrials } from "../../web/trial_query.ts";
import { FakeRun } from "../web/fake_run.ts";
import { FAKE_REPORTS } from "../web/fake_reports.ts";
import { FakeRuns } from "../web/fake_runs.ts";
import { audit } from "./audit.ts";
import { seriousViolations } from "./axe.ts";
import { itInBrowser, NARROW, PHONE, screenshot, WIDE } from "./browser.ts";

/** Something that a view shows once it is drawn. */
const DRAWN = {
  overview: ".history svg.plot",
  functions: ".detail svg.plot",
  trials: ".table-row",
  policy: ".heat-map canvas",
  workers: ".time-line rect",
  runs: ".run-list input",
  samplers: "svg.plot",
  confirmations: "svg.plot",
} as const;

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

function finishedRun(name = "fake"): FakeRun {
  return new FakeRun({ name, trials: 300, workers: 4 }).finish();
}

/** A run with references, candidates trained from several seeds, and a verdict. */
function judgedRun(name: string, verdict: "found" | "not found", target = false): FakeRun {
  return new FakeRun({ name, trials: 300, workers: 4, verdict, target }).finish();
}

async function show(page: Page, url: string, view: keyof typeof DRAWN, search = ""): Promise<void> {
  await page.goto(`${url}#/current/${view}${search}`);
  await page.waitForSelector(DRAWN[view]);
}

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

describe("a verdict", () => {
  for (const verdict of ["found", "not found"] as const) {
    itInBrowser(`says what the function named is worth on fresh seeds: ${verdict}`, async (stage) => {
      const run = judgedRun("judged", verdict);
      const named = run.snapshot().trials.find(({ role, trainings }) =>
        role === "candidate" && trainings.some(({ stage }) => stage === "verdict")
      )!;
      const fresh = named.trainings.filter(({ stage }) => stage === "verdict");
      const mean = fresh.reduce((sum, { score }) => sum + score!, 0) / fresh.length;
      const page = await stage.open(await stage.serve(run));
      const panel = page.getByRole("region", { name: "Verdict" });
      await panel.waitFor();
      const text = await panel.textContent();
      assertStringIncludes(text!, verdict === "found" ? "Found" : "Named, not shown to be better");
      assertStringIncludes(text!, `trial ${named.id}, on ${fresh.length} fresh seeds`);
      assertStringIncludes(text!, `${(100 * mean).toFixed(2)}\u202f% ± `);
      for (const name of ["ReLU", "Swish"]) assertStringIncludes(text!, `against ${name}`);
      assertMatch(text!, verdict === "found" ? /against Swish.* p < 0\.001/ : /against Swish.* p = 0\.[1-9]/);
    });
  }

  itInBrowser("is not there while the run goes on", async (stage) => {
    const run = new FakeRun({ trials: 300, workers: 4, verdict: "found" });
    for (let step = 0; step < 40; step++) run.advance(3_000);
    const page = await stage.open(await stage.serve(run));
    await page.waitForSelector(DRAWN.overview);
    assertEquals(await page.locator(".verdict").count(), 0);
  });
});

describe("stored reports", () => {
  itInBrowser(
    "have a URL each: comparisons of samplers with what they stand on, confirmations by model",
    async (stage) => {
      const url = await stage.serve(new FakeRuns([finishedRun()], FAKE_REPORTS));
      const page = await stage.open(url);
      await show(page, url, "samplers");
      const comparison = page.getByRole("region", { name: "Comparison of samplers" });
      assertMatch((await comparison.textContent())!, /first.*20 searches.*synthetic.*NOT MEASURED.*ppo80.*24.*never/s);
      await page.getByRole("navigation", { name: "Stored reports" }).getByText("second").click();
      await page.getByText("children of resnet8").waitFor();
      assertStringIncludes(page.url(), "/samplers?report=second");
      stage.excuse(/comparisons\/none|status of 404/);
      await page.goto(`${url}#/current/samplers?report=none`);
      await page.getByText("none of the comparisons is called none").waitFor();

      await show(page, url, "confirmations");
      for (const title of ["resnet20 on cifar10", "wrn-16-4 on cifar10"]) {
        const text = await page.getByRole("region", { name: `Confirmation: ${title}` }).textContent();
        assertMatch(text!, /78\.00\u202f% ± 0\.43.*16.*\+1\.00 points, p = 0\.0030/s); // 2.131 standard errors
      }
      assertMatch((await page.getByRole("region", { name: "Over all models" }).textContent())!, /ReLU200$/);
    },
  );

  itInBrowser("that are not there are asked for by their command", async (stage) => {
    const url = await stage.serve(new FakeRuns([finishedRun()]));
    const page = await stage.open(url);
    await page.goto(`${url}#/current/confirmations`);
    await page.getByText("deno task confirm RUN makes one").waitFor();
  });
});

describe("references", () => {
  itInBrowser("are lines across the history, and stand in the table by their role", async (stage) => {
    const run = judgedRun("judged", "found");
    const candidates = run.snapshot().trials.filter(({ role }) => role === "candidate");
    const page = await stage.open(await stage.serve(run));
    await page.getByRole("img", { name: `Validation accuracy of ${candidates.length} trials` }).waitFor();
    assertEquals(await page.locator(".history .plot-rule-label").allTextContents(), ["ReLU", "Swish"]);
    await page.locator(".figures").getByText("300 / 300").waitFor(); // references are trained besides
    await page.getByRole("navigation", { name: "Views" }).getByText("Trials").click();
    await page.getByRole("searchbox").fill("role:reference");
    await page.waitForSelector('[role=grid][aria-rowcount="3"]');
    const rows = await page.locator(".table-row").allTextContents();
    for (const [at, row] of rows.entries()) assertMatch(row, new RegExp(`^${at}referencecomplete`));
  });

  itInBrowser("are not listed as best functions, which show their number of children", async (stage) => {
    const run = judgedRun("judged", "not found");
    const page = await stage.open(await stage.serve(run));
    await page.waitForSelector(DRAWN.overview);
    const best = await page.locator(".function-list .row-note").allTextContents();
    assertEquals(best.length, 8);
    for (const note of best) assertMatch(note, /n = \d/);
    assertMatch((await page.locator(".figures .figure-note").first().textContent())!, /n\s=\s\d/);
    assertMatch((await page.locator(".selected .h-note").textContent())!, /n = \d/);
    const references = new Set(
      run.snapshot().trials.filter(({ role }) => role === "reference").map(({ simplified }) => simplified),
    );
    assert(references.size === 2);
    await page.getByRole("navigation", { name: "Views" }).getByText("Functions").click();
    await page.waitForSelector(DRAWN.functions);
    assertMatch((await page.locator(".card").first().textContent())!, /n=\d/);
    await page.getByRole("navigation", { name: "Views" }).getByText("Runs").click();
    assertMatch((await page.locator(".run-list td.number").first().textContent())!, /n=\d/);
  });
});

describe("a target", () => {
  itInBrowser(
    "has its own list, those of the last round first, and the best of them is the one named",
    async (stage) => {
      const run = judgedRun("judged", "found", true), { trials } = run.snapshot();
      const page = await stage.open(await stage.serve(run));
      const panel = page.getByRole("region", { name: "On the target" });
      await panel.getByText("On resnet20, 2,000 steps of 128").waitFor();
      const notes = await panel.locator(".row-note").allTextContents();
      assertEquals(notes, ["n = 7", "n = 7", "n = 3", "n = 3"]);
      const values = (await panel.locator(".row-value b").allTextContents()).map(parseFloat);
      assert(values[0] > values[1] && values[2] > values[3], values.join());
      await panel.getByRole("button").first().click();
      await panel.locator("[aria-pressed=true]").waitFor();
      assertEquals(readRoute(new URL(page.url()).hash).trial, outcomeOf(trials)!.trial.id);
      await page.getByRole("region", { name: "Verdict" }).getByText("of resnet20, 2,000 steps of 128").waitFor();
    },
  );

  itInBrowser("has no list in a run without one", async (stage) => {
    const page = await stage.open(await stage.serve(judgedRun("judged", "found")));
    await page.waitForSelector(DRAWN.overview);
    assertEquals(await page.getByRole("region", { name: "On the target" }).count(), 0);
  });
});

describe("a second child", () => {
  itInBrowser("has a line of its own in the training curve, and the mean of both is called so", async (stage) => {
    const run = new FakeRun({ trials: 20, second: true, verdict: "found" }).finish(), url = await stage.serve(run);
    const page = await stage.open(url), child = "mean of resnet8, 500 steps of 64, and resnet14, 500 steps of 64";
    await page.getByRole("region", { name: "Verdict" }).getByText("mean validation accuracy").waitFor();
    await page.getByText("Best mean validation accuracy").waitFor();
    await page.getByText(child).waitFor();
    await show(page, url, "functions", `?trial=${run.snapshot().trials.find(({ state }) => state === "complete")!.id}`);
    const curve = page.getByRole("img", { name: "Training loss of trial" });
    assertEquals(await curve.getByText(/^resnet/).allTextContents(), ["resnet8", "resnet14"]);
    await page.getByText(/^1\D?000 of 1\D?000$/).waitFor();
  });
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

describe("ten thousand trials", () => {
  itInBrowser("are rendered as rows and cards only where visible", async (stage) => {
    const url = await stage.serve(new FakeRun({ trials: 10_000, workers: 8 }).finish(60_000));
    const page = await stage.open(url);
    const drawn = async (selector: string, last: string) => {
      await page.locator(".scroller").evaluate((scroller) => scroller.scrollTop = scroller.scrollHeight);
      await page.waitForSelector(last);
      const count = await page.locator(selector).count();
      assert(count > 0 && count < 100, `${count} of ${selector} are drawn`);
    };
    await show(page, url, "trials");
    await drawn(".table-row", "#row-9999");
    await show(page, url, "functions");
    await drawn(".card", ".card");
  });
});

describe("the page", () => {
  itInBrowser("does not jump while trials arrive", async (stage) => {
    const run = new FakeRun({ trials: 300, workers: 4 });
    run.advance(120_000);
    for (let step = 0; step < 40; step++) run.advance(3_000);
    const url = await stage.serve(run);
    const page = await stage.open(url);
    for (const view of ["overview", "functions", "policy"] as const) {
      await show(page, url, view);
      if (view === "functions") await page.locator(".gallery").hover(); // else the cards are sorted as trials end
      await page.evaluate(() => {
        const shifts: string[] = [];
        new PerformanceObserver((list) => {
          for (
            const entry of list.getEntries() as (PerformanceEntry & { value: number; sources: { node: Node }[] })[]
          ) {
            const moved = entry.sources.map(({ node }) => (node as Element)?.className ?? "").join(", ");
            // Less than rows that change places in a table. Web Vitals calls 0.1 in all good.
            if (entry.value > 0.02) shifts.push(`${entry.value.toFixed(4)} ${moved}`);
          }
        }).observe({ type: "layout-shift", buffered: false });
        Object.assign(globalThis, { shifts });
      });
      for (let step = 0; step < 15; step++) {
        run.advance(3_000);
        await page.waitForTimeout(100);
      }
      assertEquals(await page.evaluate(() => (globalThis as unknown as { shifts: string[] }).shifts), [], view);
    }
  });

  itInBrowser(
    "is judged by a measure that sees faint text, controls without names and what is too wide",
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

describe("the filter", () => {
  itInBrowser("applies to every plot, to the downloads and to the URL", async (stage) => {
    const run = finishedRun();
    const trials = run.snapshot().trials;
    const chosen = selectTrials(trials, { ...ALL_TRIALS, text: "sin", states: new Set(["complete"]) });
    const functions = new Set(chosen.map(({ fingerprint }) => fingerprint)).size;
    assert(chosen.length > 0 && chosen.length < trials.length);
    const url = await stage.serve(run);
    const page = await stage.open(url);
    await page.waitForSelector(DRAWN.overview);
    await page.getByRole("searchbox").fill("sin");
    for (const state of ["queued", "running", "pruned", "diverged", "failed"]) {
      await page.getByRole("group", { name: "States shown" }).getByRole("button", { name: new RegExp(`^${state}`) })
        .click();
    }
    await page.getByRole("status").filter({ hasText: `${chosen.length} of ${trials.length}` }).waitFor();
    assertMatch(page.url(), /#\/fake\/overview\?q=sin&state=complete$/);
    const tab = (name: string) => page.getByRole("navigation", { name: "Views" }).getByText(name).click();
    await page.getByRole("img", { name: `Validation accuracy of ${chosen.length} trials` }).waitFor();
    await tab("Functions");
    await page.getByRole("region", { name: `Gallery of ${chosen.length} functions` }).waitFor();
    await tab("Trials");
    await page.waitForSelector(`[role=grid][aria-rowcount="${chosen.length + 1}"]`);
    const download = await page.getByRole("link", { name: "CSV" }).getAttribute("href");
    const csv = await (await fetch(new URL(download!, url))).text();
    assertEquals(csv.trimEnd().split("\n").length, chosen.length + 1);
    await tab("Policy");
    await page.getByText(`against all ${chosen.length} proposals`).waitFor();
    const map = await page.locator(".map-canvas").getAttribute("aria-label");
    assert(Number.parseInt(map!) > 2 && Number.parseInt(map!) <= functions, `${map} of ${functions} functions`);
    await page.reload();
    await page.getByText(`against all ${chosen.length} proposals`).waitFor();
    await tab("Workers");
    await page.getByText("of those the filter shows").waitFor();
    const trained = page.locator(".time-line rect[class*=fill-]");
    assert(await trained.and(page.locator(".faint")).count() > 0);
    assert(await trained.and(page.locator(":not(.faint)")).count() > 0);
    await tab("Runs");
    await page.getByRole("searchbox").waitFor({ state: "detached" });
    await page.getByLabel("Compare fake").check();
    const plotted = (trials: number) => page.getByRole("row", { name: `trials plotted ${trials}` }).waitFor();
    await plotted(chosen.length);
    await page.getByRole("searchbox").fill("");
    await plotted(trials.filter(({ state }) => state === "complete").length);
  });
});

describe("the filter's words", () => {
  itInBrowser("find measures, states and names, or explain why nothing is shown", async (stage) => {
    const run = finishedRun();
    const trials = run.snapshot().trials;
    const page = await stage.open(await stage.serve(run));
    await page.waitForSelector(DRAWN.overview);
    const counted = (picked: number) =>
      page.getByRole("status").filter({ hasText: `${picked} of ${trials.length}` }).waitFor();
    await page.getByRole("searchbox").fill(">=50%");
    await counted(trials.filter(({ score }) => (score ?? 0) >= 0.5).length);
    await page.getByRole("searchbox").fill("diverged");
    await counted(trials.filter(({ state }) => state === "diverged").length);
    await page.getByRole("searchbox").fill("lost<2");
    await page.getByRole("alert").filter({ hasText: "is not understood" }).waitFor();
    await page.getByRole("searchbox").fill("divergd");
    await page.getByRole("alert").filter({ hasText: '"divergd"' }).waitFor();
    await page.getByRole("searchbox").fill("loss<0.5");
    await page.getByRole("alert").waitFor({ state: "detached" });
  });

  itInBrowser("give one best, whatever they leave", async (stage) => {
    const run = new FakeRun({ trials: 2_000, workers: 8 }).finish(60_000);
    const page = await stage.open(await stage.serve(run));
    await page.waitForSelector(DRAWN.overview);
    for (const text of ["", "sin", "<40%"]) {
      await page.getByRole("searchbox").fill(text);
      if (text !== "") await page.getByText(/^[\d\u202f]+ of 2\u202f000$/).waitFor();
      const told = await page.evaluate(() => [
        document.querySelector(".figure-value")!.textContent!,
        document.querySelector(".row-value b")!.textContent!,
        document.querySelector(".selected .h-note")!.textContent!.split(",")[0],
      ]);
      assertEquals(new Set(told).size, 1, `${text}: ${told}`);
    }
  });
});

describe("the URL of a view", () => {
  itInBrowser("names the run, so that it means the same when another is current", async (stage) => {
    const page = await stage.open(await stage.serve(new FakeRuns([finishedRun("first"), finishedRun("second")])));
    await page.waitForSelector(DRAWN.overview);
    await page.waitForURL(/#\/first\/overview$/);
    const bookmark = new URL(page.url()).hash;
    const other = await stage.open(
      (await stage.serve(new FakeRuns([finishedRun("second"), finishedRun("first")]))) + bookmark,
    );
    await other.getByRole("heading", { level: 1, name: "first" }).waitFor();
    assertEquals(await other.title(), "finished – first – actsearch");
    await page.evaluate(() => location.hash = "#/current/trials");
    await page.waitForURL(/#\/first\/trials$/);
    await page.waitForSelector(DRAWN.trials);
  });
});

describe("history", () => {
  itInBrowser("shows every trial that has ended, and no best before the first complete one", async (stage) => {
    const run = finishedRun();
    const trials = run.snapshot().trials;
    assert(trials.some(({ state }) => state === "diverged") && trials.some(({ state }) => state === "pruned"));
    const page = await stage.open(await stage.serve(run));
    // Two strokes of the legend, the best so far and the batches' mean.
    const lines = () => page.locator(".history .plot-line[d]:not([d=''])").count();
    await page.getByRole("img", { name: `Validation accuracy of ${trials.length} trials` }).waitFor();
    assertEquals(await lines(), 4);
    await page.getByRole("searchbox").fill("!complete");
    const lost = trials.filter(({ state }) => state !== "complete").length;
    await page.getByRole("img", { name: `Validation accuracy of ${lost} trials` }).waitFor();
    assertEquals(await lines(), 3);
  });
});

describe("a few trials", () => {
  itInBrowser("are not presented as a finding", async (stage) => {
    const url = await stage.serve(new FakeRun({ trials: 2, workers: 1 }).finish());
    const page = await stage.open(url);
    await page.goto(`${url}#/current/policy`);
    await page.getByText("This compares the best tenth").waitFor();
    assertEquals(await page.locator(".shares").count(), 0);
  });
});

describe("the keyboard", () => {
  itInBrowser("reads plots, maps, heat maps and the time line", async (stage) => {
    const url = await stage.serve(finishedRun());
    const page = await stage.open(url);
    const press = async (keys: string[]) => {
      for (const key of keys) await page.keyboard.press(key);
    };
    await page.waitForSelector(DRAWN.overview);
    await page.locator(".history .chart").focus();
    await press(["ArrowRight", "ArrowRight"]);
    await page.locator(".history [role=status]").filter({ hasText: /^1: / }).waitFor();
    await press(["End", "Enter"]);
    await page.waitForURL(/trial=299/);
    await show(page, url, "policy");
    await page.waitForSelector(".map-canvas");
    await page.locator(".map").focus();
    await press(["ArrowRight"]);
    await page.waitForURL(/trial=/);
    const first = page.url();
    await press(["ArrowLeft", "ArrowLeft", "ArrowUp"]);
    await page.waitForFunction((first) => location.href !== first, first);
    await page.locator(".heat-place").first().focus();
    await press(["ArrowUp", "ArrowLeft"]);
    await page.locator(".heat-place [role=status]").first().filter({ hasText: /^batch 13: .*%$/ }).waitFor();
    await show(page, url, "workers");
    await page.locator(".time-line").focus();
    await press(["ArrowRight"]);
    await page.locator(".time-line [role=status]").filter({ hasText: /^worker 0: trial/ }).waitFor();
    await press(["Enter"]);
    await page.waitForSelector(DRAWN.functions);
  });

  itInBrowser("stops once in the gallery, however many cards there are", async (stage) => {
    const url = await stage.serve(finishedRun());
    const page = await stage.open(url);
    await show(page, url, "functions");
    assertEquals(await page.locator(".card[tabindex='0']").count(), 1);
    await page.locator(".card[tabindex='0']").focus();
    for (let row = 0; row < 12; row++) await page.keyboard.press("ArrowDown");
    await page.waitForFunction(() => document.activeElement?.matches(".card[aria-pressed=true][tabindex='0']"));
    assertEquals(await page.locator(".card[tabindex='0']").count(), 1);
  });

  itInBrowser("reaches the views, the filter, the rows and the cards", async (stage) => {
    const url = await stage.serve(finishedRun());
    const page = await stage.open(url);
    await show(page, url, "trials", "?sort=accuracy&order=desc");
    await page.keyboard.press("Tab");
    assertEquals(await page.evaluate(() => document.activeElement?.textContent), "Skip to content");
    await page.keyboard.press("/");
    await page.keyboard.type("x");
    assertMatch(page.url(), /q=x/);
    await page.getByRole("grid").focus();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("End");
    const last = page.locator(".table-row[aria-selected=true]");
    await last.waitFor();
    const box = await last.boundingBox();
    assert(box && box.y > 100 && box.y + box.height <= 900, `the row is at ${JSON.stringify(box)}`);
    await page.keyboard.press("Home");
    await page.keyboard.press("Enter");
    await page.waitForSelector(DRAWN.functions);
    const trial = /trial=(\d+)/.exec(page.url())![1];
    await page.locator(`#card-${trial}`).focus();
    await page.keyboard.press("ArrowRight");
    await page.waitForFunction((before) => !location.hash.includes(`trial=${before}`), trial);
    await page.waitForFunction(() => document.activeElement?.getAttribute("aria-pressed") === "true");
  });
});

describe("control", () => {
  itInBrowser("pauses, resumes, adds workers and stops after a confirmation", async (stage) => {
    const run = new FakeRun({ trials: 300, workers: 2 });
    run.advance(60_000);
    const url = await stage.serve(run);
    const page = await stage.open(url);
    await page.getByRole("button", { name: "Pause" }).click();
    await page.locator(".pill.run-paused").waitFor();
    await page.getByRole("button", { name: "Resume" }).click();
    await page.locator(".pill.run-running").waitFor();
    await page.getByRole("button", { name: "Train it on this child" }).first().click();
    await page.getByText("ReLU is queued").waitFor();
    await show(page, url, "workers");
    await page.getByLabel("Number of workers").fill("3");
    await page.getByRole("button", { name: "Set" }).click();
    await page.getByText("3 active").waitFor();
    await page.getByRole("button", { name: "Stop" }).click();
    await page.waitForTimeout(700); // longer than a double click
    await page.getByRole("button", { name: "Stop after this batch?" }).click();
    await page.locator(".pill.run-stopping").waitFor();
    assertEquals(run.controls, [
      { control: "pause" },
      { control: "resume" },
      { control: "add_candidate", expression: "relu" },
      { control: "set_workers", workers: 3 },
      { control: "stop" },
    ]);
  });

  itInBrowser("does not take a double click on Stop for a confirmation, and cancels a stop", async (stage) => {
    const run = new FakeRun({ trials: 300, workers: 2 });
    run.advance(60_000);
    const page = await stage.open(await stage.serve(run));
    await page.getByRole("button", { name: "Stop" }).dblclick();
    const confirm = page.getByRole("button", { name: "Stop after this batch?" });
    await confirm.waitFor();
    assertEquals(run.controls, []);
    await page.keyboard.press("Escape");
    await confirm.waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Stop" }).click();
    await page.waitForTimeout(700); // longer than a double click
    await confirm.click();
    await page.locator(".pill.run-stopping").waitFor();
    await page.getByRole("button", { name: "Resume" }).click();
    await page.locator(".pill.run-running").waitFor();
    assertEquals(run.controls.map(({ control }) => control), ["stop", "resume"]);
  });

  itInBrowser("tells that the search is done in the title and by a notification", async (stage) => {
    const run = new FakeRun({ trials: 30, workers: 2 });
    run.advance(60_000);
    const page = await stage.open(await stage.serve(run), WIDE, async (page) => {
      await page.context().grantPermissions(["notifications"]);
      await page.addInitScript(() => {
        const told: string[] = [];
        Object.assign(globalThis, { told });
        class Told {
          static permission = "granted";
          constructor(title: string) {
            told.push(title);
          }
        }
        Object.assign(globalThis, { Notification: Told });
      });
    });
    await page.locator(".pill.run-running").waitFor();
    assertMatch(await page.title(), /^\d+\/30 – fake – actsearch$/);
    run.finish();
    await page.locator(".pill.run-finished").waitFor();
    await page.waitForFunction(() => document.title === "finished – fake – actsearch");
    assertEquals(await page.evaluate(() => (globalThis as unknown as { told: string[] }).told), ["fake is finished"]);
  });

  itInBrowser("checks and draws a candidate as it is typed, and queues it", async (stage) => {
    const run = new FakeRun({ trials: 300, workers: 2 });
    run.advance(60_000);
    const url = await stage.serve(run);
    const page = await stage.open(url);
    await page.getByRole("button", { name: "Add a candidate" }).click();
    const field = page.getByLabel("Expression of x, with b for a trainable beta");
    const queue = page.getByRole("button", { name: "Queue it" });
    await field.fill("x * sigmoid(b * ");
    await page.locator("#candidate-note").filter({ hasText: "expected" }).waitFor();
    assert(await queue.isDisabled());
    await field.fill("<img src=x onerror=alert(1)>");
    await page.locator("#candidate-note").filter({ hasText: "Cannot read" }).waitFor();
    await field.fill("x * sigmoid(b * x)");
    await page.locator("dialog math").waitFor();
    await page.locator("dialog svg.plot").waitFor();
    assertEquals(await audit(page), []);
    await page.getByLabel("Seeds").fill("3");
    await queue.click();
    await page.getByText("is queued with 3 seeds").waitFor();
    assertEquals(run.controls, [{ control: "add_candidate", expression: "x * sigmoid(b * x)", seeds: 3 }]);
  });

  itInBrowser("copies an expression and its command, and queues it with other seeds", async (stage) => {
    const run = new FakeRun({ trials: 40, workers: 2 });
    while (run.snapshot().trials.length < 40) run.advance(5000);
    const best = run.snapshot().trials.filter(({ state }) => state === "complete")
      .sort((one, other) => other.score! - one.score! || one.id - other.id)[0];
    const url = await stage.serve(run);
    const permissions = ["clipboard-read", "clipboard-write"];
    const page = await stage.open(url, { ...WIDE, permissions });
    const copied = () => page.evaluate(() => navigator.clipboard.readText());
    await show(page, url, "functions");
    await page.getByRole("button", { name: "Copy expression" }).click();
    await page.getByText("The expression was copied.").waitFor();
    assertEquals(await copied(), best.expression);
    await page.getByRole("button", { name: "Copy deno task cifar100" }).click();
    await page.getByText("The command was copied.").waitFor();
    assertEquals(await copied(), `deno task cifar100 --act "${best.expression}"`);
    await page.getByRole("button", { name: "Queue with 3 other seeds" }).click();
    await page.getByText("Queued with 3 other seeds.").waitFor();
    assertEquals(run.controls, [{ control: "add_candidate", expression: best.expression, seeds: 3 }]);
  });
});

describe("the list of runs", () => {
  itInBrowser("compares by what differs, renames, tags and deletes after the name is repeated", async (stage) => {
    const sampled = new FakeRun({ name: "random-3", trials: 60, sampler: "random", seed: 3 }).finish();
    const runs = new FakeRuns([finishedRun(), sampled]);
    const url = await stage.serve(runs);
    const page = await stage.open(url);
    await show(page, url, "runs");
    await page.getByLabel("Compare fake").check();
    await page.getByLabel("Compare random-3").check();
    await page.getByRole("img", { name: "Best score so far of fake, random-3" }).waitFor();
    assertEquals(
      await page.locator(".differing tbody th").allTextContents(),
      ["best", "trials plotted", "sampler", "seed", "trials", "workers"],
    );
    await page.getByRole("button", { name: "Edit" }).nth(1).click();
    stage.excuse(/\b400\b/); // the answer to a name that is refused
    await page.getByLabel("Name").fill("a name");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("name must be letters").waitFor();
    await page.getByLabel("Name").fill("renamed");
    await page.getByLabel("Tags").fill("good <b>bold</b>");
    await page.getByLabel("Notes").fill("<script>alert(1)</script>");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("link", { name: "renamed" }).waitFor();
    await page.getByText("<script>alert(1)</script>").waitFor();
    assertEquals(await page.locator(".tag").allTextContents(), ["good", "<b>bold</b>"]);
    await page.getByRole("button", { name: "Edit" }).nth(1).click();
    await page.getByRole("button", { name: "Delete …" }).click();
    const last = page.getByRole("button", { name: "Delete", exact: true });
    assert(await last.isDisabled());
    await page.getByLabel("to delete it for good").fill("renamed");
    await last.click();
    await page.getByText("renamed is deleted").waitFor();
    assertEquals((await runs.list()).map(({ name }) => name), ["fake"]);
  });
});

/** What the views show, filters, and links. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { describe } from "@std/testing/bdd";
import { outcomeOf } from "../../controller/finals.ts";
import { readRoute } from "../../web/client/route.ts";
import { ALL_TRIALS, selectTrials } from "../../web/trial_query.ts";
import { FakeRun } from "../web/fake_run.ts";
import { FAKE_REPORTS } from "../web/fake_reports.ts";
import { FakeRuns } from "../web/fake_runs.ts";
import { itInBrowser } from "./browser.ts";
import { DRAWN, finishedRun, judgedRun, show } from "./shown.ts";

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

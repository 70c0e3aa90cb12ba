/** Operating the page: by keyboard, the control of a search, the list of runs. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { describe } from "@std/testing/bdd";
import { FakeRun } from "../web/fake_run.ts";
import { FakeRuns } from "../web/fake_runs.ts";
import { audit } from "./audit.ts";
import { itInBrowser, WIDE } from "./browser.ts";
import { DRAWN, finishedRun, show } from "./shown.ts";

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

/**
 * Ten thousand trials: loaded in under a second, scrolled at 60 frames a second. Judged is the time that the page's main
 * thread computes, since other programs share the cores and what the clock says is theirs as well; both are printed.
 */
import { assert } from "@std/assert";
import { describe } from "@std/testing/bdd";
import type { CDPSession, Page } from "playwright-core";
import { FakeRun } from "../web/fake_run.ts";
import { itInBrowser, type Stage, WIDE } from "./browser.ts";

const TRIALS = 10_000;
const FRAME_MS = 1000 / 60;
const FRAMES = 90;
/** What a quick turn of the wheel moves a page by in a frame: 2,900 pixels a second. */
const SCROLL = 48;

interface Times {
  /** What the main thread computed, milliseconds. */
  readonly busy: number;
  /** By the clock. */
  readonly clock: number;
}

/** Milliseconds that the page's main thread has computed in all. */
async function busyMs(devtools: CDPSession): Promise<number> {
  const { metrics } = await devtools.send("Performance.getMetrics");
  return 1000 * metrics.find(({ name }) => name === "TaskDuration")!.value;
}

interface Opened extends Times {
  readonly page: Page;
  readonly devtools: CDPSession;
}

/** Runs in the page: when its content is first there. */
function noteContent(): void {
  const isThere = document.querySelector(".table-row, .card, .history svg.plot") !== null;
  if (isThere) Object.assign(globalThis, { contentAt: performance.now() });
  else requestAnimationFrame(noteContent);
}

/** From opening a page of its own, with a process and caches of its own, to its content. */
async function load(stage: Stage, url: string): Promise<Opened> {
  let devtools: CDPSession;
  const page = await stage.open(url, WIDE, async (page) => {
    devtools = await page.context().newCDPSession(page);
    await devtools.send("Performance.enable", { timeDomain: "threadTicks" });
    await page.addInitScript(noteContent);
  });
  const seen = await page.waitForFunction(() => (globalThis as { contentAt?: number }).contentAt);
  const clock = await seen.jsonValue() as number;
  return { page, devtools: devtools!, clock, busy: await busyMs(devtools!) };
}

/** A frame of scrolling. */
async function scroll(page: Page, devtools: CDPSession, list: string): Promise<Times> {
  const before = await busyMs(devtools);
  const clock = await page.locator(list).evaluate(async (scroller, { frames, pixels }) => {
    const start = performance.now();
    for (let frame = 0; frame < frames; frame++) {
      scroller.scrollTop += pixels;
      await new Promise(requestAnimationFrame);
    }
    return performance.now() - start;
  }, { frames: FRAMES, pixels: SCROLL });
  return { busy: (await busyMs(devtools) - before) / FRAMES, clock: clock / FRAMES };
}

function told(name: string, { busy, clock }: Times): string {
  return `${name}: ${busy.toFixed(1)} ms of computing, ${clock.toFixed(1)} ms by the clock`;
}

describe("ten thousand trials", () => {
  itInBrowser("load in under a second and scroll at 60 frames a second", async (stage) => {
    const url = await stage.serve(new FakeRun({ trials: TRIALS, workers: 8 }).finish(60_000));
    for (const [view, list] of [["overview", null], ["trials", ".table"], ["functions", ".gallery"]] as const) {
      const loaded = await load(stage, `${url}#/current/${view}`);
      console.log(told(`${view} of ${TRIALS} trials, loading`, loaded));
      assert(loaded.busy < 1000, told(view, loaded));
      if (!list) continue;
      const scrolled = await scroll(loaded.page, loaded.devtools, list);
      console.log(told(`${view}, a frame of scrolling`, scrolled));
      assert(scrolled.busy < FRAME_MS, told(view, scrolled));
    }
  });
});

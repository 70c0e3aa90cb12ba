/**
 * The dashboard with thousands of trials: how long a page takes to load, first opened and reloaded, and how evenly it
 * scrolls. One JSON object per measurement on stdout; a record keeps them. On a machine that does nothing else:
 *
 *     deno run --allow-read --allow-write=tests/browser --allow-net=127.0.0.1 --allow-env --allow-sys --allow-run \
 *       tests/bench/dashboard.ts 10000 10 >> records/DATE_dashboard.jsonl
 *
 * The server and the browser share the machine. A page that is first opened has a process and a context of its own.
 */
import type { Browser, CDPSession, Page } from "playwright-core";
import { startDashboard } from "../../web/app.ts";
import { launch, SCRATCH } from "../browser/chromium.ts";
import { FakeRun } from "../web/fake_run.ts";
import { registryOf } from "../web/fake_runs.ts";

const trials = Number(Deno.args[0] ?? 10_000);
/** Pages opened of each view, and how many of them are scrolled. */
const pages = Number(Deno.args[1] ?? 10);
/** Distinct functions: as in a run whose sampler converges, many trials are of the same. */
const FUNCTIONS = 5_000;
const SCROLLS = 4;
const FRAMES = 300;
/**
 * A window of Chromium that is new loads its own address bar's pop-ups, hundreds of files, on the same cores. Who opens
 * the dashboard has a window already, so the window has this long to settle.
 */
const SETTLE_MS = 3_000;
/** What a quick turn of the wheel moves a page by in a frame: 2,900 pixels per second. */
const SCROLL = 48;
/** Views, what shows that each is there, and what of it is scrolled. */
const VIEWS = [
  { view: "overview", content: ".history svg.plot", list: null },
  { view: "trials", content: ".table-row", list: ".table" },
  { view: "functions", content: ".card", list: ".gallery" },
] as const;

interface Opened {
  readonly page: Page;
  readonly devtools: CDPSession;
}

/** Milliseconds that the page's main thread has computed in all. */
async function busyMs(devtools: CDPSession): Promise<number> {
  const { metrics } = await devtools.send("Performance.getMetrics");
  return 1000 * metrics.find(({ name }) => name === "TaskDuration")!.value;
}

/** What a page says in its console when its content is there. */
const THERE = "content after ";

/**
 * Runs in the page: says when its content is first there, in milliseconds since it began to be opened. In the console,
 * as Playwright would first compile a program of its own in the page to look for it.
 */
function sayContent(content: string, there: string): void {
  if (document.querySelector(content)) console.log(there + performance.now());
  else requestAnimationFrame(() => sayContent(content, there));
}

async function open(browser: Browser, content: string): Promise<Opened> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  const page = await context.newPage(), devtools = await context.newCDPSession(page);
  await devtools.send("Performance.enable", { timeDomain: "threadTicks" });
  await page.addInitScript(`${sayContent}; sayContent(${JSON.stringify(content)}, ${JSON.stringify(THERE)})`);
  await page.waitForTimeout(SETTLE_MS);
  return { page, devtools };
}

/** Milliseconds from the beginning of what `go` does until the content is there. */
async function loadMs({ page }: Opened, go: () => Promise<unknown>): Promise<number> {
  const there = page.waitForEvent("console", (message) => message.text().startsWith(THERE));
  await go();
  return Number((await there).text().slice(THERE.length));
}

/** The times between frames while the list scrolls, sorted. */
async function scroll(page: Page, list: string): Promise<number[]> {
  const times = await page.locator(list).evaluate(async (scroller, { frames, pixels }) => {
    const nextFrame = () => new Promise<number>(requestAnimationFrame);
    const times: number[] = [];
    for (let frame = 0, before = await nextFrame(); frame < frames; frame++) {
      scroller.scrollTop += pixels;
      const now = await nextFrame();
      times.push(now - before);
      before = now;
    }
    return times;
  }, { frames: FRAMES, pixels: SCROLL });
  return times.sort((one, other) => one - other);
}

function say(measured: Record<string, string | number>): void {
  const rounded = Object.entries(measured).map(([name, value]) => [
    name,
    typeof value === "number" ? Math.round(value * 100) / 100 : value,
  ]);
  console.log(JSON.stringify(Object.fromEntries(rounded)));
}

async function measure(browser: Browser, url: string, { view, content, list }: typeof VIEWS[number]): Promise<void> {
  for (let time = 0; time < pages; time++) {
    const opened = await open(browser, content), { page, devtools } = opened;
    const first = await loadMs(opened, () => page.goto(`${url}#/current/${view}`)), busy = await busyMs(devtools);
    say({ measured: "load", view, trials, load_ms: first, busy_ms: busy });
    say({ measured: "reload", view, trials, load_ms: await loadMs(opened, () => page.reload()) });
    if (list !== null && time < SCROLLS) {
      const before = await busyMs(devtools), times = await scroll(page, list);
      say({
        ...{ measured: "scroll", view, trials, frames: FRAMES },
        frames_per_s: 1000 * FRAMES / times.reduce((sum, ms) => sum + ms, 0),
        median_ms: times[FRAMES / 2],
        longest_ms: times[FRAMES - 1],
        late_frames: times.filter((ms) => ms > 25).length, // one was left out: 1.5 of 16.7 ms
        busy_ms_a_frame: (await busyMs(devtools) - before) / FRAMES,
      });
    }
    await page.context().close();
  }
}

const run = new FakeRun({ trials, workers: 8, functions: FUNCTIONS, verdict: "found" }).finish(60_000);
const dashboard = await startDashboard({ registry: registryOf(run), port: 0 });
const browser = await launch();
for (const view of VIEWS) await measure(browser, dashboard.url, view);
await browser.close();
await dashboard.close();
await Deno.remove(SCRATCH, { recursive: true });

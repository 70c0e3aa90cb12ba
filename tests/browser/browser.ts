/**
 * A real browser for the tests of the page. Every page is watched: a console error, an exception, a request that fails or
 * leaves this machine fails the test that opened it.
 */
import { assertEquals } from "@std/assert";
import { afterAll, it } from "@std/testing/bdd";
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import type { RunSource } from "../../controller/runs/events.ts";
import { type Dashboard, type DashboardOptions, startDashboard } from "../../web/app.ts";
import { registryOf } from "../web/fake_runs.ts";
import type { RunRegistry } from "../../controller/runs/registry.ts";
import { CHROMIUM, launch, removeScratch } from "./chromium.ts";

const SCREENSHOTS = "tests/browser/screenshots";
/** Timeout of any action on the page, in ms: generous, as other work may share the cores. */
const PATIENCE_MS = 30_000;

export const WIDE: BrowserContextOptions = { viewport: { width: 1440, height: 900 } };
export const NARROW: BrowserContextOptions = { viewport: { width: 1024, height: 768 } };
export const PHONE: BrowserContextOptions = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

/** Of a request that the page gave up itself, as by reloading before the answer came: no fault of page or server. */
const CANCELLED = "net::ERR_ABORTED";

/** Why these tests cannot run here; null where they can. */
export const whyNoBrowser = whyMissing();

function whyMissing(): string | null {
  const { state } = Deno.permissions.querySync({ name: "run", command: CHROMIUM });
  if (state !== "granted") return "it drives a browser: deno task test:browser";
  try {
    Deno.statSync(CHROMIUM);
    return null;
  } catch {
    return `${CHROMIUM} is not installed (Debian: apt-get install chromium)`;
  }
}

/** A test that is skipped, with the reason, where there is no browser. Called in a `describe`. */
export function itInBrowser(name: string, test: (stage: Stage) => Promise<void>): void {
  if (whyNoBrowser !== null) return void it.skip(`${name} (skipped: ${whyNoBrowser})`);
  it(name, async () => {
    const stage = new Stage(await theBrowser());
    try {
      await test(stage);
      stage.checkPages();
    } finally {
      await stage.clear();
    }
  });
}

let browser: Promise<Browser> | null = null;

/** One for all tests of a file. */
function theBrowser(): Promise<Browser> {
  return browser ??= launch();
}

if (whyNoBrowser === null) {
  afterAll(async () => {
    await (await browser)?.close();
    removeScratch();
  });
}

/** What one test opens and serves: watched while it runs, closed after it. */
export class Stage {
  readonly #browser: Browser;
  readonly #contexts: BrowserContext[] = [];
  readonly #dashboards: Dashboard[] = [];
  readonly #problems: string[] = [];
  readonly #excused: RegExp[] = [];

  constructor(browser: Browser) {
    this.#browser = browser;
  }

  /** The URL of a dashboard on a free port. */
  async serve(
    source: RunSource | RunRegistry,
    options: Omit<DashboardOptions, "registry" | "port"> = {},
  ): Promise<string> {
    const dashboard = await startDashboard({ registry: registryOf(source), port: 0, ...options });
    this.#dashboards.push(dashboard);
    return dashboard.url;
  }

  /** A new page at a URL of this machine. `prepare` is called before it loads. */
  async open(
    url: string,
    options: BrowserContextOptions = WIDE,
    prepare: (page: Page) => Promise<void> = () => Promise.resolve(),
  ): Promise<Page> {
    const context = await this.#browser.newContext(options);
    this.#contexts.push(context);
    context.setDefaultTimeout(PATIENCE_MS);
    const page = await context.newPage();
    this.#watch(page, new URL(url).host);
    await prepare(page);
    await page.goto(url);
    return page;
  }

  /** Ignores problems that match, as the test caused them itself. */
  excuse(pattern: RegExp): void {
    this.#excused.push(pattern);
  }

  checkPages(): void {
    assertEquals(this.#problems.filter((problem) => !this.#excused.some((pattern) => pattern.test(problem))), []);
  }

  async clear(): Promise<void> {
    for (const context of this.#contexts) await context.close();
    for (const dashboard of this.#dashboards) await dashboard.close();
  }

  #watch(page: Page, host: string): void {
    page.on("console", (message) => {
      const type = message.type();
      if (type === "error" || type === "warning") this.#problems.push(`console: ${message.text()}`);
    });
    page.on("pageerror", (error) => this.#problems.push(`exception: ${error.message}`));
    page.on("requestfailed", (request) => {
      const reason = request.failure()?.errorText;
      if (reason !== CANCELLED) this.#problems.push(`failed: ${request.url()} ${reason}`);
    });
    page.on("response", (response) => {
      if (response.status() >= 400) this.#problems.push(`answered ${response.status()}: ${response.url()}`);
    });
    page.on("request", (request) => {
      const url = new URL(request.url());
      if (url.host !== host) this.#problems.push(`request to another host: ${request.url()}`);
    });
  }
}

/**
 * Kept in the tree, so that a change of the page's look is seen in review: `deno task test:browser -- --screenshots` takes
 * them anew. Small: JPEG of a screenful.
 */
export async function screenshot(page: Page, name: string): Promise<void> {
  if (!Deno.args.includes("--screenshots")) return;
  Deno.mkdirSync(SCREENSHOTS, { recursive: true });
  const image = await page.screenshot({ type: "jpeg", quality: 60, animations: "disabled" });
  Deno.writeFileSync(`${SCREENSHOTS}/${name}.jpg`, image);
}

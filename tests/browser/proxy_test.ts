/** The dashboard behind a proxy, as reverse proxies and notebook servers put it: seen live, steered and signed in to. */
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { Page } from "playwright-core";
import { FakeRun } from "../web/fake_run.ts";
import { itInBrowser, type Stage, whyNoBrowser } from "./browser.ts";
import { type Proxy, startNginx, whyNoNginx } from "./nginx.ts";

const missing = whyNoNginx();

function itBehindNginx(name: string, test: (stage: Stage) => Promise<void>): void {
  if (missing !== null && whyNoBrowser === null) return void it.skip(`${name} (skipped: ${missing})`);
  itInBrowser(name, test);
}

function someRun(): FakeRun {
  const run = new FakeRun({ trials: 60, workers: 2 });
  run.advance(30_000);
  return run;
}

/** Checks that the page follows the search and controls it. */
async function watchAndSteer(page: Page, run: FakeRun): Promise<void> {
  await page.locator(".pill.run-running").waitFor();
  await page.getByRole("button", { name: "Pause" }).click();
  await page.locator(".pill.run-paused").waitFor();
  await page.getByRole("button", { name: "Resume" }).click();
  await page.locator(".pill.run-running").waitFor();
  await page.getByRole("navigation", { name: "Views" }).getByRole("link", { name: "Runs" }).click();
  await page.locator(".run-list input").first().waitFor();
  run.finish();
  await page.locator(".pill.run-finished").first().waitFor();
  assertEquals(run.controls.map(({ control }) => control), ["pause", "resume"]);
  await page.getByText("connected", { exact: true }).waitFor({ state: "attached" });
}

async function behind(
  locations: (dashboard: string) => Record<string, string>,
  url: string,
  test: (proxy: Proxy) => Promise<void>,
) {
  const proxy = await startNginx(locations(url.replace(/\/(\?.*)?$/, "")));
  try {
    await test(proxy);
  } finally {
    await proxy.stop();
  }
}

/** A proxy without websockets answers their handshake as any other request. */
const NO_SOCKET = /^console: WebSocket connection to|^console: Failed to load resource: .* 404|answered 404: .*\/live$/;
const SOCKETS = "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;";

describe("behind nginx", () => {
  for (const path of ["/", "/proxy/8511/"]) {
    itBehindNginx(`with its default settings at ${path} a search is watched and steered`, async (stage) => {
      const run = someRun();
      const url = await stage.serve(run);
      await behind((dashboard) => ({ [path]: `proxy_pass ${dashboard}/;` }), url, async ({ origin }) => {
        stage.excuse(NO_SOCKET);
        await watchAndSteer(await stage.open(origin + path), run);
      });
    });
  }

  itBehindNginx("that passes paths on whole it is found below its base path", async (stage) => {
    const run = someRun();
    const url = await stage.serve(run, { reach: { basePath: "/proxy/8511" } });
    await behind((dashboard) => ({ "/proxy/8511": `proxy_pass ${dashboard};` }), url, async ({ origin }) => {
      stage.excuse(NO_SOCKET);
      const page = await stage.open(`${origin}/proxy/8511`);
      assertEquals(new URL(page.url()).pathname, "/proxy/8511/");
      await watchAndSteer(page, run);
    });
  });

  itBehindNginx("that passes websockets and the host's name on, it hears by a websocket", async (stage) => {
    const run = someRun();
    const url = await stage.serve(run);
    const rules = `${SOCKETS} proxy_set_header Host $http_host;`;
    await behind((dashboard) => ({ "/": `proxy_pass ${dashboard}; ${rules}` }), url, async ({ origin }) => {
      const page = await stage.open(origin);
      let polls = 0;
      page.on("request", (request) => request.url().includes("/live?") && polls++);
      await watchAndSteer(page, run);
      assertEquals(polls, 0);
    });
  });

  itBehindNginx("that is reached by another name it is told that name, and steered from no other", async (stage) => {
    const run = someRun();
    const url = await stage.serve(run, { reach: { allowedHosts: ["box.localhost"] } });
    await behind((dashboard) => ({ "/": `proxy_pass ${dashboard};` }), url, async ({ origin }) => {
      stage.excuse(NO_SOCKET);
      stage.excuse(/\b403\b/);
      const other = await stage.open(origin.replace("127.0.0.1", "gate.localhost")); // browsers take *.localhost to be here
      await other.getByRole("button", { name: "Pause" }).click();
      await other.getByText("comes from another site").waitFor();
      await watchAndSteer(await stage.open(origin.replace("127.0.0.1", "box.localhost")), run);
    });
  });

  itBehindNginx("a user signs in with the token typed into the form", async (stage) => {
    const run = someRun();
    const token = "correct-horse-battery-staple";
    const url = await stage.serve(run, { token });
    await behind((dashboard) => ({ "/proxy/8511/": `proxy_pass ${dashboard}/;` }), url, async ({ origin }) => {
      stage.excuse(NO_SOCKET);
      stage.excuse(/\b401\b/);
      const page = await stage.open(`${origin}/proxy/8511/`);
      await page.getByLabel("Token").fill("a wrong one, to begin with");
      await page.getByRole("button").click();
      await page.getByText("That is not the token.").waitFor();
      await page.getByLabel("Token").fill(token);
      await page.getByRole("button").click();
      await watchAndSteer(page, run);
      assert(!page.url().includes(token));
    });
  });
});

describe("a token", () => {
  itInBrowser("is typed into the form of the dashboard itself", async (stage) => {
    const token = "correct-horse-battery-staple";
    const url = new URL(await stage.serve(someRun(), { token }));
    stage.excuse(/\b401\b/);
    const page = await stage.open(url.origin);
    await page.getByLabel("Token").fill(token);
    await page.getByRole("button").click();
    await page.locator(".pill.run-running").waitFor();
  });
});

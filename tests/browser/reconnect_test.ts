/** The page is correct after any disconnect: no event is missed or applied twice. */
import { assert, assertEquals } from "@std/assert";
import { describe } from "@std/testing/bdd";
import type { Page } from "playwright-core";
import type { Trial } from "../../controller/trial.ts";
import { startDashboard } from "../../web/app.ts";
import { FakeRun, random } from "../web/fake_run.ts";
import { registryOf } from "../web/fake_runs.ts";
import { itInBrowser, WIDE } from "./browser.ts";

const ROW = 32;

/** All rows of the table, read by scrolling through it: number, state and accuracy as shown. */
async function readTable(page: Page, rows: number): Promise<string[]> {
  const read = new Map<number, string>();
  for (let at = 0; at < rows; at += 15) {
    await page.locator(".table").evaluate((table, top) => table.scrollTop = top, at * ROW);
    await page.waitForSelector(`[role=row][aria-rowindex="${Math.min(rows, at + 15) + 1}"]`);
    const shown = await page.locator(".table-row").evaluateAll((elements) =>
      elements.map((row) => ({
        index: Number(row.getAttribute("aria-rowindex")) - 2,
        text: [...row.children].map((cell) => cell.textContent).join(" "),
      }))
    );
    for (const { index, text } of shown) {
      assert(!read.has(index) || read.get(index) === text, `row ${index} is both "${read.get(index)}" and "${text}"`);
      read.set(index, text);
    }
  }
  return Array.from({ length: rows }, (_, index) => read.get(index) ?? "missing");
}

function asShown({ id, state, score }: Trial): string {
  const accuracy = score === null ? state : `${(score * 100).toFixed(2)}\u202f%`;
  return `${id} ${state} ${accuracy}`;
}

/** The browser reports every failed connection, and writes to a closing one. */
const CUT = /^console: WebSocket (connection to|is already in CLOSING) /;
/** And every failed poll, when no socket has worked for some time, and an icon that it asks for late. */
const AWAY = /^console: Failed to load resource: net::ERR_|^failed: .*\/(live\?|favicon)/;
const TABLE = "#/current/trials?columns=id,state,accuracy";

describe("a connection that is cut", () => {
  itInBrowser("again and again at random while events flow leaves nothing missed or doubled", async (stage) => {
    const run = new FakeRun({ trials: 100, workers: 8 });
    const next = random(5);
    const url = await stage.serve(run);
    let sockets = 0;
    let cut = () => {};
    stage.excuse(CUT);
    const page = await stage.open(url + TABLE, WIDE, (page) =>
      page.routeWebSocket(/\/live$/, (socket) => {
        sockets++;
        const server = socket.connectToServer();
        cut = () => {
          void socket.close();
          void server.close();
        };
        // Some connections die in the middle of what the server was saying, before the page has read all of it.
        if (next() < 0.5) setTimeout(cut, 60 + 300 * next());
      }));
    const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
    while (!run.isDone) {
      run.advance(700);
      if (next() < 0.05) cut();
      await pause(4);
      // How often the page connects depends on the machine: the last trials wait until it was often enough.
      while (sockets < 5 && run.snapshot().trials.length >= 90) {
        cut();
        await pause(50);
      }
    }
    run.advance(0); // says that it is finished
    await page.locator(".pill.run-finished").waitFor();
    const { trials } = run.snapshot();
    await page.waitForSelector(`[role=grid][aria-rowcount="${trials.length + 1}"]`);
    assert(sockets >= 5, `the page connected only ${sockets} times`);
    assertEquals(await readTable(page, trials.length), trials.map(asShown));
  });

  itInBrowser("as the server goes and another comes in its place is made anew from a snapshot", async (stage) => {
    const run = new FakeRun({ trials: 60, workers: 4 });
    run.advance(30_000);
    const first = await startDashboard({ registry: registryOf(run), port: 0 });
    stage.excuse(CUT);
    stage.excuse(AWAY);
    const page = await stage.open(first.url + TABLE);
    await page.waitForSelector(".table-row");
    await first.close();
    await page.getByText("the search's process has ended").waitFor();
    run.finish();
    const second = await startDashboard({ registry: registryOf(run), port: Number(new URL(first.url).port) });
    await page.locator(".pill.run-finished").waitFor();
    const { trials } = run.snapshot();
    assertEquals(await readTable(page, trials.length), trials.map(asShown));
    await second.close();
  });

  itInBrowser("with the network returns when the network does", async (stage) => {
    const run = new FakeRun({ trials: 60, workers: 4 });
    run.advance(30_000);
    const url = await stage.serve(run);
    const page = await stage.open(url + TABLE);
    await page.waitForSelector(".table-row");
    stage.excuse(CUT);
    stage.excuse(AWAY);
    await page.context().setOffline(true);
    run.finish();
    await page.context().setOffline(false);
    await page.locator(".pill.run-finished").waitFor();
    const { trials } = run.snapshot();
    assertEquals(await readTable(page, trials.length), trials.map(asShown));
  });

  itInBrowser(
    "for good, as by a proxy that lets websockets through no longer, is followed by polling",
    async (stage) => {
      const run = new FakeRun({ trials: 60, workers: 4 });
      run.advance(30_000);
      const url = await stage.serve(run);
      let isOpen = true;
      let cut = () => {};
      let polls = 0;
      stage.excuse(CUT);
      const page = await stage.open(url + TABLE, WIDE, (page) =>
        page.routeWebSocket(/\/live$/, (socket) => {
          if (!isOpen) return void socket.close();
          const server = socket.connectToServer();
          cut = () => {
            void socket.close();
            void server.close();
          };
        }));
      page.on("request", (request) => request.url().includes("/live?") && polls++);
      await page.waitForSelector(".table-row");
      assertEquals(polls, 0);
      isOpen = false;
      cut();
      run.advance(3_000);
      run.finish();
      await page.locator(".pill.run-finished").waitFor();
      await page.getByText("connected", { exact: true }).waitFor({ state: "attached" });
      assert(polls > 0);
      const { trials } = run.snapshot();
      assertEquals(await readTable(page, trials.length), trials.map(asShown));
    },
  );
});

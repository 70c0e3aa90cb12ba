/** A real search, watched and steered from its first trial to its last. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { describe } from "@std/testing/bdd";
import type { Page } from "playwright-core";
import { VIEWS } from "../../web/client/route.ts";
import { itInBrowser, SCRATCH } from "./browser.ts";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;
const TRIALS = 4;

interface Search {
  readonly process: Deno.ChildProcess;
  readonly url: string;
  /** What it printed, one JSON object a line; complete when the process has ended. */
  readonly lines: Promise<readonly Record<string, unknown>[]>;
}

/** Starts `search --preset smoke --dataset shapes` with what `deno task search` allows it, in a folder of its own. */
async function startSearch(): Promise<Search> {
  const folder = `${SCRATCH}/search`;
  Deno.mkdirSync(folder, { recursive: true });
  const { tasks } = JSON.parse(Deno.readTextFileSync("deno.json"));
  const [, ...flags] = tasks.search.split(" ").slice(0, -2);
  const process = new Deno.Command("deno", {
    args: [...flags, MAIN, ...`search --preset smoke --dataset shapes --trials ${TRIALS} --json`.split(" ")],
    cwd: folder,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const text = new Response(process.stdout).text();
  const url = await addressIn(process.stderr);
  const lines = text.then((text) => text.trim().split("\n").map((line) => JSON.parse(line)));
  return { process, url, lines };
}

/** The dashboard's address, as soon as it is told. What follows is read as well, so that the search never waits for us. */
function addressIn(stderr: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = "";
    const write = (chunk: string) => {
      said += chunk;
      const url = /^dashboard: (\S+)$/m.exec(said)?.[1];
      if (url) resolve(url);
    };
    const close = () => reject(new Error(`the search told no address: ${said}`));
    void stderr.pipeThrough(new TextDecoderStream()).pipeTo(new WritableStream({ write, close }));
  });
}

/** Keeps every text that an element had, from now on. */
async function record(page: Page, selector: string): Promise<() => Promise<string[]>> {
  await page.waitForSelector(selector);
  await page.evaluate((selector) => {
    const texts: string[] = [];
    const note = () => {
      const text = document.querySelector(selector)?.textContent ?? "";
      if (text !== "" && text !== texts.at(-1)) texts.push(text);
    };
    note();
    new MutationObserver(note).observe(document.body, { subtree: true, childList: true, characterData: true });
    Object.assign(globalThis, { recordedTexts: texts });
  }, selector);
  return () => page.evaluate(() => (globalThis as unknown as { recordedTexts: string[] }).recordedTexts);
}

describe("a search", () => {
  itInBrowser(
    "is watched live from its first trial to its last, paused, resumed and given a candidate",
    async (stage) => {
      const search = await startSearch();
      try {
        const page = await stage.open(search.url);
        const states = await record(page, ".pill");
        await page.getByRole("button", { name: "Pause" }).click();
        await page.locator(".pill.run-paused").waitFor();
        await page.getByRole("button", { name: "Add a candidate" }).click();
        await page.getByLabel("Expression of x, with b for a trainable beta").fill("x * sigmoid(b * x)");
        await page.getByRole("button", { name: "Queue it" }).click();
        await page.getByText("is queued").waitFor();
        await page.getByRole("button", { name: "Resume" }).click();
        await page.locator(".pill.run-running").waitFor();
        for (const view of VIEWS) {
          await page.getByRole("navigation", { name: "Views" }).getByRole("link", { name: new RegExp(view, "i") })
            .click();
          await page.locator(`main.view-${view}`).waitFor();
        }
        // The search's process ends when it is done, and the page says so.
        stage.excuse(/^console: WebSocket connection to |^failed: .*\/api\/runs |ERR_CONNECTION_REFUSED/);
        await page.locator(".pill.run-finished").waitFor({ timeout: 60_000 });
        const { code } = await search.process.status;
        assertEquals(code, 0);
        await page.getByText("the search's process has ended").waitFor();

        const seen = await states();
        for (const state of ["paused", "running", "finished"]) assert(seen.includes(state), `${state} of ${seen}`);
        await page.evaluate(() => location.hash = "#/current/trials?columns=id,state,accuracy,simplified");
        await page.waitForSelector(`[role=grid][aria-rowcount="${TRIALS + 2}"]`);
        const rows = await page.locator(".table-row").evaluateAll((rows) =>
          rows.map((row) => [...row.children].map((cell) => cell.textContent))
        );
        const told = (await search.lines).filter(({ event }) => event === "trial");
        assertEquals(
          rows.sort((one, other) => Number(one[0]) - Number(other[0])),
          told.sort((one, other) => Number(one.trial) - Number(other.trial)).map((trial) => [
            String(trial.trial),
            String(trial.state),
            trial.validation_accuracy === null
              ? String(trial.state)
              : `${(Number(trial.validation_accuracy) * 100).toFixed(2)}\u202f%`,
            String(trial.simplified),
          ]),
        );
        assertMatch(rows.map(([, , , text]) => text).join("\n"), /^x \* sigmoid\(b \* x\)$/m);
      } finally {
        try {
          search.process.kill();
        } catch {
          // It has ended.
        }
        await search.process.status;
      }
    },
  );
});

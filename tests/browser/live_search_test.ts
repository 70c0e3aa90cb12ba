/** A real search, watched and steered from its first trial to its last. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { describe } from "@std/testing/bdd";
import type { Page } from "playwright-core";
import { VIEWS } from "../../web/client/route.ts";
import { flagsOfTask } from "../../workers/task_flags.ts";
import { audit } from "./audit.ts";
import { itInBrowser } from "./browser.ts";
import { SCRATCH } from "./chromium.ts";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;
const TRIALS = 4;

interface Started {
  readonly process: Deno.ChildProcess;
  /** What it printed on stdout, when it has ended. */
  readonly out: Promise<string>;
  /** The dashboard's URL, once printed. */
  readonly url: Promise<string>;
}

/** Starts a task of deno.json, with what that allows it, in a folder of its own. */
function startTask(task: "search" | "serve", args: string, folder: string): Started {
  Deno.mkdirSync(folder, { recursive: true });
  const process = new Deno.Command("deno", {
    args: ["run", ...flagsOfTask(task), MAIN, task, ...args.split(" ")],
    cwd: folder,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  return { process, out: new Response(process.stdout).text(), url: addressIn(process.stderr) };
}

const SMOKE = "--preset smoke --dataset shapes --json";

async function end({ process }: Started, signal: Deno.Signal): Promise<void> {
  try {
    process.kill(signal);
  } catch {
    // It has ended.
  }
  await process.status;
}

/** The dashboard's URL; "" if none is printed. The rest is read too, so that the process never blocks on its output. */
function addressIn(stderr: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<string> {
  return new Promise((resolve) => {
    let said = "";
    const write = (chunk: string) => {
      said += chunk;
      const url = /^dashboard: ([^;\s]+)/m.exec(said)?.[1];
      if (url) resolve(url);
    };
    void stderr.pipeThrough(new TextDecoderStream()).pipeTo(new WritableStream({ write, close: () => resolve("") }));
  });
}

/** Records every text that an element has from now on. */
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
      // Children of 100 steps, so that it is not over before the page is there to pause it.
      const search = startTask("search", `${SMOKE} --trials ${TRIALS} --steps 100`, `${SCRATCH}/search`);
      try {
        const page = await stage.open(await search.url);
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
        await page.locator(".pill.run-finished").waitFor({ timeout: 180_000 });
        const { code } = await search.process.status;
        assertEquals(code, 0);
        await page.getByText("the search's process has ended").waitFor();

        const seen = await states();
        for (const state of ["paused", "running", "finished"]) assert(seen.includes(state), `${state} of ${seen}`);
        await page.evaluate(() => location.hash = "#/current/trials?columns=id,state,accuracy,simplified");
        // The last line about each trial: later trainings change its score.
        const told = new Map<number, Record<string, unknown>>();
        for (const line of (await search.out).trim().split("\n").map((line) => JSON.parse(line))) {
          if (["trial", "reference", "trial_changed"].includes(line.event)) told.set(line.trial, line);
        }
        assert(told.size > TRIALS, `${told.size} trials were told`);
        await page.waitForSelector(`[role=grid][aria-rowcount="${told.size + 1}"]`);
        const rows = await page.locator(".table-row").evaluateAll((rows) =>
          rows.map((row) => [...row.children].map((cell) => cell.textContent))
        );
        assertEquals(
          rows.sort((one, other) => Number(one[0]) - Number(other[0])),
          [...told.values()].sort((one, other) => Number(one.trial) - Number(other.trial)).map((trial) => [
            String(trial.trial),
            String(trial.state),
            trial.score === null ? String(trial.state) : `${(Number(trial.score) * 100).toFixed(2)}\u202f%`,
            String(trial.simplified),
          ]),
        );
        assertMatch(rows.map(([, , , text]) => text).join("\n"), /^x \* sigmoid\(b \* x\)$/m);
      } finally {
        await end(search, "SIGTERM");
      }
    },
  );

  itInBrowser(
    "of another process is followed by `serve`, until it is killed and after it is continued",
    async (stage) => {
      const folder = `${SCRATCH}/followed`, run = "--run followed --trials 1000";
      const serve = startTask("serve", "--port 0", folder), started: Started[] = [serve];
      const search = (args: string) => {
        const search = startTask("search", `${args} --no-web`, folder);
        started.push(search);
        return search;
      };
      try {
        const page = await stage.open(await serve.url);
        await page.getByText("there is no run yet").waitFor();
        const first = search(`${SMOKE} ${run}`);
        await page.getByText("Followed live: another process searches it.").waitFor();
        await page.locator(".pill.run-running").waitFor();
        await page.locator(".chip.state-complete b").filter({ hasText: /^[1-9]/ }).waitFor({ timeout: 30_000 });
        assertEquals(await page.getByRole("button", { name: "Pause" }).count(), 0);
        assertEquals(await audit(page), []);
        await page.evaluate(() => location.hash = "#/current/workers");
        await page.locator(".worker-training").first().waitFor();

        await end(first, "SIGKILL");
        await page.locator(".pill.run-interrupted").waitFor();
        await page.getByText("deno task search --resume followed").waitFor();
        assertEquals(await page.locator(".worker-training").count(), 0);

        const second = search("--resume followed");
        await page.locator(".pill.run-running").waitFor({ timeout: 30_000 });
        await end(second, "SIGINT");
        await page.locator(".pill.run-interrupted").waitFor();
      } finally {
        for (const one of started) await end(one, "SIGTERM");
      }
    },
  );
});

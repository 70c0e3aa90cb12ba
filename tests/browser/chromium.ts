/** Debian's chromium, driven by playwright-core. */
import type { Browser } from "playwright-core";

export const CHROMIUM = "/usr/bin/chromium";
/** Scratch folder of the browser and of the searches started; `deno task test` clears its own, so it is another. */
export const SCRATCH = "tests/browser/.tmp";

export async function launch(): Promise<Browser> {
  // The browser's profile goes where these tests may write.
  Deno.mkdirSync(SCRATCH, { recursive: true });
  Deno.env.set("TMPDIR", Deno.realPathSync(SCRATCH));
  // Asked when it is loaded whether this is Windows' Linux, a library in playwright-core would look into a part of /proc
  // that takes every permission; this makes it look only when it is asked again.
  Deno.env.set("__IS_WSL_TEST__", "1");
  const { chromium } = await import("playwright-core");
  return await chromium.launch({
    executablePath: CHROMIUM,
    // In a container chromium has neither the right to make a sandbox of its own nor much shared memory. It only opens
    // pages of this project.
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
}

/** Debian's chromium, driven by playwright-core. */
import type { Browser } from "playwright-core";

export const CHROMIUM = "/usr/bin/chromium";
/** Where browsers keep their profiles; `deno task test` clears its own scratch folder, so it is another. */
const TEMPORARY = "tests/browser/.tmp";
/** Scratch folder of this test file, as others run at the same time. */
export const SCRATCH = `${TEMPORARY}/${crypto.randomUUID().slice(0, 8)}`;

export async function launch(): Promise<Browser> {
  // The browser's profile goes where these tests may write; files that run at the same time share the variable.
  Deno.mkdirSync(SCRATCH, { recursive: true });
  Deno.env.set("TMPDIR", Deno.realPathSync(TEMPORARY));
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

/** Removes the scratch folder, and with the last of them that of the browsers. */
export function removeScratch(): void {
  Deno.removeSync(SCRATCH, { recursive: true });
  try {
    Deno.removeSync(TEMPORARY);
  } catch {
    // another file still uses it
  }
}

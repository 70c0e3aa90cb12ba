/** What the browser tests serve, and how they open a view of it. */
import type { Page } from "playwright-core";
import { FakeRun } from "../web/fake_run.ts";

/** Something that a view shows once it is drawn. */
export const DRAWN = {
  overview: ".history svg.plot",
  functions: ".detail svg.plot",
  trials: ".table-row",
  policy: ".heat-map canvas",
  workers: ".time-line rect",
  runs: ".run-list input",
  samplers: "svg.plot",
  confirmations: "svg.plot",
} as const;

export function finishedRun(name = "fake"): FakeRun {
  return new FakeRun({ name, trials: 300, workers: 4 }).finish();
}

/** A run with references, candidates trained from several seeds, and a verdict. */
export function judgedRun(name: string, verdict: "found" | "not found", target = false): FakeRun {
  return new FakeRun({ name, trials: 300, workers: 4, verdict, target }).finish();
}

export async function show(page: Page, url: string, view: keyof typeof DRAWN, search = ""): Promise<void> {
  await page.goto(`${url}#/current/${view}${search}`);
  await page.waitForSelector(DRAWN[view]);
}

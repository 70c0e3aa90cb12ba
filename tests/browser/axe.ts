/** Deque's axe-core, which knows what assistive technology needs of a page better than a few lines of our own. */
import type { AxeResults } from "axe-core";
import type { Page } from "playwright-core";

const SOURCE = new URL(import.meta.resolve("axe-core")).pathname;
const SERIOUS = new Set(["serious", "critical"]);

/** One sentence per violation of WCAG 2.2 AA or a best practice that axe-core calls serious or critical. */
export async function seriousViolations(page: Page): Promise<string[]> {
  await page.evaluate(Deno.readTextFileSync(SOURCE));
  const { violations } = await page.evaluate(() =>
    (globalThis as unknown as { axe: { run(): Promise<AxeResults> } }).axe.run()
  );
  return violations.filter(({ impact }) => SERIOUS.has(impact ?? ""))
    .flatMap(({ id, help, nodes }) => nodes.map(({ html }) => `${id}: ${help}: ${html.slice(0, 120)}`));
}

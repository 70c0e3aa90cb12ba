/** Accessibility that can be measured: contrast of text, names of controls, no horizontal scrolling. */
import type { Page } from "playwright-core";

/** One sentence per problem; empty if there is none. */
export async function audit(page: Page): Promise<string[]> {
  return await page.evaluate(() => {
    const found: string[] = [];

    // 1. Contrast of text, WCAG 2.2 success criterion 1.4.3: 4.5, or 3 for large text.
    type Colour = [number, number, number, number];
    const read = (text: string): Colour => {
      const parts = text.match(/[\d.]+/g)?.map(Number) ?? [0, 0, 0, 0];
      return [parts[0], parts[1], parts[2], parts[3] ?? 1];
    };
    const over = ([r, g, b, a]: Colour, under: Colour): Colour => [
      r * a + under[0] * (1 - a),
      g * a + under[1] * (1 - a),
      b * a + under[2] * (1 - a),
      1,
    ];
    const backgroundOf = (element: Element | null): Colour => {
      if (!element) return [255, 255, 255, 1];
      const own = read(getComputedStyle(element).backgroundColor);
      return own[3] === 1 ? own : over(own, backgroundOf(element.parentElement));
    };
    const luminance = (colour: Colour) =>
      colour.slice(0, 3).map((value) => value / 255)
        .map((value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
        .reduce((sum, value, index) => sum + value * [0.2126, 0.7152, 0.0722][index], 0);
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = texts.nextNode(); node; node = texts.nextNode()) {
      const element = node.parentElement!;
      const text = node.textContent!.trim();
      const box = element.getBoundingClientRect();
      // Disabled controls are exempt; a title is no text on the page.
      if (text === "" || box.width < 2 || element.closest(":disabled, .visually-hidden, title, noscript, datalist")) {
        continue;
      }
      const style = getComputedStyle(element);
      if (style.visibility === "hidden") continue;
      const background = backgroundOf(element);
      const colour = over(read(element.closest("svg") ? style.fill : style.color), background);
      const [light, dark] = [luminance(colour), luminance(background)].sort((one, other) => other - one);
      const ratio = (light + 0.05) / (dark + 0.05);
      const size = parseFloat(style.fontSize);
      const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
      if (ratio < (isLarge ? 3 : 4.5)) found.push(`contrast ${ratio.toFixed(2)} of "${text.slice(0, 40)}"`);
    }

    // 2. Names of controls and of meaningful pictures.
    const controls =
      "button, a[href], input, select, textarea, summary, dialog, [role=grid], [role=img], [tabindex='0']";
    for (const element of document.querySelectorAll<HTMLElement>(controls)) {
      const labels = (element as HTMLInputElement).labels;
      const labelledBy = element.getAttribute("aria-labelledby");
      const name = element.getAttribute("aria-label") ||
        (labelledBy && document.getElementById(labelledBy)?.textContent) ||
        (labels && [...labels].map((label) => label.textContent).join(" ")) || element.title || element.textContent;
      if (!name?.trim()) found.push(`no name: ${element.outerHTML.slice(0, 80)}`);
    }
    const ids = [...document.querySelectorAll("[id]")].map(({ id }) => id);
    for (const id of new Set(ids.filter((id, index) => ids.indexOf(id) !== index))) found.push(`id ${id} twice`);

    // 3. The page never scrolls horizontally.
    const { scrollWidth } = document.documentElement;
    if (scrollWidth > innerWidth) found.push(`${scrollWidth} pixels wide in a window of ${innerWidth}`);
    return [...new Set(found)];
  });
}

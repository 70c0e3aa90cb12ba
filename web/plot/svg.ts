/**
 * A picture as data: SVG elements as plain objects. `toText` serialises them for a file, and the dashboard renders the
 * same objects as its own elements, so that a plot looks the same on disk and on screen.
 *
 * `plot/` imports nothing else of the project: commands draw their charts with it, and so does the dashboard's client.
 */

export interface SvgElement {
  readonly tag: string;
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly children: readonly (SvgElement | string)[];
}

export function element(
  tag: string,
  attributes: Readonly<Record<string, string | number>> = {},
  children: readonly (SvgElement | string)[] = [],
): SvgElement {
  return { tag, attributes, children };
}

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Makes text safe inside an element or a quoted attribute of HTML, SVG or MathML. */
export function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ESCAPES[character]);
}

export function toText(node: SvgElement): string {
  const attributes = Object.entries(node.attributes)
    .map(([name, value]) => ` ${name}="${escapeText(String(value))}"`).join("");
  const children = node.children.map((child) => typeof child === "string" ? escapeText(child) : toText(child)).join("");
  return children === "" ? `<${node.tag}${attributes}/>` : `<${node.tag}${attributes}>${children}</${node.tag}>`;
}

/** Rounded to half pixels, the finest that a screen shows, which keeps files small. */
export function pixel(value: number): number {
  return Math.round(value * 10) / 10;
}

/**
 * The page's own files, read once and served from memory with an ETag. `app.js` is made from `client/` by
 * `deno task bundle` and kept in the tree: a search then starts without a bundler, a network or permission to run
 * programs, and a test fails if it is older than its sources.
 */
import { createHash } from "node:crypto";
import { PLOT_RULES, THEME_VARIABLES } from "./plot/theme.ts";

export interface Asset {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly type: string;
  readonly etag: string;
}

const FILES: Readonly<Record<string, { readonly file: string; readonly type: string }>> = {
  "/": { file: "index.html", type: "text/html; charset=utf-8" },
  "/app.js": { file: "app.js", type: "text/javascript; charset=utf-8" },
  "/app.css": { file: "app.css", type: "text/css; charset=utf-8" },
  "/favicon.svg": { file: "favicon.svg", type: "image/svg+xml" },
};

/** Colours besides those of plots: the page's background, hairlines, hover and selection. */
const PAGE_VARIABLES = {
  light:
    "color-scheme:light;--ground:#f5f6f8;--hair:#e4e7ec;--hover:#f0f3f7;--chosen:#e3eefb;--button:#0b5fa5;--button-ink:#fff;--shadow:0 8px 30px #0003;",
  dark:
    "color-scheme:dark;--ground:#0e1013;--hair:#252a31;--hover:#1d2228;--chosen:#17304a;--button:#2a78c2;--button-ink:#fff;--shadow:0 8px 30px #000a;",
} as const;

const light = THEME_VARIABLES.light + PAGE_VARIABLES.light;
const dark = THEME_VARIABLES.dark + PAGE_VARIABLES.dark;
/** The system's theme, unless the page's data-theme overrides it. */
const THEMES = `:root{${light}}
@media (prefers-color-scheme:dark){:root:not([data-theme=light]){${dark}}}
:root[data-theme=dark]{${dark}}
${PLOT_RULES}
`;

/** The files by their paths on the server. */
export function loadAssets(): ReadonlyMap<string, Asset> {
  return new Map(
    Object.entries(FILES).map(([path, { file, type }]) => {
      const text = Deno.readTextFileSync(new URL(`./static/${file}`, import.meta.url));
      const body = new TextEncoder().encode(file === "app.css" ? THEMES + text : text);
      return [path, { body, type, etag: `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"` }];
    }),
  );
}

/**
 * The page's own files, read once and served from memory with an ETag. `app.js` is made from `client/` by
 * `deno task bundle` and kept in the tree: a search then starts without a bundler, a network or permission to run
 * programs, and a test tells when it is older than its sources.
 */
import { createHash } from "node:crypto";

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

/** The files by their paths on the server. */
export function loadAssets(): ReadonlyMap<string, Asset> {
  return new Map(
    Object.entries(FILES).map(([path, { file, type }]) => {
      const body = Deno.readFileSync(new URL(`./static/${file}`, import.meta.url));
      return [path, { body, type, etag: `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"` }];
    }),
  );
}

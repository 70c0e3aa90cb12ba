/** The user's own mirror, from `--from URL`: trusted, and checked when its files are read. */
import { DatasetError } from "../dataset.ts";
import type { Source } from "./sources.ts";

/**
 * The file at a URL, or the first of `names` below it if the URL ends in "/"; it is stored under the name
 * in which the URL ends, else under the first. Throws a DatasetError
 * (`unavailable`) if it is not a URL, or if this process may not reach its host: the message has the command
 * line that may.
 */
export function mirror(dataset: string, from: string, names: readonly string[]): Source {
  const url = URL.parse(from);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    const message = `Cannot download from "${from}" as a URL begins with http:// or https://`;
    throw new DatasetError("unavailable", `${message}: name a folder or file on this machine with --data`);
  }
  if (Deno.permissions.querySync({ name: "net", host: url.host }).state !== "granted") {
    throw new DatasetError(
      "unavailable",
      `Cannot download from ${url.host} as this task may reach only the known sources and this machine: ` +
        `deno run --no-prompt --allow-read --allow-write=data --allow-net=${url.host} main.ts download ${dataset} --from ${from}`,
    );
  }
  const href = url.pathname.endsWith("/") ? new URL(names[0], url).href : url.href;
  const name = names.find((name) => url.pathname.endsWith(`/${name}`)) ?? names[0];
  return { files: [{ url: href, name, md5: null, size: null }], redirects: [] };
}

/** A mirror of the user's own, from `--from URL`: taken at its word, and what it sends is checked when it is read. */
import { DatasetError } from "../dataset.ts";
import type { Source } from "./sources.ts";

/**
 * The file at an address, or where that ends in "/" the first of `names` below it; it is kept under that of the names
 * which the address ends in, else under the first. Throws a DatasetError
 * (`unavailable`) for what is no address, and where this process may not reach its host: the message is the command
 * line that may.
 */
export function mirror(dataset: string, from: string, names: readonly string[]): Source {
  const url = URL.parse(from);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    const message = `Cannot download from "${from}" as an address begins with http:// or https://`;
    throw new DatasetError("unavailable", `${message}: a folder or file of this machine is named with --data`);
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

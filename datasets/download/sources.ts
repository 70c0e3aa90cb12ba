/**
 * Where data sets are fetched from. The file of each reader lists the sources of its data sets, tried from the top, and
 * `datasets/load.ts` has them all. The tasks' `--allow-net` names their hosts (tests/datasets/download/sources_test.ts
 * compares them), and a redirect is followed only to a host of the same list.
 *
 * The mirrors were picked from public code that uses them and could not be tried when this was written (2026-11-26): a
 * dead source costs one line of output, since every file is checked and the next source is tried.
 */

/** A file on a public host. */
export interface RemoteFile {
  readonly url: string;
  /** Its name in the download folder. */
  readonly name: string;
  /** As its publisher gives it; null if nobody does, and what it decodes to is checked instead. */
  readonly md5: string | null;
  /** Bytes; null if nobody says. */
  readonly size: number | null;
}

export interface Source {
  readonly files: readonly RemoteFile[];
  /** Hosts that the files' own hosts redirect to; `*.` stands for any subdomain. */
  readonly redirects: readonly string[];
}

/** A file with several mirrors, all with the same bytes. */
export type Published = Omit<RemoteFile, "url">;

/** Files below one address, whose host answers itself. */
export function sourceAt(base: string, files: readonly Published[]): Source {
  return { files: files.map((file) => ({ ...file, url: base + file.name })), redirects: [] };
}

/** Hosts of the user's own mirror that need no further permission: this machine (`download --from URL`). */
export const OWN_MIRROR_HOSTS: readonly string[] = ["127.0.0.1", "localhost"];

/** Hosts that the sources come from or redirect to, each once. */
export function hostsOf(sources: readonly Source[]): readonly string[] {
  return [
    ...new Set(
      sources.flatMap(({ files, redirects }) => [...files.map(({ url }) => new URL(url).hostname), ...redirects]),
    ),
  ];
}

/** Whether a host (without its port) is one of a list, where `*.` stands for any subdomain. */
export function hostIsListed(host: string, hosts: readonly string[]): boolean {
  return hosts.some((listed) => listed.startsWith("*.") ? host.endsWith(listed.slice(1)) : host === listed);
}

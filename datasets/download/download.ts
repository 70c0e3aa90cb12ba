/**
 * Fetches a data set from the first source that answers well. Each source passed over is reported with the reason; a
 * slow one is left for the others, and used after all if they fail.
 */
import { DatasetError, type DatasetOptions } from "../dataset.ts";
import { hostIsListed, hostsOf, type Source } from "./sources.ts";
import {
  describePace,
  type Pace,
  PATIENCE,
  type Patience,
  SourceFailure,
  transfer,
  type TransferOptions,
} from "./transfer.ts";

export interface DownloadOptions extends Omit<TransferOptions, "onSlow" | "mayVisit"> {
  /** Hosts that redirects may lead to, `*.` for any subdomain; any host if absent. */
  readonly hosts?: readonly string[];
  /** Called with a line for people: a source that is slow or passed over. */
  readonly onNotice?: (line: string) => void;
  /** Checks what a source sent; a SourceFailure that it throws passes the source over. */
  readonly check?: (source: Source) => Promise<void>;
}

interface Passed {
  readonly source: Source;
  readonly why: string;
  /** Where it was left for being slow. */
  readonly pace: Pace | null;
}

/**
 * Downloads all files of one of the sources into `folder` and resolves to that source; existing files are
 * left unchanged. Throws a DatasetError (`unavailable`) with every reason if no source works.
 */
export async function downloadFirst(
  what: string,
  sources: readonly Source[],
  folder: string,
  options: DownloadOptions = {},
): Promise<Source> {
  const passed: Passed[] = [], waiting: string[] = [];
  // Why sources were passed over is reported once another one answers: if none does, the error says it all.
  const flush = () => waiting.splice(0).forEach((line) => options.onNotice?.(line));
  const told: DownloadOptions = {
    ...options,
    onNotice: (line) => waiting.push(line),
    onProgress: (progress) => {
      flush();
      options.onProgress?.(progress);
    },
  };
  for (const [index, source] of sources.entries()) {
    const isLast = index === sources.length - 1;
    const failure = await fetchSource(source, folder, told, !isLast || passed.some(({ pace }) => pace !== null));
    if (failure === null) {
      flush();
      return source;
    }
    passed.push(failure);
    const next = isLast ? "" : ", so the next source is tried";
    if (sources.length > 1) waiting.push(`${hostOf(source)}: ${failure.why}${next}`);
  }
  const slow = passed.filter(({ pace }) => pace !== null)
    .toSorted((a, b) => b.pace!.bytesPerSecond - a.pace!.bytesPerSecond);
  for (const { source } of slow) {
    waiting.push(`${hostOf(source)}: slow, but no other source works`);
    const failure = await fetchSource(source, folder, told, false);
    if (failure === null) return source;
    passed.splice(passed.findIndex((other) => other.source === source), 1, failure);
  }
  throw new DatasetError("unavailable", `Cannot download ${what}: ${reasons(passed)}`);
}

/**
 * The same for a data set: redirects lead only to hosts of its sources, unless the user named a mirror (`from`), and
 * the error of a failed download ends with what to do instead, the clause `way`.
 */
export async function fetchFiles(
  what: string,
  sources: readonly Source[],
  folder: string,
  way: string,
  options: DatasetOptions & Pick<DownloadOptions, "check">,
): Promise<void> {
  const hosts = options.from === undefined ? hostsOf(sources) : undefined;
  try {
    await downloadFirst(what, sources, folder, { ...options, hosts });
  } catch (error) {
    if (!(error instanceof DatasetError) || !error.message.startsWith("Cannot download")) throw error;
    throw new DatasetError(error.reason, `${error.message}. Or ${way}`);
  }
}

/** Null when complete. `mayLeave`: whether a slow source may be left, as there are others. */
async function fetchSource(
  source: Source,
  folder: string,
  options: DownloadOptions,
  mayLeave: boolean,
): Promise<Passed | null> {
  const { hosts, check, patience = PATIENCE } = options;
  try {
    for (const file of source.files) {
      const path = `${folder}/${file.name}`;
      if (await isThere(path)) continue;
      await transfer(file, path, {
        ...options,
        patience: mayLeave ? hurried(patience) : patience,
        mayVisit: (host) => hosts === undefined || hostIsListed(host, hosts),
        onSlow: (pace) => {
          if (!mayLeave) options.onNotice?.(`${hostOf(source)}: ${describePace(pace)}; there is no faster source`);
          return !mayLeave;
        },
      });
    }
    await check?.(source);
    return null;
  } catch (error) {
    if (error instanceof SourceFailure) return { source, why: error.message, pace: error.pace };
    throw error;
  }
}

/** While other sources are left, a host that does not answer or goes silent is abandoned early. */
const hurried = (patience: Patience): Patience => ({
  ...patience,
  firstAttempts: 1,
  attempts: Math.min(patience.attempts, 3),
  stallMs: Math.min(patience.stallMs, patience.slowAfterMs),
});

async function isThere(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch {
    return false;
  }
}

const hostOf = ({ files: [{ url }] }: Source) => new URL(url).host;

/** "a: why; b: why", or a common reason once. */
function reasons(passed: readonly Passed[]): string {
  const urls = passed.map(({ source }) => source.files[0].url);
  if (new Set(passed.map(({ why }) => why)).size === 1) return `${urls.join(", ")}: ${passed[0].why}`;
  return passed.map(({ why }, index) => `${urls[index]}: ${why}`).join("; ");
}

/**
 * Fetches a file over HTTP and unpacks archives, so that nothing half-written ever stands in its final place: bytes
 * gather in `<file>.part`, which a later call resumes with a Range request, and only a file of the right size and
 * checksum gets its name.
 */
import { createHash } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { DatasetError, type Progress } from "../dataset.ts";
import { kindOf, reasonOf, writing } from "../files.ts";
import { readTarGz } from "../images/tar.ts";

/** A file on a public host, as its publisher describes it. */
export interface RemoteFile {
  readonly url: string;
  readonly md5: string;
  /** Bytes. */
  readonly size: number;
}

export interface DownloadOptions {
  readonly onProgress?: (progress: Progress) => void;
  /** Rejects with its reason; the part is kept. */
  readonly signal?: AbortSignal;
  readonly patience?: Patience;
}

/** When to give up on a host. */
export interface Patience {
  /** Attempts in a row without one new byte, once the host has answered at all. */
  readonly attempts: number;
  /** Attempts before the host has answered once: someone offline should not wait long to hear so. */
  readonly firstAttempts: number;
  /** Pause after the first failure; it doubles with each one. */
  readonly pauseMs: number;
  /** Longest wait for the answer, then between two pieces of it. */
  readonly answerMs: number;
  readonly stallMs: number;
}

const PATIENCE: Patience = { attempts: 5, firstAttempts: 2, pauseMs: 500, answerMs: 8000, stallMs: 30_000 };

/**
 * Brings `remote` to `file`, resuming what an earlier call left. Throws a DatasetError (`unavailable`) where the host
 * cannot be reached, refuses, or sends something else, and where the folder cannot be written.
 */
export async function download(remote: RemoteFile, file: string, options: DownloadOptions = {}): Promise<void> {
  const transfer = new Transfer(remote, file, options);
  try {
    await transfer.open();
    await transfer.fetchAll();
    await transfer.verify();
  } finally {
    transfer.close();
  }
  await writing(file, () => Deno.rename(`${file}.part`, file));
}

/** What the errors of a request mean, in plain words. */
const PLAIN_REASONS: readonly (readonly [sign: RegExp, words: string])[] = [
  [/dns error|failed to lookup/i, "its host is not found: there seems to be no network"],
  [/no route to host|network is unreachable/i, "its host is out of reach: there seems to be no network"],
  [/connection refused/i, "its host refuses to connect"],
  [/connection reset|connection closed|body error|decoding/i, "the connection broke off"],
  [/requires net access/i, "this command may not use the network"],
];

/** Of the error or its causes, the innermost of which knows best; fetch itself only says that it failed. */
function plainReason(error: unknown): string {
  const said: string[] = [];
  for (let one = error; one !== undefined; one = one instanceof Error ? one.cause : undefined) {
    said.unshift(reasonOf(one));
  }
  return PLAIN_REASONS.find(([sign]) => sign.test(said.join("\n")))?.[1] ?? said[0];
}

/** How one request ended. */
type Attempt =
  | { readonly end: "complete" }
  | { readonly end: "broken"; readonly answered: boolean; readonly why: string; readonly cause?: unknown };

class Transfer {
  readonly #patience: Patience;
  readonly #part: string;
  #output: Deno.FsFile | null = null;
  #received = 0;
  /** True where some of the bytes came from an earlier call, and may be of another file. */
  #resumed = false;

  constructor(readonly remote: RemoteFile, readonly file: string, readonly options: DownloadOptions) {
    this.#patience = options.patience ?? PATIENCE;
    this.#part = `${file}.part`;
  }

  async open(): Promise<void> {
    this.#output = await writing(this.#part, async () => {
      await Deno.mkdir(dirname(this.file), { recursive: true });
      return await Deno.open(this.#part, { read: true, write: true, create: true });
    });
    if (!await this.#output.tryLock(true)) {
      throw unavailable(`Cannot download to ${this.#part} as another process is doing so: wait until it has finished`);
    }
    this.#received = (await this.#output.stat()).size;
    this.#resumed = this.#received > 0;
  }

  close(): void {
    this.#output?.close();
    this.#output = null;
  }

  /** Requests until all bytes are on disk, or patience ends. */
  async fetchAll(): Promise<void> {
    const { attempts, firstAttempts, pauseMs } = this.#patience;
    let answered = false;
    let failures = 0;
    while (this.#received < this.remote.size) {
      const before = this.#received;
      const attempt = await this.#request();
      this.options.signal?.throwIfAborted();
      if (attempt.end === "complete") continue;
      answered ||= attempt.answered;
      failures = this.#received > before ? 1 : failures + 1;
      if (failures >= (answered ? attempts : firstAttempts)) {
        throw unavailable(`Cannot download ${this.remote.url}: ${attempt.why}`, attempt.cause);
      }
      await pause(pauseMs * 2 ** (failures - 1), this.options.signal);
    }
  }

  /** Compares the checksum. Where an old part is at fault, all is fetched once more. */
  async verify(): Promise<void> {
    const md5 = await writing(this.#part, () => md5Of(this.#part));
    if (md5 === this.remote.md5) return;
    await this.#restart();
    if (this.#resumed) {
      this.#resumed = false;
      await this.fetchAll();
      return await this.verify();
    }
    throw unavailable(
      `Cannot use what ${this.remote.url} sent as its MD5 checksum must be ${this.remote.md5}: it is ${md5}. ` +
        `Something between may have answered instead (a proxy, a login page)`,
    );
  }

  async #restart(): Promise<void> {
    await writing(this.#part, () => this.#output!.truncate(0));
    this.#received = 0;
  }

  async #request(): Promise<Attempt> {
    const watch = new Watch(this.#patience.answerMs, this.options.signal);
    let answered = false;
    try {
      const headers = new Headers({ "accept-encoding": "identity" });
      if (this.#received > 0) headers.set("range", `bytes=${this.#received}-`);
      const response = await fetch(this.remote.url, { headers, signal: watch.signal });
      answered = true;
      const refusal = await this.#judge(response);
      if (refusal !== null) {
        await response.body?.cancel();
        return { end: "broken", answered, why: refusal };
      }
      for await (const chunk of response.body ?? []) {
        watch.restart(this.#patience.stallMs);
        await this.#write(chunk);
      }
    } catch (error) {
      if (error instanceof DatasetError) throw error;
      return { end: "broken", answered, why: plainReason(error), cause: error };
    } finally {
      watch.stop();
    }
    if (this.#received === this.remote.size) return { end: "complete" };
    return { end: "broken", answered, why: `it ended after ${this.#received} of ${this.remote.size} bytes` };
  }

  /** Null where the body goes on from what is on disk, which is emptied first if the host starts over. */
  async #judge(response: Response): Promise<string | null> {
    const { status } = response;
    const at = Number(/^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "")?.[1]);
    if (status === 206 && at === this.#received) return null;
    if (status === 206 || status === 416) {
      await this.#restart();
      return `the host cannot go on from where the download broke off (HTTP status ${status})`;
    }
    if (status === 200) {
      await this.#restart();
      this.#resumed = false;
      return null;
    }
    const why = `the host answered with HTTP status ${status} ${response.statusText}`.trimEnd();
    if (status >= 500 || status === 408 || status === 429) return why;
    await response.body?.cancel();
    throw unavailable(`Cannot download ${this.remote.url}: ${why}`);
  }

  async #write(chunk: Uint8Array): Promise<void> {
    const total = this.remote.size;
    if (this.#received + chunk.length > total) {
      await this.#restart();
      throw unavailable(`Cannot use what ${this.remote.url} sent as it must be ${total} bytes long: it is longer`);
    }
    const output = this.#output!;
    await writing(this.#part, async () => {
      await output.seek(this.#received, Deno.SeekMode.Start);
      for (let at = 0; at < chunk.length;) at += await output.write(chunk.subarray(at));
    });
    this.#received += chunk.length;
    this.options.onProgress?.({ file: basename(this.file), received: this.#received, total });
  }
}

/** Aborts a request that is silent for too long, or that the caller stops. */
class Watch {
  readonly #controller = new AbortController();
  readonly signal: AbortSignal;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(milliseconds: number, outer?: AbortSignal) {
    this.signal = outer ? AbortSignal.any([outer, this.#controller.signal]) : this.#controller.signal;
    this.restart(milliseconds);
  }

  restart(milliseconds: number): void {
    this.stop();
    this.#timer = setTimeout(() => {
      this.#controller.abort(new Error(`the host was silent for ${milliseconds / 1000} s`));
    }, milliseconds);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

/**
 * Unpacks the folder `root` of a .tar.gz archive to `folder`, in place of what is there: first beside it, then renamed,
 * so that it is there with all its files or not at all. Throws a DatasetError: `malformed` for a damaged archive or one
 * that would write elsewhere, `unavailable` where the disk refuses.
 */
export async function unpack(archive: string, root: string, folder: string): Promise<void> {
  const temporary = await writing(folder, () => Deno.makeTempDir({ dir: dirname(folder), prefix: "unpacking-" }));
  try {
    for await (const entry of readTarGz(archive)) {
      if (entry.path[0] !== root || entry.path.length === 1) continue;
      const target = join(temporary, ...entry.path.slice(1));
      await writing(target, async () => {
        await Deno.mkdir(dirname(target), { recursive: true });
        await Deno.writeFile(target, entry.content);
      });
    }
    await writing(folder, () => Deno.chmod(temporary, 0o755)); // a temporary folder is the owner's alone
    await writing(folder, async () => {
      if (await kindOf(folder) !== null) await Deno.remove(folder, { recursive: true });
      await Deno.rename(temporary, folder);
    });
  } catch (error) {
    await Deno.remove(temporary, { recursive: true });
    throw error;
  }
}

async function md5Of(path: string): Promise<string> {
  const hash = createHash("md5");
  using file = await Deno.open(path);
  for await (const chunk of file.readable) hash.update(chunk);
  return hash.digest("hex");
}

function unavailable(message: string, cause?: unknown): DatasetError {
  return new DatasetError("unavailable", message, { cause });
}

function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal!.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

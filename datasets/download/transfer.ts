/**
 * Fetches one file over HTTP, so that a file under its final name is always complete: bytes are collected in
 * `<file>.part`, which a later call, or another source of the same file, resumes with a Range request, and only a file
 * of the right size and checksum is renamed.
 */
import { createHash } from "node:crypto";
import { basename, dirname } from "node:path";
import { DatasetError, type Progress } from "../dataset.ts";
import { kindOf, writing } from "../files.ts";
import { plainReason, proxyWantsLogin } from "./reasons.ts";
import type { RemoteFile } from "./sources.ts";

export interface TransferOptions {
  readonly onProgress?: (progress: Progress) => void;
  /** Rejects with its reason; the part is kept. */
  readonly signal?: AbortSignal;
  readonly patience?: Patience;
  /** Whether a redirect to this host (without its port) may be followed; to any where it is left out. */
  readonly mayVisit?: (host: string) => boolean;
  /**
   * Called once if the source is slow; returning false leaves it with a SourceFailure that says so; the part is kept.
   */
  readonly onSlow?: (pace: Pace) => boolean;
}

/** How fast a source is. */
export interface Pace {
  readonly bytesPerSecond: number;
  /** Of this file; null if its size is not known. */
  readonly secondsLeft: number | null;
}

/** When to give up on a source. */
export interface Patience {
  /** Consecutive attempts without progress, once the host has answered at all. */
  readonly attempts: number;
  /** Attempts before the host has answered once, so that a user who is offline learns of it soon. */
  readonly firstAttempts: number;
  /** Pause after the first failure; doubled after each further one. */
  readonly pauseMs: number;
  /** Longest wait for the response, then between two chunks of it. */
  readonly answerMs: number;
  readonly stallMs: number;
  /** A source that sends fewer bytes per second than this for this long is slow. */
  readonly slowBelow: number;
  readonly slowAfterMs: number;
}

export const PATIENCE: Patience = {
  ...{ attempts: 5, firstAttempts: 2, pauseMs: 500, answerMs: 8000, stallMs: 30_000 },
  // Toronto served 75 kB/s in 2026 (pytorch/vision #9536), 40 minutes per archive; any other source is likely faster.
  ...{ slowBelow: 200_000, slowAfterMs: 10_000 },
};

const MAX_REDIRECTS = 5;

/** One source failed, and another may work; the message is the bare reason. */
export class SourceFailure extends Error {
  override readonly name = "SourceFailure";
  constructor(message: string, readonly pace: Pace | null = null) {
    super(message);
  }
}

/**
 * Downloads `remote` to `file`, resuming what an earlier call left. Throws a SourceFailure if the host cannot be
 * reached, refuses, sends something else or is too slow for `onSlow`; a DatasetError (`unavailable`) where the disk
 * refuses or another process fetches the same.
 */
export async function transfer(remote: RemoteFile, file: string, options: TransferOptions = {}): Promise<void> {
  const transfer = new Transfer(remote, file, options);
  try {
    await transfer.open();
    await transfer.fetchAll();
    await transfer.verify();
  } finally {
    await transfer.close();
  }
  await writing(file, () => Deno.rename(`${file}.part`, file));
}

/** How one request ended. */
type Attempt =
  | { readonly end: "complete" }
  | { readonly end: "broken"; readonly answered: boolean; readonly why: string };

class Transfer {
  readonly #patience: Patience;
  readonly #part: string;
  readonly #speed: Speed;
  #output: Deno.FsFile | null = null;
  #madeFolder = false;
  #received = 0;
  /** The most bytes so far: starting over repeatedly is no progress. */
  #furthest = 0;
  /** Size of the whole file, once known. */
  #size: number | null;
  /** True if some of the bytes came from an earlier call, and may belong to another file. */
  #resumed = false;

  constructor(readonly remote: RemoteFile, readonly file: string, readonly options: TransferOptions) {
    this.#patience = options.patience ?? PATIENCE;
    this.#part = `${file}.part`;
    this.#size = remote.size;
    this.#speed = new Speed(this.#patience);
  }

  async open(): Promise<void> {
    this.#madeFolder = await kindOf(dirname(this.file)) === null;
    const output = await writing(this.#part, async () => {
      await Deno.mkdir(dirname(this.file), { recursive: true });
      return await Deno.open(this.#part, { read: true, write: true, create: true });
    });
    if (!await output.tryLock(true)) {
      output.close();
      const what = `Cannot download to ${this.#part} as another process is doing so: wait until it has finished`;
      throw new DatasetError("unavailable", what);
    }
    this.#output = output;
    this.#received = this.#furthest = (await output.stat()).size;
    this.#resumed = this.#received > 0;
    const useless = this.remote.md5 === null || !await this.#beginsWell(); // without an MD5 a mixture would go unnoticed
    if (this.#resumed && useless) await this.#restart();
  }

  /** Whether the part that an earlier call left is the beginning of such a file, and not of a web page. */
  async #beginsWell(): Promise<boolean> {
    const first = new Uint8Array(512), count = await this.#output!.read(first);
    try {
      checkBeginning(first.subarray(0, count ?? 0), this.remote.name);
      return true;
    } catch {
      return false;
    }
  }

  /** Leaves neither an empty part nor a folder created for it. */
  async close(): Promise<void> {
    if (this.#output === null) return;
    if (this.#received === 0) await Deno.remove(this.#part).catch(() => {});
    if (this.#received === 0 && this.#madeFolder) await Deno.remove(dirname(this.file)).catch(() => {}); // if empty
    this.#output.close();
    this.#output = null;
  }

  /** Requests until all bytes are on disk, or the attempts are used up. */
  async fetchAll(): Promise<void> {
    const { attempts, firstAttempts, pauseMs } = this.#patience;
    let answered = false;
    let failures = 0;
    while (this.#size === null || this.#received < this.#size) {
      const attempt = await this.#request();
      this.options.signal?.throwIfAborted();
      if (attempt.end === "complete") return;
      answered ||= attempt.answered;
      failures = this.#received > this.#furthest ? 1 : failures + 1;
      this.#furthest = Math.max(this.#furthest, this.#received);
      if (failures >= (answered ? attempts : firstAttempts)) throw new SourceFailure(attempt.why);
      await pause(pauseMs * 2 ** (failures - 1), this.options.signal);
    }
  }

  /** Compares the checksum. If the part of an earlier call may be at fault, everything is fetched once more. */
  async verify(): Promise<void> {
    if (this.remote.md5 === null) return;
    const md5 = await writing(this.#part, () => md5Of(this.#part, this.options.signal));
    if (md5 === this.remote.md5) return;
    await this.#restart();
    if (this.#resumed) {
      this.#resumed = false;
      await this.fetchAll();
      return await this.verify();
    }
    throw new SourceFailure(
      `it sent a different file, as a proxy or a login page might: its MD5 checksum is ${md5} and must be ${this.remote.md5}`,
    );
  }

  /** Discards everything, including the earlier progress. */
  async #restart(): Promise<void> {
    await writing(this.#part, () => this.#output!.truncate(0));
    if (this.#resumed) this.#furthest = 0;
    this.#received = 0;
  }

  async #request(): Promise<Attempt> {
    const watch = new Watch(this.#patience.answerMs, this.options.signal);
    let answered = false;
    try {
      const response = await this.#fetch(watch.signal);
      answered = true;
      const refusal = await this.#judge(response);
      if (refusal !== null) {
        await response.body?.cancel();
        return { end: "broken", answered, why: refusal };
      }
      this.#speed.begin();
      for await (const chunk of response.body ?? []) {
        watch.restart(this.#patience.stallMs);
        await this.#write(chunk);
      }
    } catch (error) {
      if (error instanceof DatasetError || error instanceof SourceFailure) throw error;
      return { end: "broken", answered, why: plainReason(error, this.remote.url) };
    } finally {
      watch.stop();
    }
    // A stream without a length ends where its connection does: the formats gzip and Parquet show whether it was
    // complete.
    if (this.#received === (this.#size ?? this.#received) && this.#received > 0) return { end: "complete" };
    return { end: "broken", answered, why: `it ended after ${this.#received} of ${this.#size} bytes` };
  }

  /** Follows redirects manually, so that none leads to a host outside the table. */
  async #fetch(signal: AbortSignal): Promise<Response> {
    const headers = new Headers({ "accept-encoding": "identity" });
    if (this.#received > 0) headers.set("range", `bytes=${this.#received}-`);
    let url = this.remote.url;
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
      const response = await fetch(url, { headers, signal, redirect: "manual" });
      const location = response.headers.get("location");
      if (response.status < 300 || response.status > 399 || location === null) return response;
      await response.body?.cancel();
      url = this.#redirected(location, url);
    }
    throw new SourceFailure(`it redirects more than ${MAX_REDIRECTS} times`);
  }

  #redirected(location: string, from: string): string {
    const to = URL.parse(location, from);
    if (to === null || !/^https?:$/.test(to.protocol)) throw new SourceFailure(`it redirects to "${location}"`);
    if (to.hostname === new URL(from).hostname || (this.options.mayVisit?.(to.hostname) ?? true)) return to.href;
    throw new SourceFailure(
      `it redirects to ${to.href}, and ${to.hostname} is not among the sources: fetch it by hand if you trust that host`,
    );
  }

  /** Null if the body continues what is on disk, which is emptied first if the host starts over. */
  async #judge(response: Response): Promise<string | null> {
    const { status, headers } = response;
    const refusal = (why: string) => {
      response.body?.cancel();
      throw new SourceFailure(why);
    };
    if (status === 206 || status === 416) {
      const [, at, total] = /^bytes (\d+)-\d+\/(\d+|\*)/.exec(headers.get("content-range") ?? "") ?? [];
      this.#size ??= Number(total) || null;
      if (status === 206 && Number(at) === this.#received) return null;
      await this.#restart();
      return `the host cannot resume the download (HTTP status ${status})`;
    }
    if (status === 200) {
      if (/^(text|application)\/(html|xhtml)/i.test(headers.get("content-type") ?? "")) refusal(WEB_PAGE);
      await this.#restart();
      this.#resumed = false;
      this.#size ??= Number(headers.get("content-length")) || null;
      return null;
    }
    if (status === 407) refusal(proxyWantsLogin(this.remote.url));
    const why = `the host answered with HTTP status ${status} ${response.statusText}`.trimEnd();
    if (status < 500 && status !== 408 && status !== 429) refusal(why);
    return why;
  }

  async #write(chunk: Uint8Array<ArrayBuffer>): Promise<void> {
    if (this.#received === 0) checkBeginning(chunk, this.remote.name);
    const total = this.#size;
    if (total !== null && this.#received + chunk.length > total) {
      await this.#restart();
      throw new SourceFailure(`it sends a different file: it must be ${total} bytes long and is longer`);
    }
    const output = this.#output!;
    await writing(this.#part, async () => {
      await output.seek(this.#received, Deno.SeekMode.Start);
      for (let at = 0; at < chunk.length;) at += await output.write(chunk.subarray(at));
    });
    this.#received += chunk.length;
    this.options.onProgress?.({ file: basename(this.file), received: this.#received, total });
    this.#leaveIfSlow(chunk.length);
  }

  #leaveIfSlow(bytes: number): void {
    const bytesPerSecond = this.#speed.slowAfter(bytes);
    if (bytesPerSecond === null || this.options.onSlow === undefined) return;
    const pace = {
      bytesPerSecond,
      secondsLeft: this.#size === null ? null : (this.#size - this.#received) / bytesPerSecond,
    };
    if (!this.options.onSlow(pace)) throw new SourceFailure(describePace(pace), pace);
  }
}

const WEB_PAGE = "it answers with a web page instead of the file, as a login page or a proxy does";

/** "it sends 75 kB/s, which leaves 38 minutes" */
export function describePace({ bytesPerSecond, secondsLeft }: Pace): string {
  const rate = `it sends ${Math.round(bytesPerSecond / 1000)} kB/s`;
  if (secondsLeft === null) return rate;
  const left = secondsLeft < 120 ? `${Math.ceil(secondsLeft)} seconds` : `${Math.round(secondsLeft / 60)} minutes`;
  return `${rate}, which leaves ${left}`;
}

/** The first bytes required of a file by its extension. */
const MAGIC: readonly (readonly [ending: RegExp, magic: readonly number[], kind: string])[] = [
  [/\.t?gz$/, [0x1f, 0x8b], "gzip"],
  [/\.parquet$/, [0x50, 0x41, 0x52, 0x31], "Parquet"],
];

/** Throws a SourceFailure if a file does not begin as its kind does. */
function checkBeginning(chunk: Uint8Array<ArrayBuffer>, name: string): void {
  const [, magic, kind] = MAGIC.find(([ending]) => ending.test(name)) ?? [];
  if (magic === undefined || magic.every((byte, at) => at >= chunk.length || chunk[at] === byte)) return;
  const text = new TextDecoder("latin1").decode(chunk.subarray(0, 512)).trimStart();
  throw new SourceFailure(/^<(!doctype|html|head|\?xml)/i.test(text) ? WEB_PAGE : `it sends no ${kind} file`);
}

/** Bytes per second, measured over consecutive intervals. */
class Speed {
  #since = 0;
  #bytes = 0;
  #told = false;

  constructor(readonly patience: Patience) {}

  /** A request has been answered: the time before was waiting. */
  begin(): void {
    this.#since = performance.now();
    this.#bytes = 0;
  }

  /** Counts bytes; returns the speed once, at the end of a slow interval, else null. */
  slowAfter(bytes: number): number | null {
    this.#bytes += bytes;
    const elapsed = performance.now() - this.#since;
    if (elapsed < this.patience.slowAfterMs) return null;
    const speed = this.#bytes / elapsed * 1000;
    this.begin();
    if (speed >= this.patience.slowBelow || this.#told) return null;
    this.#told = true;
    return speed;
  }
}

/** Aborts a request that is silent for too long, or that the caller cancels. */
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

/** MD5 of a file in hexadecimal; rejects with the signal's reason. */
export async function md5Of(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash("md5");
  using file = await Deno.open(path);
  for await (const chunk of file.readable) {
    signal?.throwIfAborted();
    hash.update(chunk);
  }
  return hash.digest("hex");
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

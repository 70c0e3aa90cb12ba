/**
 * The websocket side of the dashboard: sends each watcher its run's new events. One timer serves all watchers.
 * The data queued in a watcher's socket are bounded (`HIGH_WATER`): beyond that nothing is sent until it has read; then
 * it catches up or starts again from a snapshot. What a watcher may send is bounded too.
 */
import type { RunFeed } from "./feed.ts";
import { ALIVE_MS, parseWatchRequest } from "./protocol.ts";
import { RateLimit } from "./rate_limit.ts";

/** The part of a WebSocket that is needed, so that tests can be slow or hostile on purpose. */
export interface Socket {
  readonly bufferedAmount: number;
  send(text: string): void;
  close(code: number, reason: string): void;
}

export interface LiveOptions {
  /** Milliseconds between sends: fast enough to look immediate, slow enough to gather events. */
  readonly everyMs?: number;
  readonly maxWatchers?: number;
}

/** Bytes queued in a socket above which nothing more is sent. */
const HIGH_WATER = 1 << 20;
/** Events in a message: a few hundred kilobytes, parsed by a browser within a frame or two. */
const MAX_EVENTS_PER_MESSAGE = 1000;
/** Characters a watcher may send at once, and messages per second (with a burst of ten). */
const MAX_REQUEST = 1024;
const REQUESTS_PER_SECOND = 2;
/** Milliseconds without reading after which a watcher is disconnected. */
const STALLED_MS = 60_000;
/** Milliseconds within which a watcher must ask for a run. A page asks as soon as its socket is open. */
const SILENT_MS = 5_000;

interface Watcher {
  readonly socket: Socket;
  readonly limit: RateLimit;
  readonly connectedAt: number;
  /** Whether it ever asked for a run. */
  hasAsked: boolean;
  feed: RunFeed | null;
  /** Sequence number of the last event sent; null before a snapshot. */
  seq: number | null;
  /** When it last got an "alive" message, and since when its socket is too full. */
  aliveAt: number;
  fullSince: number | null;
}

/**
 * What a watcher that has seen events up to `seq` (null: none) gets next, as a serialised message; null for nothing.
 */
function newsOf(
  feed: RunFeed,
  seq: number | null,
  now: number,
): { readonly seq: number; readonly text: string | null } {
  const events = seq === null ? null : feed.since(seq, MAX_EVENTS_PER_MESSAGE);
  if (events === null) return feed.snapshot(now);
  if (events.length === 0) return { seq: seq!, text: null };
  return {
    seq: seq! + events.length,
    text: `{"type":"events","stream":"${feed.stream}","events":[${events.join(",")}]}`,
  };
}

function aliveMessage(now: number): string {
  return JSON.stringify({ type: "alive", at: now, memory: Deno.memoryUsage().rss });
}

/**
 * The same for clients that poll over HTTP, because a proxy blocks websockets: a serialised JSON array of the messages
 * that a socket would have brought since `after`.
 */
export function polled(feed: RunFeed, stream: string | null, after: number | null, now = Date.now()): string {
  const { text } = newsOf(feed, stream === feed.stream ? after : null, now);
  return `[${text === null ? "" : `${text},`}${aliveMessage(now)}]`;
}

export class Live {
  readonly #open: (run: string | null) => Promise<RunFeed | null>;
  readonly #everyMs: number;
  readonly #maxWatchers: number;
  readonly #watchers = new Map<Socket, Watcher>();
  #timer: ReturnType<typeof setInterval> | null = null;

  /** `open` finds the feed of a run by name (null for the run of this process). */
  constructor(open: (run: string | null) => Promise<RunFeed | null>, options: LiveOptions = {}) {
    this.#open = open;
    this.#everyMs = options.everyMs ?? 50;
    this.#maxWatchers = options.maxWatchers ?? 64;
  }

  get watchers(): number {
    return this.#watchers.size;
  }

  /** Whether a run is being watched, so that its feed must stay. */
  isWatched(feed: RunFeed): boolean {
    for (const watcher of this.#watchers.values()) if (watcher.feed === feed) return true;
    return false;
  }

  /** If there are too many, the one silent longest is closed, so that idle sockets lock nobody out. */
  connected(socket: Socket, now = Date.now()): void {
    if (this.#watchers.size >= this.#maxWatchers) {
      const silent = [...this.#watchers.values()].find(({ hasAsked }) => !hasAsked);
      if (!silent) return socket.close(1013, `too many watchers: ${this.#maxWatchers} at most`);
      this.#cut(silent, 1013, "it asked for nothing, and others wait");
    }
    const limit = new RateLimit(10, REQUESTS_PER_SECOND);
    this.#watchers.set(socket, {
      ...{ socket, limit, connectedAt: now, hasAsked: false, feed: null, seq: null, aliveAt: 0, fullSince: null },
    });
    this.#timer ??= setInterval(() => this.pump(), this.#everyMs);
  }

  async received(socket: Socket, data: unknown): Promise<void> {
    const watcher = this.#watchers.get(socket);
    if (!watcher) return;
    if (typeof data !== "string" || data.length > MAX_REQUEST) return this.#cut(watcher, 1009, "message too big");
    if (!watcher.limit.take()) return this.#cut(watcher, 1008, "too many messages");
    const request = parseWatchRequest(data);
    if (!request) return this.#cut(watcher, 1007, "not a watch request");
    watcher.hasAsked = true;
    const feed = await this.#open(request.run).catch((error: Error) => error);
    if (!this.#watchers.has(socket)) return;
    if (feed === null || feed instanceof Error) {
      const reason = feed?.message ??
        (request.run === null ? "there is no run yet" : `no run is called ${request.run}`);
      watcher.feed = null;
      this.#send(watcher, JSON.stringify({ type: "refused", reason }));
      return;
    }
    watcher.feed = feed;
    watcher.seq = request.stream === feed.stream ? request.after : null;
    this.#serve(watcher, Date.now());
  }

  /** Tells the watchers of a feed why it closes; they may ask for another run, or for this one under its new name. */
  release(feed: RunFeed, reason: string): void {
    for (const watcher of this.#watchers.values()) {
      if (watcher.feed !== feed) continue;
      watcher.feed = null;
      this.#send(watcher, JSON.stringify({ type: "refused", reason }));
    }
  }

  disconnected(socket: Socket): void {
    this.#watchers.delete(socket);
    if (this.#watchers.size === 0) this.#stopTimer();
  }

  /** Sends every watcher its new events. Called by the timer. */
  pump(now = Date.now()): void {
    for (const watcher of this.#watchers.values()) this.#serve(watcher, now);
  }

  /** Every watcher first gets all remaining events. */
  close(): void {
    this.pump();
    for (const watcher of this.#watchers.values()) watcher.socket.close(1001, "the dashboard is closing");
    this.#watchers.clear();
    this.#stopTimer();
  }

  #serve(watcher: Watcher, now: number): void {
    if (!watcher.hasAsked && now - watcher.connectedAt > SILENT_MS) {
      return this.#cut(watcher, 1008, "asked for nothing");
    }
    if (watcher.socket.bufferedAmount > HIGH_WATER) {
      watcher.fullSince ??= now;
      if (now - watcher.fullSince > STALLED_MS) this.#cut(watcher, 1013, "too slow");
      return;
    }
    watcher.fullSince = null;
    if (watcher.feed) {
      const news = newsOf(watcher.feed, watcher.seq, now);
      watcher.seq = news.seq;
      if (news.text !== null) this.#send(watcher, news.text);
    }
    if (now - watcher.aliveAt >= ALIVE_MS) {
      watcher.aliveAt = now;
      this.#send(watcher, aliveMessage(now));
    }
  }

  #send(watcher: Watcher, text: string): void {
    try {
      watcher.socket.send(text);
    } catch {
      // The socket closed meanwhile; its close event follows or has come.
      this.disconnected(watcher.socket);
    }
  }

  #cut(watcher: Watcher, code: number, reason: string): void {
    watcher.socket.close(code, reason);
    this.disconnected(watcher.socket);
  }

  #stopTimer(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }
}

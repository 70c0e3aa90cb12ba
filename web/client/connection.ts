/**
 * The browser's end of the connection: keeps a view of one run up to date whatever happens, and notifies its listeners of
 * changes at most a few times per second. Updates come by websocket; where websockets are blocked, as behind a proxy that
 * is not configured for them, the same messages are polled every second, and a websocket is tried again from time to
 * time.
 */
import { ALIVE_MS, type ServerMessage, type WatchRequest } from "../protocol.ts";
import { RunView } from "../run_view.ts";

export type Link = "connecting" | "live" | "lost" | "refused";

/** Milliseconds between repaints: nobody reads faster, and each one filters up to 10,000 trials. */
const REPAINT_MS = 200;
/** Close code of a server that is shutting down. */
const GOING_AWAY = 1001;
/** Memory readings kept: an hour of them, at one per `ALIVE_MS`. */
const MEMORY_KEPT = 720;
/** A run that does not exist may still be started. */
const REFUSED_RETRY_MS = 2_000;
const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 10_000;
/** A websocket without a message by then counts as blocked. */
const FIRST_WORD_MS = 4_000;
const POLL_MS = 1_000;
/** Consecutive websockets without a message after which polling is tried, once one has worked. */
const VAIN_SOCKETS = 2;
/** Delay between attempts to open a websocket while polling works; it doubles each time. */
const SOCKET_AGAIN_MS = { first: 1_000, last: 60_000 };

export class Connection {
  view: RunView | null = null;
  link: Link = "connecting";
  /** Whether the server announced that it shuts down: the search has ended, or was interrupted. */
  isServerGone = false;
  /** Why the server refused the run; "" if it did not. */
  refusal = "";
  controllable = false;
  /** The server's clock minus ours, in milliseconds. */
  clockOffset = 0;
  /** Memory of the searching process, reported every few seconds since this page was opened. */
  readonly memory: { readonly at: number; readonly bytes: number }[] = [];
  #stream: string | null = null;
  #run: string | null;
  /** Name of the run that the server answered with when asked for the current one. */
  #currentName: string | null = null;
  #socket: WebSocket | null = null;
  #retryMs = FIRST_RETRY_MS;
  #retry = 0;
  #isPolling = false;
  /** Consecutive websockets without a message; infinite before the first that worked. */
  #vainSockets = Infinity;
  #socketAgainMs = SOCKET_AGAIN_MS.first;
  #pollTimer = 0;
  #silence = 0;
  #repaint = 0;
  #paintedAt = 0;
  readonly #listeners = new Set<() => void>();

  /** Watches a run by its name; null for the one that the server searches. */
  constructor(run: string | null) {
    this.#run = run;
    addEventListener("online", () => this.#reconnectNow());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible" && this.link === "lost") this.#reconnectNow();
    });
    this.#connect();
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Switches to another run. */
  watch(run: string | null): void {
    if (run === this.#run) return;
    // The run that the server searches also has a name: asking for it by that name changes nothing.
    const isSame = this.view !== null && (run ?? this.#currentName) === this.view.run.name;
    this.#run = run;
    if (isSame) return;
    this.view = null;
    this.#stream = null;
    this.link = "connecting";
    this.#ask();
    this.#changed();
  }

  /** Milliseconds since the epoch by the server's clock. */
  now(): number {
    return Date.now() + this.clockOffset;
  }

  #connect(): void {
    clearTimeout(this.#retry);
    const url = new URL("live", location.href.split("#")[0]);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url);
    this.#socket = socket;
    const firstWord = setTimeout(() => socket.close(), FIRST_WORD_MS);
    this.#vainSockets++;
    socket.onopen = () => {
      this.isServerGone = false;
      this.#ask();
    };
    socket.onmessage = ({ data }) => {
      clearTimeout(firstWord);
      this.#vainSockets = 0;
      this.#stopPolling();
      this.#heard();
      this.#receive(JSON.parse(data));
    };
    socket.onclose = ({ code }) => {
      clearTimeout(firstWord);
      if (socket !== this.#socket) return;
      this.#socket = null;
      clearTimeout(this.#silence);
      this.isServerGone ||= code === GOING_AWAY;
      // Once a socket has worked, one failure means that the server is down; several may mean that sockets are now blocked.
      if (this.#isPolling) this.#trySocketLater();
      else if (this.#vainSockets < VAIN_SOCKETS) this.#lost();
      else this.#poll();
    };
  }

  #reconnectNow(): void {
    this.#retryMs = FIRST_RETRY_MS;
    if (this.#socket?.readyState !== WebSocket.OPEN) this.#connect();
  }

  /** Requests updates, by websocket or by polling. */
  #ask(): void {
    if (this.#socket?.readyState !== WebSocket.OPEN) {
      if (this.#isPolling) this.#pollIn(0);
      return;
    }
    const request: WatchRequest = {
      type: "watch",
      run: this.#run,
      stream: this.#stream,
      after: this.view?.seq ?? null,
    };
    this.#socket.send(JSON.stringify(request));
    this.#heard();
  }

  async #poll(): Promise<void> {
    const run = this.#run;
    const query = new URLSearchParams();
    if (this.#stream !== null && this.view) {
      query.set("stream", this.#stream);
      query.set("after", String(this.view.seq));
    }
    try {
      const signal = AbortSignal.timeout(3 * ALIVE_MS);
      const answer = await fetch(`api/runs/${encodeURIComponent(run ?? "current")}/live?${query}`, { signal });
      if (answer.status !== 404 && !answer.ok) throw new Error(`the server answered ${answer.status}`);
      const messages: ServerMessage[] = answer.ok
        ? await answer.json()
        : [{ type: "refused", reason: (await answer.json()).error }];
      if (this.#socket?.readyState === WebSocket.OPEN) return this.#stopPolling();
      if (!this.#isPolling) this.#trySocketLater();
      this.#isPolling = true;
      this.isServerGone = false;
      if (run === this.#run) { for (const message of messages) this.#receive(message); }
      this.#pollIn(answer.ok ? POLL_MS : REFUSED_RETRY_MS);
    } catch {
      this.#stopPolling();
      this.#lost();
    }
  }

  #pollIn(ms: number): void {
    clearTimeout(this.#pollTimer);
    this.#pollTimer = setTimeout(() => this.#poll(), ms) as unknown as number;
  }

  #stopPolling(): void {
    clearTimeout(this.#pollTimer);
    this.#isPolling = false;
  }

  #trySocketLater(): void {
    this.#retryIn(this.#socketAgainMs);
    this.#socketAgainMs = Math.min(SOCKET_AGAIN_MS.last, 2 * this.#socketAgainMs);
  }

  #retryIn(ms: number): void {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#connect(), ms) as unknown as number;
  }

  #receive(message: ServerMessage): void {
    switch (message.type) {
      case "snapshot":
        this.view = new RunView(message.snapshot, message.at);
        if (this.#run === null) this.#currentName = this.view.run.name;
        this.#stream = message.stream;
        this.controllable = message.controllable;
        this.clockOffset = message.at - Date.now();
        // The first state is drawn at once.
        clearTimeout(this.#repaint);
        [this.#repaint, this.#paintedAt] = [0, -REPAINT_MS];
        break;
      case "events":
        // Events of the previous run may still arrive after another was requested.
        if (message.stream !== this.#stream || !this.view) return;
        for (const event of message.events) {
          if (this.view.apply(event)) continue;
          this.#stream = null;
          this.#ask();
          return;
        }
        break;
      case "alive":
        this.clockOffset = message.at - Date.now();
        this.memory.push({ at: message.at, bytes: message.memory });
        if (this.memory.length > MEMORY_KEPT) this.memory.shift();
        if (this.link === "refused") return;
        break;
      case "refused":
        this.link = "refused";
        this.refusal = message.reason;
        this.#stream = null;
        if (!this.#isPolling) {
          clearTimeout(this.#retry);
          this.#retry = setTimeout(() => this.#ask(), REFUSED_RETRY_MS) as unknown as number;
        }
        this.#changed();
        return;
      default:
        message satisfies never;
    }
    this.link = "live";
    this.#retryMs = FIRST_RETRY_MS;
    this.#changed();
  }

  /** A connection that stays silent is dead, even if no close event came: the machine slept, or the network changed. */
  #heard(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#socket?.close(), 3 * ALIVE_MS) as unknown as number;
  }

  #lost(): void {
    clearTimeout(this.#silence);
    this.link = "lost";
    // Half of the delay is random, so that many pages do not reconnect at once.
    this.#retryIn(this.#retryMs * (0.5 + Math.random() / 2));
    this.#retryMs = Math.min(LAST_RETRY_MS, this.#retryMs * 2);
    this.#changed();
  }

  #changed(): void {
    if (this.#repaint !== 0) return;
    const wait = Math.max(0, this.#paintedAt + REPAINT_MS - performance.now());
    this.#repaint = setTimeout(() => {
      this.#repaint = 0;
      this.#paintedAt = performance.now();
      for (const listener of this.#listeners) listener();
    }, wait) as unknown as number;
  }
}

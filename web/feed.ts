/**
 * One run's events for all its watchers. Events are kept in a ring buffer of fixed size and each is serialised once; a
 * watcher is just a position in the ring. A watcher too slow for the ring starts again from a snapshot, so neither
 * memory nor the search's time depends on who is watching.
 */
import type { RunSource, SearchEvent } from "../controller/runs/events.ts";
import { liveEvent, liveSnapshot } from "./protocol.ts";

export interface FeedOptions {
  /** Events kept for watchers to catch up with. */
  readonly kept?: number;
  /** Milliseconds for which a serialised snapshot is reused, so that many watchers cost as much as one. */
  readonly snapshotMs?: number;
}

export class RunFeed {
  /** Identifies this numbering of events. */
  readonly stream = crypto.randomUUID();
  readonly source: RunSource;
  readonly #kept: number;
  readonly #snapshotMs: number;
  /** Event `seq` is at `seq % kept`, as the event or, once asked for, as its JSON. */
  readonly #ring: (SearchEvent | string | undefined)[];
  #newest: number;
  #oldest: number;
  #snapshot: { readonly seq: number; readonly text: string; readonly at: number } | null = null;
  readonly #unsubscribe: () => void;

  constructor(source: RunSource, options: FeedOptions = {}) {
    this.source = source;
    this.#kept = options.kept ?? 8192;
    this.#snapshotMs = options.snapshotMs ?? 1000;
    this.#ring = new Array(this.#kept);
    this.#unsubscribe = source.subscribe((event) => this.#take(event));
    this.#newest = source.snapshot().seq;
    this.#oldest = this.#newest + 1;
  }

  /** Sequence number of the newest event. */
  get seq(): number {
    return this.#newest;
  }

  /** Serialised events after `seq`, at most `limit` of them; null if some are no longer (or not yet) known. */
  since(seq: number, limit: number): string[] | null {
    if (seq + 1 < this.#oldest || seq > this.#newest) return null;
    const texts: string[] = [];
    for (let next = seq + 1; next <= this.#newest && texts.length < limit; next++) {
      const slot = next % this.#kept;
      const entry = this.#ring[slot]!;
      const text = typeof entry === "string" ? entry : JSON.stringify(liveEvent(entry));
      this.#ring[slot] = text;
      texts.push(text);
    }
    return texts;
  }

  /** A snapshot that the kept events continue, as a serialised `snapshot` message. */
  snapshot(now = Date.now()): { readonly seq: number; readonly text: string } {
    const written = this.#snapshot;
    const isRecent = written && now - written.at < this.#snapshotMs;
    if (written && (written.seq === this.#newest || isRecent) && written.seq + 1 >= this.#oldest) return written;
    const snapshot = this.source.snapshot();
    const text = JSON.stringify({
      type: "snapshot",
      stream: this.stream,
      snapshot: liveSnapshot(snapshot),
      at: now,
      controllable: this.source.control !== null,
    });
    this.#snapshot = { seq: snapshot.seq, text, at: now };
    return this.#snapshot;
  }

  close(): void {
    this.#unsubscribe();
    this.#snapshot = null;
  }

  #take(event: SearchEvent): void {
    this.#ring[event.seq % this.#kept] = event;
    this.#newest = event.seq;
    if (event.seq - this.#oldest >= this.#kept) this.#oldest = event.seq - this.#kept + 1;
  }
}

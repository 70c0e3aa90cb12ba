/**
 * The time in which this thread itself ran. If the process was suspended (a laptop's lid, SIGSTOP, a debugger) or the
 * thread was blocked, its timer fires late, and only a little of the time since the last tick counts: a peer is not
 * late because this thread slept.
 */

/** A tick later than this many intervals means that this thread slept. */
const LATE = 4;

export class AwakeClock {
  readonly #everyMs: number;
  readonly #monotonic: () => number;
  #last: number;
  #awakeMs = 0;

  /** `tick` must be called at least every `everyMs`; `monotonic` returns milliseconds; tests pass another clock. */
  constructor(everyMs: number, monotonic: () => number = () => performance.now()) {
    this.#everyMs = everyMs;
    this.#monotonic = monotonic;
    this.#last = monotonic();
  }

  /** Milliseconds of this thread's running time, as of the last tick. */
  get now(): number {
    return this.#awakeMs;
  }

  /** Whether the thread has slept since the last tick. */
  tick(): boolean {
    const now = this.#monotonic(), passed = Math.max(0, now - this.#last), slept = passed > LATE * this.#everyMs;
    this.#last = now;
    this.#awakeMs += slept ? this.#everyMs : passed;
    return slept;
  }
}

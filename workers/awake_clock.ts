/**
 * The time in which this thread itself ran. Where the process was suspended (a laptop's lid, SIGSTOP, a debugger) or the
 * thread was held up, its timer comes late, and of the time since the last tick only a little counts: nobody who had to
 * answer this thread is late by what it slept.
 */

/** A tick that comes so many times later than it should was not late by itself. */
const LATE = 4;

export class AwakeClock {
  readonly #everyMs: number;
  readonly #monotonic: () => number;
  #last: number;
  #awakeMs = 0;

  /** `tick` is to be called each `everyMs`; `monotonic` gives milliseconds, and tests another clock. */
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

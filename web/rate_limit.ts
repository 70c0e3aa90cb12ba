/** A token bucket: bursts up to `burst`, then `perSecond`. */
export class RateLimit {
  readonly #burst: number;
  readonly #perSecond: number;
  #left: number;
  #at: number;

  constructor(burst: number, perSecond: number, now = Date.now()) {
    this.#burst = burst;
    this.#perSecond = perSecond;
    this.#left = burst;
    this.#at = now;
  }

  /** Whether one more is allowed now; if so it is counted. */
  take(now = Date.now()): boolean {
    this.#left = Math.min(this.#burst, this.#left + Math.max(0, now - this.#at) / 1000 * this.#perSecond);
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}

/** One bucket per address, for the most recent addresses. */
export class RateLimits {
  readonly #burst: number;
  readonly #perSecond: number;
  readonly #addresses: number;
  readonly #limits = new Map<string, RateLimit>();

  constructor(burst: number, perSecond: number, addresses = 1024) {
    this.#burst = burst;
    this.#perSecond = perSecond;
    this.#addresses = addresses;
  }

  take(address: string, now = Date.now()): boolean {
    const limit = this.#limits.get(address) ?? new RateLimit(this.#burst, this.#perSecond, now);
    this.#limits.delete(address);
    this.#limits.set(address, limit);
    if (this.#limits.size > this.#addresses) this.#limits.delete(this.#limits.keys().next().value!);
    return limit.take(now);
  }
}

/**
 * Whether a lost device is opened again: a driver that was reset comes back, a card that was taken out does not.
 */
const MAX_LOSSES = 2;

export class DeviceLosses {
  #count = 0;

  /** In a row. */
  get count(): number {
    return this.#count;
  }

  /** Counts a loss. How many pauses to wait before the device is opened again: 1, then 4; null to give it up. */
  next(): number | null {
    return ++this.#count > MAX_LOSSES ? null : 4 ** (this.#count - 1);
  }

  /** The device works. */
  reset(): void {
    this.#count = 0;
  }
}

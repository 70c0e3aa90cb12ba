/** Cards with known peak rates and memory, neither of which WebGPU reports. */

/** By the makers' data sheets. */
export interface KnownCard {
  /** Operations of float32 and bytes of memory per second. */
  readonly operations: number;
  readonly bytes: number;
  /** Bytes; the smaller where it is sold with two sizes. */
  readonly memory: number;
}

/** By their drivers' names; floors are given for the first one if no name fits. */
export const CARDS: Readonly<Record<string, KnownCard>> = {
  H100: { operations: 67e12, bytes: 3.35e12, memory: 80e9 },
  H200: { operations: 67e12, bytes: 4.8e12, memory: 141e9 },
  A100: { operations: 19.5e12, bytes: 2.04e12, memory: 40e9 },
  "RTX 4090": { operations: 82.6e12, bytes: 1.01e12, memory: 24e9 },
  "RX 7900 XTX": { operations: 61.4e12, bytes: 0.96e12, memory: 24e9 },
};

/** The row of `CARDS` for a card by its driver's name; undefined if none fits. */
export function knownCard(name: string): string | undefined {
  return Object.keys(CARDS).find((known) => name.includes(known));
}

/**
 * What a pool does where a device fails its children: they are not to blame, and are trained again, on the device
 * opened anew, fewer at once, or on another engine.
 */
import { DeviceLosses } from "../child/engine/device_losses.ts";
import type { DeviceFault } from "../child/engine/engine.ts";

/** What comes next after so many pauses, one where it is not told, and the sentence that says so. */
export type Remedy =
  | { readonly kind: "again"; readonly pauses: number; readonly says: string }
  | { readonly kind: "fewer"; readonly workers: number; readonly says: string }
  /** Not on this device any more. `says` is why, and `advice` what to do where there is nothing else. */
  | { readonly kind: "elsewhere"; readonly says: string; readonly advice: string };

/** For a lost device; messages about memory and limits have advice of their own. */
const ADVICE = ": resume when the device works, or begin anew with --engine auto, which continues on the processor";

export class DeviceFaults {
  /** With no child finished in between. */
  readonly #losses = new DeviceLosses();

  /** Of so many workers, whose children are on the device. */
  remedyFor(fault: DeviceFault, message: string, workers: number): Remedy {
    switch (fault) {
      case "lost": {
        const pauses = this.#losses.next();
        return pauses === null
          ? { kind: "elsewhere", says: `${message} (${this.#losses.count} times)`, advice: ADVICE }
          : { kind: "again", pauses, says: `${message}: it is opened again, and its children start again` };
      }
      case "memory": {
        if (workers === 1) return { kind: "elsewhere", says: message, advice: "" };
        const fewer = Math.ceil(workers / 2);
        const train = fewer === 1 ? "one child trains" : `${fewer} children train`;
        return { kind: "fewer", workers: fewer, says: `${train} at once instead of ${workers}: ${message}` };
      }
      case "limit":
        return { kind: "elsewhere", says: message, advice: "" };
    }
  }

  /** A child was trained to its end. */
  finished(): void {
    this.#losses.reset();
  }
}

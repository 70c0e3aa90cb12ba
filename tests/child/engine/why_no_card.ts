/** For the tests that need a graphics card, or a driver in software. */
import { openCard } from "../../../child/engine/webgpu/device.ts";

/** Why there is none here; null if there is one. */
export async function whyNoCard(): Promise<string | null> {
  try {
    await openCard();
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

import type { Engine } from "../../../child/engine/engine.ts";
import { openWebGpu } from "../../../child/engine/webgpu/engine.ts";
import { engineCases } from "./cases.ts";

/** float32: what sums of some hundred terms lose. Software drivers compile a graph for half a second. */
await engineCases("webgpu", openOrReason, 1e-3, "in turn");

/** The engine, on a card or a software driver; the reason where there is neither. */
async function openOrReason(): Promise<Engine | string> {
  try {
    return await openWebGpu();
  } catch (error) {
    return (error as Error).message;
  }
}

/**
 * Chooses how many children this worker's card trains side by side, from the memory that they need and a short
 * measurement.
 */
import type { Engine } from "./engine.ts";
import { chooseChildren, imagesPerSecond, type Workload } from "./speed.ts";
import { CARDS, knownCard } from "./webgpu/cards.ts";
import { openCard } from "./webgpu/device.ts";

/** Of each number of children. */
const MEASURED_MS = 500;
/** Share of a known card's memory that children may take; for other cards the limit is found by trying. */
const MEMORY_SHARE = 0.8;

/** For children of such work, on the engine of this worker's card. */
export async function childrenOnCard(engine: Engine, workload: Workload): Promise<number> {
  const { name } = await openCard(), known = knownCard(name), { graph, activation } = workload;
  return await chooseChildren(
    (children) => imagesPerSecond(engine, MEASURED_MS, children, workload),
    (children) => children * engine.memoryNeeded!(graph, activation, { ...workload, children }),
    known === undefined ? Infinity : MEMORY_SHARE * CARDS[known].memory,
  );
}

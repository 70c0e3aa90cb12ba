/**
 * Chooses how many children this worker's card trains side by side, from the memory that they need and a short
 * measurement.
 */
import { chooseChildren, imagesPerSecond, type Workload } from "./speed.ts";
import { CARDS, knownCard } from "./webgpu/cards.ts";
import { openCard } from "./webgpu/device.ts";
import { openWebGpu } from "./webgpu/engine.ts";

/** Of each number of children. */
const MEASURED_MS = 500;
/** Share of a known card's memory that children may take; for other cards the limit is found by trying. */
const MEMORY_SHARE = 0.8;

/** For children of such work. Throws an Error with the reason where there is no card. */
export async function childrenOnCard(workload: Workload): Promise<number> {
  const { name } = await openCard(), known = knownCard(name), { graph, activation } = workload;
  const engine = await openWebGpu(() => Promise.resolve(null));
  try {
    return await chooseChildren(
      (children) => imagesPerSecond(engine, MEASURED_MS, children, workload),
      (children) => children * engine.memoryNeeded!(graph, activation, { ...workload, children }),
      known === undefined ? Infinity : MEMORY_SHARE * CARDS[known].memory,
    );
  } finally {
    engine.close();
  }
}

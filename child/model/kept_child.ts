/**
 * A child of a search whose state is kept in a file while it trains, so that one that takes hours is not begun again when
 * its process or its worker dies: it goes on from there to the same numbers. A short child is never written.
 */
import type { Child, ChildHooks, ChildRequest, LossPoint, Stop } from "../trainer.ts";
import { type Checkpoint, identityOf, readCheckpoint, writeCheckpoint } from "./checkpoint.ts";

export interface Keeping {
  /** The file; its folder must exist. Who gave it removes it when the child has ended. */
  readonly path: string;
  readonly everyMs: number;
  /** Told where the file cannot be read or written; the child trains on without. */
  onNotice?(message: string): void;
}

interface Progress {
  readonly curve: readonly LossPoint[];
}

/** Less would leave no time to train between two states that are kept. */
const LEAST_MS = 20;
/** What an interrupted child has trained since it was last kept is worth keeping from so many milliseconds on. */
const WORTH_MS = 2_000;

/** As `child.train` to the last step, from where the file says; points of the curve up to there are told again. */
export async function trainKept(
  child: Child,
  request: ChildRequest,
  hooks: ChildHooks,
  keeping: Keeping,
): Promise<Stop | null> {
  const curve: LossPoint[] = [];
  const tell = (point: LossPoint, imagesPerSecond: number) => {
    curve.push(point);
    hooks.onProgress?.(point, imagesPerSecond);
  };
  const found = await read(request, keeping);
  if (found) {
    await child.restore(found.state);
    found.progress.curve.forEach((point) => tell(point, 0));
  }
  const everyMs = Math.max(LEAST_MS, keeping.everyMs), worthMs = Math.min(WORTH_MS, everyMs);
  let keptAt = performance.now(), wasKept = found !== null;
  const keep = async () => {
    await write(child, request, curve, keeping);
    [keptAt, wasKept] = [performance.now(), true];
  };
  while (true) {
    const stop = await child.train(request.settings.steps, {
      ...hooks,
      onProgress: tell,
      deadlineMs: keptAt + everyMs,
    });
    if (stop?.outcome === "timed_out" && !hooks.signal?.aborted) {
      await keep();
      continue;
    }
    const isWorth = stop === null ? wasKept : stop.outcome === "interrupted" && performance.now() - keptAt >= worthMs;
    if (isWorth) await keep();
    return stop;
  }
}

/** Null where there is no file, or none of this child's. */
async function read(request: ChildRequest, { path, onNotice }: Keeping): Promise<Checkpoint<Progress> | null> {
  try {
    return await readCheckpoint<Progress>(path, identityOf(request));
  } catch (error) {
    onNotice?.(`a child begins anew: ${(error as Error).message}`);
    return null;
  }
}

async function write(
  child: Child,
  request: ChildRequest,
  curve: readonly LossPoint[],
  { path, onNotice }: Keeping,
): Promise<void> {
  try {
    await writeCheckpoint<Progress>(path, identityOf(request), { state: await child.state(), progress: { curve } });
  } catch (error) {
    onNotice?.(`a child's state is not kept: ${(error as Error).message}`);
  }
}

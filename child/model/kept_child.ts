/**
 * A child of a search that saves its state to a file while it trains, so that one that takes hours need not start again
 * when its process or its worker dies: it resumes to the same results. A short child is never saved.
 */
import type { Child, ChildHooks, ChildRequest, LossPoint, Stop } from "../trainer.ts";
import { type Checkpoint, identityOf, readCheckpoint, writeCheckpoint } from "./checkpoint.ts";

export interface Keeping {
  /** The file; its folder must exist. The caller removes it when the child has ended. */
  readonly path: string;
  readonly everyMs: number;
  /** Called if the file cannot be read or written; the child trains on without it. */
  onNotice?(message: string): void;
}

interface Progress {
  readonly curve: readonly LossPoint[];
}

/** A shorter interval would leave no time to train between two saves. */
const MIN_MS = 20;
/** An interrupted child is saved if it trained at least this many milliseconds since the last save. */
const WORTH_MS = 2_000;

/** Like `child.train` to the last step, starting from the file; earlier points of the curve are reported again. */
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
  const everyMs = Math.max(MIN_MS, keeping.everyMs), worthMs = Math.min(WORTH_MS, everyMs);
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

/** Null if there is no file, or it is another child's. */
async function read(request: ChildRequest, { path, onNotice }: Keeping): Promise<Checkpoint<Progress> | null> {
  try {
    return await readCheckpoint<Progress>(path, identityOf(request));
  } catch (error) {
    onNotice?.(`a child starts over: ${(error as Error).message}`);
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
    onNotice?.(`a child's state is not saved: ${(error as Error).message}`);
  }
}

/** Tasks of which several run at once, and whose results are taken in order, as if they ran one after another. */

/** What a task is given. */
export interface Turn {
  /** Whether it is the first of those that run, which alone speaks. */
  speaks(): boolean;
  /** Aborted when another one failed. */
  readonly signal: AbortSignal;
}

/**
 * Runs `count` tasks, `atOnce` of them at a time, each started when an earlier one's result was taken. Ends at the first
 * result that is null, when the tasks that run have ended too; resolves to the number of results taken. Throws what a
 * task or `take` throws, after the others were aborted and have ended.
 */
export async function inOrder<Result>(
  count: number,
  atOnce: number,
  run: (index: number, turn: Turn) => Promise<Result | null>,
  take: (index: number, result: Result) => Promise<void>,
): Promise<number> {
  const running: Promise<Result | null>[] = [], failure = new AbortController();
  let taken = 0;
  const start = () => {
    const index = taken + running.length;
    if (index >= count) return;
    const task = run(index, { speaks: () => index === taken, signal: failure.signal });
    task.catch(() => {}); // it is told in its turn
    running.push(task);
  };
  try {
    for (let i = 0; i < atOnce; i++) start();
    while (running.length > 0) {
      const result = await running[0];
      if (result === null) break;
      await take(taken, result);
      running.shift();
      taken++;
      start();
    }
  } catch (error) {
    failure.abort();
    throw error;
  } finally {
    await Promise.allSettled(running);
  }
  return taken;
}

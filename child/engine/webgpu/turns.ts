/** Requests of children side by side, taken in turns: what they ask at the same time is done together. */
import { setImmediate } from "node:timers";

/** How long children that are ready wait for the others, so that they train together. */
const PATIENCE_MS = 10;

/** A request of the child at a place. */
interface Request<Work> {
  readonly place: number;
  readonly work: Work;
}

interface Queued<Work> extends Request<Work> {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** What becomes of a request in a turn: it is done, and the child may soon ask for more; or it stays in the queue. */
export type Progress = "done" | "done, more expected" | "unfinished";

export class Turns<Work> {
  readonly #queue: Queued<Work>[] = [];
  #isRunning = false;
  /** Places that are expected to ask for more. */
  readonly #expected = new Set<number>();

  /** `take` does a part of each request, one of every place at most. What it throws is the end of them all. */
  constructor(readonly take: (turn: readonly Request<Work>[]) => Promise<readonly Progress[]>) {}

  /** Resolves when the request is done. */
  add(place: number, work: Work): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ place, work, resolve, reject });
      if (!this.#isRunning) this.#run();
    });
  }

  /** The child at a place asks for nothing more. */
  forget(place: number): void {
    this.#expected.delete(place);
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#queue.length > 0) {
      await this.#others();
      const turn = this.#next();
      try {
        const progress = await this.take(turn);
        turn.forEach((queued, i) => {
          if (progress[i] === "unfinished") return void this.#queue.unshift(queued);
          if (progress[i] === "done, more expected") this.#expected.add(queued.place);
          queued.resolve();
        });
      } catch (error) {
        turn.forEach(({ reject }) => reject(error as Error));
      }
    }
    this.#isRunning = false;
  }

  /** Waits for the children that are expected. Messages (cancel, heartbeat) come through meanwhile. */
  async #others(): Promise<void> {
    const latest = performance.now() + PATIENCE_MS;
    do {
      await new Promise<void>((resolve) => setImmediate(resolve));
      for (const { place } of this.#queue) this.#expected.delete(place);
    } while (this.#expected.size > 0 && performance.now() < latest);
    this.#expected.clear();
  }

  /** The first request of every place. */
  #next(): Queued<Work>[] {
    const seen = new Set<number>();
    const turn = this.#queue.filter(({ place }) => !seen.has(place) && seen.add(place));
    for (const queued of turn) this.#queue.splice(this.#queue.indexOf(queued), 1);
    return turn.sort((a, b) => a.place - b.place);
  }
}

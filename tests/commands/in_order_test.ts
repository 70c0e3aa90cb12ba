import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { inOrder, type Turn } from "../../commands/training/in_order.ts";

/** Tasks that end when they are told to, and what happened. */
function scripted(count: number, atOnce: number) {
  const tasks = new Map<number, { readonly end: (result: string | null) => void; readonly turn: Turn }>();
  const taken: string[] = [], failed = new Map<number, (error: Error) => void>();
  const all = inOrder<string>(count, atOnce, (index, turn) => {
    const { promise, resolve, reject } = Promise.withResolvers<string | null>();
    tasks.set(index, { end: resolve, turn });
    failed.set(index, reject);
    return promise;
  }, (index, result) => Promise.resolve(void taken.push(`${index} ${result}`)));
  /** Ends a task; others may start before it resolves. */
  const end = async (index: number, result: string | null) => {
    tasks.get(index)!.end(result);
    await new Promise((resolve) => setTimeout(resolve));
  };
  return { all, tasks, taken, failed, end };
}

describe("tasks in order", () => {
  it("run so many at once, and are taken in order whichever ends first", async () => {
    const { all, tasks, taken, end } = scripted(4, 2);
    assertEquals([...tasks.keys()], [0, 1]);
    assertEquals([0, 1].map((index) => tasks.get(index)!.turn.speaks()), [true, false]);
    await end(1, "b");
    assertEquals([taken, tasks.size], [[], 2]);
    await end(0, "a");
    assertEquals([taken, [...tasks.keys()]], [["0 a", "1 b"], [0, 1, 2, 3]]);
    assertEquals([2, 3].map((index) => tasks.get(index)!.turn.speaks()), [true, false]);
    await end(3, "d");
    await end(2, "c");
    assertEquals([await all, taken], [4, ["0 a", "1 b", "2 c", "3 d"]]);
  });

  it("end at the first without a result, once those that run have ended", async () => {
    const { all, tasks, taken, end } = scripted(5, 3);
    let ended = false;
    all.then(() => ended = true);
    await end(0, "a");
    await end(1, null);
    assertEquals([taken, tasks.size, ended], [["0 a"], 4, false]);
    await end(3, null);
    await end(2, "c");
    assertEquals([await all, taken, tasks.size], [1, ["0 a"], 4]);
  });

  it("abort the others where one fails, and throw its error once they have ended", async () => {
    const { all, tasks, failed, end } = scripted(3, 3);
    failed.get(1)!(new Error("the card fell out"));
    await end(0, "a");
    assertEquals(tasks.get(2)!.turn.signal.aborted, true);
    tasks.get(2)!.end(null);
    await assertRejects(() => all, Error, "the card fell out");
  });

  it("run one after another", async () => {
    const { all, tasks, end } = scripted(2, 1);
    assertEquals(tasks.size, 1);
    await end(0, "a");
    await end(1, "b");
    assertEquals(await all, 2);
  });

  it("are done at once where there are none", async () => {
    assertEquals(await scripted(0, 4).all, 0);
  });
});

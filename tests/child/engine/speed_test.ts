import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { DeviceError } from "../../../child/engine/engine.ts";
import { chooseChildren } from "../../../child/engine/speed.ts";

/** A device on which so many children train as fast as that many times one, and more no faster. */
const saturatingAt = (most: number) => (children: number) => Promise.resolve(100 * Math.min(children, most));

describe("children side by side", () => {
  it("are doubled as long as twice as many train faster together", async () => {
    const free = () => 0;
    assertEquals(await chooseChildren(saturatingAt(1), free, Infinity), 1);
    assertEquals(await chooseChildren(saturatingAt(8), free, Infinity), 8);
    assertEquals(await chooseChildren(saturatingAt(12), free, Infinity), 16); // half as many again is worthwhile
    assertEquals(await chooseChildren(saturatingAt(1000), free, Infinity), 64);
  });

  it("are as many as the memory holds, and never fewer than one", async () => {
    const bytes = (children: number) => 100 * children;
    for (const [memory, fitting] of [[50, 1], [350, 2], [400, 4], [799, 4]]) {
      assertEquals(await chooseChildren(saturatingAt(1000), bytes, memory), fitting);
    }
  });

  it("are not tried beyond what fits", async () => {
    const tried: number[] = [];
    await chooseChildren((children) => (tried.push(children), saturatingAt(64)(children)), (n) => n, 8);
    assertEquals(tried, [1, 2, 4, 8]);
  });

  it("are as many as the device turns out to hold, and a device that fails otherwise is an error", async () => {
    const failingAt = (most: number, error: Error) => (children: number) =>
      children < most ? saturatingAt(64)(children) : Promise.reject(error);
    const free = () => 0;
    for (const fault of ["memory", "limit"] as const) {
      assertEquals(await chooseChildren(failingAt(8, new DeviceError(fault, "too many")), free, Infinity), 4);
      await assertRejects(
        () => chooseChildren(failingAt(1, new DeviceError(fault, "no room")), free, Infinity),
        DeviceError,
      );
    }
    for (const error of [new DeviceError("lost", "gone"), new Error("a bug")]) {
      await assertRejects(() => chooseChildren(failingAt(8, error), free, Infinity), Error, error.message);
    }
  });
});

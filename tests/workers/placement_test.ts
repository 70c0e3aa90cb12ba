import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { placeChildren, visibleGpus } from "../../workers/placement.ts";

describe("placement of children", () => {
  it("is one thread per core without a GPU", () => {
    assertEquals(placeChildren(undefined, { cores: 6, gpus: [] }), {
      workers: 6,
      gpus: [],
      sideBySide: false,
    });
  });

  it("is one thread with one GPU", () => {
    assertEquals(placeChildren(undefined, { cores: 6, gpus: ["0"] }), {
      workers: 1,
      gpus: [],
      sideBySide: false,
    });
  });

  it("is one process per GPU with several", () => {
    const gpus = ["0", "1", "3"];
    assertEquals(placeChildren(undefined, { cores: 6, gpus }), { workers: 3, gpus, sideBySide: false });
  });

  it("keeps to the number that was asked for", () => {
    assertEquals(placeChildren(4, { cores: 2, gpus: ["0", "1"] }), {
      workers: 4,
      gpus: ["0", "1"],
      sideBySide: false,
    });
    for (const asked of [0, 257, 1.5]) assertThrows(() => placeChildren(asked, { cores: 2, gpus: [] }), RangeError);
  });

  it("is one thread for all children of a card that trains them side by side", () => {
    const machine = { cores: 6, gpus: [], sideBySide: 16 };
    assertEquals(placeChildren(undefined, machine), { workers: 16, gpus: [], sideBySide: true });
    assertEquals(placeChildren(3, machine), { workers: 3, gpus: [], sideBySide: true });
  });

  it("sees the GPUs of CUDA_VISIBLE_DEVICES, else those the driver lists", () => {
    assertEquals(visibleGpus("2, GPU-5f,"), ["2", "GPU-5f"]);
    assertEquals(visibleGpus(""), []);
    const listed = Deno.makeTempDirSync();
    for (const bus of ["0000:01:00.0", "0000:02:00.0"]) Deno.mkdirSync(`${listed}/${bus}`);
    assertEquals(visibleGpus(undefined, listed), ["0", "1"]);
    assertEquals(visibleGpus(undefined, "/nowhere/at/all"), []);
  });
});

import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { Engine } from "../../../../child/engine/engine.ts";
import { requireSound } from "../../../../child/engine/tfjs/engine.ts";
import { GPU_PACKAGE } from "../../../../child/engine/tfjs/package.ts";
import { openReference } from "../../../../child/engine/reference/engine.ts";

const failing = (reason: string): Engine => ({
  ...openReference(),
  device: "GPU, TensorFlow 2.21.0",
  compile: () => Promise.reject(new Error(reason)),
  probe: () => Promise.reject(new Error(reason)),
});
const sentence = async (reason: string) =>
  (await assertRejects(() => requireSound(failing(reason), GPU_PACKAGE), Error)).message;

describe("checking TensorFlow when it opens", () => {
  it("has nothing to say of an engine that computes what reference does", async () => {
    assertEquals(await requireSound(openReference(), GPU_PACKAGE), undefined);
  });

  it("says in one line that cuDNN does not fit, and how to fix it", async () => {
    assertEquals(
      await sentence("No DNN in stream executor:\n\tthe DNN library is not initialized"),
      "GPU, TensorFlow 2.21.0 cannot train as its cuDNN is missing or of the wrong version (it fails with: No DNN in " +
        "stream executor: the DNN library is not initialized): run `deno task build-tfjs-node --gpu`",
    );
  });

  it("says that any other kernel fails, and how to fix it", async () => {
    assertEquals(
      await sentence("no kernel image"),
      "GPU, TensorFlow 2.21.0 cannot train as its check failed (it fails with: no kernel image): " +
        "run `deno task build-tfjs-node --gpu`",
    );
  });
});

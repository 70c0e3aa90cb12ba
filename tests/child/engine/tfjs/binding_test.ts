import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { type Binding, loadBinding, requireGpu } from "../../../../child/engine/tfjs/binding.ts";
import { CPU_PACKAGE, GPU_PACKAGE } from "../../../../child/engine/tfjs/package.ts";

const folder = () => new URL(`file://${Deno.makeTempDirSync()}/`);
const bindingWith = (gpu: boolean) => ({ TF_Version: "2.21.0", isUsingGpuDevice: () => gpu }) as Binding;

describe("loading TensorFlow's binding", () => {
  it("says how to install a package that is not there", () => {
    const missing = new URL("none/", folder());
    assertThrows(() => loadBinding(CPU_PACKAGE, missing), Error, "not installed: run `deno task build-tfjs-node`");
    assertThrows(() => loadBinding(GPU_PACKAGE, missing), Error, "run `deno task build-tfjs-node --gpu`");
  });

  it("says how to fix one that is half installed", () => {
    assertThrows(() => loadBinding(CPU_PACKAGE, folder()), Error, "half installed");
  });

  it("loads no code from a folder that was not named to --allow-ffi", () => {
    const elsewhere = folder();
    Deno.writeTextFileSync(new URL("tfjs_binding.node", elsewhere), "");
    assertThrows(() => loadBinding(CPU_PACKAGE, elsewhere), Error, "--allow-ffi=.tfjs-node");
  });

  it("tells a missing driver from CUDA or cuDNN that do not fit", () => {
    const without = bindingWith(false);
    assertThrows(() => requireGpu(GPU_PACKAGE, without, null), Error, "apt-get install nvidia-driver");
    assertThrows(() => requireGpu(GPU_PACKAGE, without, "550.54"), Error, "run `deno task build-tfjs-node --gpu`");
    assertEquals(requireGpu(GPU_PACKAGE, bindingWith(true), "550.54"), undefined);
    assertEquals(requireGpu(CPU_PACKAGE, without, null), undefined);
  });
});

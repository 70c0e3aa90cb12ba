import { openWasm } from "../../../child/engine/wasm/engine.ts";
import { engineCases } from "./cases.ts";

/** The kernels that the engine falls back to; float32, as in wasm_test.ts. */
await engineCases("wasm with plain kernels", openPlain, 1e-3, "in turn");

function openPlain() {
  let tries = 0;
  return openWasm(() => Promise.resolve(tries++ === 0 ? "the test asks for the plain ones" : null));
}

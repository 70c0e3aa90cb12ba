import { openWasm } from "../../../child/engine/wasm/engine.ts";
import { engineCases } from "./cases.ts";

/** float32: what sums of some hundred terms lose. */
await engineCases("wasm", openWasm, 1e-3);

import { openWasm } from "../../../child/engine/wasm/engine.ts";
import { rareCases } from "./rare_cases.ts";

await rareCases("wasm", openWasm);

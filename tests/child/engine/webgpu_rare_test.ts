import { openWebGpu } from "../../../child/engine/webgpu/engine.ts";
import { rareCases } from "./rare_cases.ts";
import { whyNoCard } from "./why_no_card.ts";

await rareCases("webgpu", async () => await whyNoCard() ?? await openWebGpu(() => Promise.resolve(null)));

/** Trains a tiny child with a checkpoint and prints its result as JSON: `kill_test.ts` starts it, and kills it. */
import { activationFrom } from "../../child/activation/catalog.ts";
import { openWasm } from "../../child/engine/wasm/engine.ts";
import { trainAndTest } from "../../child/training_run.ts";
import { colours, TINY } from "./tiny.ts";

const [checkpoint] = Deno.args;
const trained = await trainAndTest({
  engine: await openWasm(),
  dataset: colours({ train: 64, validation: 30, test: 12 }),
  activation: activationFrom("swish"),
  settings: { ...TINY, steps: 200, augment: true },
  seed: 1,
  threads: 2,
}, {
  checkpoint,
  checkpointEveryMs: 100,
  onPoint: ({ step }) => console.log(`step ${step}`),
});
const { seconds: _, imagesPerSecond: __, ...result } = trained!.result;
const weights = [...trained!.state.parameters].map(([name, values]) => [name, [...values]]);
console.log(JSON.stringify({ result, weights }));

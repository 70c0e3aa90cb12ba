/** How fast an engine trains here, in about the time given: for choosing between a card and the processor. */
import { activationFrom } from "../activation/catalog.ts";
import { initialParameters } from "../network/initialise.ts";
import { buildResNet } from "../network/resnet.ts";
import { DEFAULT_OPTIMIZER } from "../network/optimizer.ts";
import { Random } from "../../datasets/random.ts";
import type { Engine } from "./engine.ts";
import { sizeOf } from "../network/shape.ts";

const BATCH = 128;

/** Images per second of ResNet-20 at batch 128, one child. */
export async function imagesPerSecond(engine: Engine, milliseconds: number): Promise<number> {
  const swish = activationFrom("swish"), graph = buildResNet(20, { classes: 10, usesBeta: true });
  const program = await engine.compile(graph, swish, { batch: BATCH, optimizer: DEFAULT_OPTIMIZER });
  try {
    await program.write("parameters", initialParameters(graph, swish, 1));
    const random = new Random(1);
    const images = Float32Array.from({ length: BATCH * sizeOf(graph.nodes[0].shape) }, () => random.uniform() - 0.5);
    const labels = Uint8Array.from({ length: BATCH }, (_, n) => n % graph.classes);
    const train = (steps: number) =>
      program.train(Array.from({ length: steps }, () => ({ batch: { images, labels }, learningRate: 0.01 })));
    await train(1); // compiles what is compiled at its first use
    const started = performance.now();
    let steps = 0, passed = 0, count = 1;
    while (passed < milliseconds) {
      await train(count);
      steps += count;
      passed = performance.now() - started;
      count = Math.max(1, Math.min(20, Math.floor(count * (milliseconds - passed) / passed)));
    }
    return steps * BATCH / (passed / 1000);
  } finally {
    program.dispose();
  }
}

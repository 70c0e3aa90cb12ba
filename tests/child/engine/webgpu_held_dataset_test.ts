/** Images picked on the card are those of `TrainingBatches`, bit for bit. */
import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { activationFrom } from "../../../child/activation/catalog.ts";
import { openCard } from "../../../child/engine/webgpu/device.ts";
import { openWebGpu } from "../../../child/engine/webgpu/engine.ts";
import { runOnce } from "../../../child/engine/webgpu/run_once.ts";
import { pickImages } from "../../../child/engine/webgpu/step_kernels.ts";
import { GraphBuilder } from "../../../child/network/graph_builder.ts";
import { normalisation, TrainingBatches } from "../../../datasets/batches.ts";
import type { Dataset } from "../../../datasets/dataset.ts";
import { Random } from "../../../datasets/random.ts";
import { randomParameters } from "./small_graphs.ts";
import { whyNoCard } from "./why_no_card.ts";

const BATCH = 4;

function dataset(count: number, height: number, width: number, channels: number): Dataset {
  const random = new Random(1);
  const bytes = (length: number, below: number) => {
    const shared = new Uint8Array(new SharedArrayBuffer(length));
    shared.forEach((_, i) => shared[i] = random.integer(below));
    return shared;
  };
  const split = { count, pixels: bytes(count * height * width * channels, 256), labels: bytes(count, 10) };
  return {
    name: "noise",
    synthetic: true,
    ...{ height, width, channels },
    classes: Array.from({ length: 10 }, (_, i) => `${i}`),
    mean: [0.49, 0.48, 0.45].slice(0, channels),
    standardDeviation: [0.25, 0.24, 0.26].slice(0, channels),
    ...{ train: split, validation: split, test: split },
  };
}

const reason = await whyNoCard();
describe("a data set on the card", { skip: reason !== null }, () => {
  for (const [height, width, channels] of [[8, 8, 3], [5, 7, 3], [6, 9, 1]]) {
    for (const augment of [true, false]) {
      it(`gives batches of ${height}x${width}x${channels} images${augment ? ", cropped and flipped" : ""}`, async () => {
        const data = dataset(11, height, width, channels);
        const batches = new TrainingBatches(data, { batch: BATCH, seed: 3, augment });
        const dispatch = pickImages(BATCH, [height, width, channels], {
          buffer: "values",
          stride: BATCH * height * width,
        });
        const { train: { pixels } } = data, bytes = new Uint8Array(Math.ceil(pixels.length / 4) * 4);
        bytes.set(pixels);
        for (const step of [0, 1, 5]) {
          const { picks, crops, labels } = batches.pickedAt(step);
          const inputs = new Map<string, Uint32Array | Float32Array>([
            ["control", new Uint32Array(4)],
            ["picks", pairs(picks, crops)],
            ["pixels", new Uint32Array(bytes.buffer)],
            ["table", normalisation(data)],
          ]);
          const size = BATCH * height * width * 16;
          const found = (await runOnce(await openCard(), dispatch, inputs, new Map([["values", size]]))).get("values")!;
          const { images, labels: expected } = batches.at(step);
          assertEquals(labels, Uint8Array.from(expected));
          const unpadded = found.filter((_, i) => i % 4 < channels);
          assertEquals([...unpadded], [...images]);
        }
      });
    }
  }

  it("trains to the same bits as batches that carry their images", async () => {
    const engine = await openWebGpu(() => Promise.resolve(null));
    const builder = new GraphBuilder("small", { classes: 10, usesBeta: false, image: [6, 6, 3] });
    const value = builder.activation(
      "act",
      builder.batchNorm("bn", builder.conv("conv", builder.input(), { channels: 8, size: 3 })),
    );
    const graph = builder.build(builder.dense("dense", builder.globalAveragePool(value), { outputs: 10 }));
    const data = dataset(20, 6, 6, 3),
      options = { batch: BATCH, optimizer: { kind: "sgd", momentum: 0.9, weightDecay: 0 } } as const;
    const results = [];
    for (const isPicked of [true, false]) {
      const batches = new TrainingBatches(data, { batch: BATCH, seed: 3, augment: true });
      const program = await engine.compile(graph, activationFrom("relu"), options);
      await program.write("parameters", randomParameters(graph, 5));
      const steps = [0, 1, 2, 3, 4, 5];
      const losses = isPicked
        ? await program.trainPicked!(steps.map((step) => ({ batch: batches.pickedAt(step), learningRate: 0.1 })))
        : await program.train(steps.map((step) => {
          const { images, labels } = batches.at(step);
          return { batch: { images: images.slice(), labels }, learningRate: 0.1 };
        }));
      results.push([losses, await program.read("parameters")]);
      program.dispose();
    }
    assertEquals(results[0], results[1]);
    engine.close();
  });
});

/** Pairs of a pick and its crop. */
function pairs(picks: Uint32Array, crops: Uint32Array): Uint32Array {
  return Uint32Array.from({ length: 2 * picks.length }, (_, i) => (i % 2 === 0 ? picks : crops)[i >> 1]);
}

/**
 * Writes a network for PyTorch with two images, their labels, and the logits and gradients that an engine computes in
 * training; `peers/network_gradients_torch.py FOLDER` compares. Random weights, Swish with beta.
 *
 *     deno run -A tests/bench/network_gradients.ts mobilenet-0.25 32 reference FOLDER
 */
import { activationFrom } from "../../child/activation/catalog.ts";
import { openEngine } from "../../child/engine/open.ts";
import { encodeNpy } from "../../child/model/export/npy.ts";
import { pytorchFiles } from "../../child/model/export/pytorch.ts";
import { initialParameters } from "../../child/network/initialise.ts";
import { buildNetwork } from "../../child/network/networks.ts";
import { sizeOf } from "../../child/network/shape.ts";
import { Random } from "../../datasets/random.ts";

const IMAGES = 2, CLASSES = 10;

const [network, side, engineName, folder] = Deno.args, image = [Number(side), Number(side), 3];
const activation = activationFrom("swish");
const graph = buildNetwork(network, { classes: CLASSES, image, usesBeta: true });
const { engine } = await openEngine(engineName);
const program = await engine.compile(graph, activation, {
  batch: IMAGES,
  optimizer: { kind: "sgd", momentum: 0, weightDecay: 0 },
});
const parameters = initialParameters(graph, activation, 1);
await program.write("parameters", parameters);
const random = new Random(1);
const images = Float32Array.from({ length: IMAGES * sizeOf(image) }, () => random.normal());
const labels = Uint8Array.of(3, 7);
const [loss] = await program.train([{ batch: { images, labels }, learningRate: 0 }]);
const gradients = await program.read("gradients"), statistics = await program.read("statistics");

const about = {
  ...{ network, act: "swish", dataset: "none", labels: "fine" as const, classes: CLASSES, image, seed: 1, steps: 0 },
  ...{ mean: [0, 0, 0], standard_deviation: [1, 1, 1], batch: IMAGES, engine: engineName },
  ...{ outcome: "complete" as const, reason: null, validation_accuracy: 0, test_accuracy: 0 },
};
const files = pytorchFiles({ about, graph, activation, parameters, statistics });
// The gradients in the layout and under the names of the weights; the running statistics are those after the step.
const ofGradients = pytorchFiles({ about, graph, activation, parameters: gradients, statistics });
await Deno.mkdir(folder, { recursive: true });
await Deno.writeTextFile(`${folder}/network.py`, files.get("network.py") as string);
await Deno.writeFile(`${folder}/weights.safetensors`, files.get("weights.safetensors") as Uint8Array);
await Deno.writeFile(`${folder}/gradients.safetensors`, ofGradients.get("weights.safetensors") as Uint8Array);
await Deno.writeFile(`${folder}/images.npy`, encodeNpy(images, [IMAGES, ...image]));
await Deno.writeTextFile(`${folder}/step.json`, JSON.stringify({ loss, labels: [...labels] }));
program.dispose();
engine.close();

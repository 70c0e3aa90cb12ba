/**
 * The check that an engine runs when it opens: a small child is trained on it and on `reference`, and every tensor is
 * compared. It finds what tests on another machine cannot: a compiler, driver or processor that computes wrongly here.
 */
import { activationFrom } from "../activation/catalog.ts";
import { initialParameters } from "../network/initialise.ts";
import { buildResNet } from "../network/resnet.ts";
import type { Optimizer } from "../network/optimizer.ts";
import type { Batch } from "../../datasets/dataset.ts";
import { Random } from "../../datasets/random.ts";
import type { Engine } from "./engine.ts";
import { openReference } from "./reference/engine.ts";
import { type Tensors } from "../network/parameters.ts";
import { sizeOf } from "../network/shape.ts";

/** Largest |value - reference| of a tensor over its largest |reference|; float32 is about 1000 times better here. */
export const SELF_CHECK_TOLERANCE = 1e-2;

/**
 * ResNet-8 on 16x16 images has every shape of convolution of the larger networks; three images leave the last
 * group of tiles unfilled. Swish with its beta is smooth, so that rounding cannot flip a branch.
 */
const GRAPH = buildResNet(8, { classes: 10, image: [16, 16, 3], usesBeta: true });
const SWISH = activationFrom("swish");
const IMAGES = 3;
const SGD: Optimizer = { kind: "sgd", momentum: 0.9, weightDecay: 1e-4 };

/** Null if the engine agrees with `reference`, else the difference, as the end of a sentence. */
export async function selfCheck(engine: Engine): Promise<string | null> {
  const expected = await (judged ??= trainOnce(openReference()));
  let found: Tensors;
  try {
    found = await trainOnce(engine);
  } catch (error) {
    return `it fails with: ${(error as Error).message}`;
  }
  for (const [name, values] of expected) {
    const error = relativeError(found.get(name)!, values);
    if (!(error <= SELF_CHECK_TOLERANCE)) {
      return `${name} differs from the reference engine's by ${(100 * error).toPrecision(2)} % of its largest value`;
    }
  }
  return null;
}

let judged: Promise<Tensors> | undefined;

/** All results of a training step and an evaluation. */
async function trainOnce(engine: Engine): Promise<Tensors> {
  const program = await engine.compile(GRAPH, SWISH, { batch: IMAGES, optimizer: SGD });
  try {
    await program.write("parameters", initialParameters(GRAPH, SWISH, 1));
    const batch = noise();
    const losses = await program.train([{ batch, learningRate: 0.1 }]);
    const tensors: Tensors = new Map([["the loss", losses]]);
    for (
      const [group, word] of [["gradients", "the gradient of"], ["parameters", "the new"], [
        "statistics",
        "the",
      ]] as const
    ) {
      for (const [name, values] of await program.read(group)) tensors.set(`${word} ${name}`, values);
    }
    tensors.set("the output of the evaluation", await program.evaluate(batch));
    return tensors;
  } finally {
    program.dispose();
  }
}

/** Normal images and labels in turn. */
function noise(): Batch {
  const random = new Random(1);
  const size = IMAGES * sizeOf(GRAPH.nodes[0].shape);
  return {
    images: Float32Array.from({ length: size }, () => random.normal()),
    labels: Uint8Array.from({ length: IMAGES }, (_, n) => n),
  };
}

/** max |value - reference| / max |reference|; NaN where a value is. */
function relativeError(values: ArrayLike<number>, reference: ArrayLike<number>): number {
  let difference = 0, largest = 0;
  for (let i = 0; i < reference.length; i++) {
    difference = Math.max(difference, Math.abs(values[i] - reference[i]));
    largest = Math.max(largest, Math.abs(reference[i]));
  }
  return difference / largest;
}

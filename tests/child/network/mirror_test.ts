/** That no network tells a function f(x) from its mirror image -f(-x), which `mirrorFingerprint` relies on. */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { activationFrom } from "../../../child/activation/catalog.ts";
import { fingerprint, mirrorFingerprint } from "../../../child/activation/fingerprint.ts";
import { openReference } from "../../../child/engine/reference/engine.ts";
import { initialParameters } from "../../../child/network/initialise.ts";
import { buildNetwork } from "../../../child/network/networks.ts";
import type { Tensors } from "../../../child/network/parameters.ts";
import { randomBatch } from "../engine/small_graphs.ts";
import { mirrorImage } from "../activation/random_expressions.ts";

const STEPS = 3, BATCH = 2;
const FUNCTIONS = ["relu(x)", "x * sigmoid(b * x)", "max(b * x, sin(x))", "cos(x) - b * atan(x)"];
const CASES: readonly (readonly [network: string, text: string])[] = [
  ...FUNCTIONS.map((text) => ["resnet8", text] as const),
  ...["preresnet11", "densenet-10-12", "mobilenet-0.25"].map((network) => [network, FUNCTIONS[2]] as const),
];

/** With the other sign for the first layer's kernel, which reads the images, and the last one's, which gives logits. */
function turned(parameters: Tensors): Tensors {
  const kernels = [...parameters.keys()].filter((name) => name.endsWith(".kernel"));
  const ends = [kernels[0], kernels[kernels.length - 1]];
  return new Map([...parameters].map(([name, values]) => [name, ends.includes(name) ? values.map((v) => -v) : values]));
}

/** Losses of the steps, the logits of the first batch after them, and the betas. */
async function trained(text: string, network: string, turn: (parameters: Tensors) => Tensors) {
  const activation = activationFrom(text), usesBeta = text.includes("b * ");
  const graph = buildNetwork(network, { classes: 5, usesBeta, image: [8, 8, 3] });
  const optimizer = { kind: "sgd", momentum: 0.9, weightDecay: 1e-4 } as const;
  const program = await openReference().compile(graph, activation, { batch: BATCH, optimizer });
  await program.write("parameters", turn(initialParameters(graph, activation, 3)));
  const batches = Array.from({ length: STEPS }, (_, k) => randomBatch(graph, BATCH, 10 * k));
  const losses = await program.train(batches.map((batch) => ({ batch, learningRate: 0.05 })));
  const betas = [...await program.read("parameters")].flatMap(([name, values]) =>
    name.endsWith("beta") ? [...values] : []
  );
  return { losses: [...losses], logits: [...await program.evaluate(batches[0])], betas };
}

describe("the mirror image of a function", () => {
  for (const [network, text] of CASES) {
    it(`${text} trains as it does, in ${network}`, async () => {
      const one = await trained(text, network, (parameters) => parameters);
      const other = await trained(mirrorImage(text), network, turned);
      for (const key of ["losses", "logits", "betas"] as const) {
        assertEquals(one[key].length, other[key].length);
        one[key].forEach((value, i) => assertAlmostEquals(other[key][i], value, 1e-6 * Math.max(1, Math.abs(value))));
      }
      assertEquals(one.betas.length > 0, text.includes("b * "));
      // What is turned matters: from the same weights the mirror image has other losses.
      const same = await trained(mirrorImage(text), network, (parameters) => parameters);
      assert(same.losses.some((loss, i) => Math.abs(loss - one.losses[i]) > 1e-3));
    });
  }

  it("has the same mirror fingerprint, and another fingerprint unless the function is odd", () => {
    for (const text of [...FUNCTIONS, "tanh(x)"]) {
      const [own, mirror] = [text, mirrorImage(text)].map((one) => activationFrom(one).expression);
      assertEquals(mirrorFingerprint(own), mirrorFingerprint(mirror), text);
      assertEquals(fingerprint(own) === fingerprint(mirror), text === "tanh(x)");
    }
  });
});

/** Trained weights as a file: what is written is read again, and what is not of the network is told. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { activationFrom } from "../../../child/activation/catalog.ts";
import { openReference } from "../../../child/engine/reference/engine.ts";
import { type Model, readModel, warningOf, writeModel } from "../../../child/model/model_file.ts";
import { buildNetwork } from "../../../child/network/networks.ts";
import { decodeSafetensors, encodeSafetensors, type Safetensors } from "../../../child/model/safetensors.ts";
import { withFolder } from "../../datasets/scratch.ts";

const IMAGE = [8, 8, 3] as const;
const OPTIMIZER = { kind: "sgd", momentum: 0, weightDecay: 0 } as const;

/** Parameters and statistics that are all different. */
async function model(): Promise<Model> {
  const activation = activationFrom("prelu");
  const graph = buildNetwork("resnet8", { classes: 3, image: IMAGE, usesBeta: true });
  const program = await openReference().compile(graph, activation, { batch: 1, optimizer: OPTIMIZER });
  let next = 0;
  const [parameters, statistics] = [await program.read("parameters"), await program.read("statistics")].map((tensors) =>
    new Map([...tensors].map(([name, values]) => [name, Float32Array.from(values, () => next++)]))
  );
  program.dispose();
  const about = {
    ...{ network: "resnet8", act: "prelu", dataset: "colours", labels: "fine" as const, classes: 3, image: IMAGE },
    ...{ mean: [0.1, 0.2, 1 / 3], standard_deviation: [1, 2, 3], seed: 4, steps: 5, batch: 6, engine: "reference" },
    ...{ outcome: "complete" as const, reason: null, validation_accuracy: 1 / 3, test_accuracy: 1 },
  };
  return { about, graph, activation, parameters, statistics };
}

/** Writes the model, changes the file, and expects to be told. */
async function refused(change: (file: Safetensors) => Safetensors, says: string): Promise<void> {
  await withFolder(async (folder) => {
    const path = `${folder}/a.safetensors`;
    await writeModel(path, await model());
    const file = decodeSafetensors(await Deno.readFile(path));
    await Deno.writeFile(path, encodeSafetensors(change(file)));
    await assertRejects(() => readModel(path), Error, `Cannot use ${path}: ${says}`);
  });
}

/** The file with other tensors. */
function withTensors(change: (tensors: Map<string, { shape: readonly number[]; values: Float32Array }>) => void) {
  return ({ metadata, tensors }: Safetensors) => {
    const changed = new Map(tensors) as Map<string, { shape: readonly number[]; values: Float32Array }>;
    change(changed);
    return { metadata, tensors: changed };
  };
}

const withMetadata = (more: Record<string, string>) => ({ metadata, tensors }: Safetensors) => ({
  metadata: { ...metadata, ...more },
  tensors,
});

describe("writeModel", () => {
  it("writes what readModel reads again: tensors, expression, start of beta and all that is told about it", async () => {
    await withFolder(async (folder) => {
      const path = `${folder}/a.safetensors`, written = await model();
      await writeModel(path, written);
      const read = await readModel(path);
      assertEquals(read.about, written.about);
      assertEquals(read.graph, written.graph);
      assertEquals([read.activation.name, read.activation.betaStart], ["prelu", 0.25]);
      assertEquals([...read.parameters], [...written.parameters]);
      assertEquals([...read.statistics], [...written.statistics]);
    });
  });

  it("names tensors as the graph does, with their shapes, and puts graph and expression beside them", async () => {
    await withFolder(async (folder) => {
      const written = await model();
      await writeModel(`${folder}/a.safetensors`, written);
      const { metadata, tensors } = decodeSafetensors(await Deno.readFile(`${folder}/a.safetensors`));
      for (const { name, shape } of written.graph.parameters) assertEquals(tensors.get(name)?.shape, shape);
      assertEquals(tensors.size, written.parameters.size + written.statistics.size);
      assertEquals([metadata.network, metadata.dataset], ["resnet8", "colours"]);
      assertEquals(JSON.parse(metadata.mean), written.about.mean);
      const beside = JSON.parse(await Deno.readTextFile(`${folder}/a.json`));
      assertEquals(beside.expression, metadata.expression);
      assertEquals(beside.graph, written.graph);
    });
  });
});

describe("readModel", () => {
  it("refuses weights of another network", async () => {
    await refused(withMetadata({ network: "resnet14" }), "it lacks the tensor");
    await refused(withMetadata({ network: "vgg16" }), 'Cannot build network "vgg16"');
    await refused(
      withTensors((tensors) => tensors.set("other", tensors.get([...tensors.keys()][0])!)),
      "it belongs to another",
    );
  });

  it("refuses a missing tensor and one of another shape, and names it", async () => {
    const first = (await model()).graph.parameters[0];
    await refused(withTensors((tensors) => tensors.delete(first.name)), `it lacks the tensor ${first.name} of resnet8`);
    const [head, ...rest] = first.shape;
    const turned = [...rest, head];
    await refused(
      withTensors((tensors) => tensors.set(first.name, { ...tensors.get(first.name)!, shape: turned })),
      `its ${first.name} has the shape [${turned}]: in resnet8 it is [${first.shape}]`,
    );
  });

  it("refuses weights of another number of classes", () => refused(withMetadata({ classes: "10" }), "its "));

  it("refuses a file that actsearch did not save, and metadata that say nothing", async () => {
    await refused(({ tensors }) => ({ metadata: {}, tensors }), 'it has no "actsearch model 1" in its metadata');
    await refused(withMetadata({ batch: "many" }), 'its metadata has no JSON under "batch"');
    await refused(withMetadata({ batch: '"6"' }), 'its metadata has no number under "batch"');
    await refused(withMetadata({ mean: "[1]" }), 'its metadata has no three numbers under "mean"');
    await refused(withMetadata({ expression: "x +" }), "");
  });

  const whole = "it must be a whole number from";
  const WRONG: readonly (readonly [key: string, value: string, says: string])[] = [
    ["batch", "0", `its metadata has 0 under "batch": ${whole} 1 to 65536`],
    ["batch", "-5", `its metadata has -5 under "batch": ${whole} 1 to 65536`],
    ["batch", "1e12", `its metadata has 1000000000000 under "batch": ${whole}`],
    ["batch", "2.5", `its metadata has 2.5 under "batch": ${whole}`],
    ["classes", "0", `its metadata has 0 under "classes": ${whole}`],
    ["seed", "-1", `its metadata has -1 under "seed": ${whole}`],
    ["steps", "1e999", 'its metadata has no number under "steps"'],
    ["image", "[0, 32, 3]", 'its metadata has 0 under "image": each must be 1 to 4096'],
    ["image", "[32, 1e9, 3]", 'its metadata has 1000000000 under "image": each must be 1 to 4096'],
    ["image", "[32, 32, 1e9]", 'its metadata has 1000000000 under "image"'],
    ["mean", "[0, 0, 1e999]", 'its metadata has Infinity under "mean": each must be finite'],
    ["standard_deviation", "[1, 0, 1]", 'its metadata has 0 under "standard_deviation": each must be above 0'],
    ["labels", "medium", 'its metadata has "medium" under "labels", which is none of fine, coarse'],
    ["outcome", "fine", 'its metadata has "fine" under "outcome", which is none of complete, diverged'],
    ["test_accuracy", "1.5", 'its metadata has 1.5 under "test_accuracy": it must be from 0 to 1'],
    ["test_accuracy", '"high"', 'its metadata has no number under "test_accuracy"'],
    ["act", "swish\u001b[2J", 'its metadata has no text of 1 to 100000 printable characters under "act"'],
    ["network", "resnet8\u0000", 'its metadata has no text of 1 to 100000 printable characters under "network"'],
    ["engine", "a\nb", 'its metadata has no text of 1 to 100000 printable characters under "engine"'],
    ["dataset", "cifar\u009b10", 'its metadata has no text of 1 to 100000 printable characters under "dataset"'],
    ["dataset", "", 'its metadata has no text of 1 to 100000 printable characters under "dataset"'],
    ["beta_start", "null", 'its metadata has no number under "beta_start"'],
  ];
  for (const [key, value, says] of WRONG) {
    it(`refuses ${JSON.stringify(value)} for ${key}`, () => refused(withMetadata({ [key]: value }), says));
  }

  it("refuses a foreign tensor whose name would move the cursor, without printing it", () =>
    refused(
      withTensors((tensors) => tensors.set("a\u001b[2J", { shape: [1], values: Float32Array.of(1) })),
      'it belongs to another network: resnet8 has no tensor "a\\u{1b}[2J"',
    ));

  it("reads a function that was typed in several lines, as one line", async () => {
    await withFolder(async (folder) => {
      const written = await model();
      await writeModel(`${folder}/a.safetensors`, { ...written, about: { ...written.about, act: "x *\n  relu(b)" } });
      assertEquals((await readModel(`${folder}/a.safetensors`)).about.act, "x * relu(b)");
    });
  });

  it("reads weights in half precision", async () => {
    await withFolder(async (folder) => {
      const path = `${folder}/a.safetensors`, written = await model();
      await writeModel(path, written);
      const bytes = await Deno.readFile(path), view = new DataView(bytes.buffer);
      const length = Number(view.getBigUint64(0, true)), values = bytes.subarray(8 + length);
      const halves = new Uint8Array(values.length / 2); // BF16 is the upper half of F32
      for (let at = 0; at < halves.length; at += 2) halves.set(values.subarray(2 * at + 2, 2 * at + 4), at);
      const header = new TextDecoder().decode(bytes.subarray(8, 8 + length)).replaceAll('"F32"', '"BF16"')
        .replaceAll(/"data_offsets":\[(\d+),(\d+)\]/g, (_, a, b) => `"data_offsets":[${a / 2},${b / 2}]`);
      const text = new TextEncoder().encode(header), begin = new Uint8Array(8);
      new DataView(begin.buffer).setBigUint64(0, BigInt(text.length), true);
      await Deno.writeFile(path, new Uint8Array([...begin, ...text, ...halves]));
      const read = await readModel(path);
      for (const [name, wanted] of written.parameters) {
        const got = read.parameters.get(name)!;
        wanted.forEach((value, at) => assert(Math.abs(got[at] - value) <= value / 128, `${name} ${got[at]} ${value}`));
      }
    });
  });
});

describe("warningOf", () => {
  it("tells a training that diverged by its outcome, and by weights that are not finite", async () => {
    const sound = await model();
    assertEquals(warningOf(sound), null);
    const about = { ...sound.about, outcome: "diverged" as const, reason: "the loss became NaN at step 3" };
    assertEquals(warningOf({ ...sound, about }), "this training diverged: the loss became NaN at step 3");
    const [[name, values]] = sound.parameters;
    const broken = new Map(sound.parameters).set(name, values.map(() => NaN));
    assertEquals(
      warningOf({ ...sound, parameters: broken }),
      `this training diverged: ${name} has values that are not finite`,
    );
  });

  it("is written and read again", async () => {
    await withFolder(async (folder) => {
      const sound = await model(), path = `${folder}/a.safetensors`;
      const about = { ...sound.about, outcome: "diverged" as const, reason: "bad", test_accuracy: null };
      await writeModel(path, { ...sound, about: { ...about, validation_accuracy: null } });
      assertEquals(warningOf(await readModel(path)), "this training diverged: bad");
    });
  });

  it("refuses garbage", async () => {
    await withFolder(async (folder) => {
      const path = `${folder}/a.safetensors`;
      await Deno.writeTextFile(path, "not a model at all, but long enough");
      await assertRejects(
        () => readModel(path),
        Error,
        `Cannot read ${path}: it is cut short or not a safetensors file`,
      );
    });
  });
});

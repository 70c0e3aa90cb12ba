/** Trained weights as a file: what is written is read again, and what is not of the network is told. */
import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { activationFrom } from "../../../child/activation/catalog.ts";
import { openReference } from "../../../child/engine/reference.ts";
import { type Model, readModel, writeModel } from "../../../child/model/model_file.ts";
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
    ...{ validation_accuracy: 1 / 3, test_accuracy: null },
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
      "it is of another",
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

  it("refuses garbage", async () => {
    await withFolder(async (folder) => {
      const path = `${folder}/a.safetensors`;
      await Deno.writeTextFile(path, "not a model at all, but long enough");
      await assertRejects(() => readModel(path), Error, `Cannot read ${path}: it is cut short or no safetensors file`);
    });
  });
});

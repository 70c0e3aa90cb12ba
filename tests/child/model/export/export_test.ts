/**
 * Exported models: every network for every target; names, layouts and text of what is written; and where Python has the
 * frameworks, their own checks of the logits.
 */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { activationFrom } from "../../../../child/activation/catalog.ts";
import { usesBeta } from "../../../../child/activation/expression.ts";
import { simplify } from "../../../../child/activation/simplify.ts";
import { openReference } from "../../../../child/engine/reference/engine.ts";
import { type Check, EXPORT_TARGETS, exportModel, EXPORTS } from "../../../../child/model/export/export.ts";
import { structureOf } from "../../../../child/model/export/structure.ts";
import { outputsFirst, transposed } from "../../../../child/model/export/weights.ts";
import type { Model } from "../../../../child/model/model_file.ts";
import { decodeSafetensors } from "../../../../child/model/safetensors.ts";
import { type Graph } from "../../../../child/network/graph.ts";
import { GraphBuilder } from "../../../../child/network/graph_builder.ts";
import { initialParameters } from "../../../../child/network/initialise.ts";
import { buildNetwork, NETWORK_NAMES } from "../../../../child/network/networks.ts";
import { DEFAULT_OPTIMIZER } from "../../../../child/network/optimizer.ts";
import { Random } from "../../../../datasets/random.ts";
import { withFolder } from "../../../datasets/scratch.ts";
import { lacksPython, python3 } from "../../python3.ts";
import { type Shape, sizeOf } from "../../../../child/network/shape.ts";

const IMAGE: Shape = [8, 8, 3];

/** A model as if it were trained: no vector is constant, betas differ by channel. */
function modelOf(network: string, act: string, image = IMAGE): Model {
  const activation = activationFrom(act), random = new Random(3);
  const hasBeta = usesBeta(simplify(activation.expression));
  const graph = buildNetwork(network, { classes: 5, image, usesBeta: hasBeta });
  const parameters = initialParameters(graph, activation, 1);
  for (const { name, role } of graph.parameters) {
    if (!role.endsWith("kernel")) parameters.set(name, parameters.get(name)!.map((v) => v + 0.3 * random.uniform()));
  }
  const statistics = new Map(graph.nodes.flatMap((node) => {
    if (node.kind !== "batch_norm") return [];
    const vector = (draw: () => number) => Float32Array.from({ length: node.shape[2] }, draw);
    return [
      [`${node.statistics}.mean`, vector(() => 0.2 * random.normal())],
      [`${node.statistics}.variance`, vector(() => 0.5 + random.uniform())],
    ] as const;
  }));
  const about = {
    ...{ network, act, dataset: "cifar10", labels: "fine" as const, classes: 5, image, seed: 1, steps: 2, batch: 4 },
    ...{ mean: [0.5, 0.4, 0.3], standard_deviation: [0.25, 0.2, 0.3], engine: "reference" },
    ...{ outcome: "complete" as const, reason: null, validation_accuracy: 0.5, test_accuracy: 0.25 },
  };
  return { about, graph, activation, parameters, statistics };
}

/** The logits of two images on the reference engine. */
async function checkOf({ graph, activation, parameters, statistics }: Model): Promise<Check> {
  const random = new Random(1), count = 2;
  const images = Float32Array.from({ length: count * sizeOf(graph.nodes[0].shape) }, () => random.normal());
  const program = await openReference().compile(graph, activation, { batch: count, optimizer: DEFAULT_OPTIMIZER });
  await program.write("parameters", parameters);
  await program.write("statistics", statistics);
  const logits = Float32Array.from(await program.evaluate({ images, labels: new Uint8Array(count) }));
  program.dispose();
  return { images, logits, count };
}

/** Of more than 40 MB of weights, eight times. */
const LARGE = ["wrn-28-10", "resnet18", "resnet50"];

const NOTHING: Check = { images: new Float32Array(), logits: new Float32Array(), count: 0 };
const text = (content: Uint8Array | string | undefined) => content as string;

describe("exportModel", () => {
  for (const name of NETWORK_NAMES.filter((name) => !LARGE.includes(name))) {
    it(`writes ${name} for every target, with and without beta, and every trained tensor once`, () => {
      for (const act of ["relu", "swish"]) {
        const model = modelOf(name, act);
        for (const target of EXPORT_TARGETS) {
          const files = exportModel(model, target, NOTHING);
          assert(files.has("check.py") && files.has("README.md"));
          if (target === "onnx") continue;
          const { tensors } = decodeSafetensors(files.get("weights.safetensors") as Uint8Array);
          const total = (values: Iterable<{ readonly length: number }>) =>
            [...values].reduce((sum, { length }) => sum + length, 0);
          assertEquals(
            total([...tensors.values()].map(({ values }) => values)),
            total([...model.parameters.values(), ...model.statistics.values()]),
          );
        }
      }
    });
  }

  it("writes PyTorch as a person would: classes with arguments, stages as sequences", () => {
    const code = text(
      exportModel(modelOf("resnet20", "x * sigmoid(b * x)", [32, 32, 3]), "pytorch", NOTHING).get("network.py"),
    );
    for (
      const lines of [
        `class WideningBlock(nn.Module):
    def __init__(self, inputs: int, channels: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, channels, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.act1 = Activation(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut = Shortcut(channels, 2)
        self.act2 = Activation(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.act1(self.bn1(self.conv1(x)))
        return self.act2(self.bn2(self.conv2(y)) + self.shortcut(x))
`,
        "        self.stage1 = nn.Sequential(*[ResidualBlock(16) for _ in range(3)])\n",
        "        self.stage2 = nn.Sequential(\n            WideningBlock(16, 32),\n" +
        "            *[ResidualBlock(32) for _ in range(2)],\n        )\n",
        `    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem_act(self.stem_bn(self.stem(x)))
        x = self.stage1(x)
        x = self.stage2(x)
        x = self.stage3(x)
        x = x.mean(dim=(2, 3))
        return self.dense(x)
`,
      ]
    ) assertStringIncludes(code, lines);
  });

  it("loops over equal blocks in JAX and Keras, whose first one differs", () => {
    const model = modelOf("resnet164", "relu");
    assertStringIncludes(
      text(exportModel(model, "jax", NOTHING).get("network.py")),
      `    x = projection_block(p["stage1"]["unit1"], x, 1)
    for number in range(2, 19):
        x = residual_block(p["stage1"][f"unit{number}"], x)
`,
    );
    assertStringIncludes(
      text(exportModel(model, "keras", NOTHING).get("network.py")),
      `    x = projection_block(x, 64, 16, 1, name="stage1_unit1")
    for number in range(2, 19):
        x = residual_block(x, 64, 16, name=f"stage1_unit{number}")
`,
    );
  });

  it("tells what the model is, and that it diverged", () => {
    const model = modelOf("resnet8", "swish");
    const page = text(exportModel(model, "onnx", NOTHING).get("README.md"));
    assertStringIncludes(page, "- activation: `x * sigmoid(b * x)`");
    assertStringIncludes(page, "test accuracy 25.00 %");
    assert(!page.includes("Do not use"));
    const about = { ...model.about, outcome: "diverged" as const, reason: "the loss became NaN at step 9" };
    assertStringIncludes(
      text(exportModel({ ...model, about }, "onnx", NOTHING).get("README.md")),
      "**Do not use: this training diverged: the loss became NaN at step 9.**",
    );
  });

  it("lays PyTorch's weights out with outputs first", () => {
    const model = modelOf("resnet8", "relu");
    const { tensors } = decodeSafetensors(
      exportModel(model, "pytorch", NOTHING).get("weights.safetensors") as Uint8Array,
    );
    const kernel = model.parameters.get("stage2.block1.conv1.kernel")!, weight = tensors.get("stage2.0.conv1.weight")!;
    assertEquals(weight.shape, [32, 16, 3, 3]);
    // HWIO [2, 1, 5, 7] is OIHW [7, 5, 2, 1].
    assertEquals(weight.values[((7 * 16 + 5) * 3 + 2) * 3 + 1], kernel[((2 * 3 + 1) * 16 + 5) * 32 + 7]);
    assertEquals(tensors.get("dense.weight")!.shape, [5, 64]);
  });
});

describe("layouts", () => {
  it("turn kernels and matrices", () => {
    assertEquals([...transposed(Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3])], [1, 4, 2, 5, 3, 6]);
    // One row of two places, two inputs, two outputs: [place][input][output].
    assertEquals([...outputsFirst(Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8), [1, 2, 2, 2])], [1, 5, 3, 7, 2, 6, 4, 8]);
  });
});

describe("structureOf", () => {
  it("refuses blocks that are not a chain", () => {
    const builder = new GraphBuilder("resnet8", { classes: 2, usesBeta: false, image: IMAGE });
    const first = builder.conv("a.b1.conv", builder.input(), { channels: 3, size: 1 });
    const second = builder.conv("a.b2.conv", first, { channels: 3, size: 1 });
    const third = builder.conv("a.b3.conv", second, { channels: 3, size: 1 });
    const graph: Graph = builder.build(
      builder.dense("dense", builder.globalAveragePool(builder.add(third, first)), { outputs: 2 }),
    );
    assertThrows(() => structureOf("resnet8", graph, () => ({})), RangeError, "its blocks are not a chain");
  });
});

/** Field numbers and contents of a message. */
function fields(bytes: Uint8Array): Map<number, (Uint8Array | number)[]> {
  const reader = new BinaryReader(bytes), found = new Map<number, (Uint8Array | number)[]>();
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    const value = type === WireType.LengthDelimited
      ? reader.bytes()
      : type === WireType.Bit32
      ? reader.float()
      : Number(reader.int64());
    found.set(number, [...found.get(number) ?? [], value]);
  }
  return found;
}

describe("ONNX", () => {
  const word = (value: Uint8Array | number) => new TextDecoder().decode(value as Uint8Array);

  it("is one file of IR 8 and opset 18 whose operators read only what comes before them", () => {
    const model = modelOf("resnet8", "x * erfc(b * x)");
    const file = fields(exportModel(model, "onnx", NOTHING).get("model.onnx") as Uint8Array);
    assertEquals(file.get(1), [8]);
    assertEquals(fields(file.get(8)![0] as Uint8Array).get(2), [18]);
    const graph = fields(file.get(7)![0] as Uint8Array);
    const names = (field: number) =>
      graph.get(field)!.map((one) => word(fields(one as Uint8Array).get(field === 5 ? 8 : 1)![0]));
    assertEquals([names(11), names(12)], [["images"], ["logits"]]);
    const known = new Set([...names(5), ...names(11)]);
    for (const { name } of model.graph.parameters) assert(known.has(name), name);
    for (const node of graph.get(1)!) {
      const one = fields(node as Uint8Array);
      for (const input of one.get(1) ?? []) assert(known.has(word(input)), `${word(input)} is not computed yet`);
      for (const output of one.get(2)!) {
        assert(!known.has(word(output)), `${word(output)} is computed twice`);
        known.add(word(output));
      }
    }
    assert(known.has("logits"));
  });

  it("holds what the model is in its metadata", () => {
    const file = fields(exportModel(modelOf("resnet8", "swish"), "onnx", NOTHING).get("model.onnx") as Uint8Array);
    const entries = file.get(14)!.map((entry) => fields(entry as Uint8Array));
    const metadata = Object.fromEntries(entries.map((entry) => [word(entry.get(1)![0]), word(entry.get(2)![0])]));
    assertEquals([metadata.expression, metadata.mean], ["x * sigmoid(b * x)", "[0.5,0.4,0.3]"]);
  });
});

/** One network of each family, functions with and without beta, and one that frameworks lack. */
const CHECKED = [["resnet8", "swish"], ["preresnet11", "x * gauss(b * x) + sinc(x)"], ["wrn-16-4", "relu"], [
  "densenet-10-12",
  "elu",
], ["mobilenet-0.25", "swish"]] as const;

describe("check.py", () => {
  for (const target of EXPORT_TARGETS) {
    it(`finds the logits of the reference engine with ${target}, and is not content with others`, async () => {
      if (await lacksPython(EXPORTS[target].packages.split(" ")) !== null) return;
      for (const [network, act] of CHECKED) {
        await withFolder(async (folder) => {
          const model = modelOf(network, act), check = await checkOf(model);
          const run = async (check: Check) => {
            for (const [name, content] of exportModel(model, target, check)) {
              const path = `${folder}/${name}`;
              await (typeof content === "string" ? Deno.writeTextFile(path, content) : Deno.writeFile(path, content));
            }
            return await python3('import runpy; runpy.run_path("check.py", run_name="__main__")', { cwd: folder });
          };
          const { ok, out, error } = await run(check);
          assert(ok, `${network}: ${out} ${error}`);
          assertStringIncludes(out, "of the largest logit");
          if (network !== "resnet8" || target === "keras" || target === "jax") return; // those start slowly
          const wrong = check.logits.map((logit, at) => at === 3 ? logit * 1.01 : logit);
          const refused = await run({ ...check, logits: wrong });
          assertEquals([refused.ok, refused.error.includes("this is not the model that was exported")], [false, true]);
        });
      }
    });
  }
});

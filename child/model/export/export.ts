/**
 * A trained model for other programs: a folder with code that reads as a person would write it, the weights, images with
 * the logits that this project computes for them, a script that checks that they come out, and a page that says what it
 * is. The table of targets.
 */
import { printExpression } from "../../activation/print.ts";
import { simplify } from "../../activation/simplify.ts";
import { parameterCount } from "../../network/graph.ts";
import type { Model } from "../model_file.ts";
import { warningOf } from "../model_file.ts";
import { checkScript, type Recomputation } from "./check.ts";
import { jaxFiles } from "./jax.ts";
import { kerasFiles } from "./keras.ts";
import { encodeNpy } from "./npy.ts";
import { onnxFiles } from "./onnx.ts";
import { pytorchFiles } from "./pytorch.ts";

/** Files by name, to be written into one folder. */
export type ExportFiles = ReadonlyMap<string, Uint8Array | string>;

/** Images, and the logits that an engine computes for them: what the exported model must reproduce. */
export interface Check {
  /** [images, height, width, channels], normalised. */
  readonly images: Float32Array;
  /** [images, classes]. */
  readonly logits: Float32Array;
  readonly count: number;
}

interface Target {
  readonly files: (model: Model) => ReadonlyMap<string, Uint8Array | string>;
  /** What `pip install` is given for the check. */
  readonly packages: string;
  /** How the model is used, as Python. */
  readonly usage: string;
  /** What `check.py` does. */
  readonly check: Recomputation;
}

export const EXPORTS = {
  pytorch: {
    files: pytorchFiles,
    packages: "torch safetensors numpy",
    usage:
      "from network import load, normalise\n\nlogits = load()(normalise(pixels))  # pixels: uint8 [n, height, width, 3]",
    check: {
      imports: "import numpy\nimport torch\n\nfrom network import load",
      run: "with torch.no_grad():\n    found = load()(torch.from_numpy(images).permute(0, 3, 1, 2)).numpy()",
    },
  },
  onnx: {
    files: onnxFiles,
    packages: "onnx onnxruntime numpy",
    usage: 'import onnxruntime\n\nsession = onnxruntime.InferenceSession("model.onnx")\n' +
      'logits = session.run(None, {"images": images})[0]  # images: float32 [n, 3, height, width], normalised',
    check: {
      imports: "import numpy\nimport onnx\nimport onnxruntime",
      run: [
        'onnx.checker.check_model(onnx.load("model.onnx"), full_check=True)',
        'session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])',
        'found = session.run(None, {"images": numpy.ascontiguousarray(images.transpose(0, 3, 1, 2))})[0]',
      ].join("\n"),
    },
  },
  keras: {
    files: kerasFiles,
    packages: "keras jax safetensors numpy",
    usage:
      "from network import load, normalise\n\nlogits = load().predict(normalise(pixels))  # pixels: uint8 [n, height, width, 3]",
    check: {
      imports: 'import os\n\nos.environ.setdefault("KERAS_BACKEND", "jax")\nimport numpy\n\nfrom network import load',
      run: "found = load().predict(images, verbose=0)",
    },
  },
  jax: {
    files: jaxFiles,
    packages: "jax safetensors numpy",
    usage: "from network import forward, load, normalise\n\n" +
      "logits = forward(load(), normalise(pixels))  # pixels: uint8 [n, height, width, 3]",
    check: {
      imports: "import numpy\n\nfrom network import forward, load",
      run: "found = numpy.asarray(forward(load(), images))",
    },
  },
} as const satisfies Readonly<Record<string, Target>>;

export type ExportTarget = keyof typeof EXPORTS;
export const EXPORT_TARGETS = Object.keys(EXPORTS) as readonly ExportTarget[];

/** The files of an exported model. Throws a RangeError if the target cannot hold it. */
export function exportModel(model: Model, target: ExportTarget, { images, logits, count }: Check): ExportFiles {
  const { classes, image } = model.about;
  return new Map([
    ...EXPORTS[target].files(model),
    ["images.npy", encodeNpy(images, [count, ...image])],
    ["logits.npy", encodeNpy(logits, [count, classes])],
    ["check.py", checkScript(EXPORTS[target].check)],
    ["README.md", readme(model, target)],
  ]);
}

function readme(model: Model, target: ExportTarget): string {
  const { about, graph, activation } = model;
  const { packages, usage } = EXPORTS[target], warning = warningOf(model);
  const percent = (share: number | null) => share === null ? "not known" : `${(100 * share).toFixed(2)} %`;
  return [
    `# ${about.network} with ${about.act}`,
    "",
    ...warning === null ? [] : [`**Do not use: ${warning}.**`, ""],
    `- activation: \`${printExpression(simplify(activation.expression))}\``,
    `- parameters: ${parameterCount(graph)}, classes: ${about.classes}, images: ${about.image.join(" x ")}`,
    `- trained on ${about.dataset} (${about.labels} labels) for ${about.steps} steps of ${about.batch} images, seed ${about.seed}`,
    `- test accuracy ${percent(about.test_accuracy)}, validation accuracy ${percent(about.validation_accuracy)}`,
    `- pixels are scaled to [0, 1], then normalised by channel: mean ${about.mean.join(", ")}, standard deviation ` +
    about.standard_deviation.join(", "),
    "",
    "Check that it computes here what it computed where it was exported:",
    "",
    `    pip install ${packages}`,
    "    python check.py",
    "",
    "Use it:",
    "",
    ...usage.split("\n").map((line) => line === "" ? "" : `    ${line}`),
    "",
  ].join("\n");
}

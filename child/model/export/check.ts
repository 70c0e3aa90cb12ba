/** `check.py` of an exported model: the logits of the images beside it must come out as they were. */
import type { ExportTarget } from "./export.ts";

/** How each target computes `found` from `images`, [n, height, width, channels]. */
const RUN: Readonly<Record<ExportTarget, { readonly imports: string; readonly run: string }>> = {
  pytorch: {
    imports: "import numpy\nimport torch\n\nfrom network import load",
    run: "with torch.no_grad():\n    found = load()(torch.from_numpy(images).permute(0, 3, 1, 2)).numpy()",
  },
  onnx: {
    imports: "import numpy\nimport onnx\nimport onnxruntime",
    run: [
      'onnx.checker.check_model(onnx.load("model.onnx"), full_check=True)',
      'session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])',
      'found = session.run(None, {"images": numpy.ascontiguousarray(images.transpose(0, 3, 1, 2))})[0]',
    ].join("\n"),
  },
  keras: {
    imports: 'import os\n\nos.environ.setdefault("KERAS_BACKEND", "jax")\nimport numpy\n\nfrom network import load',
    run: "found = load().predict(images, verbose=0)",
  },
  jax: {
    imports: "import numpy\n\nfrom network import forward, load",
    run: "found = numpy.asarray(forward(load(), images))",
  },
};

/** Largest difference of a logit, of the largest logit. */
const TOLERANCE = "1e-4";

export function checkScript(target: ExportTarget): string {
  const { imports, run } = RUN[target];
  return `"""Compares the logits of images.npy with logits.npy, which they had where the model was exported."""
import sys

${imports}

images, logits = numpy.load("images.npy"), numpy.load("logits.npy")
${run}
if not numpy.isfinite(logits).all():
    sys.exit("the logits were not finite when the model was exported: it diverged")
difference = numpy.abs(found - logits).max() / numpy.abs(logits).max()
print(f"largest difference: {difference:.1e} of the largest logit")
sys.exit(0 if difference <= ${TOLERANCE} else "this is not the model that was exported")
`;
}

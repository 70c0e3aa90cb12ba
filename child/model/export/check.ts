/** `check.py` of an exported model: the logits of the images beside it must come out as they were. */

/** How a target computes the logits, in Python. */
export interface Recomputation {
  readonly imports: string;
  /** Sets `found` to the logits of `images`, [n, height, width, channels]. */
  readonly run: string;
}

/** Largest difference of a logit, of the largest logit. */
const TOLERANCE = "1e-4";

export function checkScript({ imports, run }: Recomputation): string {
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

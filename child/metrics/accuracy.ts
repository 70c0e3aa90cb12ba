/** How good a trained program is on a split: accuracy, top-5 accuracy and loss, with the running statistics. */
import { openEvaluationBatches } from "../../datasets/batches.ts";
import type { StreamHooks } from "../../datasets/imagenet/streamed_batches.ts";
import type { Batch, Dataset, SplitName } from "../../datasets/dataset.ts";
import type { Program } from "../engine/engine.ts";

export interface Evaluation {
  readonly images: number;
  /** Share of images whose label has the largest logit; of equal logits the first counts. */
  readonly accuracy: number;
  /** Share of images whose label is among the five largest logits. */
  readonly top5: number;
  /** Mean of -log softmax(logits)[label]; NaN where a logit is not finite. */
  readonly loss: number;
}

export interface EvaluationOptions extends StreamHooks {
  /** Images at a time; at most the program's batch. */
  readonly batch: number;
  /** Images judged, the first of the split; null for all. */
  readonly limit: number | null;
  /** Checked before every batch; the evaluation stops if it returns true. */
  readonly stop?: () => boolean;
}

/** Evaluates a program on a split. Null if it was stopped. An image with a logit that is not finite is wrong. */
export async function evaluateProgram(
  program: Program,
  dataset: Dataset,
  split: SplitName,
  { batch, limit, stop = () => false, ...hooks }: EvaluationOptions,
): Promise<Evaluation | null> {
  const classes = dataset.classes.length;
  let [images, first, fifth, loss] = [0, 0, 0, 0];
  const judge = ({ labels }: Batch, logits: Logits) =>
    labels.forEach((label, n) => {
      const row = logits.subarray(n * classes, (n + 1) * classes);
      const rank = rankOf(row, label);
      images++;
      if (rank < 1) first++;
      if (rank < 5) fifth++;
      loss += rank === Infinity ? NaN : crossEntropy(row, label);
    });
  /** Batches for one call, if the program takes several, and their number. */
  let waiting: Batch[] = [], together = 1;
  const judgeWaiting = async () => {
    const started = performance.now(), all = await program.evaluateAll!(waiting);
    all.forEach((logits, i) => judge(waiting[i], logits));
    waiting = [];
    together = performance.now() - started < CALL_MS ? Math.min(2 * together, MAX_TOGETHER) : Math.ceil(together / 2);
  };
  for await (const part of openEvaluationBatches(dataset, split, { batch, limit, ...hooks })) {
    await nextTurn();
    if (stop()) return null;
    if (!program.evaluateAll) judge(part, await program.evaluate(part));
    else if (waiting.push({ images: part.images.slice(), labels: part.labels.slice() }) >= together) {
      await judgeWaiting();
    }
  }
  if (waiting.length > 0) await judgeWaiting();
  return { images, accuracy: first / images, top5: fifth / images, loss: loss / images };
}

/** Batches of one call at most, and milliseconds that it should take, so that signals take effect in time. */
const MAX_TOGETHER = 20, CALL_MS = 100;

/** Lets messages, timers and signals through: an engine's promises alone would starve the event loop. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

type Logits = Float32Array | Float64Array;

/** How many logits come before the label's; infinite where one is not finite. */
function rankOf(logits: Logits, label: number): number {
  let rank = 0;
  for (let c = 0; c < logits.length; c++) {
    if (!Number.isFinite(logits[c])) return Infinity;
    if (logits[c] > logits[label] || (logits[c] === logits[label] && c < label)) rank++;
  }
  return rank;
}

function crossEntropy(logits: Logits, label: number): number {
  const largest = Math.max(...logits);
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - largest);
  return Math.log(sum) + largest - logits[label];
}

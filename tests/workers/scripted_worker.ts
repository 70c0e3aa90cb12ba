/// <reference lib="deno.worker" />
/**
 * A child worker that trains nothing: what it does with a trial is written in its expression, by a number added to x. x
 * + 1 throws, x + 2 hangs, x + 3 answers garbage, x + 4 throws a moment later, x + 5 beats but never answers (x + 6
 * until its time is up), x + 7 rejects a promise, x + 8 throws in the first of its trainings; all else is complete after a
 * few milliseconds with an accuracy that is a function of the seed, the expression and whether it is on the target; the
 * mean of that and what is known of a first child, if it is. The only point of its curve is at step 10.
 *
 * An engine "once FILE" opens for the first worker alone, which makes the file; "none" never opens; "broken" opens, and
 * every child throws; "slow" takes ten times as long.
 */
import { whyBelow } from "../../child/bar.ts";
import type { ChildJob, ToWorker } from "../../workers/protocol.ts";

let heartbeat: ReturnType<typeof setInterval>;
let engine = "";

self.onmessage = ({ data }: MessageEvent<ToWorker>) => {
  if (data.kind === "open") {
    const beat = data.heartbeat;
    engine = data.settings.engine;
    if (engine === "none") throw new Error("there is no engine");
    if (engine.startsWith("once ")) Deno.writeTextFileSync(engine.slice(5), "", { createNew: true });
    heartbeat = setInterval(() => Atomics.add(beat, 0, 1), 10);
    const opened = { name: "scripted", device: "none", notices: [], passedOver: [] };
    return self.postMessage({ kind: "opened", engine: opened });
  }
  if (data.kind === "train") train(data.job);
  if (data.kind === "time_up" && late >= 0) {
    const common = { steps: 0, finalLoss: NaN, seconds: 0, imagesPerSecond: 0, betaMean: null };
    self.postMessage({ kind: "finished", trial: late, outcome: { ...common, outcome: "timed_out", reason: "late" } });
  }
};

/** The trial that waits for its time to be up. */
let late = -1;

function train({ trial, training, expression, seed, first, bar, onTarget }: ChildJob): void {
  late = -1;
  if (engine === "broken" || engine.startsWith("once ")) throw new Error("scripted failure");
  switch (expression) {
    case "x + 1":
      throw new Error("scripted failure");
    case "x + 2":
      return clearInterval(heartbeat);
    case "x + 3":
      return self.postMessage({ kind: "nonsense" });
    case "x + 4":
      return void setTimeout(() => {
        throw new Error("scripted failure");
      }, 5);
    case "x + 5":
      return;
    case "x + 6":
      late = trial;
      return;
    case "x + 7":
      return void Promise.reject(new Error("scripted failure"));
    case "x + 8":
      if (training === 0) throw new Error("scripted failure");
  }
  const from = onTarget ? ~seed >>> 0 : seed;
  const hash = [...expression].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) >>> 0, from);
  const point = { step: 10, loss: 1 + (hash % 997) / 997 }, reason = whyBelow(bar, [point]);
  self.postMessage({ kind: "progress", trial, ...point, imagesPerSecond: 1 });
  const score = (hash % 1000) / 1000;
  const outcome = {
    ...reason === null ? { outcome: "complete" } : { outcome: "pruned", reason },
    score: first ? (first.score + score) / 2 : score,
    steps: 1,
    finalLoss: 1,
    seconds: 0,
    imagesPerSecond: 1,
    betaMean: null,
  };
  setTimeout(
    () => self.postMessage({ kind: "finished", trial, outcome }),
    (1 + hash % 5) * (engine === "slow" ? 10 : 1),
  );
}

/**
 * Reports a training's progress on stderr: an estimate after the first seconds, then the live line, or one line every
 * 10 s.
 */
import { percent } from "../../controller/percent.ts";
import type { CurvePoint, Pace, TrainingOptions } from "../../child/training_run.ts";
import type { Io } from "../command.ts";

const LINE_EVERY_MS = 10_000;

interface Followed {
  /** What is trained, before the numbers: "seed 1". */
  readonly title: string;
  readonly steps: number;
  /** Images that this process has yet to train after this training and those at once with it: for the whole's estimate. */
  readonly workAfter: number;
  /** Whether it is its turn to speak, where several train at once. */
  readonly speaks?: () => boolean;
}

/** Hooks for `trainAndTest`, of trainings `atOnce` of which run at a time: the first of them speaks for all. */
export function followTrainings(io: Io, atOnce = 1) {
  let lastLine = performance.now();
  const others = atOnce > 1 ? ` and ${atOnce - 1} more` : "";
  return (
    { title, steps, workAfter, speaks = () => true }: Followed,
  ): Pick<TrainingOptions, "onDevice" | "onResume" | "onEstimate" | "onPoint"> => {
    let validation = "";
    return {
      onDevice: (sentence) => io.err(`${title}: ${sentence}`),
      onResume: (step) => io.err(`${title}: resumes after step ${step} of ${steps}`),
      onEstimate: ({ imagesPerSecond, secondsLeft }: Pace) => {
        if (!speaks()) return;
        const all = secondsLeft + workAfter / (imagesPerSecond * atOnce);
        io.err(
          `${title}${others}: will take about ${duration(secondsLeft)}${workAfter > 0 ? `, all ${duration(all)}` : ""}`,
        );
      },
      onPoint: ({ step, loss, validationAccuracy }: CurvePoint, { imagesPerSecond, secondsLeft }: Pace) => {
        if (validationAccuracy !== undefined) validation = `, validation ${percent(validationAccuracy)}`;
        if (!speaks()) return;
        const line = `${title}${others}: step ${step} of ${steps}, loss ${loss.toFixed(4)}${validation}, ` +
          `${(imagesPerSecond * atOnce).toFixed(0)} images/s, ${duration(secondsLeft)} left`;
        io.live(line);
        if (io.terminal || performance.now() - lastLine < LINE_EVERY_MS) return;
        lastLine = performance.now();
        io.err(line);
      },
    };
  };
}

/** Seconds in the two largest units that say something: "45 s", "12 min", "3 h 20 min", "2 d 4 h". */
export function duration(seconds: number): string {
  const minutes = Math.round(seconds / 60), hours = Math.floor(minutes / 60);
  if (seconds < 99.5) return `${Math.ceil(seconds)} s`;
  if (hours < 1) return `${minutes} min`;
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/**
 * Estimates how long trainings will take before they start: measured on a few images of the network with its first
 * function, since multiply-adds alone say little about a machine.
 */
import type { Engine } from "../../child/engine/engine.ts";
import { imagesPerSecond, TYPICAL, workloadOf } from "../../child/engine/speed.ts";
import { usesBeta } from "../../child/activation/expression.ts";
import { simplify } from "../../child/activation/simplify.ts";
import { initialParameters } from "../../child/network/initialise.ts";
import { buildNetwork } from "../../child/network/networks.ts";
import { trainingWork } from "../../child/training_run.ts";
import type { Io } from "../command.ts";
import { duration } from "./training_console.ts";
import type { SeriesPace, SeriesTraining } from "./training_series.ts";
import { randomBatch } from "./warm_child.ts";

/** Images of a measured step, at most: a step of a large network takes long. */
const MEASURED_IMAGES = 16;
/** Steps before the clock starts, and measured. */
const WARM_UP = 1, MEASURED = 2;
/** Of several on a card. */
const MEASURED_MS = 500;
/** Seconds from which on the user is warned. */
const LONG_SECONDS = 24 * 3600;

/** Prints on stderr how long all trainings will take and, if that is long, what would shorten it. */
export async function tellEstimate(
  trainings: readonly SeriesTraining[],
  { engine, threads, children }: SeriesPace,
  io: Io,
): Promise<void> {
  const models = [...Map.groupBy(trainings, ({ model }) => model).values()];
  const estimates: { readonly perSecond: number; readonly seconds: number }[] = [];
  for (const own of models) {
    const perSecond = children > 1
      ? await speedAtOnce(own[0], engine, children)
      : await speedOf(own[0], engine, threads);
    const images = own.reduce((sum, { settings, dataset }) => sum + trainingWork(settings, dataset), 0);
    estimates.push({ perSecond, seconds: images / perSecond });
  }
  const seconds = estimates.reduce((sum, one) => sum + one.seconds, 0);
  const { settings: { steps }, activation } = trainings[0];
  const networks = [...new Set(trainings.map(({ settings: { network } }) => network))].join(", ");
  const speeds = estimates.map(({ perSecond }) => `${Number(perSecond.toPrecision(2))}`).join(", ");
  io.err(
    `${trainings.length} trainings of ${steps} steps with ${networks}: about ${duration(seconds)} in all, ` +
      `at ${speeds} images/s (measured with ${
        children > 1 ? TYPICAL : activation.name
      }; other functions may take longer)`,
  );
  if (seconds < LONG_SECONDS) return;
  io.err(
    "warning: that is long. Ctrl-C stops it, --resume continues it; fewer --steps or --seeds or a smaller --network",
  );
  io.err("  (wrn-16-4 for wrn-28-10, resnet20 for resnet164) shorten it; a machine with a GPU is faster");
}

/** Trained images per second of so many on a card together. */
async function speedAtOnce({ dataset, settings }: SeriesTraining, engine: Engine, children: number): Promise<number> {
  return await imagesPerSecond(engine, MEASURED_MS, children, workloadOf(settings, dataset));
}

/** Trained images per second of one. */
async function speedOf(
  { activation, dataset, settings: { network, batch, optimizer } }: SeriesTraining,
  engine: Engine,
  threads: number,
): Promise<number> {
  const { height, width, channels, classes } = dataset, count = Math.min(batch, MEASURED_IMAGES);
  const hasBeta = usesBeta(simplify(activation.expression));
  const graph = buildNetwork(network, { classes: classes.length, image: [height, width, channels], usesBeta: hasBeta });
  const program = await engine.compile(graph, activation, { batch: count, optimizer, threads });
  try {
    await program.write("parameters", initialParameters(graph, activation, 1));
    const images = randomBatch(count, height * width * channels, Math.min(classes.length, 256));
    const train = async (steps: number) => {
      for (let step = 0; step < steps; step++) await program.train([{ batch: images, learningRate: 0 }]);
    };
    await train(WARM_UP);
    const started = performance.now();
    await train(MEASURED);
    return MEASURED * count / ((performance.now() - started) / 1000);
  } finally {
    program.dispose();
  }
}

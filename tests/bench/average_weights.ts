/**
 * The mean of a child's last weights (Izmailov et al. 2018, arXiv 1803.05407): weights of single steps are noisy where
 * the learning rate is still high. Running statistics belong to the weights that made them, so the mean's are measured
 * anew, as there.
 */
import { openTrainingBatches } from "../../datasets/batches.ts";
import { type Child, type ChildRequest, imagesFor, type Stop } from "../../child/trainer.ts";
import type { Tensors } from "../../child/network/parameters.ts";

/** Steps between the weights that are averaged. */
const INTERVAL = 10;
/** Batches that the statistics are measured on: of those before, 0.9 ** 50 = 0.5 % are left. */
const MEASURED = 50;

/** Trains a child to its end and gives it the mean of its weights over the last steps; none of them: its own. */
export async function trainAveraged(child: Child, request: ChildRequest, last: number): Promise<Stop | null> {
  const { steps } = request.settings, taken: Tensors[] = [];
  for (let step = steps - last; step <= steps; step += INTERVAL) {
    const stop = await child.train(step);
    if (stop) return stop;
    if (last > 0) taken.push(await child.program.read("parameters"));
  }
  if (taken.length === 0) return null;
  await child.program.write("parameters", meanTensors(taken));
  await measureStatistics(child, request);
  return null;
}

function meanTensors(all: readonly Tensors[]): Tensors {
  return new Map([...all[0]].map(([name, first]) => [
    name,
    first.map((_, i) => all.reduce((sum, tensors) => sum + tensors.get(name)![i], 0) / all.length),
  ]));
}

/** Training steps at a learning rate of 0 change the running statistics alone. */
async function measureStatistics(child: Child, { dataset, settings, seed }: ChildRequest): Promise<void> {
  const { steps, batch, augment } = settings;
  const batches = openTrainingBatches(imagesFor(settings, dataset), { batch, seed, augment });
  for (let step = steps; step < steps + MEASURED; step++) {
    await child.program.train([{ batch: await batches.at(step), learningRate: 0 }]);
  }
  batches.close();
}

/** The data set that the user named, else CIFAR-10, else drawn shapes if CIFAR-10 is not available. */
import type { Dataset } from "../../datasets/dataset.ts";
import { DATASET_NAMES, loadDataset } from "../../datasets/load.ts";
import type { Io } from "../command.ts";
import { loadProgress } from "./load_progress.ts";

/** The row of a command's table of flags. */
export const DATASET_FLAG = {
  name: "dataset",
  type: "choice",
  choices: DATASET_NAMES,
  help: "the images (cifar10, or shapes if that is not available)",
} as const;

/** Says so on stderr if it is `shapes`; `doing` is what is done with it: "Searching". */
export async function openChosenDataset(
  name: string | undefined,
  directory: string | undefined,
  doing: string,
  io: Io,
): Promise<Dataset> {
  const load = (name: string) => loadDataset(name, { directory, download: true, ...loadProgress(io) });
  if (name !== undefined || directory !== undefined) return await load(name ?? "cifar10");
  try {
    return await load("cifar10");
  } catch (error) {
    if (io.signal.aborted) throw error;
    io.err(`CIFAR-10 is not available: ${error instanceof Error ? error.message : error}`);
    io.err(`${doing} on shapes instead: synthetic images, so accuracies say nothing about photographs.`);
    return await load("shapes");
  }
}

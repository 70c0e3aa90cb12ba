/** The data set that a command was told to use, or CIFAR-10, or drawn shapes where nobody named one and it cannot be had. */
import type { Dataset } from "../../datasets/dataset.ts";
import { DATASET_NAMES, loadDataset } from "../../datasets/load.ts";
import type { Io } from "../command.ts";
import { loadProgress } from "./load_progress.ts";

/** The row of a command's table of flags. */
export const DATASET_FLAG = {
  name: "dataset",
  type: "choice",
  choices: DATASET_NAMES,
  help: "images (cifar10, or shapes where it cannot be had)",
} as const;

/** Says plainly on stderr where it is `shapes`; `doing` is what is done with it: "Searching". */
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
    io.err(`CIFAR-10 cannot be had: ${error instanceof Error ? error.message : error}`);
    io.err(`${doing} on shapes instead: synthetic images, so accuracies say nothing about photographs.`);
    return await load("shapes");
  }
}

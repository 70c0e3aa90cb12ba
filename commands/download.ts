/** `deno task download DATASET`: fetches, checks and unpacks a data set into data/. */
import { DATASET_NAMES, loadDataset } from "../datasets/load.ts";
import { command, EXIT } from "./command.ts";
import { loadProgress } from "./training/load_progress.ts";

export const download = command({
  name: "download",
  summary: "Fetches a data set into data/, going on where an earlier call stopped, and checks it.",
  positionals: [{ name: "dataset", help: "which", choices: DATASET_NAMES }],
  flags: [],
  examples: ["download cifar10"],
  async run({ dataset: name }, io) {
    const dataset = await loadDataset(name as string, {
      download: true,
      onProgress: loadProgress(io),
      signal: io.signal,
    });
    const { train, validation, test } = dataset;
    io.err(`${dataset.name}: ${train.count} training, ${validation.count} validation and ${test.count} test images`);
    return EXIT.done;
  },
});

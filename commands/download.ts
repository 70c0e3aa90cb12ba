/** `deno task download DATASET`: fetches, checks and unpacks a data set into data/. */
import type { Dataset } from "../datasets/dataset.ts";
import { hostsOf } from "../datasets/download/sources.ts";
import { DATASET_NAMES, DATASETS, loadDataset } from "../datasets/load.ts";
import { command, EXIT } from "./command.ts";
import { loadProgress } from "./training/load_progress.ts";

/** The others are the user's own or drawn; ImageNet needs an account. */
const DOWNLOADED = DATASET_NAMES.filter((name) => DATASETS[name].sources !== undefined);

export const download = command({
  name: "download",
  summary:
    "Fetches a data set into data/ from the first source that answers well, resumes an interrupted download, and checks it.",
  positionals: [{
    name: "dataset",
    help: "which",
    choices: DOWNLOADED,
    about: Object.fromEntries(DOWNLOADED.map((name) => [name, aboutOf(name)])),
  }],
  flags: [
    {
      name: "from",
      type: "string",
      value: "URL",
      help: "your own mirror instead of the known sources: a file, or a folder if it ends in /",
    },
  ],
  examples: ["download cifar10", "download cifar10 --from http://localhost:8000/cifar-10-binary.tar.gz"],
  permissions: { net: "--from URL: a mirror of your own on this machine" },
  async run({ dataset: name, from }, io) {
    const dataset = await loadDataset(name as string, { download: true, strict: true, from, ...loadProgress(io) });
    if (dataset.notice !== undefined) io.err(dataset.notice);
    const { train, validation, test } = dataset;
    io.err(
      `${dataset.name}: ${train.count} training, ${validation.count} validation and ${test.count} test images` +
        checked(dataset),
    );
    return EXIT.done;
  },
});

function checked({ official }: Dataset): string {
  if (official === undefined) return "";
  return official ? ", every checksum that of the official files" : ", not the official files";
}

function aboutOf(name: string): string {
  const { about, sources } = DATASETS[name];
  return `${about}; from ${hostsOf(sources!).join(", ")}`;
}

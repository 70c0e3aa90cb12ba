/** The flags that set up a search: what is saved with its run, and must not change when that is resumed. */
import { ENGINE_NAMES, PLANNED_ENGINES } from "../child/engine/open.ts";
import { NETWORK_NAMES } from "../child/network/networks.ts";
import { OBJECTIVE_NAMES } from "../controller/objectives.ts";
import { PRESET_NAMES } from "../controller/presets.ts";
import { PRUNER_NAMES } from "../controller/pruners/pruners.ts";
import { DEFAULT_SAMPLER, SAMPLER_NAMES } from "../controller/samplers/samplers.ts";
import { MEASURED, NOTHING } from "../controller/warm_start.ts";
import { MAX_WORKERS } from "../workers/placement.ts";
import { type Flag, type FlagValues, UsageError } from "./command.ts";
import { CONTROLLER_FLAG } from "./controller_flag.ts";
import { camelCase } from "./parse.ts";
import { DATASET_FLAG } from "./training/chosen_dataset.ts";

/** The value of --second-network and --target-network that says there is none. */
export const NO_NETWORK = "none";

/** None has a default, so that requested values can be told from missing ones. */
export const SETTING_FLAGS = [
  { name: "sampler", type: "choice", choices: SAMPLER_NAMES, help: `what proposes candidates (${DEFAULT_SAMPLER})` },
  {
    name: "preset",
    type: "choice",
    choices: PRESET_NAMES,
    help: "size of the search (laptop, or paper where the engine computes on a GPU)",
  },
  DATASET_FLAG,
  {
    name: "data",
    type: "string",
    value: "DIR",
    help: "folder or archive that holds the data set already, in any form",
  },
  { name: "engine", type: "choice", choices: ENGINE_NAMES, planned: PLANNED_ENGINES, help: "what computes (auto)" },
  { name: "workers", type: "integer", min: 1, max: MAX_WORKERS, help: "children trained at once (one per core)" },
  { name: "trials", type: "integer", min: 1, help: "candidates in all (by preset)" },
  { name: "network", type: "choice", choices: NETWORK_NAMES, help: "network of a child (by preset)" },
  { name: "steps", type: "integer", min: 1, help: "training steps of a child (by preset)" },
  { name: "batch", type: "integer", min: 1, help: "images per step of a child (by preset)" },
  { name: "lr", type: "number", min: 0, help: "learning rate of a child at the start (0.1)" },
  {
    name: "image-size",
    type: "integer",
    min: 1,
    help: "side that a child's images are scaled down to (by preset, where it divides theirs)",
  },
  {
    name: "child-time",
    type: "duration",
    help:
      "running time after which a child counts as failed (unlimited, so that results do not depend on the machine's speed)",
  },
  CONTROLLER_FLAG,
  {
    name: "objective",
    type: "choice",
    choices: OBJECTIVE_NAMES,
    help:
      "what children are judged by: accuracy on validation images, on the same under shift, or likelihood, exp(-loss), with a verdict by accuracy (validation)",
  },
  {
    name: "learn-from",
    type: "string",
    value: `RUN|FILE|${MEASURED}|${NOTHING}`,
    help:
      "a run, or a table of functions (its file, or table for the measured one of CIFAR-10) that the sampler learns from first; what it has of the same child is not trained again (table where it is of the search's first child and data set, else none)",
  },
  { name: "time", type: "duration", help: "proposals and playoff take this long at most, about: 10m, 2h" },
  { name: "seed", type: "integer", help: "seed of everything random (1)" },
  { name: "units", type: "integer", min: 1, max: 3, help: "core units of an expression (by preset: 1 or 2)" },
  {
    name: "pruner",
    type: "choice",
    choices: PRUNER_NAMES,
    help: "which leading candidates train more than once before the playoff (none)",
  },
  {
    name: "reference",
    type: "strings",
    value: "EXPR",
    help: "a function to compare with, instead of relu and swish; may be given several times",
  },
  { name: "finals", type: "number", min: 0, max: 0.9, help: "share of the trainings kept for the playoff (a third)" },
  {
    name: "second-network",
    type: "choice",
    choices: [NO_NETWORK, ...NETWORK_NAMES],
    help: "network of a second child, of whole images: a score is the mean of both children's (by preset)",
  },
  { name: "second-steps", type: "integer", min: 1, help: "training steps of 64 images of it (100)" },
  {
    name: "target-network",
    type: "choice",
    choices: [NO_NETWORK, ...NETWORK_NAMES],
    help: "network on which the best meet and the verdict is made, on whole images (by preset; none: the child's)",
  },
  { name: "target-steps", type: "integer", min: 1, help: "training steps of 128 images on it (2000)" },
  { name: "seeds", type: "integer", min: 1, max: 1000, help: "fresh seeds to judge the named function (by preset)" },
  { name: "run", type: "string", value: "NAME", help: "name of the run's folder in runs/ (by time)" },
] as const satisfies readonly Flag[];

export type SettingFlags = FlagValues<typeof SETTING_FLAGS>;

/** What a resumed run may have anew, as another machine has other cores and folders. */
const OF_THE_MACHINE: readonly string[] = ["workers", "data"];

/** Throws a UsageError if a run is to be resumed with other settings. */
export function requireNoSettings(flags: SettingFlags & { readonly resume?: string }): void {
  const values: Readonly<Record<string, unknown>> = flags;
  const isGiven = (value: unknown) => value !== undefined && !(Array.isArray(value) && value.length === 0);
  const changed = SETTING_FLAGS.find(({ name }) => !OF_THE_MACHINE.includes(name) && isGiven(values[camelCase(name)]));
  if (flags.resume === undefined || !changed) return;
  throw new UsageError(`--resume continues a run with the settings it has: leave out --${changed.name}`);
}

/** The settings of a search, from its flags: what is saved with the run and resumed with it. */
import type { JudgingSettings, RunInfo, RunSettings, Target } from "../controller/runs/events.ts";
import { activationFrom } from "../child/activation/catalog.ts";
import { mirrorFingerprint } from "../child/activation/fingerprint.ts";
import { DEFAULT_OBJECTIVE, metricName, objectiveOf } from "../controller/objectives.ts";
import { PRESETS, SECOND, TARGET } from "../controller/presets.ts";
import type { Units } from "../controller/search_space.ts";
import { DeviceError } from "../child/engine/engine.ts";
import { onGpu } from "../child/engine/open.ts";
import { type Workload, workloadOf } from "../child/engine/speed.ts";
import { openWebGpu } from "../child/engine/webgpu/engine.ts";
import { childrenOnCard } from "../child/engine/card_children.ts";
import { multiplyAdds } from "../child/network/cost.ts";
import { type Dataset, imageStatistics } from "../datasets/dataset.ts";
import { canScaleDown } from "../datasets/scaled_down.ts";
import type { Fallback } from "../workers/pool.ts";
import { type Machine, mayStartProcesses, placeChildren, visibleGpus } from "../workers/placement.ts";
import { firstOf, type PairSettings } from "../child/pair_settings.ts";
import type { ChildSettings } from "../child/trainer.ts";
import type { ControllerSettings } from "../controller/samplers/ppo/config.ts";
import { DEFAULT_SAMPLER } from "../controller/samplers/samplers.ts";
import { differenceOf, type FunctionTable } from "../controller/comparison/function_table.ts";
import { NOTHING, openWarmStart, sourceName, usualWarmStart, type WarmStart } from "../controller/warm_start.ts";
import { withShiftedValidation } from "../datasets/shift.ts";
import { parseController, requirePolicy } from "./controller_flag.ts";
import { UsageError } from "./command.ts";
import { NO_NETWORK, type SettingFlags } from "./search_flags.ts";

/** The settings, and what the search starts from: `asked` if the user said, null for nothing, else the usual. */
export async function settingsOf(
  flags: SettingFlags,
  dataset: Dataset,
  asked: WarmStart | null | undefined,
  runs: string,
): Promise<{ readonly settings: RunSettings; readonly warmStart: WarmStart | null }> {
  const { engine = "auto", sampler = DEFAULT_SAMPLER, seed = 1, objective = DEFAULT_OBJECTIVE } = flags;
  const presetName = flags.preset ?? ((await onGpu(engine)).engine === null ? "laptop" : "paper");
  const preset = PRESETS[presetName];
  const { batch = preset.batch, ...controller } = controllerOf(flags);
  const child = childOf(flags, preset.child, dataset);
  const machine = await machineFor(engine, flags.workers, child, dataset);
  const warmStart = asked === undefined ? usualWarmStart({ child, objective }, dataset, runs) : asked;
  const settings = {
    sampler,
    preset: presetName,
    dataset: dataset.name,
    datasetNamed: flags.dataset !== undefined,
    dataDirectory: flags.data ?? null,
    units: (flags.units ?? preset.units) as Units,
    trials: flags.trials ?? preset.trials,
    timeLimitMs: flags.time ?? null,
    seed,
    batch,
    controller: { ...preset.controller, ...controller, batch },
    childTimeMs: flags.childTime ?? null,
    workers: placeChildren(flags.workers, machine).workers,
    engine,
    child,
    judging: judgingOf(flags, preset.judging, dataset),
    objective,
    learnFrom: warmStart?.source ?? null,
    tableSeeds: warmStart !== null && warmStart.table !== null &&
      whyNotTaken(warmStart.table, { objective, child }, dataset) === null,
  };
  return { settings, warmStart };
}

/** Why a search trains itself what the table has, as the end of a sentence; null if it does not. */
export function whyNotTaken(
  { header }: FunctionTable,
  { objective, child }: Pick<RunSettings, "objective" | "child">,
  dataset: Dataset,
): string | null {
  if (objective === "shift") return "it is judged on images without shift";
  if (header.images === undefined) return "it does not say on which images it was trained";
  return differenceOf(header, dataset, firstOf(child));
}

/**
 * The warm start from the named run or table; null for none. Throws an Error if there is no such run or table, or if its
 * rewards do not compare with those of this search.
 */
export function warmStartOf(settings: Pick<RunSettings, "learnFrom" | "objective">, runs: string): WarmStart | null {
  const { learnFrom } = settings;
  if (learnFrom === null || learnFrom === NOTHING) return null;
  const warmStart = openWarmStart(learnFrom, runs), [its, own] = [warmStart, settings].map(objectiveOf);
  if (its.scoreOf === own.scoreOf) return warmStart;
  throw new Error(
    `Cannot learn from ${sourceName(learnFrom)} as it is judged by ${its.metric}, and this search by ${own.metric}: ` +
      `use --objective ${warmStart.objective}`,
  );
}

/**
 * As `warmStartOf`, for a run that is resumed. If its sampler has learnt already it needs the source no more: without it,
 * which is said, what a table had is trained here, each new candidate from one seed.
 */
export function warmStartAgain(
  settings: Pick<RunSettings, "learnFrom" | "objective" | "sampler">,
  runs: string,
  hasLearnt: boolean,
  say: (sentence: string) => void,
): WarmStart | null {
  try {
    return warmStartOf(settings, runs);
  } catch (error) {
    if (!hasLearnt) throw error;
    const { message } = error as Error;
    say(`${message}; ${settings.sampler} has learnt from it already, and what it proposes is trained here`);
    return null;
  }
}

/** The data set as the run's children are judged on it. Throws a RangeError if its images cannot be shifted. */
export function judgedBy({ objective, seed }: RunSettings, dataset: Dataset): Dataset {
  return objective === "shift" ? withShiftedValidation(dataset, seed) : dataset;
}

/** How the sampler learns, as far as the user said. Throws a UsageError if the sampler has no such settings. */
export function controllerOf({ controller, sampler = DEFAULT_SAMPLER }: SettingFlags): Partial<ControllerSettings> {
  if (controller === undefined) return {};
  requirePolicy([sampler], `leave it out with --sampler ${sampler}`);
  return parseController(controller);
}

/** Throws a UsageError if a batch is larger than the training split, or its images cannot be scaled down so. */
function childOf(flags: SettingFlags, preset: PairSettings, dataset: Dataset): PairSettings {
  const { network, steps, batch, lr } = flags, { train } = dataset;
  if (batch !== undefined && batch > train.count) {
    throw new UsageError(`--batch takes at most the ${train.count} training images: current value is "${batch}"`);
  }
  const { imageSize: _, second: ofPreset, ...rest } = preset, imageSize = imageSizeOf(flags, preset, dataset);
  const second = otherChild({ network: flags.secondNetwork, steps: flags.secondSteps }, ofPreset, SECOND, dataset);
  return {
    ...rest,
    ...second && { second },
    ...imageSize !== undefined && { imageSize },
    network: network ?? preset.network,
    steps: steps ?? preset.steps,
    batch: batch ?? preset.batch,
    learningRate: lr ?? preset.learningRate,
  };
}

/** Undefined where images stay as they are; a preset's size where they can be scaled down to it. */
function imageSizeOf({ imageSize }: SettingFlags, preset: ChildSettings, dataset: Dataset): number | undefined {
  if (imageSize !== undefined && !canScaleDown(dataset, imageSize)) {
    const { name, height, width } = dataset;
    throw new UsageError(
      `--image-size must divide the side of ${name}'s images, which are ${height}x${width}: current value is "${imageSize}"`,
    );
  }
  const size = imageSize ?? preset.imageSize;
  return size === undefined || size === dataset.height || !canScaleDown(dataset, size) ? undefined : size;
}

function judgingOf(flags: SettingFlags, preset: JudgingSettings, dataset: Dataset): JudgingSettings {
  const references = referencesOf(flags);
  return {
    pruner: flags.pruner ?? preset.pruner,
    references: references.length > 0 ? references : preset.references,
    finals: flags.finals ?? preset.finals,
    finalists: preset.finalists,
    verdictSeeds: flags.seeds ?? preset.verdictSeeds,
    target: targetOf(flags, preset.target, dataset),
  };
}

/** Throws a UsageError if the flags ask for the steps of a second child or of a target, and for none. */
export function requireNetworkOfSteps(flags: SettingFlags): void {
  for (const name of ["second", "target"] as const) {
    if (flags[`${name}Network`] !== NO_NETWORK || flags[`${name}Steps`] === undefined) continue;
    throw new UsageError(`--${name}-steps has no meaning with --${name}-network ${NO_NETWORK}: leave it out`);
  }
}

/** A target where the flags or the preset ask for one. */
function targetOf(
  { targetNetwork, targetSteps }: SettingFlags,
  ofPreset: Target | null,
  dataset: Dataset,
): Target | null {
  const target = ofPreset ?? TARGET, asked = { network: targetNetwork, steps: targetSteps };
  const child = otherChild(asked, ofPreset?.child, target.child, dataset);
  return child === null ? null : { ...target, child };
}

/**
 * A child besides the search's first, where the flags or the preset ask for one: that of the preset, else the usual one,
 * with the network and steps asked for; its batch is at most the training split.
 */
function otherChild(
  { network, steps }: { readonly network: string | undefined; readonly steps: number | undefined },
  ofPreset: ChildSettings | undefined,
  usual: ChildSettings,
  dataset: Dataset,
): ChildSettings | null {
  const isAsked = network !== undefined || steps !== undefined;
  if (network === NO_NETWORK || (!isAsked && ofPreset === undefined)) return null;
  const child = ofPreset ?? usual;
  return {
    ...child,
    network: network ?? child.network,
    steps: steps ?? child.steps,
    batch: Math.min(child.batch, dataset.train.count),
  };
}

/** Names of the references. Throws a UsageError if one is not a function or is given twice. */
export function referencesOf({ reference }: SettingFlags): string[] {
  const known = new Map<string, string>();
  for (const text of reference) {
    try {
      const { name, expression } = activationFrom(text), print = mirrorFingerprint(expression), same = known.get(print);
      if (same !== undefined) {
        throw new Error(`it is the same function as ${same}, or its mirror image -f(-x): give each once`);
      }
      known.set(print, name);
    } catch (cause) {
      throw new UsageError(`--reference ${text}: ${cause instanceof Error ? cause.message : cause}`, { cause });
    }
  }
  return [...known.values()];
}

/** A machine as an engine uses it. */
export interface EngineMachine extends Machine {
  readonly gpusUnused: number;
  /** What the workers open: resolved once here if that computes on a GPU, else the name asked for. */
  readonly engine: string;
  readonly passedOver: readonly string[];
  /** What goes on where the card fails for good, if the user left the choice to `auto`. */
  readonly fallback?: Fallback;
}

/**
 * The cores and the GPUs that the engine may use. A process uses one GPU: several need the permission to start
 * processes. `asked` is the number of workers that the user named; without it a card is measured.
 */
export async function machineFor(
  name: string,
  asked: number | undefined,
  child: ChildSettings,
  dataset: Dataset,
): Promise<EngineMachine> {
  const { engine, passedOver } = await onGpu(name), cores = navigator.hardwareConcurrency;
  const common = { cores, passedOver, engine: engine ?? name }, processor = { engine: "wasm", workers: cores };
  if (engine === "webgpu" || name === "webgpu") {
    const measured = async () => engine === null ? cores : await measuredChildren(workloadOf(child, dataset));
    const ofCard = { ...common, gpus: [], gpusUnused: 0, ...name === "auto" && { fallback: processor } };
    try {
      return { ...ofCard, sideBySide: asked ?? await measured() };
    } catch (error) {
      if (name !== "auto" || !(error instanceof DeviceError)) throw error;
      const why = `webgpu was passed over: ${error.message}`;
      return { ...ofCard, engine: processor.engine, passedOver: [...passedOver, why], fallback: undefined };
    }
  }
  const visible = engine === null ? [] : visibleGpus();
  const gpus = mayStartProcesses() ? visible : visible.slice(-1);
  return { ...common, gpus, gpusUnused: visible.length - gpus.length };
}

/** Of the card that this process opens for the measurement alone. */
async function measuredChildren(workload: Workload): Promise<number> {
  const engine = await openWebGpu(() => Promise.resolve(null));
  try {
    return await childrenOnCard(engine, workload);
  } finally {
    engine.close();
  }
}

export function infoOf(name: string, settings: RunSettings, dataset: Dataset): RunInfo {
  return {
    name,
    settings,
    engine: settings.engine,
    device: "",
    engineNotices: [],
    dataset: dataset.name,
    synthetic: dataset.synthetic,
    classes: dataset.classes.length,
    images: imageStatistics(dataset),
    ...settings.judging.target &&
      { targetWork: costOf(settings.judging.target.child, dataset) / costOf(settings.child, dataset) },
    metric: metricName(settings),
    createdAt: Date.now(),
  };
}

/** Multiply-adds of training a child, or both, and judging it. */
function costOf({ second, ...child }: PairSettings, dataset: Dataset): number {
  const { training, evaluation } = multiplyAdds(workloadOf(child, dataset).graph);
  const own = child.steps * child.batch * training + (child.validationImages ?? dataset.validation.count) * evaluation;
  return second ? own + costOf(second, dataset) : own;
}

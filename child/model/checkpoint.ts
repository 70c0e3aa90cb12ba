/**
 * A child's checkpoint: one safetensors file with everything needed to resume exactly as if never interrupted, and the
 * identity of its training, since resuming from another's would give meaningless results.
 */
import { writeAtomically } from "./atomic_file.ts";
import { printExpression } from "../activation/print.ts";
import { simplify } from "../activation/simplify.ts";
import { encodeSafetensors, readSafetensors, type Safetensors } from "./safetensors.ts";
import type { ChildRequest, ChildState } from "../trainer.ts";
import type { Tensors } from "../network/parameters.ts";

/** Everything that determines a training, under the names that error messages use; not the number of threads. */
export type Identity = Readonly<Record<string, string>>;

/** `Progress` is other saved state: plain JSON with finite numbers. */
export interface Checkpoint<Progress> {
  readonly state: ChildState;
  readonly progress: Progress;
}

const FORMAT = "actsearch checkpoint 1";
const GROUPS = ["parameters", "statistics", "slots"] as const;

/** Two trainings with equal identities have the same results. */
export function identityOf({ engine, dataset, activation, settings, seed }: ChildRequest): Identity {
  const { name, classes, train, validation, test, mean, standardDeviation } = dataset;
  const about = {
    expression: printExpression(simplify(activation.expression)),
    "start of beta": activation.betaStart,
    // Absent if it is the usual one, as in checkpoints from before there was another.
    ...activation.kernelGain !== undefined && { "initialisation (gain of kernels)": activation.kernelGain },
    dataset: `${name} with ${classes.length} classes`,
    "images (training, validation, test)": [train.count, validation.count, test.count],
    normalisation: [mean, standardDeviation],
    ...settings,
    seed,
    engine: engine.name,
  };
  return Object.fromEntries(
    Object.entries(about).map(([key, value]) => [key, typeof value === "string" ? value : JSON.stringify(value)]),
  );
}

/** Replaces the file completely or not at all. */
export async function writeCheckpoint<Progress>(
  path: string,
  identity: Identity,
  { state, progress }: Checkpoint<Progress>,
): Promise<void> {
  const tensors = GROUPS.flatMap((group) =>
    [...state[group]].map(([name, values]) => [`${group}/${name}`, { shape: [values.length], values }] as const)
  );
  const numbers = { step: state.step, recentLosses: state.recentLosses };
  const metadata = {
    format: FORMAT,
    identity: JSON.stringify(identity),
    state: JSON.stringify(numbers),
    progress: JSON.stringify(progress),
  };
  await writeAtomically(path, encodeSafetensors({ metadata, tensors: new Map(tensors) }));
}

/** Null if there is none. Throws an Error that says why if it is not a checkpoint of this training. */
export async function readCheckpoint<Progress>(path: string, identity: Identity): Promise<Checkpoint<Progress> | null> {
  if (!await exists(path)) return null;
  const file = await readSafetensors(path);
  if (file.metadata.format !== FORMAT) {
    throw new Error(`Cannot resume from ${path} as it is not a checkpoint of this version of actsearch`);
  }
  requireSame(path, JSON.parse(file.metadata.identity), identity);
  const { step, recentLosses } = JSON.parse(file.metadata.state) as { step: number; recentLosses: (number | null)[] };
  const [parameters, statistics, slots] = GROUPS.map((group) => tensorsOf(file, group));
  return {
    state: { step, recentLosses: recentLosses.map((loss) => loss ?? NaN), parameters, statistics, slots },
    progress: JSON.parse(file.metadata.progress),
  };
}

function requireSame(path: string, theirs: Identity, ours: Identity): void {
  const different = [...new Set([...Object.keys(ours), ...Object.keys(theirs)])]
    .find((key) => theirs[key] !== ours[key]);
  if (different === undefined) return;
  throw new Error(
    `Cannot resume from ${path} as it belongs to another training: its ${different} is ${theirs[different]}, ` +
      `and ${ours[different]} was asked for`,
  );
}

function tensorsOf({ tensors }: Safetensors, group: string): Tensors {
  return new Map(
    [...tensors].filter(([name]) => name.startsWith(`${group}/`))
      .map(([name, { values }]) => [name.slice(group.length + 1), values]),
  );
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

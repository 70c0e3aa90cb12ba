/**
 * `--controller "learningRate=0.001,entropyWeight=0.0001"`: how the samplers with a policy learn, by the names of
 * config.ts.
 */
import { type ControllerSettings, DEFAULT_CONTROLLER } from "../controller/samplers/ppo/config.ts";
import { UsageError } from "./command.ts";
import { nearest } from "./nearest.ts";

type Key = keyof ControllerSettings;

const KEYS = Object.keys(DEFAULT_CONTROLLER) as readonly Key[];
const WHOLE: ReadonlySet<string> = new Set<Key>(["batch", "hidden", "epochs"]);
/** Settings that are shares. */
const UP_TO_ONE: ReadonlySet<string> = new Set<Key>(["baselineDecay", "clip"]);

/** The settings that the text names, each at most once. Throws a UsageError that names the rule. */
export function parseController(text: string): Partial<ControllerSettings> {
  const settings: Partial<Record<Key, number>> = {};
  for (const part of text.split(",")) {
    const [, name, value] = /^\s*(\w+)\s*=\s*(\S+)\s*$/.exec(part) ?? [];
    if (name === undefined) {
      throw new UsageError(`--controller takes NAME=NUMBER,… of ${KEYS.join(", ")}: current value is "${text}"`);
    }
    const key = KEYS.find((known) => known === name);
    if (key === undefined) throw unknown(name);
    if (settings[key] !== undefined) throw new UsageError(`--controller gives ${key} twice: give it once`);
    settings[key] = numberOf(key, value);
  }
  return settings;
}

function numberOf(key: Key, text: string): number {
  const value = Number(text), isWhole = WHOLE.has(key), isShare = UP_TO_ONE.has(key);
  const isAllowed = Number.isFinite(value) && (isWhole ? Number.isSafeInteger(value) && value >= 1 : value >= 0) &&
    (!isShare || value <= 1) && (key !== "learningRate" && key !== "initialRange" || value > 0);
  if (isAllowed) return value;
  const rule = isWhole
    ? "a whole number of at least 1"
    : isShare
    ? "a number from 0 to 1"
    : "a number that is not negative";
  throw new UsageError(`--controller ${key} takes ${rule}: current value is "${text}"`);
}

function unknown(name: string): UsageError {
  const suggestion = nearest(name, KEYS);
  const hint = suggestion ? `did you mean ${suggestion}?` : `there are ${KEYS.join(", ")}`;
  return new UsageError(`--controller has no setting "${name}": ${hint}`);
}

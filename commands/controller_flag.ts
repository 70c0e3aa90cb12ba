/**
 * `--controller "learningRate=0.001,entropyWeight=0.0001"`: how the samplers with a policy learn, by the names of
 * config.ts; "paper", alone or before others, stands for the settings of the paper.
 */
import { type ControllerSettings, DEFAULT_CONTROLLER, PAPER_CONTROLLER } from "../controller/samplers/ppo/config.ts";
import { POLICY_SAMPLERS } from "../controller/samplers/samplers.ts";
import { UsageError } from "./command.ts";
import { nearest } from "./nearest.ts";

type Key = keyof ControllerSettings;

const KEYS = Object.keys(DEFAULT_CONTROLLER) as readonly Key[];

interface Rule {
  readonly rule: string;
  readonly allows: (value: number) => boolean;
}

const whole = (least: number): Rule => ({
  rule: `a whole number of at least ${least}`,
  allows: (value) => Number.isSafeInteger(value) && value >= least,
});
const POSITIVE: Rule = { rule: "a positive number", allows: (value) => value > 0 };
const SHARE: Rule = { rule: "a number from 0 to 1", allows: (value) => value >= 0 && value <= 1 };

const RULES: Readonly<Record<Key, Rule>> = {
  batch: whole(1),
  hidden: whole(1),
  epochs: whole(1),
  elites: whole(0),
  initialRange: POSITIVE,
  learningRate: POSITIVE,
  entropyWeight: { rule: "a number that is not negative", allows: (value) => value >= 0 },
  baselineDecay: SHARE,
  clip: SHARE,
  screen: whole(1),
  ranked: { rule: "0 or 1", allows: (value) => value === 0 || value === 1 },
};

const NAMES = POLICY_SAMPLERS.join(" and ");

export const CONTROLLER_FLAG = {
  name: "controller",
  type: "string",
  value: "NAME=NUMBER,…",
  help: `how ${NAMES} learn: ${KEYS.join(", ")}; "paper" first sets them as in the paper`,
} as const;

/** Throws a UsageError that ends in `hint` if none of the samplers has such settings. */
export function requirePolicy(samplers: readonly string[], hint: string): void {
  if (samplers.some((name) => POLICY_SAMPLERS.includes(name))) return;
  throw new UsageError(`--controller says how ${NAMES} learn: ${hint}`);
}

/** The settings that the text names, each at most once. Throws a UsageError that names the rule. */
export function parseController(text: string): Partial<ControllerSettings> {
  const [first, ...rest] = text.split(","), isPaper = first.trim() === "paper";
  const settings: Partial<Record<Key, number>> = {};
  for (const part of isPaper ? rest : [first, ...rest]) {
    const [, name, value] = /^\s*(\w+)\s*=\s*(\S+)\s*$/.exec(part) ?? [];
    if (name === undefined) {
      throw new UsageError(`--controller takes NAME=NUMBER,… of ${KEYS.join(", ")}: current value is "${text}"`);
    }
    const key = KEYS.find((known) => known === name);
    if (key === undefined) throw unknown(name);
    if (settings[key] !== undefined) throw new UsageError(`--controller gives ${key} twice: give it once`);
    settings[key] = numberOf(key, value);
  }
  // The batch is that of the search.
  const { batch: _, ...paper } = PAPER_CONTROLLER;
  return { ...isPaper && paper, ...settings };
}

function numberOf(key: Key, text: string): number {
  const value = Number(text), { rule, allows } = RULES[key];
  if (Number.isFinite(value) && text !== "" && allows(value)) return value;
  throw new UsageError(`--controller ${key} takes ${rule}: current value is "${text}"`);
}

function unknown(name: string): UsageError {
  const suggestion = nearest(name, KEYS);
  const hint = suggestion ? `did you mean ${suggestion}?` : `there are ${KEYS.join(", ")}`;
  return new UsageError(`--controller has no setting "${name}": ${hint}`);
}

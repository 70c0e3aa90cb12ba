/**
 * The words of the filter: which trials a text selects, the same in the browser and under `/api`. Words are joined by
 * "and", and `!` before one negates it.
 *
 *     sin  max(x          the expression or its simplified form contains it, whatever the spaces
 *     swish  x*tanh(x)    ... or is that function, however it is written
 *     >=50%  loss<2       a measure compared; alone it is the validation accuracy
 *     diverged            a state
 *     role:reference      what a trial is for
 *     #12                 a trial by its number
 *
 * A word that compares an unknown measure is reported as not understood.
 */
import { activationFrom, CATALOG } from "../child/activation/catalog.ts";
import { mirrorFingerprint } from "../child/activation/fingerprint.ts";
import { NEXT_STATES, type Role, trainingsJudged, type TrialRow, type TrialState } from "../controller/trial.ts";

export const STATES = Object.keys(NEXT_STATES) as TrialState[];

type Test = (trial: TrialRow) => boolean;

/** A word of a filter with its test. */
export interface FilterWord {
  readonly word: string;
  readonly matches: Test;
}

export interface TextFilter {
  readonly words: readonly FilterWord[];
  /** A sentence for each word that was not understood and is ignored. */
  readonly problems: readonly string[];
  readonly matches: Test;
}

interface Measure {
  readonly names: readonly string[];
  readonly of: (trial: TrialRow) => number | null;
  /** In [0, 1], written as a share or in percent. */
  readonly isShare?: boolean;
  /** Units of time, in milliseconds. */
  readonly units?: Readonly<Record<string, number>>;
}

const TIMES = { "": 1000, ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000 } as const;

const MEASURES: readonly Measure[] = [
  { names: ["accuracy", "acc", "score", "validation_accuracy"], of: (trial) => trial.score, isShare: true },
  { names: ["deviation"], of: ({ deviation }) => deviation, isShare: true },
  { names: ["n"], of: (trial) => trainingsJudged(trial) },
  { names: ["reward"], of: ({ reward }) => reward, isShare: true },
  { names: ["loss", "final_loss"], of: ({ finalLoss }) => finalLoss },
  { names: ["beta"], of: ({ betaMean }) => betaMean },
  { names: ["steps"], of: ({ steps }) => steps },
  { names: ["batch"], of: ({ batch }) => batch },
  { names: ["attempts"], of: ({ attempts }) => attempts },
  { names: ["worker"], of: ({ worker }) => worker },
  { names: ["trial", "id"], of: ({ id }) => id },
  {
    names: ["took", "duration"],
    of: ({ startedAt, finishedAt }) => startedAt === null || finishedAt === null ? null : finishedAt - startedAt,
    units: TIMES,
  },
];

const COMPARE: Readonly<Record<string, (value: number, bound: number) => boolean>> = {
  "<": (value, bound) => value < bound,
  ">": (value, bound) => value > bound,
  "<=": (value, bound) => value <= bound,
  ">=": (value, bound) => value >= bound,
  "=": (value, bound) => value === bound,
  "!=": (value, bound) => value !== bound,
};
const ALIKE: Readonly<Record<string, string>> = { "==": "=", "≤": "<=", "≥": ">=", "≠": "!=", "=<": "<=", "=>": ">=" };

const OPERATOR = "<=|>=|=<|=>|==|!=|≤|≥|≠|<|>|=";
const COMPARISON = new RegExp(`^([a-z_]*)(${OPERATOR})([+-]?(?:\\d+\\.?\\d*|\\.\\d+)(?:e[+-]?\\d+)?)(%|[a-z]*)$`);
const MEASURE_NAMES = MEASURES.flatMap(({ names }) => names);
/** Spaces within a comparison: "loss < 2", "> 50 %". */
const SPACED = [
  [new RegExp(`\\b(${MEASURE_NAMES.join("|")}|state|role)\\s+(?=${OPERATOR}|:)`, "g"), "$1"],
  [new RegExp(`(${OPERATOR})\\s+(?=[-+.\\d])`, "g"), "$1"],
  [new RegExp(`((?:${OPERATOR})[-+.\\d]+)\\s+(?=%)`, "g"), "$1"],
  [/(\bstate[=:]|\brole[=:])\s+/g, "$1"],
] as const;

let latest: { readonly text: string; readonly filter: TextFilter } | null = null;

/** Parses a filter. That may take milliseconds, so the latest is cached: it is used at every event of a run. */
export function textFilter(text: string): TextFilter {
  if (latest?.text !== text) latest = { text, filter: readFilter(text) };
  return latest.filter;
}

function readFilter(text: string): TextFilter {
  const joined = SPACED.reduce((joined, [pattern, by]) => joined.replaceAll(pattern, by), text.trim().toLowerCase());
  const words: FilterWord[] = [];
  const problems: string[] = [];
  for (const word of wholeFunction(joined) ? [joined] : joined.split(/\s+/).filter((word) => word !== "")) {
    const isTurned = word.length > 1 && word.startsWith("!");
    const test = readWord(isTurned ? word.slice(1) : word);
    if (typeof test === "string") problems.push(test);
    else words.push({ word, matches: isTurned ? (trial) => !test(trial) : test });
  }
  return { words, problems, matches: (trial) => words.every(({ matches }) => matches(trial)) };
}

/** Whether a text of several words is one function, such as `x * tanh(x)`. */
function wholeFunction(text: string): boolean {
  return /\s/.test(text) && /[-+*/(^]/.test(text) && fingerprintOf(text) !== null;
}

/** The test of a word, or why it is not understood. */
function readWord(word: string): Test | string {
  const number = /^#(\d+)$/.exec(word);
  if (number) return (trial) => trial.id === Number(number[1]);
  const state = /^(?:state[=:])?([a-z]+)$/.exec(word)?.[1] ?? "";
  if (STATES.includes(state as TrialState)) return (trial) => trial.state === state;
  if (/^state[=:]/.test(word)) return `"${word}" is not understood: the states are ${STATES.join(", ")}`;
  const role = /^role[=:](.+)$/.exec(word)?.[1];
  if (role !== undefined) return readRole(word, role);
  const comparison = COMPARISON.exec(word);
  const without = word.replaceAll(/\s/g, "");
  const isFunction = /^[xb][<>=]|\(/.test(without); // as within `where(x > 0, x, 0)`
  if (comparison && !isFunction) return readComparison(word, comparison);
  if (/[<>=≤≥≠]/.test(without) && !isFunction) {
    return `"${word}" is not understood: compare a measure with a number, as in loss<2 or >=50%`;
  }
  const equal = functionsCalled(word);
  const own = fingerprintOf(word);
  if (own !== null) equal.add(own);
  const spaceless = (text: string) => text.toLowerCase().replaceAll(" ", "");
  return (trial) =>
    equal.has(trial.fingerprint) || spaceless(trial.expression).includes(without) ||
    spaceless(trial.simplified).includes(without);
}

const ROLES: Readonly<Record<string, Role>> = {
  candidate: "candidate",
  reference: "reference",
  by_hand: "by hand",
  "by-hand": "by hand",
};

function readRole(word: string, name: string): Test | string {
  if (!Object.hasOwn(ROLES, name)) return `"${word}" is not understood: the roles are candidate, reference, by_hand`;
  return (trial) => trial.role === ROLES[name];
}

function readComparison(word: string, [, name, operator, number, unit]: readonly string[]): Test | string {
  const measure = name === "" ? MEASURES[0] : MEASURES.find(({ names }) => names.includes(name));
  if (!measure) return `"${word}" is not understood: measures are ${MEASURES.map(({ names }) => names[0]).join(", ")}`;
  const scale = scaleOf(measure, Number(number), unit);
  if (scale === null) return `"${word}" is not understood: ${measure.names[0]} has no unit "${unit}"`;
  const bound = Number(number) * scale;
  const compare = COMPARE[ALIKE[operator] ?? operator];
  return (trial) => {
    const value = measure.of(trial);
    return value !== null && compare(value, bound);
  };
}

/** The factor of a unit; null if the measure has no such unit. A share over 1 is in percent. */
function scaleOf({ isShare, units }: Measure, value: number, unit: string): number | null {
  if (units) return units[unit] ?? null;
  if (isShare) return unit === "%" || (unit === "" && Math.abs(value) > 1) ? 0.01 : unit === "" ? 1 : null;
  return unit === "" ? 1 : null;
}

/** Fingerprints of the catalogue's functions whose names begin so: `swish` is Swish and Swish-1. */
function functionsCalled(word: string): Set<string> {
  if (!/^[a-z][\w-]{2,}$/.test(word)) return new Set();
  const called = CATALOG.filter(({ name, aliases }) =>
    [name.toLowerCase(), ...aliases].some((known) => known.startsWith(word))
  );
  return new Set(called.map(({ name }) => fingerprintOf(name)).filter((print) => print !== null));
}

/** The fingerprint that trials of the function have; null if the text is not a function. */
function fingerprintOf(text: string): string | null {
  try {
    return mirrorFingerprint(activationFrom(text).expression);
  } catch {
    return null;
  }
}

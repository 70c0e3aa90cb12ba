/** Arguments -> the values of a command's tables; every mistake is a UsageError that names the flag and the rule. */
import { parseArgs } from "@std/cli/parse-args";
import { type Command, type Flag, UsageError } from "./command.ts";
import { nearest } from "./nearest.ts";

type Value = string | number | boolean | readonly string[] | undefined;
type TypeOf<F extends Flag["type"]> = Extract<Flag, { type: F }>;

/** A command's values, or "help" where --help or -h was among the arguments. */
export function parseCommandLine(command: Command, args: readonly string[]): Record<string, Value> | "help" {
  if (asksForHelp(args)) return "help";
  const booleans = command.flags.filter((flag) => flag.type === "boolean").map((flag) => flag.name);
  const joined = withValuesJoined(command, args);
  requireOnce(command, joined);
  const parsed = parseArgs(joined, {
    string: ["_", ...command.flags.map((flag) => flag.name).filter((name) => !booleans.includes(name))],
    boolean: booleans,
    negatable: booleans,
    collect: command.flags.filter((flag) => flag.type === "strings").map((flag) => flag.name),
    default: Object.fromEntries(
      command.flags.flatMap((flag) => flag.type === "boolean" ? [[flag.name, flag.default ?? false]] : []),
    ),
    unknown: (arg, key) => {
      if (key !== undefined) throw unknownFlag(command, arg, key);
    },
  });
  const values: Record<string, Value> = readPositionals(command, parsed._.map(String));
  for (const flag of command.flags) values[camelCase(flag.name)] = readFlag(flag, parsed[flag.name]);
  return values;
}

/** "1h30m" in milliseconds. Throws a UsageError on anything but a sum of h, m, s and ms. */
export function parseDuration(text: string, flag = "--time"): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join("") !== text) {
    throw new UsageError(`${flag} takes a duration such as 90s, 10m, 2h or 1h30m: current value is "${text}"`);
  }
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * MILLISECONDS[unit], 0);
}

const MILLISECONDS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** The name under which `run` receives a flag. */
export function camelCase(name: string): string {
  return name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}

function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  return args.slice(0, end < 0 ? undefined : end).some((arg) => arg === "--help" || arg === "-h");
}

function unknownFlag(command: Command, arg: string, key: string): UsageError {
  const names = command.flags.flatMap(({ name, type }) => type === "boolean" ? [name, `no-${name}`] : [name]);
  const suggestion = nearest(key, names);
  return new UsageError(`${command.name} has no flag ${arg}${suggestion ? `: did you mean --${suggestion}?` : ""}`);
}

function readPositionals(command: Command, given: readonly string[]): Record<string, Value> {
  const { positionals } = command;
  if (given.length > positionals.length) {
    throw new UsageError(`${command.name} does not know what to do with "${given[positionals.length]}"`);
  }
  return Object.fromEntries(positionals.map((positional, i) => {
    const value = given[i];
    if (value === undefined && !positional.optional) {
      throw new UsageError(`${command.name} needs ${positional.name.toUpperCase()}: ${positional.help}`);
    }
    if (value !== undefined) checkChoice(positional.name.toUpperCase(), positional.choices, value);
    return [positional.name, value];
  }));
}

function readFlag(flag: Flag, given: unknown): Value {
  if (flag.type === "boolean") return given as boolean;
  if (flag.type === "strings") {
    const texts = given as readonly string[];
    texts.forEach((text) => requireValue(flag, text));
    return texts;
  }
  if (flag.type === "choices") {
    const text = given ?? flag.default;
    return text === undefined ? undefined : readChoices(flag, text as string);
  }
  if (given === undefined) return flag.default;
  const text = given as string;
  if (flag.type === "string" && flag.bare && text === "") return "";
  requireValue(flag, text);
  switch (flag.type) {
    case "string":
      return text;
    case "choice":
      if (flag.planned && Object.hasOwn(flag.planned, text)) {
        throw new UsageError(`--${flag.name} ${text} cannot be chosen: ${flag.planned[text]}`);
      }
      checkChoice(`--${flag.name}`, flag.choices, text);
      return text;
    case "duration":
      return parseDuration(text, `--${flag.name}`);
    case "number":
    case "integer":
      return readNumber(flag, text);
  }
}

/** The names in "a;b;c", each one of the choices and none twice. */
function readChoices({ name, choices }: TypeOf<"choices">, text: string): readonly string[] {
  const names = text.split(";").map((part) => part.trim()).filter((part) => part !== "");
  if (names.length === 0) throw new UsageError(`--${name} names none: there are ${choices.join(", ")}`);
  names.forEach((one) => checkChoice(`--${name}`, choices, one));
  const twice = names.find((one, at) => names.indexOf(one) !== at);
  if (twice !== undefined) throw new UsageError(`--${name} names ${twice} twice: name it once`);
  return names;
}

/**
 * The arguments with each flag's value joined to it and the positionals at the end, so that an expression or number may
 * begin with a minus: only arguments with two minuses (and -h) are flags, as no command has short ones.
 */
function withValuesJoined(command: Command, args: readonly string[]): string[] {
  const takesValue = new Set(command.flags.filter(({ type }) => type !== "boolean").map(({ name }) => `--${name}`));
  const end = args.indexOf("--");
  const head = end < 0 ? args : args.slice(0, end);
  const flags: string[] = [];
  const positionals: string[] = [];
  for (let i = 0; i < head.length; i++) {
    if (!head[i].startsWith("--")) positionals.push(head[i]);
    else if (!takesValue.has(head[i])) flags.push(head[i]);
    else if (i + 1 < head.length && !head[i + 1].startsWith("--")) flags.push(`${head[i]}=${head[++i]}`);
    else flags.push(`${head[i]}=`);
  }
  return [...flags, "--", ...positionals, ...end < 0 ? [] : args.slice(end + 1)];
}

/** A flag given twice would silently lose one of its values. */
function requireOnce(command: Command, args: readonly string[]): void {
  const end = args.indexOf("--"), given = new Set<string>();
  for (const arg of args.slice(0, end < 0 ? undefined : end)) {
    const written = /^--(?:no-)?([^=]+)/.exec(arg)?.[1];
    const flag = command.flags.find(({ name }) => name === written || `--${name}` === arg.replace(/=.*/, ""));
    if (!flag || flag.type === "strings") continue;
    if (given.has(flag.name)) throw new UsageError(`--${flag.name} is given twice: give it once`);
    given.add(flag.name);
  }
}

function requireValue(flag: Flag, text: string): void {
  if (text !== "") return;
  throw new UsageError(`--${flag.name} needs a value (one that begins with -- is written --${flag.name}=--…)`);
}

function readNumber(flag: TypeOf<"number" | "integer">, text: string): number {
  const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : NaN;
  const whole = flag.type === "integer";
  const min = flag.min ?? (whole ? 0 : -Infinity);
  const max = flag.max ?? (whole ? Number.MAX_SAFE_INTEGER : Infinity);
  const inRange = Number.isFinite(value) && value >= min && value <= max && (!whole || Number.isSafeInteger(value));
  if (inRange) return value;
  throw new UsageError(
    `--${flag.name} takes ${numberRule(whole, flag.min ?? (whole ? 0 : undefined), flag.max)}: ` +
      `current value is "${text}"`,
  );
}

function numberRule(whole: boolean, min: number | undefined, max: number | undefined): string {
  const kind = whole ? "a whole number" : "a number";
  if (min !== undefined && max !== undefined) return `${kind} from ${min} to ${max}`;
  if (min !== undefined) return `${kind} of at least ${min}`;
  return max !== undefined ? `${kind} of at most ${max}` : kind;
}

function checkChoice(what: string, choices: readonly string[] | undefined, text: string): void {
  if (choices === undefined || choices.includes(text)) return;
  const suggestion = nearest(text, choices);
  throw new UsageError(
    `${what} takes one of ${choices.join(", ")}: current value is "${text}"` +
      (suggestion ? ` (did you mean ${suggestion}?)` : ""),
  );
}

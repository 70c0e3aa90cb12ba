/**
 * The part of `@std/cli/parse-args` that the commands use, over node:util (JSR is not reachable from every machine).
 */
import { parseArgs as nodeParseArgs } from "node:util";

export interface ParseOptions {
  /** Flags that take a value, kept as text; "_" keeps the positionals as text too. A flag without its value is "". */
  readonly string?: readonly string[];
  /** Flags that take none; false if absent. */
  readonly boolean?: readonly string[];
  /** Flags whose values are gathered in a list. */
  readonly collect?: readonly string[];
  /** Boolean flags that `--no-<name>` sets to false. */
  readonly negatable?: readonly string[];
  readonly default?: Readonly<Record<string, unknown>>;
  /** Other names of a flag, or the flag of another name. */
  readonly alias?: Readonly<Record<string, string | readonly string[]>>;
  /** Called with each undeclared flag and each positional as written; where it returns false, that one is left out. */
  readonly unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

export interface Args {
  /** The positionals. */
  _: (string | number)[];
  [flag: string]: unknown;
}

/** Arguments as flags and positionals, by the rules of the original. */
export function parseArgs(args: readonly string[], options: ParseOptions = {}): Args {
  const strings = new Set(options.string);
  const booleans = new Set(options.boolean);
  const collected = new Set(options.collect);
  const negatable = new Set(options.negatable);
  const names = aliasTable(options.alias ?? {}, new Set([...strings, ...booleans]));
  const declared = new Set([...strings, ...booleans, ...collected, ...Object.keys(options.default ?? {})]);

  const result: Args = { _: [] };
  for (const name of booleans) result[name] = false;
  for (const name of collected) result[name] = [];
  Object.assign(result, structuredClone(options.default));

  const isNegation = (name: string) => name.startsWith("no-") && negatable.has(name.slice(3));
  const given = new Set<string>();
  const { tokens } = nodeParseArgs({
    args: inlineValues(args, names, strings, (name) => booleans.has(name) || isNegation(name)),
    options: Object.fromEntries([...strings].filter((name) => name !== "_").map((name) => [name, { type: "string" }])),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind === "positional") {
      if (options.unknown?.(token.value) === false) continue;
      result._.push(strings.has("_") ? token.value : textOrNumber(token.value));
    } else if (token.kind === "option") {
      const negated = token.value === undefined && isNegation(token.name);
      const name = negated ? token.name.slice(3) : names.get(token.name) ?? token.name;
      const value = negated ? false : flagValue(token.value, strings.has(name), booleans.has(name));
      if (!declared.has(name) && options.unknown?.(token.rawName, name, value) === false) continue;
      if (collected.has(name)) result[name] = given.has(name) ? [...result[name] as unknown[], value] : [value];
      else result[name] = value;
      given.add(name);
    }
  }
  for (const [alias, name] of names) if (name in result) result[alias] = result[name];
  return result;
}

/** Alias -> declared name, in whichever direction the pairs were written. */
function aliasTable(alias: Readonly<Record<string, string | readonly string[]>>, declared: ReadonlySet<string>) {
  const table = new Map<string, string>();
  for (const [key, others] of Object.entries(alias)) {
    const group = [key, ...typeof others === "string" ? [others] : others];
    const main = group.find((name) => declared.has(name)) ?? key;
    for (const name of group) if (name !== main) table.set(name, main);
  }
  return table;
}

/**
 * The arguments with every flag's value joined by `=`, since node:util would take a following flag as a value: a flag
 * takes the next argument unless that begins with "-", a boolean one only where it is "true" or "false".
 */
function inlineValues(
  args: readonly string[],
  names: ReadonlyMap<string, string>,
  strings: ReadonlySet<string>,
  withoutValue: (name: string) => boolean,
): string[] {
  const joined: string[] = [];
  for (let i = 0; i < args.length; i++) {
    if (args[i] === "--") return [...joined, ...args.slice(i)];
    const written = /^(?:--|-(?=.$))([^=-][^=]*)$/.exec(args[i])?.[1];
    const name = written === undefined ? undefined : names.get(written) ?? written;
    const next = args[i + 1];
    const taken = name !== undefined && next !== undefined &&
      (withoutValue(name) ? next === "true" || next === "false" : !next.startsWith("-"));
    if (taken) {
      joined.push(`--${name}=${next}`);
      i++;
    } else {
      joined.push(name !== undefined && strings.has(name) ? `--${name}=` : args[i]);
    }
  }
  return joined;
}

function flagValue(text: string | undefined, isString: boolean, isBoolean: boolean): unknown {
  if (isString) return text ?? "";
  if (isBoolean) return text !== "false";
  return text === undefined ? true : textOrNumber(text);
}

function textOrNumber(text: string): string | number {
  return text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
}

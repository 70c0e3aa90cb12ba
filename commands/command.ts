/**
 * A command of the command line as a value: what it is called, its positionals and flags as tables, and what it does.
 * `parse.ts` turns arguments into the values that `run` receives, typed by those tables, and `help.ts` prints its page.
 *
 * Each command is a file of this folder, so that `main.ts` is no more than the table that starts them.
 */

interface FlagBase {
  /** As written after `--`, in lower case with hyphens; `run` receives it in camel case. */
  readonly name: string;
  /** One line for the help page. */
  readonly help: string;
}

/** A row of a command's table of flags. A flag without a default is `undefined` where it was not given. */
export type Flag =
  /**
   * `value` is what the help page calls the value: "DIR". A `default` of "" is indistinguishable from a missing value:
   * leave it out. With `bare`, the flag may stand without a value, and is then "".
   */
  | FlagBase & { readonly type: "string"; readonly value: string; readonly default?: string; readonly bare?: true }
  /** May be given several times; the values make a list, empty by default. */
  | FlagBase & { readonly type: "strings"; readonly value: string }
  | FlagBase & { readonly type: "number" | "integer" } & {
    readonly default?: number;
    /** Inclusive bounds. An integer is safe and non-negative unless `min` says otherwise. */
    readonly min?: number;
    readonly max?: number;
  }
  /** A flag whose default is true is turned off by `--no-<name>`. */
  | FlagBase & { readonly type: "boolean"; readonly default?: boolean }
  | FlagBase & { readonly type: "choice"; readonly choices: readonly string[]; readonly default?: string } & {
    /** Values that are not available yet, each with the sentence that says so. */
    readonly planned?: Readonly<Record<string, string>>;
  }
  /** Several of them, separated by semicolons: "a;b". Received as a list without repeats. */
  | FlagBase & { readonly type: "choices"; readonly choices: readonly string[]; readonly default?: string }
  /** Written 10m, 90s, 2h or 1h30m; received in milliseconds. */
  | FlagBase & { readonly type: "duration"; readonly default?: number };

export interface Positional {
  /** In lower case; `run` receives it under this name. */
  readonly name: string;
  readonly help: string;
  readonly optional?: boolean;
  readonly choices?: readonly string[];
  /** A line for the help page about each choice. */
  readonly about?: Readonly<Record<string, string>>;
}

/** Kinds of Deno's permissions that tasks give by `--allow-KIND=`. */
export type Permission = "read" | "write" | "net" | "env" | "run" | "sys" | "ffi";

type CamelCase<Name extends string> = Name extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Name;

type Single<F extends Flag> = F extends { type: "choice"; choices: readonly (infer Choice)[] } ? Choice
  : F extends { type: "string" } ? string
  : number;

type FlagValue<F extends Flag> = F extends { type: "boolean" } ? boolean
  : F extends { type: "strings" } ? readonly string[]
  : F extends { type: "choices"; default: string } ? readonly string[]
  : F extends { type: "choices" } ? readonly string[] | undefined
  : F extends { default: string | number } ? Single<F>
  : Single<F> | undefined;

type PositionalValue<P extends Positional> =
  | (P extends { choices: readonly (infer Choice)[] } ? Choice : string)
  | (P extends { optional: true } ? undefined : never);

/** What `run` receives: positionals and flags under their names. */
export type Values<P extends readonly Positional[], F extends readonly Flag[]> =
  & { readonly [One in F[number] as CamelCase<One["name"]>]: FlagValue<One> }
  & { readonly [One in P[number] as One["name"]]: PositionalValue<One> };

/** The values of a table of flags alone. */
export type FlagValues<F extends readonly Flag[]> = Values<readonly [], F>;

/** The world as a command sees it, so that tests can give it another. */
export interface Io {
  /** Writes one line to stdout: results, and with --json nothing but JSON. */
  readonly out: (line: string) => void;
  /** Writes one line to stderr: progress and prose. */
  readonly err: (line: string) => void;
  /** Rewrites the live line on stderr (at most `columns` wide); does nothing if stderr is not a terminal. */
  readonly live: (line: string) => void;
  /** Whether stderr is a terminal, and how many columns it has. */
  readonly terminal: boolean;
  readonly columns: () => number;
  /** Aborted at the first Ctrl-C or SIGTERM: save and return EXIT.interrupted. */
  readonly signal: AbortSignal;
}

/** The last line of --json of an interrupted command. */
export function interruptedLine(about: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ event: "finished", state: "interrupted", ...about });
}

export const EXIT = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;

interface Definition<P extends readonly Positional[], F extends readonly Flag[]> {
  readonly name: string;
  /** One line: what it does. */
  readonly summary: string;
  readonly positionals: P;
  readonly flags: F;
  /** Whole command lines for the help page, without `deno task`. */
  readonly examples?: readonly string[];
  /** What for its task in `deno.json` has more permissions than the base task that it starts with. */
  readonly permissions?: Readonly<Partial<Record<Permission, string>>>;
  /** Resolves to the exit code; a failure may also be thrown: `main.ts` prints it on one line. */
  run(values: Values<P, F>, io: Io): Promise<number>;
}

/** A command of any type: what the table in `main.ts` holds. */
export type Command = Definition<readonly Positional[], readonly Flag[]>;

/** Checks a definition's `run` against its tables and erases their types. */
export function command<const P extends readonly Positional[], const F extends readonly Flag[]>(
  definition: Definition<P, F>,
): Command {
  return definition as unknown as Command;
}

/** Thrown if the command line is wrong: exit code 2, with a pointer to the help page. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

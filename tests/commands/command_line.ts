/** Starts the real command line as a process of its own, with the permissions that deno.json gives its task. */
import { assert } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import type { Io } from "../../commands/command.ts";
import { main } from "../../main.ts";
import { wordsOfTask } from "../../workers/task_flags.ts";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;

export interface Ended {
  readonly code: number;
  readonly out: string;
  /** Lines of stderr. */
  readonly err: readonly string[];
}

export interface StartOptions {
  /** Working folder: `runs/` and `data/` are in it. */
  readonly cwd: string;
  /** What the task's words become, for less permission than it has. */
  readonly change?: (words: string[]) => string[];
}

/** `deno task NAME ARGS` in another working folder; a name without a task runs with the permissions of `show`. */
export function start(line: readonly string[], options: StartOptions) {
  return spawn(Deno.execPath(), wordsOf(line, options), options);
}

/** Connects a program to a new terminal, whose output it passes on; SIGINT becomes a Ctrl-C typed there. */
const IN_TERMINAL = `
import os, pty, signal, sys
child, terminal = pty.fork()
if child == 0:
    os.execv(sys.argv[1], sys.argv[1:])
signal.signal(signal.SIGINT, lambda *_: os.write(terminal, b"\\x03"))
try:
    while data := os.read(terminal, 4096):
        os.write(1, data)
except OSError: # the terminal is closed
    pass
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
`;

/** The same in a terminal of its own: all that it says comes on stdout. Needs Python. */
export function startInTerminal(line: readonly string[], options: StartOptions) {
  return spawn("python3", ["-c", IN_TERMINAL, Deno.execPath(), ...wordsOf(line, options)], options);
}

/** Why a command cannot be started in a terminal here; null where it can. */
export function whyNoTerminal(): string | null {
  try {
    const { success } = new Deno.Command("python3", { args: ["-c", "import pty"], stderr: "null" }).outputSync();
    return success ? null : "python3 has no pseudo-terminals here";
  } catch {
    return "python3 is not installed, which makes the pseudo-terminal";
  }
}

/** What `deno` is given to run a task's command. */
function wordsOf([name, ...args]: readonly string[], { change = (words) => words }: StartOptions): string[] {
  const words = Object.hasOwn(config.tasks, name) ? wordsOfTask(name) : [...wordsOfTask("show").slice(0, -1), name];
  return [...change([...words]).map((word) => word === "main.ts" ? MAIN : word), ...args];
}

function spawn(program: string, args: readonly string[], { cwd }: StartOptions): Deno.ChildProcess {
  return new Deno.Command(program, {
    args: [...args],
    cwd,
    env: { ACTSEARCH_DEBUG: "", DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

export async function commandLine(line: readonly string[], options: StartOptions): Promise<Ended> {
  const { code, stdout, stderr } = await start(line, options).output();
  return { code, out: decode(stdout), err: linesOf(stderr) };
}

/** That it failed with this code, saying this on the one line of stderr, and nothing on stdout. */
export async function fails(
  line: readonly string[],
  options: StartOptions,
  code: 1 | 2,
  says: readonly string[],
): Promise<void> {
  const ended = await commandLine(line, options), [error = ""] = ended.err;
  const told = `${line.join(" ")}: ${JSON.stringify(ended)}`;
  assert(ended.code === code && ended.out === "" && ended.err.length === 1, told);
  assert(error.startsWith("error: "), error);
  for (const words of says) assert(error.includes(words), `${line.join(" ")}: "${error}" lacks "${words}"`);
}

/** The same in this process, for what is refused before anything is read or written: a process takes half a second. */
export async function failsHere(line: readonly string[], code: 1 | 2, says: readonly string[]): Promise<void> {
  const out: string[] = [], err: string[] = [];
  const io: Io = {
    ...{ out: (text) => out.push(text), err: (text) => err.push(text), live: () => {} },
    ...{ terminal: false, columns: () => 80, signal: new AbortController().signal },
  };
  const told = `${line.join(" ")}: ${JSON.stringify([await main(line, io), out, err])}`;
  assert(told.startsWith(`${line.join(" ")}: [${code},[],`) && err.length === 1 && err[0].startsWith("error: "), told);
  for (const words of says) assert(err[0].includes(words), `${line.join(" ")}: "${err[0]}" lacks "${words}"`);
}

/** Runs `test` with a new working folder, which is removed after. */
export async function inFolder(test: (cwd: string) => Promise<void>): Promise<void> {
  const cwd = await Deno.makeTempDir({ prefix: "commands-" });
  try {
    await test(cwd);
  } finally {
    await Deno.remove(cwd, { recursive: true });
  }
}

/** With an empty folder as this process's working folder. */
export function inside(test: () => void | Promise<void>): Promise<void> {
  return inFolder(async (cwd) => {
    const before = Deno.cwd();
    Deno.chdir(cwd);
    try {
      await test();
    } finally {
      Deno.chdir(before);
    }
  });
}

/** Every file and folder below a folder, with what the files hold. */
export function contents(folder: string): Record<string, string> {
  const entries = [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }): [string, string][] => {
    const path = `${folder}/${name}`;
    return isDirectory ? [[path, "a folder"], ...Object.entries(contents(path))] : [[path, textOf(path)]];
  });
  return Object.fromEntries(entries.toSorted());
}

function textOf(path: string): string {
  return new TextDecoder("latin1").decode(Deno.readFileSync(path));
}

export function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** What Deno itself says where several of it start at once: they share `node_modules` and its caches. */
const OF_DENO = /^(Blocking waiting for file lock|Could not initialize cache database|Failed to open cache file)/;

export function linesOf(bytes: Uint8Array): string[] {
  return decode(bytes).split("\n").filter((line) => line !== "" && !OF_DENO.test(line));
}

/** The lines of a stream as they come. */
export async function* linesFrom(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}

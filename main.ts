/**
 * The command line: flags -> a command; a failure -> one line on stderr and an exit code (0 done, 1 failed, 2 bad
 * usage, 130 interrupted with the state saved). ACTSEARCH_DEBUG=1 prints the whole stack instead.
 *
 * Each command is imported only when called, so that none waits for another's packages.
 */
import { type Command, EXIT, type Io, UsageError } from "./commands/command.ts";
import { helpPage, overviewPage } from "./commands/help.ts";
import { nearest } from "./commands/nearest.ts";
import { parseCommandLine } from "./commands/parse.ts";
import { openTerminal } from "./commands/terminal.ts";
import { threadsOfCardsEnded } from "./workers/side_by_side.ts";

interface Entry {
  readonly summary: string;
  /** Its results are saved in runs/ or data/, so that it continues whatever happens to its output. */
  readonly keepsResults?: true;
  readonly load: () => Promise<Command>;
}

/** Every command, in the order of the overview. */
export const COMMANDS: Readonly<Record<string, Entry>> = {
  search: {
    summary: "search for activation functions",
    keepsResults: true,
    load: async () => (await import("./commands/search.ts")).search,
  },
  cifar10: {
    summary: "train one network with one activation function on CIFAR-10",
    keepsResults: true,
    load: async () => (await import("./commands/train.ts")).cifar10,
  },
  cifar100: {
    summary: "the same on CIFAR-100",
    keepsResults: true,
    load: async () => (await import("./commands/train.ts")).cifar100,
  },
  imagenet: {
    summary: "the same on ImageNet, Imagenette, Tiny ImageNet or other photographs by class",
    keepsResults: true,
    load: async () => (await import("./commands/train.ts")).imagenet,
  },
  function: {
    summary: "show what a function is: derivative, limits, shape, values, code",
    load: async () => (await import("./commands/function.ts")).functionCommand,
  },
  baselines: {
    summary: "train the paper's baselines and print its table",
    keepsResults: true,
    load: async () => (await import("./commands/baselines.ts")).baselines,
  },
  confirm: {
    summary: "judge a search's finalists again: fresh seeds, longer, on the test split",
    keepsResults: true,
    load: async () => (await import("./commands/confirm.ts")).confirm,
  },
  swish: {
    summary: "show how Swish's beta changes under three optimizers",
    keepsResults: true,
    load: async () => (await import("./commands/swish.ts")).swish,
  },
  table: {
    summary: "show or train the table of all functions of one core unit",
    load: async () => (await import("./commands/space_table.ts")).table,
  },
  compare: {
    summary: "compare samplers on that table",
    load: async () => (await import("./commands/compare.ts")).compare,
  },
  "test-model": {
    summary: "test trained weights again",
    load: async () => (await import("./commands/test_model.ts")).testModel,
  },
  "export-model": {
    summary: "write trained weights as code and weights of PyTorch, Keras or JAX, or as ONNX",
    load: async () => (await import("./commands/export_model.ts")).exportModel,
  },
  runs: {
    summary: "list the runs in runs/",
    load: async () => (await import("./commands/runs.ts")).runs,
  },
  show: {
    summary: "show a run's settings and best functions",
    load: async () => (await import("./commands/show.ts")).show,
  },
  export: {
    summary: "write a run's trials as CSV or JSON",
    load: async () => (await import("./commands/export.ts")).exportRun,
  },
  serve: {
    summary: "open the dashboard on finished runs",
    keepsResults: true,
    load: async () => (await import("./commands/serve.ts")).serve,
  },
  download: {
    summary: "fetch and check a data set",
    keepsResults: true,
    load: async () => (await import("./commands/download.ts")).download,
  },
  golden: {
    summary: "compare an engine with traces of another framework",
    load: async () => (await import("./commands/golden.ts")).golden,
  },
  bench: {
    summary: "measure an engine",
    load: async () => (await import("./commands/bench.ts")).bench,
  },
  "build-tfjs-node": {
    summary: "build what the TensorFlow engines need",
    load: async () => (await import("./commands/build_tfjs_node.ts")).buildTfjsNode,
  },
};

/** Runs a command line and resolves to its exit code. Nothing is thrown. */
export async function main(args: readonly string[], io: Io): Promise<number> {
  try {
    return await start(args, io);
  } catch (error) {
    return report(error, args[0], io);
  }
}

async function start([name, ...rest]: readonly string[], io: Io): Promise<number> {
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    io.out(overviewPage(Object.entries(COMMANDS).map(([name, { summary }]) => [name, summary])));
    return name === undefined ? EXIT.usage : EXIT.done;
  }
  if (!Object.hasOwn(COMMANDS, name)) throw unknownCommand(name);
  const command = await COMMANDS[name].load();
  const values = parseCommandLine(command, rest);
  if (values === "help") {
    io.out(helpPage(command));
    return EXIT.done;
  }
  return await command.run(values as Parameters<Command["run"]>[0], io);
}

function unknownCommand(name: string): UsageError {
  const suggestion = nearest(name, Object.keys(COMMANDS));
  const hint = suggestion ? `did you mean ${suggestion}?` : `the commands are ${Object.keys(COMMANDS).join(", ")}`;
  return new UsageError(`there is no command "${name}": ${hint}`);
}

/** Says what went wrong on one line and gives the exit code for it. */
function report(error: unknown, name: string | undefined, io: Io): number {
  if (io.signal.aborted) {
    io.err("interrupted");
    return EXIT.interrupted;
  }
  if (debugging() && error instanceof Error) io.err(error.stack ?? error.message);
  const usage = error instanceof UsageError;
  const hint = usage && name !== undefined && Object.hasOwn(COMMANDS, name) ? ` (deno task ${name} --help)` : "";
  io.err(`error: ${oneLine(error)}${hint}`);
  return usage ? EXIT.usage : EXIT.failed;
}

/** The message and those of its causes, without line breaks. */
function oneLine(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const message = (error.message || error.name).replaceAll(/\s*\n\s*/g, " ");
  const cause = error.cause instanceof Error ? oneLine(error.cause) : "";
  return cause && !message.includes(cause) ? `${message} (${cause})` : message;
}

function debugging(): boolean {
  return Deno.permissions.querySync({ name: "env", variable: "ACTSEARCH_DEBUG" }).state === "granted" &&
    Boolean(Deno.env.get("ACTSEARCH_DEBUG"));
}

if (import.meta.main) {
  const [name = ""] = Deno.args;
  const { io, end } = openTerminal(Object.hasOwn(COMMANDS, name) && COMMANDS[name].keepsResults === true);
  const exit = async (code: number) => {
    await threadsOfCardsEnded();
    Deno.exit(await end(code));
  };
  // Uncaught errors are reported on one line, like any failure.
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    exit(report(event.reason, name, io));
  });
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    exit(report(event.error ?? event.message, name, io));
  });
  // Exits even where a worker or a socket is still open: a command that returned has saved everything.
  await exit(await main(Deno.args, io));
}

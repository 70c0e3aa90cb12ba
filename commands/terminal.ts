/** The real world of a command: stdout, stderr with its live line, and Ctrl-C as an AbortSignal. */
import { EXIT, type Io } from "./command.ts";
import { Output } from "./output.ts";

export interface Terminal {
  readonly io: Io;
  /** Waits until all output is written and gives the exit code: 1 instead of 0 if some of stdout was lost. */
  end(code: number): Promise<number>;
}

/**
 * A command that `keepsResults` elsewhere than on stdout continues whatever happens to its output, and its exit code
 * does not depend on it; any other ends when its reader is gone, as in `| head`. A second Ctrl-C ends the process at
 * once.
 */
export function openTerminal(keepsResults: boolean): Terminal {
  const terminal = Deno.stderr.isTerminal();
  let liveShown = false, isEnding = false;
  const output = new Output((error) => {
    if (!keepsResults && error instanceof Deno.errors.BrokenPipe) Deno.exit(EXIT.failed);
    for (const sink of [Deno.stderr, Deno.stdout]) {
      const goesOn = keepsResults ? "; the command continues" : "";
      if (!output.hasFailed(sink)) return output.write(sink, `output cannot be written: ${error.message}${goesOn}\n`);
    }
  });
  const clear = () => {
    if (liveShown) output.write(Deno.stderr, "\r\x1b[K");
    liveShown = false;
  };
  const io: Io = {
    out: (line) => {
      clear();
      output.write(Deno.stdout, line + "\n");
    },
    err: (line) => {
      clear();
      output.write(Deno.stderr, line + "\n");
    },
    live: (line) => {
      if (!terminal) return;
      output.write(Deno.stderr, `\r${line.slice(0, columns() - 1)}\x1b[K`);
      liveShown = true;
    },
    terminal,
    columns,
    signal: interruptSignal(() => isEnding),
  };
  return {
    io,
    async end(code) {
      isEnding = true;
      await output.flush();
      return code === EXIT.done && !keepsResults && output.hasFailed(Deno.stdout) ? EXIT.failed : code;
    },
  };
}

function columns(): number {
  try {
    return Deno.consoleSize().columns;
  } catch { // no terminal at all
    return 80;
  }
}

/** A closed terminal (SIGHUP) and `kill` (SIGTERM) mean the same as Ctrl-C. */
function interruptSignal(isEnding: () => boolean): AbortSignal {
  const controller = new AbortController();
  const interrupt = () => {
    if (controller.signal.aborted || isEnding()) Deno.exit(EXIT.interrupted);
    controller.abort(new DOMException("interrupted", "AbortError"));
  };
  const signals: readonly Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of signals) Deno.addSignalListener(signal, interrupt);
  return controller.signal;
}

/** The real world of a command: stdout, stderr with its live line, and Ctrl-C as an AbortSignal. */
import { EXIT, type Io } from "./command.ts";

/** Writes synchronously, so that nothing is lost at `Deno.exit`. A second Ctrl-C ends the process at once. */
export function terminalIo(): Io {
  const terminal = Deno.stderr.isTerminal();
  let liveShown = false;
  const clear = () => {
    if (liveShown) write(Deno.stderr, "\r\x1b[K");
    liveShown = false;
  };
  return {
    out: (line) => {
      clear();
      write(Deno.stdout, line + "\n");
    },
    err: (line) => {
      clear();
      write(Deno.stderr, line + "\n");
    },
    live: (line) => {
      if (!terminal) return;
      write(Deno.stderr, `\r${line.slice(0, columns() - 1)}\x1b[K`);
      liveShown = true;
    },
    terminal,
    columns,
    signal: interruptSignal(),
  };
}

function columns(): number {
  try {
    return Deno.consoleSize().columns;
  } catch { // no terminal at all
    return 80;
  }
}

function write(stream: typeof Deno.stdout | typeof Deno.stderr, text: string): void {
  const bytes = new TextEncoder().encode(text);
  try {
    for (let written = 0; written < bytes.length;) written += stream.writeSync(bytes.subarray(written));
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) Deno.exit(EXIT.failed); // the reader went away, as in `| head`
    throw error;
  }
}

function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  const interrupt = () => {
    if (controller.signal.aborted) Deno.exit(EXIT.interrupted);
    controller.abort(new DOMException("interrupted", "AbortError"));
  };
  Deno.addSignalListener("SIGINT", interrupt);
  if (Deno.build.os !== "windows") Deno.addSignalListener("SIGTERM", interrupt);
  return controller.signal;
}

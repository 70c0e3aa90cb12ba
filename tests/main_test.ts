/** The command line as a whole: exit codes, one line for a failure, nothing but results on stdout. */
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { Io } from "../commands/command.ts";
import { main } from "../main.ts";

function recordingIo(signal = new AbortController().signal) {
  const out: string[] = [];
  const err: string[] = [];
  const io: Io = {
    out: (line) => out.push(line),
    err: (line) => err.push(line),
    live: () => {},
    terminal: false,
    columns: () => 80,
    signal,
  };
  return { io, out, err };
}

describe("main", () => {
  it("lists every command when asked for help", async () => {
    const { io, out, err } = recordingIo();
    assertEquals(await main(["--help"], io), 0);
    for (const name of ["search", "cifar10", "golden", "bench"]) assert(out[0].includes(`\n  ${name} `), name);
    assertEquals(err, []);
  });

  it("prints the overview and fails as bad usage without a command", async () => {
    assertEquals(await main([], recordingIo().io), 2);
  });

  it("answers an unknown command with the nearest one", async () => {
    const { io, out, err } = recordingIo();
    assertEquals(await main(["serch"], io), 2);
    assertEquals(err, ['error: there is no command "serch": did you mean search?']);
    assertEquals(out, []);
  });

  it("answers an unknown flag with the way to the help page", async () => {
    const { io, err } = recordingIo();
    assertEquals(await main(["golden", "trace.json", "--engin", "wasm"], io), 2);
    assertEquals(err, ["error: golden has no flag --engin: did you mean --engine? (deno task golden --help)"]);
  });

  it("prints a failure on one line and returns 1", async () => {
    const { io, out, err } = recordingIo();
    assertEquals(await main(["golden", "no such file.json"], io), 1);
    assertEquals(err.length, 1);
    assert(/^error: .*no such file\.json/.test(err[0]) && !err[0].includes("\n"), err[0]);
    assertEquals(out, []);
  });

  it("returns 130 when the command ends because of Ctrl-C", async () => {
    const controller = new AbortController();
    controller.abort();
    assertEquals(await main(["golden", "no such file.json"], recordingIo(controller.signal).io), 130);
  });
});

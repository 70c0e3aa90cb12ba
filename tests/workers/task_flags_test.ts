/** Tasks that start with another one have its flags, lose no argument and pass on exit codes and signals. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { flagsOfTask, wordsOfTask } from "../../workers/task_flags.ts";
import { decode, linesOf } from "../commands/command_line.ts";

describe("the flags of a task", () => {
  it("are those of its base and then its own", () => {
    const train = flagsOfTask("train"), search = flagsOfTask("search");
    assertEquals(search.slice(0, train.length), train);
    assert(search.includes("--no-prompt") && search.includes("--allow-read"));
    assertEquals(search.filter((flag) => flag.startsWith("--v8-flags=")).length, 1);
    assertEquals(wordsOfTask("search").slice(-2), ["main.ts", "search"]);
    assertEquals(wordsOfTask("test:file").slice(0, 1), ["test"]);
  });

  it("are the same wherever an engine computes", () => {
    const ofEngine = flagsOfTask("compute").filter((flag) => !flagsOfTask("look").includes(flag));
    assertEquals(ofEngine.filter((flag) => !flagsOfTask("train").includes(flag)), []);
  });

  it("are not guessed where a task does something else", () => {
    assertThrows(() => flagsOfTask("ok"), Error, "neither deno run nor deno task -q");
    assertThrows(() => flagsOfTask("serach"), Error, "deno.json has none of that name");
  });
});

describe("a task that starts with others", () => {
  const start = (...args: string[]) =>
    new Deno.Command("deno", {
      args: ["task", "-q", ...args],
      env: { NO_COLOR: "1", ACTSEARCH_DEBUG: "" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();

  it("passes its arguments on as they were quoted, and exit codes back", async () => {
    const { code, stdout, stderr } = await start("cifar10", "--act", "x * sigmoid(b*x) $HOME 'y'").output();
    assertEquals([code, decode(stdout)], [2, ""]); // it is no function
    assertEquals(linesOf(stderr).length, 1);
    assert(decode(stderr).includes(`"x * sigmoid(b*x) $HOME 'y'"`), decode(stderr));
    assertEquals((await start("cifar10", "--resume", "no-such-run").output()).code, 1);
  });

  it("passes Ctrl-C on, and prints nothing of its own", async () => {
    const bench = start(
      "bench",
      "train",
      "--acts",
      "relu",
      "--network",
      "resnet8",
      "--batch",
      "8",
      "--steps",
      "1000000",
    );
    await new Promise((resolve) => setTimeout(resolve, 3000));
    bench.kill("SIGINT");
    const { code, stdout } = await bench.output();
    assertEquals([code, decode(stdout)], [130, ""]);
  });
});

/** SIGKILL in the middle of a training, several times: it ends with the same result and weights, bit by bit. */
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { withFolder } from "../datasets/scratch.ts";

const SCRIPT = new URL("./train_until_killed.ts", import.meta.url).pathname;

interface Run {
  /** The first step that it told of. */
  readonly first: number;
  /** Its last line. */
  readonly last: string;
}

/** Trains in a process of its own, killed as soon as it tells of step `killAt` and has written a checkpoint. */
async function train(checkpoint: string, killAt = Infinity): Promise<Run> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--no-check",
      "--allow-read",
      "--allow-write",
      "--allow-env",
      "--allow-sys",
      SCRIPT,
      checkpoint,
    ],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const lines: string[] = [];
  let rest = "";
  for await (
    const text of child.stdout.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)
  ) {
    const parts = (rest + text).split("\n");
    rest = parts.pop()!;
    lines.push(...parts);
    if (stepOf(lines.at(-1)) >= killAt && exists(checkpoint)) child.kill("SIGKILL");
  }
  const { signal, code } = await child.status;
  assertEquals(`${signal} ${code === 0}`, killAt === Infinity ? "null true" : "SIGKILL false");
  return { first: stepOf(lines[0]), last: lines.at(-1)! };
}

function stepOf(line: string | undefined): number {
  return Number(line?.match(/^step (\d+)$/)?.[1] ?? 0);
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

describe("a training that is killed", () => {
  it("resumes from its checkpoint to the same losses, accuracies and weights", async () => {
    await withFolder(async (folder) => {
      const whole = await train(`${folder}/whole`);
      const firsts: number[] = [];
      for (const killAt of [40, 120]) firsts.push((await train(`${folder}/killed`, killAt)).first);
      const { first, last } = await train(`${folder}/killed`);
      assert(firsts[0] === 2 && firsts[1] > 2 && first > firsts[1], `it went on at ${[...firsts, first]}`);
      assertEquals(last, whole.last);
    });
  });
});

/**
 * The engine webgpu and tfjs's WebGPU backend, in pairs on one card or software driver: for each function both right
 * after one another, in alternating order.
 *
 *     deno run --allow-read --allow-run=deno --allow-write --allow-sys tests/bench/webgpu_pairs.ts measure RAW.jsonl \
 *       "relu;swish" ROUNDS BATCH STEPS
 *     deno run --allow-read tests/bench/webgpu_pairs.ts summary RAW.jsonl
 *
 * On Mesa's software driver and two cores a step of tfjs at batch 128 takes half a minute, and each measurement has one
 * more to warm up. Pairs that RAW.jsonl has are not measured again, so that the same command continues after an
 * interruption. `summary` prints the ratio ours / tfjs's for each size: geometric mean, n, and its spread.
 */
import { cpus } from "node:os";
import { appendLine, readLines } from "./json_lines.ts";
import { ratioOf } from "./ratio.ts";

interface Pair {
  readonly act: string;
  readonly round: number;
  readonly batch: number;
  readonly steps: number;
  /** Images per second of tfjs and of ours. */
  readonly before: number;
  readonly after: number;
}

function pairsIn(file: string): Pair[] {
  return readLines(file).filter((row): row is Pair & Record<string, unknown> => "act" in row);
}

async function measure(file: string, acts: readonly string[], rounds: number, batch: number, steps: number) {
  appendLine(file, { machine: cpus()[0].model, date: new Date().toISOString(), deno: Deno.version.deno });
  const ours = (act: string) =>
    rate(
      ...["task", "-q", "bench", "train", "--json", "--engine", "webgpu", "--acts", act],
      ...["--batch", `${batch}`, "--steps", `${steps}`],
    );
  const peer = new URL("peers/resnet20_tfjs_webgpu.ts", import.meta.url).pathname;
  const theirs = (act: string) =>
    rate(
      ...["run", "--no-config", "--no-lock", "--no-check", "--allow-read", "--allow-env", "--allow-sys", peer, act],
      ...[`${batch}`, "1", `${steps}`],
    );
  const isSame = (pair: Pair, act: string, round: number) =>
    pair.act === act && pair.round === round && pair.batch === batch && pair.steps === steps;
  for (let round = 0; round < rounds; round++) {
    for (const act of acts) {
      if (pairsIn(file).some((pair) => isSame(pair, act, round))) continue;
      const first = round % 2 ? await ours(act) : await theirs(act);
      const second = round % 2 ? await theirs(act) : await ours(act);
      const [before, after] = round % 2 ? [second, first] : [first, second];
      appendLine(file, { act, round, batch, steps, before, after } satisfies Pair);
      console.error(`${act}: tfjs ${before}, ours ${after} images per second`);
    }
  }
}

const PROJECT = `${import.meta.dirname}/../..`;

/** What the last line of a command's output says. */
async function rate(...args: readonly string[]): Promise<number> {
  const { code, stdout, stderr } = await new Deno.Command("deno", { args: [...args], cwd: PROJECT }).output();
  if (code !== 0) throw new Error(`deno ${args.join(" ")} fails: ${new TextDecoder().decode(stderr)}`);
  return JSON.parse(new TextDecoder().decode(stdout).trim().split("\n").at(-1)!).images_per_s;
}

const [what, file, acts = "relu;swish", rounds = "2", batch = "128", steps = "1"] = Deno.args;
if (what === "measure") await measure(file, acts.split(";"), Number(rounds), Number(batch), Number(steps));
else if (what === "summary") {
  const sizeOf = ({ batch, steps }: Pair) => `batch ${batch}, median of ${steps} steps`;
  for (const [size, pairs] of Map.groupBy(pairsIn(file), sizeOf)) {
    console.log(`${size}: ours / tfjs's ${ratioOf(pairs)}`);
    for (const [act, some] of Map.groupBy(pairs, ({ act }) => act)) console.log(`  ${act.padEnd(30)} ${ratioOf(some)}`);
  }
} else console.error('measure RAW.jsonl "relu;swish" ROUNDS BATCH STEPS | summary RAW.jsonl');

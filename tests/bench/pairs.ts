/**
 * Two checkouts of the project against each other, in pairs: for each function both right after one another, in
 * alternating order, so that a machine that gets slower or faster does so for both. Each checkout needs its
 * `deno install --frozen`.
 *
 *     deno run --allow-read --allow-run --allow-write --allow-sys tests/bench/pairs.ts measure BEFORE AFTER RAW.jsonl ROUNDS
 *     deno run --allow-read tests/bench/pairs.ts summary RAW.jsonl
 *
 * A pair is the images per second of `deno task bench train` with two children, then with two threads, then the children
 * compiled in a second (`planning.ts`). A round of the 12 functions takes some 5 minutes. `summary` prints the ratio
 * after / before: geometric mean, n, and its spread.
 */
import { cpus } from "node:os";
import { appendLine } from "./json_lines.ts";
import { ratioOf } from "./ratio.ts";
import { BENCH_FUNCTIONS } from "../../commands/training/bench_functions.ts";

/** How a function is measured in a checkout: the rate that it gives, in images or compiled children per second. */
const WAYS = {
  "2 children": (checkout, act) => trainingRate(checkout, act, "--children"),
  "2 threads": (checkout, act) => trainingRate(checkout, act, "--threads"),
  "planning": planningRate,
} satisfies Record<string, (checkout: string, act: string) => Promise<number>>;

interface Pair {
  readonly act: string;
  readonly way: keyof typeof WAYS;
  /** Images, or compiled children, per second. */
  readonly before: number;
  readonly after: number;
}

async function measure(before: string, after: string, file: string, rounds: number): Promise<void> {
  appendLine(file, { machine: cpus()[0].model, date: new Date().toISOString(), deno: Deno.version.deno });
  for (let round = 0; round < rounds; round++) {
    for (const act of BENCH_FUNCTIONS) {
      for (const way of Object.keys(WAYS) as (keyof typeof WAYS)[]) {
        const order = round % 2 ? [after, before] : [before, after];
        const rates = new Map<string, number>();
        for (const checkout of order) rates.set(checkout, await WAYS[way](checkout, act));
        appendLine(file, { act, way, before: rates.get(before), after: rates.get(after) });
      }
    }
    console.error(`${new Date().toLocaleTimeString()} round ${round + 1} of ${rounds}`);
  }
}

async function trainingRate(checkout: string, act: string, twice: string): Promise<number> {
  const bench = ["task", "-q", "bench", "train", "--json", "--engine", "wasm", twice, "2", "--acts", act];
  return JSON.parse(await output(bench, checkout)).images_per_s;
}

async function planningRate(checkout: string, act: string): Promise<number> {
  const permissions = ["--allow-read", "--allow-env", "--allow-sys"];
  const script = new URL("planning.ts", import.meta.url).pathname;
  return Number(await output(["run", ...permissions, "--config", "deno.json", script, checkout, act], checkout));
}

async function output(args: readonly string[], cwd: string): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command("deno", { args: [...args], cwd }).output();
  if (code !== 0) throw new Error(`deno ${args.join(" ")} in ${cwd} fails: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

function summary(file: string): void {
  const pairs = Deno.readTextFileSync(file).trim().split("\n").map((line) => JSON.parse(line))
    .filter((row): row is Pair => "way" in row);
  for (const way of Object.keys(WAYS)) {
    const ofWay = pairs.filter((pair) => pair.way === way);
    console.log(`${way}, after / before: ${ratioOf(ofWay)}`);
    for (const act of BENCH_FUNCTIONS) {
      console.log(`  ${act.padEnd(30)} ${ratioOf(ofWay.filter((pair) => pair.act === act))}`);
    }
  }
}

const [what, ...args] = Deno.args;
if (what === "measure") await measure(args[0], args[1], args[2], Number(args[3] ?? 1));
else if (what === "summary") summary(args[0]);
else console.error("measure BEFORE AFTER RAW.jsonl ROUNDS | summary RAW.jsonl");

/**
 * The wasm engine against its peers: for each function all of them right after one another, so that a machine that gets
 * slower or faster does so for all. With PyTorch in a virtual environment and after `deno task build-tfjs-node`:
 *
 *     deno run --allow-read --allow-run --allow-write --allow-sys tests/bench/compare.ts measure PYTHON RAW.jsonl
 *     deno run --allow-read --allow-run --allow-write --allow-sys tests/bench/compare.ts ours RAW.jsonl
 *     deno run --allow-read tests/bench/compare.ts summary RAW.jsonl
 *
 * `measure` and `ours`, without the peers, append one line per measurement; `summary` prints the table of all, the
 * median of each.
 */
import { cpus } from "node:os";
import { appendLine } from "./json_lines.ts";
import { BENCH_FUNCTIONS } from "../../commands/training/bench_functions.ts";

const PEERS = "tests/bench/peers";
const OURS = ["deno", "task", "-q", "bench", "train", "--json"];
const PLAIN_TFJS = ["deno", "run", "--allow-read", "--allow-env", "--allow-ffi=.tfjs-node"];

/** Relu and the function step by step in turns, as their ratio is of interest too. */
const besideRelu = (act: string) => ["--turns", "25", "--steps", "1", "--acts", act === "relu" ? act : `relu;${act}`];

/** What is run for a function, to print lines of JSON with `act` and `images_per_s`. */
type Command = (act: string, python: string) => string[];
const WASM: readonly Command[] = [
  (act) => [...OURS, "--engine", "wasm", "--children", "2", ...besideRelu(act)],
  (act) => [...OURS, "--engine", "wasm", "--threads", "2", ...besideRelu(act)],
];
const PEERS_TOO: readonly Command[] = [
  ...WASM,
  (act, python) => [python, `${PEERS}/resnet20_torch.py`, "--threads", "2", "--compile", "--acts", act],
  (act) => [...OURS, "--engine", "tfjs-node", "--acts", act],
  (act) => [...PLAIN_TFJS, `${PEERS}/resnet20_tfjs_node.ts`, act],
];

interface Row {
  readonly act: string;
  readonly images_per_s: number;
  /** Of PyTorch: its version and mode. */
  readonly peer?: string;
  readonly engine?: string;
  readonly children?: number;
  readonly threads?: number;
}

async function measure(commands: readonly Command[], python: string, file: string): Promise<void> {
  appendLine(file, {
    machine: cpus()[0].model,
    cores: cpus().length,
    date: new Date().toISOString(),
    deno: Deno.version,
  });
  for (const act of BENCH_FUNCTIONS) {
    for (const command of commands) {
      const [name, ...args] = command(act, python);
      const { code, stdout } = await new Deno.Command(name, { args, stderr: "null" }).output();
      const lines = new TextDecoder().decode(stdout).split("\n").filter((line) => line.startsWith("{"));
      for (const line of lines) appendLine(file, JSON.parse(line));
      if (code !== 0) console.error(`no figure from: ${name} ${args.join(" ")}`);
    }
    console.error(`${new Date().toLocaleTimeString()} ${act}`);
  }
}

const torch = (mode: string) => ({ peer }: Row) => peer?.startsWith("torch") === true && peer.includes(` ${mode}`);

/** Columns of the table: PyTorch's is the better of its two layouts, function by function. */
const COLUMNS: Readonly<Record<string, (row: Row) => boolean>> = {
  "wasm, 2 children": ({ engine, children }) => engine === "wasm" && children === 2,
  "wasm, 2 threads": ({ engine, threads }) => engine === "wasm" && threads === 2,
  "PyTorch eager": torch("eager"),
  "PyTorch compile": torch("compile"),
  "engine tfjs-node": ({ engine }) => engine === "tfjs-node",
  "plain tfjs-node": ({ engine }) => engine === "plain tfjs-node",
};

function summary(file: string): void {
  const rows: Row[] = Deno.readTextFileSync(file).trim().split("\n").map((line) => JSON.parse(line));
  const names = Object.keys(COLUMNS);
  const rate = (act: string, name: string) => bestMedian(rows.filter((row) => row.act === act && COLUMNS[name](row)));
  const line = (cells: readonly (string | number)[]) => console.log(`| ${cells.join(" | ")} |`);
  line(["images/s", ...names]);
  line(["---", ...names.map(() => "---:")]);
  for (const act of BENCH_FUNCTIONS) line([`\`${act}\``, ...names.map((name) => rate(act, name)?.toFixed(0) ?? "")]);
  console.log();
  for (const ours of ["wasm, 2 children", "wasm, 2 threads"]) {
    for (const peer of ["PyTorch eager", "PyTorch compile", "plain tfjs-node"]) {
      console.log(
        `- ${ours} over ${peer}: ${ratios(BENCH_FUNCTIONS.map((act) => [rate(act, ours), rate(act, peer)]))}`,
      );
    }
    const shares = sharesOfRelu(rows.filter(COLUMNS[ours]));
    console.log(`- ${ours}, each function over relu: ${ratios([...shares.values()].map((of) => [median(of), 1]))}`);
    for (const [act, of] of shares) console.log(`  - ${act}: ${of.map((share) => share.toFixed(2)).join(" ")}`);
  }
  const tfjs = BENCH_FUNCTIONS.map((act) => [rate(act, "engine tfjs-node"), rate(act, "plain tfjs-node")] as const);
  console.log(`- engine tfjs-node over plain tfjs-node: ${ratios(tfjs)}`);
}

/** What each function but relu makes of relu's speed beside it, each time it was measured. */
function sharesOfRelu(rows: readonly Row[]): Map<string, number[]> {
  const shares = new Map<string, number[]>();
  rows.forEach(({ act, images_per_s }, i) => {
    if (act === "relu" || rows[i - 1]?.act !== "relu") return;
    shares.set(act, [...shares.get(act) ?? [], images_per_s / rows[i - 1].images_per_s]);
  });
  return shares;
}

/** The best layout's median; undefined if there is no figure. */
function bestMedian(rows: readonly Row[]): number | undefined {
  const ways = Map.groupBy(rows, ({ peer }) => peer);
  const medians = [...ways.values()].map((rows) => median(rows.map(({ images_per_s }) => images_per_s)));
  return medians.length === 0 ? undefined : Math.max(...medians);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b), middle = (sorted.length - 1) / 2;
  return (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2;
}

function ratios(pairs: readonly (readonly [number | undefined, number | undefined])[]): string {
  const known = pairs.flatMap(([a, b]) => a === undefined || b === undefined ? [] : [a / b]);
  if (known.length === 0) return "not measured";
  const mean = Math.exp(known.reduce((sum, ratio) => sum + Math.log(ratio), 0) / known.length);
  const [least, most] = [Math.min(...known), Math.max(...known)].map((ratio) => ratio.toFixed(2));
  return `geometric mean ${mean.toFixed(2)}, from ${least} to ${most}, over ${known.length} functions`;
}

const [what, ...args] = Deno.args;
if (what === "measure" && args.length === 2) await measure(PEERS_TOO, args[0], args[1]);
else if (what === "ours" && args.length === 1) await measure(WASM, "", args[0]);
else if (what === "summary" && args.length === 1) summary(args[0]);
else {
  console.error(
    "usage: compare.ts measure PYTHON RAW.jsonl | compare.ts ours RAW.jsonl | compare.ts summary RAW.jsonl",
  );
  Deno.exit(2);
}

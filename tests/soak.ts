/**
 * `deno task soak [KILLS] [SUSPENSIONS] [SEED] [TRIALS]`: one search with scripted children that is killed and
 * suspended again and again, at random times, and must end with the same trials as an unbroken one, with none lost and
 * none failed. In small it is a test of `tests/controller/search_test.ts`; here it takes as long as it is asked to.
 */
import { RunStoreError } from "../controller/runs/run_files.ts";
import { loadRun } from "../controller/runs/run_store.ts";
import { isFinished } from "../controller/trial.ts";
import { Random } from "../datasets/random.ts";
import { runScripted, type ScriptOptions } from "./controller/search_program.ts";

const SCRATCH = ".tmp";
const PROGRAM = new URL("./controller/search_program.ts", import.meta.url).pathname;
/** Workers of the broken search hang after this, in milliseconds: far less than a suspension lasts. */
const HANG_MS = 1500;

const [kills = 200, suspensions = 50, seed = 1, trials = 3000] = Deno.args.map(Number);
const options: ScriptOptions = { hangMs: HANG_MS, engine: "slow", trials, batch: 20 };
const random = new Random(seed);

/** Results that must not depend on interruptions. */
function results(folder: string) {
  const { state, trials } = loadRun(folder);
  return [
    state,
    ...trials.map(({ id, batch, expression, state, score, reward, duplicateOf }) =>
      JSON.stringify([id, batch, expression, state, score, reward, duplicateOf])
    ),
  ];
}

/** Ids of the trials that are finished; none where the search was killed before it had begun. */
function finished(folder: string): ReadonlySet<number> {
  try {
    return new Set(loadRun(folder).trials.filter(isFinished).map(({ id }) => id));
  } catch (error) {
    if (error instanceof RunStoreError || error instanceof Deno.errors.NotFound) return new Set();
    throw error;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Lets the search run a while, suspends it if requested, and kills it; resolves to whether it ended before. */
async function disturb(folder: string, suspend: boolean): Promise<boolean> {
  const process = new Deno.Command("deno", {
    args: [
      ...["run", "--no-check", "--no-prompt", "--allow-read", `--allow-write=${SCRATCH}`, "--allow-env", "--allow-sys"],
      ...[PROGRAM, folder, "2", JSON.stringify(options)],
    ],
    stdout: "null",
    stderr: "inherit",
  }).spawn();
  try {
    await pause(2500 * random.uniform() ** 2); // some before it has begun
    if (suspend) {
      await pause(500);
      process.kill("SIGSTOP");
      await pause(2000 * (1 + random.uniform()));
      process.kill("SIGCONT");
      await pause(1000 * random.uniform());
    }
    process.kill("SIGKILL");
  } catch {
    return true; // it had ended by itself
  } finally {
    await process.status;
  }
  return false;
}

Deno.mkdirSync(SCRATCH, { recursive: true });
const root = await Deno.makeTempDir({ dir: SCRATCH, prefix: "soak-" });
const started = performance.now();
let [killed, suspended, lost] = [0, 0, 0];
while (killed < kills || suspended < suspensions) {
  const before = finished(`${root}/broken`), left = kills - killed + suspensions - suspended;
  const suspend = random.integer(left) < suspensions - suspended;
  if (await disturb(`${root}/broken`, suspend)) break;
  suspend ? suspended++ : killed++;
  const after = finished(`${root}/broken`);
  lost += [...before].filter((id) => !after.has(id)).length;
  if ((killed + suspended) % 25 === 0) {
    console.log(`${killed} kills, ${suspended} suspensions, ${after.size} of ${trials} trials finished, ${lost} lost`);
  }
}
await runScripted(`${root}/broken`, 2, options);
await runScripted(`${root}/unbroken`, 2, { ...options, engine: "scripted" });

const [broken, unbroken] = [results(`${root}/broken`), results(`${root}/unbroken`)];
const different = unbroken.filter((line, i) => line !== broken[i]).length + Math.abs(broken.length - unbroken.length);
const { trials: all, notices } = loadRun(`${root}/broken`);
const failed = all.filter(({ state }) => state === "failed").length;
const minutes = ((performance.now() - started) / 60_000).toFixed(1);
console.log(
  `${killed} kills and ${suspended} suspensions of one search of ${all.length} trials in ${minutes} min, seed ${seed}: ` +
    `${lost} lost, ${failed} failed, ${different} differ from the unbroken search, ${notices.length} notices`,
);
for (const { message } of notices) console.log(message);
await Deno.remove(root, { recursive: true });
const isWhole = killed === kills && suspended === suspensions;
if (!isWhole) console.log("the search ended before all of that: give it more trials");
Deno.exit(isWhole && lost + failed + different === 0 ? 0 : 1);

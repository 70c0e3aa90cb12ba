/**
 * `deno task test [PATH...]`: every test file in a process of its own, one more at once than there are cores, each
 * counted from its JUnit report. The last line is `N passed, N failed` (and `, N skipped`), counting the tests themselves
 * and not the groups around them; before it stand the slowest files. PATHs pick the files whose path contains one of them.
 *
 * One process per file, since a report mixes the names of files that share a process, leaves out files that do not
 * load, and since V8 flags are a matter of the process: the suites of the wasm engine run with V8's bounds checks and
 * without.
 */

import { flagsOfTask } from "../workers/task_flags.ts";

/** What each file may do: the task `test:file`. */
const FLAGS = flagsOfTask("test:file");
/** Those with which engines run: a wrong index is caught before it is ever run unchecked (docs/permissions.md). */
const FAST_FLAGS = flagsOfTask("compute").filter((flag) => flag.startsWith("--v8-flags="));
const RUN_WITH_FAST_FLAGS_TOO = /^tests\/child\/engine\/wasm/;
/** A file that takes longer hangs: all of them together should take under 5 minutes on 2 cores. */
const FILE_LIMIT_MS = 240_000;
/** What tests may write. */
const SCRATCH = ".tmp";
/** One more than there are cores, as files wait for processes and timers for a quarter of their time. */
const AT_ONCE = navigator.hardwareConcurrency + 1;
/** Files that the summary names. */
const SLOWEST_SHOWN = 8;

interface Job {
  readonly file: string;
  readonly fast: boolean;
}

interface Count {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

interface Result extends Count {
  readonly job: Job;
  readonly seconds: number;
  /** What the file printed, shown only when it failed. */
  readonly output: string;
}

/** Tests of a JUnit report of one file; a group (a name that is the beginning of others) is not a test. */
export function countTests(report: string): Count {
  const cases = [...report.matchAll(/<testcase name="([^"]*)"[^>]*>([\s\S]*?)<\/testcase>/g)]
    .map(([, name, body]) => ({ name, body }));
  const isGroup = (name: string) => cases.some((other) => other.name.startsWith(`${name} &gt; `));
  const tests = cases.filter(({ name }) => !isGroup(name));
  const failed = tests.filter(({ body }) => /<(failure|error)\b/.test(body)).length;
  const skipped = tests.filter(({ body }) => body.includes("<skipped")).length;
  return { passed: tests.length - failed - skipped, failed, skipped };
}

/** The longest first (2026-11-26): they start before all others, so that no core waits for one at the end. */
export const LONG_RUNNING = [
  "tests/controller/samplers/sampler_cases_test.ts",
  "tests/commands/compare_test.ts",
  "tests/controller/samplers/ppo/ppo_test.ts",
  "tests/commands/train_test.ts",
  "tests/child/engine/webgpu_test.ts",
  "tests/child/engine/reference_test.ts",
  "tests/child/engine/wasm_test.ts",
  "tests/child/engine/wasm_plain_test.ts",
  "tests/controller/search_test.ts",
  "tests/commands/confirm_test.ts",
  "tests/controller/runs/migrations_test.ts",
  "tests/commands/baselines_test.ts",
  "tests/commands/serve_test.ts",
];

/** Paths of the test files, those that run long first. */
function testFiles(folder: string): string[] {
  const files = filesBelow(folder);
  return [
    ...LONG_RUNNING.filter((file) => files.includes(file)),
    ...files.filter((file) => !LONG_RUNNING.includes(file)),
  ];
}

function filesBelow(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) return filesBelow(path);
    return /_test\.tsx?$/.test(entry.name) ? [path] : [];
  }).sort();
}

function jobs(picked: readonly string[]): Job[] {
  const files = testFiles("tests").filter((file) => picked.length === 0 || picked.some((part) => file.includes(part)));
  return files.flatMap((file) =>
    RUN_WITH_FAST_FLAGS_TOO.test(file) ? [{ file, fast: false }, { file, fast: true }] : [{ file, fast: false }]
  );
}

/**
 * A file whose tests all passed, and whose process was then ended by a signal, is run once more, with a line that says
 * so: Mesa's software driver of Vulkan crashes now and then while a process ends (docs/webgpu.md).
 */
async function run(job: Job, index: number): Promise<Result> {
  const first = await runOnce(job, index);
  if (first.endedBy === null || first.passed === 0) return first;
  console.log(`${job.file}: its process was ended by ${first.endedBy} after its tests; it runs once more`);
  return await runOnce(job, index);
}

/** `endedBy`: the signal that ended the process after tests of which none failed, else null. */
async function runOnce(job: Job, index: number): Promise<Result & { readonly endedBy: string | null }> {
  const started = performance.now();
  const reportPath = `${SCRATCH}/report-${index}.xml`;
  const scratch = Deno.realPathSync(SCRATCH);
  const child = new Deno.Command("deno", {
    args: [
      "test",
      ...FLAGS,
      `--allow-run=${Deno.execPath()}`,
      ...job.fast ? FAST_FLAGS : [],
      `--junit-path=${reportPath}`,
      job.file,
    ],
    env: { TMPDIR: scratch, TMP: scratch, TEMP: scratch, NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(FILE_LIMIT_MS),
  }).spawn();
  const { success, code, signal, stdout, stderr } = await child.output();
  const output = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  const seconds = (performance.now() - started) / 1000;
  const count = countTests(readIfThere(reportPath));
  // A file that does not load, hangs or crashes reports no failed test: it counts as one.
  const failed = success ? count.failed : Math.max(1, count.failed);
  // Deno from npm ends with 128 and the number of the signal that ended it.
  const endedBy = count.failed > 0 ? null : signal ?? (code > 128 ? `signal ${code - 128}` : null);
  return { job, seconds, output, ...count, failed, endedBy };
}

function readIfThere(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

function describeResult({ job, passed, failed, skipped, seconds, output }: Result): string {
  const flags = job.fast ? " (without bounds checks)" : "";
  const line = `${failed > 0 ? "FAILED" : "ok"} ${job.file}${flags}: ${sentence({ passed, failed, skipped })}` +
    ` in ${seconds.toFixed(1)} s`;
  if (failed === 0) return line;
  const late = seconds * 1000 >= FILE_LIMIT_MS ? `\nstopped after ${FILE_LIMIT_MS / 1000} s` : "";
  return `${output}${late}\n${line}`;
}

function sentence({ passed, failed, skipped }: Count): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

/** Runs the picked files, prints each as it ends, and resolves to their results. */
async function runAll(picked: readonly string[]): Promise<Result[]> {
  const queue = jobs(picked).map((job, index) => ({ job, index }));
  const results: Result[] = [];
  const work = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const result = await run(next.job, next.index);
      console.log(describeResult(result));
      results.push(result);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return results;
}

/** "slowest: a_test.ts 31 s, b_test.ts 8 s; 139 files in 402 s of 2 at once" */
function describeTimes(results: readonly Result[]): string {
  const slowest = results.toSorted((a, b) => b.seconds - a.seconds).slice(0, SLOWEST_SHOWN)
    .map(({ job, seconds }) => `${job.file} ${seconds.toFixed(0)} s`);
  const sum = results.reduce((sum, { seconds }) => sum + seconds, 0);
  return `slowest: ${slowest.join(", ")}; all ${results.length} files: ${sum.toFixed(0)} s, ${AT_ONCE} at once`;
}

function totalOf(results: readonly Count[]): Count {
  const sum = (kind: keyof Count) => results.reduce((sum, result) => sum + result[kind], 0);
  return { passed: sum("passed"), failed: sum("failed"), skipped: sum("skipped") };
}

if (import.meta.main) {
  Deno.mkdirSync(SCRATCH, { recursive: true });
  const results = await runAll(Deno.args), total = totalOf(results);
  Deno.removeSync(SCRATCH, { recursive: true });
  if (results.length > 1) console.log(describeTimes(results));
  console.log(sentence(total));
  Deno.exit(total.failed === 0 && total.passed > 0 ? 0 : 1);
}

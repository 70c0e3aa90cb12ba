/** The test runner counts tests, not the groups around them, and starts long files first. */
import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { countTests, LONG_RUNNING } from "./run.ts";

/** A report as `deno test --junit-path` writes it: a group, its tests, a group inside, an ignored test, a plain one. */
const REPORT = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="deno test" tests="8" failures="3" errors="0" time="0.1">
    <testsuite name="./tests/example_test.ts" tests="2" disabled="0" errors="0" failures="1">
        <testcase name="pool" classname="./tests/example_test.ts" time="0.063" line="2" col="1">
            <failure message="1 test step failed">1 test step failed.</failure>
        </testcase>
        <testcase name="plain" classname="./tests/example_test.ts" time="0.000" line="3" col="1">
        </testcase>
    </testsuite>
    <testsuite name="ext:deno_node/testing.ts" tests="6" disabled="1" errors="0" failures="2">
        <testcase name="pool &gt; works" classname="ext:deno_node/testing.ts" time="0.000" line="1" col="2">
        </testcase>
        <testcase name="pool &gt; needs a GPU" classname="ext:deno_node/testing.ts" time="0.000" line="1" col="2">
            <skipped/>
        </testcase>
        <testcase name="pool &gt; dying" classname="ext:deno_node/testing.ts" time="0.057" line="1" col="2">
            <failure message="1 test step failed">1 test step failed.</failure>
        </testcase>
        <testcase name="pool &gt; dying &gt; retries once" classname="ext:deno_node/testing.ts" time="0.002" line="1" col="2">
            <failure message="Uncaught Error: &lt;x&gt;">Error: &lt;skipped/&gt;</failure>
        </testcase>
        <testcase name="pool &gt; dying &gt; goes on" classname="ext:deno_node/testing.ts" time="0.053" line="1" col="2">
        </testcase>
    </testsuite>
</testsuites>`;

describe("countTests", () => {
  it("counts passed, failed and skipped tests without the groups", () => {
    assertEquals(countTests(REPORT), { passed: 3, failed: 1, skipped: 1 });
  });

  it("counts nothing where a file left no report", () => {
    assertEquals(countTests(""), { passed: 0, failed: 0, skipped: 0 });
  });
});

describe("the files that start first", () => {
  it("exist", () => {
    const missing = LONG_RUNNING.filter((file) => !exists(file));
    assertEquals(missing, []);
  });
});

function exists(file: string): boolean {
  try {
    return Deno.statSync(file).isFile;
  } catch {
    return false;
  }
}

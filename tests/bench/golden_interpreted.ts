/**
 * `deno task golden FILE --engine reference` with the compiler's operations, interpreted in float64, in the place of the
 * reference's own functions. Whole traces, some minutes each:
 *
 *     deno run --allow-read tests/bench/golden_interpreted.ts FILE [ACT]
 */
import { openReference } from "../../child/engine/reference/engine.ts";
import { goldenFailures, readGolden, runGoldenTrace } from "../../child/golden.ts";
import { interpreted } from "../child/compiler/interpreted.ts";

const [file, act] = Deno.args, engine = openReference(interpreted);
for (const trace of await readGolden(file)) {
  if (act !== undefined && trace.act !== act) continue;
  const result = await runGoldenTrace(trace, engine);
  const failures = goldenFailures(trace, result);
  console.log(JSON.stringify({ act: trace.act, errors: result.max_relative_error, failures }));
  if (failures.length > 0) Deno.exitCode = 1;
}

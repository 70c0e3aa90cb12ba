/** `deno task golden FILE`: how closely an engine reproduces the traces of another framework. */
import { goldenFailures, type GoldenResult, readGolden, runGoldenTrace } from "../child/golden.ts";
import { ENGINE_FLAG, openChosenEngine } from "./training/chosen_engine.ts";
import { command, EXIT } from "./command.ts";

export const golden = command({
  name: "golden",
  summary:
    "Reproduces the traces of a golden file on an engine and prints the largest relative errors. Fails if one is too large.",
  positionals: [{ name: "file", help: "a golden file (child/golden.ts describes its format)" }],
  flags: [
    ENGINE_FLAG,
    { name: "json", type: "boolean", help: "print one JSON object per trace" },
  ],
  examples: ["golden trace.json --engine reference", "golden trace.json --json"],
  async run({ file, engine: name, json }, io) {
    const traces = await readGolden(file);
    const engine = await openChosenEngine(name, io);
    let failed = false;
    try {
      for (const trace of traces) {
        if (io.signal.aborted) return EXIT.interrupted;
        io.live(`${trace.act} on ${engine.name} …`);
        const result = await runGoldenTrace(trace, engine);
        io.out(json ? JSON.stringify(result) : describe(result));
        const failures = goldenFailures(trace, result);
        failures.forEach((failure) => io.err(failure));
        failed ||= failures.length > 0;
      }
    } finally {
      engine.close();
    }
    return failed ? EXIT.failed : EXIT.done;
  },
});

function describe({ act, engine, max_relative_error: errors }: GoldenResult): string {
  const written = (error: number | null) => error === null ? "not finite" : error.toExponential(1);
  return `${act.padEnd(28)} ${engine}: losses ${written(errors.losses)}, gradient norms ${
    written(errors.grad_norm)
  }, ` +
    `evaluation logits ${written(errors.eval_logits)}`;
}

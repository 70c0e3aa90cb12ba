/** `deno run --allow-read --allow-net=127.0.0.1 tests/web/serve_fake.ts [PORT] [TRIALS]`: the dashboard on fake runs. */
import { startDashboard } from "../../web/app.ts";
import { FakeRun } from "./fake_run.ts";
import { FakeRuns } from "./fake_runs.ts";

const [port = "8123", trials = "1200"] = Deno.args;
const run = new FakeRun({
  trials: Number(trials),
  workers: 4,
  verdict: "found",
  createdAt: Date.now() - 1000 * 60 * 55,
});
// The past is made at once; from then on fake time keeps pace with real time.
while (run.now < Date.now() - 1000) run.advance(2500);
setInterval(() => run.advance(Math.max(1, Date.now() - run.now)), 700);

const yesterday = new FakeRun({ name: "random-yesterday", trials: 400, sampler: "random", seed: 7 }).finish();
const before = new FakeRun({ name: "ppo-seed-3", trials: 300, seed: 3, workers: 8, verdict: "not found" }).finish();
yesterday.close("interrupted");
before.close();
const dashboard = await startDashboard({ registry: new FakeRuns([run, yesterday, before]), port: Number(port) });
console.log(dashboard.url);

/** `deno run --allow-read --allow-net=127.0.0.1 tests/web/serve_fake.ts [PORT] [TRIALS]`: the dashboard on a fake search. */
import { startDashboard } from "../../web/app.ts";
import { FakeRun } from "./fake_run.ts";

const [port = "8123", trials = "1200"] = Deno.args;
const run = new FakeRun({ trials: Number(trials), workers: 4, createdAt: Date.now() - 1000 * 60 * 55 });
// The past is made at once; from then on fake time keeps pace with real time.
while (run.now < Date.now() - 1000) run.advance(2500);
setInterval(() => run.advance(Math.max(1, Date.now() - run.now)), 700);
const dashboard = await startDashboard({ source: run, port: Number(port) });
console.log(dashboard.url);

/** `deno task serve`: the dashboard on the runs in runs/, without a search. */
import { command, EXIT } from "./command.ts";
import {
  DASHBOARD_FLAGS,
  DASHBOARD_PERMISSIONS,
  dashboardLine,
  openDashboard,
  requireAddress,
} from "./open_dashboard.ts";
import { runRegistry } from "../controller/runs/run_registry.ts";

export const serve = command({
  name: "serve",
  summary: "Opens the dashboard on the runs in runs/, without a search.",
  positionals: [],
  flags: [...DASHBOARD_FLAGS],
  examples: ["serve", "serve --port 9000", "serve --host 0.0.0.0"],
  permissions: DASHBOARD_PERMISSIONS,
  async run(flags, io) {
    await requireAddress(flags);
    const dashboard = await openDashboard(runRegistry("runs", null), flags);
    io.err(`${dashboardLine(dashboard)}; Ctrl-C ends it`);
    if (!io.signal.aborted) {
      await new Promise<void>((resolve) => io.signal.addEventListener("abort", () => resolve(), { once: true }));
    }
    await dashboard.close();
    return EXIT.done;
  },
});

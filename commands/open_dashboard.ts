/** The flags and the opening of the dashboard, for the commands that show one. */
import type { RunRegistry } from "../controller/runs/registry.ts";
import { type Dashboard, startDashboard } from "../web/app.ts";
import { UsageError } from "./command.ts";

const DEFAULT_PORT = 8422;
/** Ports tried where the user named none. */
const PORTS_TRIED = 20;
const LOOPBACK = "127.0.0.1";

export const DASHBOARD_FLAGS = [
  { name: "port", type: "integer", max: 65535, help: `the dashboard's port (from ${DEFAULT_PORT})` },
  {
    name: "host",
    type: "string",
    value: "ADDRESS",
    default: LOOPBACK,
    help: "where the dashboard listens; 0.0.0.0 lets other machines in, with the token that is printed",
  },
] as const;

export interface DashboardFlags {
  readonly port?: number;
  readonly host: string;
}

/** Before anything is begun. Throws a UsageError where the address or the port named cannot be had. */
export function requireAddress({ host, port }: DashboardFlags): void {
  try {
    Deno.listen({ hostname: host, port: port ?? 0 }).close();
  } catch (error) {
    throw addressError(host, port, error);
  }
}

/** On the port named, or the first free one from the default on. Throws a UsageError as `requireAddress` does. */
export async function openDashboard(source: RunRegistry, { host, port }: DashboardFlags): Promise<Dashboard> {
  const last = port ?? DEFAULT_PORT + PORTS_TRIED;
  for (let candidate = port ?? DEFAULT_PORT;; candidate++) {
    try {
      return await startDashboard({ source, host, port: candidate });
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse) || candidate >= last) throw addressError(host, candidate, error);
    }
  }
}

/** Where to look, for the terminal of who started it. */
export function dashboardLine({ url, token }: Dashboard): string {
  return `dashboard: ${url}${token === null ? "" : " (whoever has this address may steer; keep it to yourself)"}`;
}

function addressError(host: string, port: number | undefined, error: unknown): UsageError {
  if (error instanceof Deno.errors.NotCapable) {
    return new UsageError(
      `this task may listen on ${LOOPBACK} and on 0.0.0.0, not on ${host}: give one of them as --host`,
    );
  }
  if (error instanceof Deno.errors.AddrInUse) {
    return new UsageError(`port ${port} is in use: give another --port, or --no-web to search without a dashboard`);
  }
  return new UsageError(
    `${host}${port === undefined ? "" : `, port ${port},`} cannot be listened on (${(error as Error).message}): ` +
      "give another --host or --port",
  );
}

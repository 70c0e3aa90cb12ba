/** Debian's nginx with its default proxy settings, in front of dashboards: what is tested is what its users have. */
import { SCRATCH } from "./chromium.ts";

const NGINX = "/usr/sbin/nginx";

/** Why tests behind nginx cannot run here; null where they can. */
export function whyNoNginx(): string | null {
  const { state } = Deno.permissions.querySync({ name: "run", command: NGINX });
  if (state !== "granted") return "it starts nginx: deno task test:browser";
  try {
    Deno.statSync(NGINX);
    return null;
  } catch {
    return `${NGINX} is not installed (Debian: apt-get install nginx-light)`;
  }
}

export interface Proxy {
  /** "http://127.0.0.1:PORT". */
  readonly origin: string;
  stop(): Promise<void>;
}

/** Serves until stopped; each location has its `proxy_pass` and the other lines of its block. */
export async function startNginx(locations: Readonly<Record<string, string>>): Promise<Proxy> {
  const folder = `${Deno.realPathSync(SCRATCH)}/nginx-${crypto.randomUUID().slice(0, 8)}`;
  Deno.mkdirSync(folder);
  const port = freePort();
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${folder}/${name};`);
  Deno.writeTextFileSync(
    `${folder}/nginx.conf`,
    `daemon off; pid ${folder}/pid; error_log stderr warn; worker_processes 1;
events {}
http {
  access_log off; ${temporary.join(" ")}
  server {
    listen 127.0.0.1:${port};
    ${Object.entries(locations).map(([path, rules]) => `location ${path} { ${rules} }`).join("\n    ")}
  }
}
`,
  );
  const process = new Deno.Command(NGINX, {
    args: ["-c", `${folder}/nginx.conf`, "-e", "stderr", "-p", folder],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const said = new Response(process.stderr).text();
  const origin = `http://127.0.0.1:${port}`;
  await Promise.race([answering(origin), said.then((text) => Promise.reject(new Error(`nginx ended: ${text}`)))]);
  return {
    origin,
    stop: async () => {
      process.kill("SIGTERM");
      await process.status;
      await said;
    },
  };
}

function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  listener.close();
  return (listener.addr as Deno.NetAddr).port;
}

async function answering(origin: string): Promise<void> {
  for (;;) {
    try {
      await (await fetch(origin)).body?.cancel();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

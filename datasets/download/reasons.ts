/** Why a request failed, in plain words, and what to do about it. */
import { reasonOf } from "../files.ts";

type Words = string | ((url: URL) => string);

const CERTIFICATE = "its certificate is not trusted here, as where a proxy inspects traffic: " +
  "set DENO_CERT to the file of that proxy's certificate, or DENO_TLS_CA_STORE=system";

/** The meaning of a request's errors; the first matching row counts. */
const PLAIN_REASONS: readonly (readonly [sign: RegExp, words: Words])[] = [
  [/certificate|UnknownIssuer|CertExpired/i, CERTIFICATE],
  [/proxy authentication required|\b407\b/i, (url) => `${proxyWords(url) ?? "the proxy"} ${PROXY_LOGIN}`],
  [/unsuccessful tunnel|tunnel error/i, (url) => `${proxyWords(url) ?? "the proxy"} does not let it through`],
  [
    /dns error|failed to lookup/i,
    (url) => behindProxy(url, "is not found") ?? "its host is not found: there seems to be no network",
  ],
  [
    /no route to host|network is unreachable/i,
    (url) => behindProxy(url, "is out of reach") ?? "its host is out of reach: there seems to be no network",
  ],
  [/connection refused/i, (url) => behindProxy(url, "refuses to connect") ?? "its host refuses to connect"],
  [/connection reset|connection closed|reading a body|body error|decoding|unexpected eof/i, "the connection broke off"],
  [/requires net access/i, "this command may not use the network"],
];

const PROXY_LOGIN = "asks for a name and a password: write them into that variable, http://NAME:PASSWORD@HOST:PORT";

/** Of the error or its causes, the innermost of which is the most specific; fetch itself only says that it failed. */
export function plainReason(error: unknown, url: string): string {
  const said: string[] = [];
  for (let one = error; one !== undefined; one = one instanceof Error ? one.cause : undefined) {
    said.unshift(reasonOf(one));
  }
  const words = PLAIN_REASONS.find(([sign]) => sign.test(said.join("\n")))?.[1] ?? said[0];
  return typeof words === "string" ? words : words(new URL(url));
}

/** HTTP status 407, which a proxy sends for unencrypted URLs. */
export function proxyWantsLogin(url: string): string {
  return plainReason(new Error("407"), url);
}

function behindProxy(url: URL, what: string): string | null {
  const proxy = proxyWords(url);
  return proxy && `${proxy} ${what}: correct that variable, or unset it where no proxy is needed`;
}

/** "the proxy 127.0.0.1:3128 of HTTPS_PROXY" where requests go through one; null if they do not, or nobody may know. */
function proxyWords({ protocol, hostname }: URL): string | null {
  if (variable("NO_PROXY")?.value.split(",").some((part) => isWithin(hostname, part.trim()))) return null;
  const proxy = variable(protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY") ?? variable("ALL_PROXY");
  if (proxy === null) return null;
  const address = proxy.value.replace(/^\w+:\/\//, "").replace(/^[^@]*@/, "").replace(/\/.*$/, "");
  return `the proxy ${address} of ${proxy.name}`;
}

function isWithin(host: string, domain: string): boolean {
  const name = domain.replace(/^\*?\./, "");
  return domain === "*" || name !== "" && (host === name || host.endsWith(`.${name}`));
}

/** An environment variable in capitals or small letters, if this process may read it and it is not empty. */
function variable(capitals: string): { readonly name: string; readonly value: string } | null {
  for (const name of [capitals, capitals.toLowerCase()]) {
    if (Deno.permissions.querySync({ name: "env", variable: name }).state !== "granted") continue;
    const value = Deno.env.get(name);
    if (value) return { name, value };
  }
  return null;
}

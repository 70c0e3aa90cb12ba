/**
 * Who may see and control a search.
 *
 * On a loopback address any program on this machine may, but no web page of another site: the `Host` header must name a
 * loopback address or one the user allowed (a page that rebinds its own name to 127.0.0.1 sends its own name), and what
 * a browser says of where a request comes from (`Origin`, `Sec-Fetch-Site`) must be this dashboard on websockets and on
 * everything that changes something. A program sends neither. On any other address every request also needs the token:
 * once in the URL or typed into the form, then as a cookie that scripts cannot read and other sites' requests do not
 * carry.
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { Context, MiddlewareHandler } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import type { Arrival } from "./arrival.ts";
import { RateLimits } from "./rate_limit.ts";

/** Headers of every response. Scripts, styles, pictures and connections come from this process and nowhere else. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ].join("; "),
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  // Not "no-referrer": it makes the origin of the page's own forms "null".
  "referrer-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
  "permissions-policy": "camera=(), microphone=(), geolocation=()",
};

/** Longest token that is checked. */
const MAX_TOKEN = 256;
/** What the form for the token itself needs. */
const PUBLIC_PATHS = new Set(["/login", "/app.css", "/favicon.svg"]);
const SAFE_METHODS = new Set(["GET", "HEAD"]);

export interface AccessOptions {
  /** Null if none is needed: loopback only. */
  readonly token: string | null;
  /** Distinguishes dashboards of one host in its cookies, which do not know ports. */
  readonly port: number;
  readonly arrivalOf: (context: Context) => Arrival;
  /** Names besides those of loopback by which browsers reach it, with a port ("box:8443") or for any port ("box"). */
  readonly allowedHosts?: readonly string[];
  /** The path for which the cookie is sent: "/" or "/proxy/8422". */
  readonly cookiePath?: string;
}

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);
}

/** 144 random bits. */
export function newToken(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(18));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_");
}

/** The token of a dashboard on an address: the one given, or a new one where the address needs one. */
export function tokenFor(host: string, given: string | null | undefined): string | null {
  return given ?? (isLoopback(host) ? null : newToken());
}

/** Takes the same time wherever the texts differ: it compares all bytes of their hashes. */
export function equalInConstantTime(given: string, expected: string): boolean {
  const hash = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(hash(given), hash(expected));
}

/** Whether a `Host` header names a loopback address. */
export function isLoopbackHost(header: string | undefined): boolean {
  const match = /^(\[[0-9a-f:]+\]|[^:[\]]+)(:\d+)?$/i.exec(header ?? "");
  return match !== null && isLoopback(match[1].toLowerCase());
}

/** Whether a request comes from a page that this process served. */
export function isOwnOrigin(origin: string | undefined, host: string | undefined): boolean {
  return host !== undefined && (origin === `http://${host}` || origin === `https://${host}`);
}

/** What a browser says of where a request comes from; undefined if it says nothing. */
export interface Sender {
  readonly origin: string | undefined;
  /** `Sec-Fetch-Site`, which a page cannot write. Browsers send it to https and to loopback addresses. */
  readonly site: string | undefined;
}

export class Access {
  readonly #options: AccessOptions;
  readonly #cookie: string;
  /** The cookie's value: proves knowledge of the token without containing it, and is valid as long as the token. */
  readonly #session: string | null;
  /**
   * Ten wrong tokens at once from an address, then one every six seconds; more must wait. The right one is accepted
   * whatever came before: many users may share a proxy's address, and 144 bits cannot be guessed at any rate.
   */
  readonly #wrong = new RateLimits(10, 1 / 6);
  readonly #requests = new RateLimits(600, 120);

  constructor(options: AccessOptions) {
    if (options.token !== null && (options.token.length < 16 || options.token.length > MAX_TOKEN)) {
      throw new RangeError(
        `Cannot guard the dashboard as a token must have 16 to ${MAX_TOKEN} characters: current value has ${options.token.length}`,
      );
    }
    this.#options = options;
    this.#cookie = `actsearch_${options.port}`;
    this.#session = options.token === null
      ? null
      : createHmac("sha256", options.token).update("actsearch dashboard session").digest("base64url");
  }

  /** Every request passes here first. */
  readonly middleware: MiddlewareHandler = async (context, next) => {
    const refusal = this.#refuse(context);
    if (!refusal) await next();
    context.res = withHeaders(refusal ?? context.res);
  };

  /** Signs in with the form's token. The body is limited before it comes here. */
  readonly signIn = async (context: Context): Promise<Response> => {
    const form = await context.req.formData().catch(() => null);
    const given = form?.get("token");
    return this.#signIn(context, typeof given === "string" ? given : "");
  };

  #refuse(context: Context): Response | null {
    const { address, host } = this.#options.arrivalOf(context);
    if (!this.#requests.take(address)) return refusal(429, "too many requests");
    if (this.#options.token === null && !isLoopbackHost(host) && !this.#isAllowed(host)) {
      return refusal(403, `this host name is not served here; where it should be: --allow-host ${nameOf(host)}`);
    }
    const changes = !SAFE_METHODS.has(context.req.method) || context.req.header("upgrade") !== undefined;
    const bearer = this.#hasBearer(context);
    const sender = { origin: context.req.header("origin"), site: context.req.header("sec-fetch-site") };
    if (changes && !bearer && this.#isForeign(sender, host)) {
      return refusal(
        403,
        `the request comes from another site${sender.origin ? `, ${sender.origin.slice(0, 100)}` : ""}: ` +
          "for a dashboard behind a proxy, name the hosts by which it is reached with --allow-host",
      );
    }
    if (this.#session === null || bearer || this.#hasCookie(context) || PUBLIC_PATHS.has(context.req.path)) return null;
    return this.#signInByUrl(context);
  }

  /** Whether a browser says that the request is not from a page of this dashboard. */
  #isForeign({ origin, site }: Sender, host: string | undefined): boolean {
    if (origin === undefined) return site !== undefined && site !== "same-origin" && site !== "none";
    if (isOwnOrigin(origin, host)) return false;
    if (origin === "null") return site !== "same-origin";
    const reached = URL.canParse(origin) ? new URL(origin).host : undefined;
    if (this.#isAllowed(reached)) return false;
    // Behind a proxy that writes a Host of its own only the browser knows that page and request are of one origin.
    // Without a token that is believed of loopback names: any other may have been rebound to the proxy.
    return site !== "same-origin" || (this.#options.token === null && !isLoopbackHost(reached));
  }

  #isAllowed(host: string | undefined): boolean {
    const allowed = this.#options.allowedHosts ?? [];
    return host !== undefined && (allowed.includes(host.toLowerCase()) || allowed.includes(nameOf(host)));
  }

  /**
   * The first load carries the token in the URL; the answer moves it to a cookie and the browser to a URL without it.
   */
  #signInByUrl(context: Context): Response {
    const given = context.req.query("token");
    if (context.req.path !== "/" || context.req.method !== "GET") return refusal(401, "a token is needed");
    return given === undefined ? signInPage(401, null) : this.#signIn(context, given);
  }

  #signIn(context: Context, given: string): Response {
    switch (this.#judge(given, context)) {
      case "right":
        this.#remember(context);
        return context.redirect("./", 303);
      case "wrong":
        return signInPage(401, "That is not the token.");
      case "one of too many":
        return signInPage(429, "That is not the token, and one of too many: wait a minute.");
    }
  }

  #hasBearer(context: Context): boolean {
    const match = /^Bearer (.+)$/.exec(context.req.header("authorization") ?? "");
    return match !== null && this.#options.token !== null && this.#judge(match[1], context) === "right";
  }

  #hasCookie(context: Context): boolean {
    const value = getCookie(context, this.#cookie);
    return value !== undefined && value.length <= MAX_TOKEN && this.#session !== null &&
      equalInConstantTime(value, this.#session);
  }

  #judge(given: string, context: Context): "right" | "wrong" | "one of too many" {
    const { token } = this.#options;
    if (token !== null && given.length <= MAX_TOKEN && equalInConstantTime(given, token)) return "right";
    return this.#wrong.take(this.#options.arrivalOf(context).address) ? "wrong" : "one of too many";
  }

  #remember(context: Context): void {
    if (this.#session === null) return;
    setCookie(context, this.#cookie, this.#session, {
      httpOnly: true,
      sameSite: "Strict",
      path: this.#options.cookiePath ?? "/",
      maxAge: 30 * 24 * 3600,
      secure: this.#options.arrivalOf(context).isSecure,
    });
  }
}

/** Of a `Host` header the name without the port, in lower case. */
function nameOf(host: string | undefined): string {
  return (host ?? "").toLowerCase().replace(/:\d+$/, "");
}

function withHeaders(response: Response): Response {
  // A websocket's response must be returned unchanged.
  if (response.status === 101) return response;
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) headers.set(name, value);
  if (!headers.has("cache-control")) headers.set("cache-control", "no-store");
  return new Response(response.body, { status: response.status, headers });
}

function refusal(status: number, reason: string): Response {
  return Response.json({ error: reason }, { status });
}

function signInPage(status: number, problem: string | null): Response {
  const page = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>actsearch</title>
<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="app.css"></head>
<body class="sign-in"><main><h1>actsearch</h1><p>${problem ?? "This search is shown to holders of its token."}</p>
<form method="post" action="login"><label>Token <input name="token" type="password" required autofocus></label>
<button class="primary">Show the search</button></form></main></body></html>`;
  return new Response(page, { status, headers: { "content-type": "text/html; charset=utf-8" } });
}

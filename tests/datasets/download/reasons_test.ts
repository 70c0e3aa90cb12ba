/** What is said of a request that failed: the certificate, the proxy or the host, and what to do. */
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { plainReason, proxyWantsLogin } from "../../../datasets/download/reasons.ts";

const VARIABLES = ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"].flatMap((name) => [name, name.toLowerCase()]);

/** Runs `test` with these variables and no others of a proxy. */
function withVariables(variables: Readonly<Record<string, string>>, test: () => void): void {
  const before = VARIABLES.map((name) => [name, Deno.env.get(name)] as const);
  for (const name of VARIABLES) Deno.env.delete(name);
  for (const [name, value] of Object.entries(variables)) Deno.env.set(name, value);
  try {
    test();
  } finally {
    for (const [name, value] of before) value === undefined ? Deno.env.delete(name) : Deno.env.set(name, value);
  }
}

/** As Deno's fetch fails: a TypeError that says nothing, with a cause that does. */
const failure = (cause: string) =>
  new TypeError("fetch failed", { cause: new Error(`error sending request: client error (Connect): ${cause}`) });
const REFUSED = failure("tcp connect error: Connection refused (os error 111)");
const URL = "https://data.example/file";

describe("plainReason", () => {
  it("says of an unknown certificate which variables make it known", () => {
    const said = plainReason(failure("invalid peer certificate: UnknownIssuer"), URL);
    assert(said.includes("DENO_CERT") && said.includes("DENO_TLS_CA_STORE=system"), said);
  });

  it("names a dead proxy and its variable, without the password in it, and else the host", () => {
    withVariables({}, () => assertEquals(plainReason(REFUSED, URL), "its host refuses to connect"));
    const cases: readonly (readonly [variables: Record<string, string>, proxy: string | null])[] = [
      [{ HTTPS_PROXY: "http://me:secret@10.0.0.1:3128/" }, "the proxy 10.0.0.1:3128 of HTTPS_PROXY refuses to connect"],
      [{ https_proxy: "10.0.0.1:3128" }, "the proxy 10.0.0.1:3128 of https_proxy"],
      [{ ALL_PROXY: "socks5://10.0.0.1:9" }, "the proxy 10.0.0.1:9 of ALL_PROXY"],
      [{ HTTP_PROXY: "http://10.0.0.1" }, null], // of other addresses
      [{ HTTPS_PROXY: "http://10.0.0.1", NO_PROXY: "localhost, .example" }, null],
    ];
    for (const [variables, proxy] of cases) {
      withVariables(variables, () => {
        const said = plainReason(REFUSED, URL);
        assert(said.includes(proxy ?? "its host refuses to connect") && !said.includes("secret"), said);
      });
    }
  });

  it("says of a proxy that wants a password where to write it", () => {
    withVariables({ HTTPS_PROXY: "http://10.0.0.1:8080" }, () => {
      const said = plainReason(failure("proxy authentication required"), URL);
      assert(said.startsWith("the proxy 10.0.0.1:8080 of HTTPS_PROXY asks for a name and a password"), said);
    });
    withVariables({}, () => assert(proxyWantsLogin("http://data.example").includes("http://NAME:PASSWORD@HOST:PORT")));
  });

  it("gives the innermost reason if it knows no better", () => {
    assert(plainReason(failure("something new"), URL).endsWith("something new"));
  });
});

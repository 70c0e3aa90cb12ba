/** The page's script in the tree is the one that its sources make. */
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { bundledFiles, bundleHash, sourcesHash } from "../../web/bundle.ts";

describe("the bundle", () => {
  it("is made from the present sources (if not: deno task bundle)", () => {
    assertEquals(bundleHash(), sourcesHash());
  });

  it("contains the project's own parser and nothing of the server", () => {
    const files = bundledFiles();
    assert(files.includes("child/activation/parse.ts"));
    assertEquals(
      files.filter((file) => /^(datasets|workers|commands)\/|engine|^web\/(app|api|live|security)\.ts/.test(file)),
      [],
    );
  });

  it("runs no text as script and asks no other host", () => {
    const code = Deno.readTextFileSync("web/static/app.js");
    assertEquals([...code.matchAll(/\beval\(|new Function\(|https?:\/\/(?!www\.w3\.org)/g)].map(String), []);
  });

  it("makes no markup of text: preact can, when asked, and no source asks", () => {
    const code = Deno.readTextFileSync("web/static/app.js");
    const sinks = code.matchAll(/\.(?:inner|outer)HTML\s*=(?!=)\s*[\w.]+|insertAdjacentHTML|document\.write/g);
    assertEquals([...sinks].map(String).filter((sink) => !/^\.innerHTML=\w+\.__html$/.test(sink)), []);
    for (const file of bundledFiles()) {
      assert(!/innerHTML/i.test(Deno.readTextFileSync(file)), `${file} sets markup`);
    }
  });
});

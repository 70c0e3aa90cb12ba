import { assert, assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ENGINE_NAMES, onGpu, openEngine, openFirst } from "../../../child/engine/open.ts";
import { openReference } from "../../../child/engine/reference/engine.ts";

const broken = (reason: string) => () => Promise.reject(new Error(reason));

describe("the suite of engines", () => {
  it("is run over each, but for the one that needs an NVIDIA GPU", () => {
    const here = new URL(".", import.meta.url).pathname;
    const tests = [...Deno.readDirSync(here)].filter(({ name }) => name.endsWith("_test.ts"))
      .map(({ name }) => Deno.readTextFileSync(here + name)).join("\n");
    const engines = ENGINE_NAMES.filter((name) => name !== "auto" && name !== "tfjs-node-gpu");
    const missing = engines.filter((name) => !tests.includes(`engineCases("${name}", `));
    assertEquals(missing, [], "a test file of the engine calls engineCases");
  });
});

describe("opening an engine", () => {
  it("opens the named one", async () => {
    const { engine, passedOver } = await openEngine("reference");
    assertEquals([engine.name, passedOver], ["reference", []]);
  });

  it("takes the first that works and says why others were passed over", async () => {
    const { engine, passedOver } = await openFirst([
      ["fast", broken("no device")],
      ["middling", () => Promise.resolve(openReference())],
      ["slow", broken("never asked")],
    ]);
    assertEquals(engine.name, "reference");
    assertEquals(passedOver, ["fast was passed over: no device"]);
  });

  it("gives every reason where none works", async () => {
    const openers = [["one", broken("no device")], ["two", broken("no driver")]] as const;
    const error = await assertRejects(() => openFirst(openers), Error, "no device");
    assertEquals(error.message.includes("no driver"), true);
  });

  it("finds one for auto, which is not the reference", async () => {
    const { engine } = await openEngine("auto");
    assertEquals(ENGINE_NAMES.includes(engine.name) && engine.name !== "reference", true);
    engine.close();
  });

  it("knows that CPU engines are on no GPU, without opening one", async () => {
    for (const name of ["wasm", "tfjs-node", "reference"]) {
      assertEquals(await onGpu(name), { engine: null, passedOver: [] });
    }
  });

  it("looks for a GPU once per process", () => {
    assert(onGpu("wasm") === onGpu("wasm"));
  });

  it("refuses a name it does not know and lists those it does", async () => {
    await assertRejects(() => openEngine("abacus"), RangeError, "wasm");
  });

  it("says why a named engine is not available and what to do", async () => {
    await assertRejects(() => openEngine("cuda"), Error, "Use --engine auto");
  });
});

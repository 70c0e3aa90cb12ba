/**
 * Prints how many children of ResNet-20 the `wasm` engine of a checkout compiles in a second (plan, text, assembly): the
 * best of several runs after those in which V8 warms up. Its modules are those of the checkout, for `pairs.ts`:
 *
 *     deno run --allow-read --allow-env --allow-sys --config CHECKOUT/deno.json tests/bench/planning.ts CHECKOUT ACT
 */
const WARM_UPS = 5, RUNS = 15;

const [checkout, act] = Deno.args;
const load = (path: string) => import(`${checkout}/child/${path}`);
const { openEngine } = await load("engine/open.ts"), { activationFrom } = await load("activation/catalog.ts");
const { buildNetwork } = await load("network/networks.ts");

const { engine } = await openEngine("wasm"), activation = activationFrom(act);
const graph = buildNetwork("resnet20", { classes: 10, usesBeta: act === "swish" });
const optimizer = { kind: "sgd", momentum: 0.9, weightDecay: 1e-4 };
let best = Infinity;
for (let run = 0; run < WARM_UPS + RUNS; run++) {
  const started = performance.now();
  const program = await engine.compile(graph, activation, { batch: 128, optimizer });
  if (run >= WARM_UPS) best = Math.min(best, performance.now() - started);
  program.dispose();
}
engine.close();
console.log(1000 / best);

import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { activationFrom } from "../../../child/activation/catalog.ts";
import { compileChild } from "../../../child/compiler/child.ts";
import { type Buffer, inOrder, lifetimesOf, placeBuffers } from "../../../child/compiler/memory.ts";
import { gradientReadsOf, phasesOf, readsOf, type Stages } from "../../../child/compiler/stages.ts";
import { makePlan } from "../../../child/engine/wasm/plan.ts";
import { trainableNodes } from "../../../child/network/autodiff.ts";
import { type Graph } from "../../../child/network/graph.ts";
import { NETWORK_NAMES } from "../../../child/network/networks.ts";
import { buildNetwork } from "../../../child/network/networks.ts";
import { Random } from "../../../datasets/random.ts";
import { SMALL_GRAPHS } from "../engine/small_graphs.ts";
import { sizeOf } from "../../../child/network/shape.ts";

const SWISH = activationFrom("swish");
const network = (name: string) => buildNetwork(name, { classes: 10, usesBeta: true });
const stagesOf = (graph: Graph) => compileChild(graph, SWISH).stages;
const GRAPHS: readonly Graph[] = [
  ...SMALL_GRAPHS.map(({ build }) => build(true)),
  ...NETWORK_NAMES.filter((name) => !name.includes("1")).map(network),
  network("preresnet11"),
];

describe("stages", () => {
  it("take batch norm, residual addition and activation of a ResNet in one", () => {
    const { forward } = stagesOf(network("resnet20"));
    const count = (kind: string) => forward.filter((stage) => stage.kind === kind).length;
    assertEquals([count("convolution"), count("pointwise"), count("shortcut")], [19, 19, 2]);
    const pointwise = forward.flatMap((stage) => stage.kind === "pointwise" ? [stage] : []);
    assert(pointwise.every(({ batchNorm, activation }) => batchNorm && activation));
    assertEquals(pointwise.filter(({ residual }) => residual).length, 9);
  });

  it("take dropout in with the activation before it, and read no input in the gradient of dropout alone", () => {
    const wide = compileChild(buildNetwork("wrn-16-4", { classes: 10, usesBeta: true, dropout: 0.3 }), SWISH).stages;
    const dropped = wide.forward.filter((stage) => stage.kind === "pointwise" && stage.dropout);
    assertEquals(dropped.length, 6);
    assert(dropped.every((stage) => stage.kind === "pointwise" && stage.batchNorm && stage.activation));
    const dense = buildNetwork("densenet-10-12", { classes: 10, usesBeta: true, dropout: 0.3 });
    const alone = compileChild(dense, SWISH).stages.backward.flatMap((stage) =>
      stage.kind === "pointwise" && stage.of.dropout && !stage.of.activation ? [stage] : []
    );
    assertEquals(alone.length, 8);
    for (const stage of alone) assert(!gradientReadsOf(stage).some(({ id }) => id === stage.of.y.id));
  });

  it("read only what stages before them computed", () => {
    for (const graph of GRAPHS) {
      const { forward, backward } = stagesOf(graph), known = new Set<number>();
      for (const stage of forward) {
        for (const { id } of readsOf(stage)) assert(known.has(id), `${graph.name}: ${stage.kind} reads ${id}`);
        known.add(stage.out.id);
      }
      for (const stage of backward) {
        for (const { id } of gradientReadsOf(stage)) assert(known.has(id), `${graph.name}: ${stage.kind} reads ${id}`);
        if (stage.into) known.add(stage.into.id);
      }
    }
  });

  it("compute no gradient of the images, nor of what follows from them without parameters", () => {
    for (const graph of GRAPHS) {
      const { forward, backward } = stagesOf(graph), trainable = trainableNodes(graph);
      assert(!trainable[forward[0].out.id]);
      for (const stage of backward) {
        if (stage.kind === "loss" || stage.kind === "gather" || stage.kind === "pointwise") continue;
        if (stage.kind === "concatenation") continue;
        const [input] = readsOf(stage.of);
        assertEquals(stage.into === null, !trainable[input.id]);
      }
    }
  });

  it("are of a later phase than what completes the batch norm that they need", () => {
    for (const graph of GRAPHS) {
      const stages = stagesOf(graph), phases = phasesOf(stages);
      const taken = new Map(
        stages.forward.flatMap((stage, i) =>
          stage.normalisedBy.map((batchNorm) => [batchNorm, phases.forward[i]] as const)
        ),
      );
      stages.forward.forEach((stage, i) => {
        if (stage.kind === "pointwise" && stage.batchNorm) assert(phases.forward[i] > taken.get(stage.batchNorm)!);
      });
      for (const list of [phases.forward, phases.backward]) {
        list.forEach((phase, i) =>
          assert(i === 0 ? phase === 0 : phase - list[i - 1] === 0 || phase - list[i - 1] === 1)
        );
      }
    }
  });
});

describe("lifetimes", () => {
  it("end with the last stage that reads", () => {
    for (const graph of GRAPHS) {
      const stages = stagesOf(graph), lifetimes = lifetimesOf(stages, inOrder(stages));
      stages.forward.forEach((stage, i) => {
        assertEquals(lifetimes.get(stage.out.id)!.first, i);
        for (const { id } of readsOf(stage)) assert(lifetimes.get(id)!.last >= i);
      });
      const { forward, backward } = stages;
      backward.forEach((stage, i) => {
        for (const { id } of gradientReadsOf(stage)) assert(lifetimes.get(id)!.last >= forward.length + i);
      });
    }
  });

  it("need less than a place for each: of ResNet-20 under 60 %", () => {
    const stages = stagesOf(network("resnet20"));
    const lifetimes = lifetimesOf(stages, inOrder(stages));
    const buffers = valuesOf(stages).map(({ id, shape }) => ({ ...lifetimes.get(id)!, bytes: sizeOf(shape) }));
    const all = buffers.reduce((sum, { bytes }) => sum + bytes, 0);
    assert(placeBuffers(buffers, 1).bytes < 0.6 * all);
  });
});

function valuesOf({ forward, backward }: Stages) {
  return [...forward.map(({ out }) => out), ...backward.flatMap(({ into }) => into ?? [])];
}

describe("placed buffers", () => {
  it("do not overlap while both are alive, and are aligned", () => {
    const random = new Random(1), whole = (below: number) => Math.floor(random.uniform() * below);
    const buffers: Buffer[] = Array.from({ length: 200 }, () => {
      const first = whole(50);
      return { first, last: first + whole(10), bytes: 1 + whole(1000) };
    });
    const { offsets, bytes } = placeBuffers(buffers, 64);
    buffers.forEach((a, i) => {
      assertEquals(offsets[i] % 64, 0);
      assert(offsets[i] + a.bytes <= bytes);
      buffers.slice(0, i).forEach((b, j) => {
        const together = a.first <= b.last && b.first <= a.last;
        const apart = offsets[i] + a.bytes <= offsets[j] || offsets[j] + b.bytes <= offsets[i];
        assert(apart || !together, `buffers ${j} and ${i} overlap`);
      });
    });
    const alive = (time: number) => buffers.filter(({ first, last }) => first <= time && time <= last);
    const peak = Math.max(...Array.from({ length: 60 }, (_, t) => alive(t).reduce((sum, { bytes }) => sum + bytes, 0)));
    assert(bytes >= peak && bytes < 1.3 * peak, `${bytes} bytes where ${peak} are alive`);
  });

  it("share memory from the time after the last read", () => {
    const one = { first: 0, last: 1, bytes: 10 }, next = { first: 2, last: 3, bytes: 10 };
    assertEquals(placeBuffers([one, next], 1), { offsets: [0, 0], bytes: 10 });
    assertEquals(placeBuffers([one, { ...next, first: 1 }], 1).bytes, 20);
  });
});

describe("the wasm engine's memory", () => {
  it("of ResNet-164 and WRN-28-10 at batch 128 is within the 4 GiB that WebAssembly addresses", () => {
    const options = { batch: 128, threads: 2, slots: 1, winograd: true, packable: true };
    for (const name of ["resnet164", "wrn-28-10"]) {
      const { totalBytes } = makePlan(compileChild(network(name), SWISH), options);
      assert(totalBytes < 2 ** 32, `${name}: ${(totalBytes / 2 ** 30).toFixed(2)} GiB`);
    }
  });
});

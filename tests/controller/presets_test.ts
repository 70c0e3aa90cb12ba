/** Presets: what each promises of its size, and that the settings of the paper stay those of the paper. */
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { PairSettings } from "../../child/pair_settings.ts";
import { type Preset, PRESETS } from "../../controller/presets.ts";
import { PAPER_CONTROLLER } from "../../controller/samplers/ppo/config.ts";
import { parseController } from "../../commands/controller_flag.ts";

/** Images that a search of the preset trains on: its candidates, the playoff, the target and the verdict on three functions. */
function images({ trials, child, judging: { finals, verdictSeeds, target } }: Preset): number {
  const of = ({ steps, batch, second }: PairSettings, trainings: number): number =>
    steps * batch * trainings + (second ? of(second, trainings) : 0);
  const atLast = (target ? target.candidates * target.seeds : 0) + 3 * verdictSeeds;
  return of(child, trials / (1 - finals)) + of(target?.child ?? child, atLast);
}

describe("presets", () => {
  it("grow from smoke to paper, workstation being laptop with ResNet-20 as its target", () => {
    const { smoke, laptop, workstation, paper }: Record<string, Preset> = PRESETS;
    assert(images(smoke) < images(laptop) / 500);
    const { target, ...judging } = workstation.judging, { verdictSeeds } = laptop.judging;
    assertEquals({ ...workstation, judging: { ...judging, verdictSeeds, target: null } }, laptop);
    assertEquals([verdictSeeds, judging.verdictSeeds], [32, 16]);
    assertEquals([target!.child.network, target!.child.steps, target!.child.imageSize], ["resnet20", 2000, undefined]);
    assert(images(workstation) > 2 * images(laptop));
    assert(images(paper) > 20 * images(workstation));
  });

  it("judge candidates on the whole validation split but for smoke", () => {
    const limits = Object.values(PRESETS).map(({ child }) => child.validationImages);
    assertEquals(limits, [500, null, null, null]);
  });

  it("keep the paper's controller, which --controller paper asks for by name", () => {
    assertEquals(PRESETS.paper.controller, PAPER_CONTROLLER);
    const { hidden, learningRate, entropyWeight, baselineDecay, ranked, elites } = PAPER_CONTROLLER;
    assertEquals([hidden, learningRate, entropyWeight, baselineDecay], [100, 0.00035, 0.00001, 0.95]);
    assertEquals([ranked, elites], [0, 0]);
    const { batch: _, ...paper } = PAPER_CONTROLLER;
    assertEquals(parseController("paper"), paper); // the batch stays that of the search
    assertEquals(parseController("paper, elites=5"), { ...paper, elites: 5 });
    assertEquals(parseController("elites=5"), { elites: 5 });
  });
});

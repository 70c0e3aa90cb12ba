/** The policy: a map of all functions, what the best ones have in common, and what the sampler would propose. */
import type { VNode } from "preact";
import { HeatLegend } from "./heat_map.tsx";
import { FunctionMap } from "./function_map.tsx";
import { Composition } from "./composition.tsx";
import { Probabilities } from "./probabilities.tsx";

export function PolicyView(): VNode {
  return (
    <div class="policy">
      <section class="panel map-panel" aria-label="Map of functions">
        <h2>
          Map of functions <span class="h-note">similar functions lie close together; colour is accuracy</span>
        </h2>
        <FunctionMap />
      </section>
      <section class="panel" aria-label="What the best functions are made of">
        <h2>What the best functions are made of</h2>
        <Composition />
      </section>
      <section class="panel heat-panel" aria-label="Probabilities through time">
        <h2>
          What the sampler would choose <span class="h-note">probability of each token, batch by batch</span>
          <span class="h-right">
            <HeatLegend />
          </span>
        </h2>
        <Probabilities />
      </section>
    </div>
  );
}

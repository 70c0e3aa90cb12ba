/** What the sampler would choose: the probability of each token, batch by batch. */
import type { VNode } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import type { SamplerUpdate } from "../../controller/runs/events.ts";
import { type Position, positions } from "../../controller/search_space.ts";
import { ask, runPath, useDashboard } from "./dashboard.ts";
import { type HeatColumn, HeatMap } from "./heat_map.tsx";
import { Empty } from "./empty.tsx";

/** Maximum number of updates in the heat map: about one per column of pixels. */
const MAX_COLUMNS = 200;

export function Probabilities(): VNode {
  const { view } = useDashboard();
  const [earlier, setEarlier] = useState<readonly SamplerUpdate[] | null>(null);
  useEffect(() => {
    let isGone = false;
    ask<{ updates: SamplerUpdate[] }>(`${runPath(view.run.name)}/updates?probabilities=${MAX_COLUMNS}`).then(
      ({ updates }) => !isGone && setEarlier(updates.filter(({ probabilities }) => probabilities !== null)),
      () => !isGone && setEarlier([]),
    );
    return () => void (isGone = true);
  }, [view.run.name]);
  const spots = useMemo(() => positions(view.run.settings.units), [view.run.settings.units]);
  const last = earlier?.at(-1)?.batch ?? -1;
  const later = view.updates.filter(({ batch, probabilities }) => batch > last && probabilities !== null);
  const tables = useMemo(
    () => heatTables(spots, [...earlier ?? [], ...later]),
    [spots, earlier, later.length],
  );
  if (earlier === null) return <Empty>Reading …</Empty>;
  if (earlier.length + later.length === 0) {
    return <Empty>{view.run.settings.sampler} has no probabilities, or has not learnt yet.</Empty>;
  }
  const heatMap = (name: string) => {
    const spot = spots.find((spot) => spot.name === name)!;
    if (spot.choices.length === 1) return null;
    return <HeatMap key={name} title={name} rows={spot.choices} columns={tables.get(name)!} />;
  };
  return (
    <>
      {Array.from({ length: view.run.settings.units }, (_, before) => `unit ${before + 1}`).map((unit) => (
        <div key={unit} class="heat-maps">
          {heatMap(`${unit} unary 1`)}
          {heatMap(`${unit} unary 2`)}
          <div>
            {["binary", "input 1", "input 2"].map((part) =>
              heatMap(`${unit} ${part}`)
            )}
          </div>
        </div>
      ))}
    </>
  );
}

/** By the name of each position, one column per update. */
function heatTables(spots: readonly Position[], updates: readonly SamplerUpdate[]): Map<string, HeatColumn[]> {
  return new Map(spots.map(({ name }, index) => [
    name,
    updates.map(({ batch, probabilities }) => ({ label: `batch ${batch}`, values: probabilities![index] ?? [] })),
  ]));
}

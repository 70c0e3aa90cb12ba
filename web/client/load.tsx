/** Load of the machine: children finished per minute, and memory of the search. */
import type { TrialRow } from "../../controller/trial.ts";
import type { VNode } from "preact";
import { useMemo } from "preact/hooks";
import { isOver } from "../../controller/runs/events.ts";
import { padded } from "../plot/scale.ts";
import { useDashboard } from "./dashboard.ts";
import { bytes, clock } from "./format.ts";
import { Empty } from "./empty.tsx";
import { Chart } from "./picture.tsx";
import { lastEnd } from "./time_line.tsx";

const MINUTE_MS = 60_000;

/** The last two hours. */
const MINUTES_SHOWN = 120;

/** Children finished per minute, which shows the cost of a slow machine, pauses and lost workers. */
export function Throughput(): VNode {
  const { view, shown, now } = useDashboard();
  const last = Math.floor((isOver(view) ? lastEnd(view) : now) / MINUTE_MS);
  const counts = useMemo(() => endsByMinute(shown, last), [shown, last]);
  if (counts.length === 0) {
    return (
      <div class="place-160">
        <Empty>No child has finished yet.</Empty>
      </div>
    );
  }
  const first = last - counts.length + 1;
  return (
    <Chart
      spec={{
        height: 160,
        description: `Children finished in each of the last ${counts.length} minutes`,
        x: {
          label: "time",
          whole: true,
          domain: [first - 0.5, last + 0.5],
          format: (minute) => clock(minute * MINUTE_MS),
        },
        y: { label: "children", whole: true },
        series: [{
          label: "children",
          kind: "bars",
          x: counts.map((_, index) => first + index),
          y: counts,
          colour: 2,
        }],
      }}
      read={(x) => {
        const minute = Math.round(x);
        const ended = counts[minute - first];
        return ended === undefined ? null : { x: minute, y: ended, text: `${clock(minute * MINUTE_MS)}: ${ended}` };
      }}
    />
  );
}

/** From the minute of the first end (or the earliest shown) to minute `last` since the epoch. */
function endsByMinute(trials: readonly TrialRow[], last: number): number[] {
  const counts = new Array<number>(MINUTES_SHOWN).fill(0);
  let first = Infinity;
  for (const { finishedAt } of trials) {
    if (finishedAt === null) continue;
    const minute = Math.floor(finishedAt / MINUTE_MS);
    const index = minute - last + MINUTES_SHOWN - 1;
    if (index >= 0 && index < MINUTES_SHOWN) counts[index]++;
    first = Math.min(first, minute);
  }
  // At least twenty bars, or the first minutes of a run would fill the width.
  return Number.isFinite(first) ? counts.slice(-Math.max(20, last - first + 1)) : [];
}

export function memoryNote(memory: readonly { readonly bytes: number }[]): string {
  const now = memory.at(-1);
  return now ? `${bytes(now.bytes)}: the search, its workers and this server` : "";
}

export function Memory(): VNode {
  const { memory } = useDashboard().connection;
  const from = memory[0]?.at ?? 0;
  const minutes = memory.map(({ at }) => (at - from) / 60_000);
  const mebibytes = memory.map(({ bytes }) => bytes / 2 ** 20);
  const most = Math.max(1, ...mebibytes);
  return (
    <Chart
      spec={{
        height: 160,
        description: "Memory of the searching process since this page was opened",
        x: { label: "since this page was opened (min)", domain: padded([0, Math.max(1, minutes.at(-1) ?? 1)], 0.01) },
        y: { label: "MiB", domain: [0, most * 1.1] },
        series: [{ label: "memory", kind: memory.length > 1 ? "line" : "dots", x: minutes, y: mebibytes, colour: 0 }],
      }}
      read={(x) => {
        if (memory.length === 0) return null;
        const index = minutes.reduce((near, at, one) => Math.abs(at - x) < Math.abs(minutes[near] - x) ? one : near, 0);
        return { x: minutes[index], y: mebibytes[index], text: bytes(memory[index].bytes) };
      }}
    />
  );
}

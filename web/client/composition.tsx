/** What the best functions are made of: how often each building block is in the best tenth, and overall. */
import type { TrialRow } from "../../controller/trial.ts";
import type { VNode } from "preact";
import { useMemo } from "preact/hooks";
import { type Position, positions } from "../../controller/search_space.ts";
import { ranked, useDashboard } from "./dashboard.ts";
import { count, percent } from "./format.ts";
import { Empty } from "./empty.tsx";

interface Share {
  readonly name: string;
  readonly top: number;
  readonly all: number;
}

/** Minimum number of complete trials, so that the best tenth is at least five. */
const MIN_COMPLETE = 50;

/** How often each function is chosen in the best tenth, compared with overall. */
export function Composition(): VNode {
  const { view, shown } = useDashboard();
  const spots = positions(view.run.settings.units);
  const best = useMemo(() => ranked(shown), [shown]);
  const top = best.slice(0, Math.round(best.length / 10));
  const proposed = shown.filter(({ tokens }) => tokens.length === spots.length);
  const inTop = top.filter(({ tokens }) => tokens.length === spots.length);
  if (best.length < MIN_COMPLETE || inTop.length === 0) {
    return (
      <Empty>
        This compares the best tenth with all trials once {MIN_COMPLETE} are complete. So far: {count(best.length)}.
      </Empty>
    );
  }
  return (
    <>
      <p class="muted">
        Best {count(inTop.length)} (a tenth of the complete trials shown) against all {count(proposed.length)}{" "}
        proposals; counts in brackets. This shows what was chosen, not why it is good.
      </p>
      <div class="composition">
        {(["unary", "binary"] as const).map((kind) => (
          <ShareTable
            key={kind}
            kind={kind}
            shares={shares(kind, spots, inTop, proposed)}
            topTotal={inTop.length}
            allTotal={proposed.length}
            slots={spots.filter((spot) => spot.kind === kind).length}
          />
        ))}
      </div>
    </>
  );
}

function shares(
  kind: Position["kind"],
  spots: readonly Position[],
  top: readonly TrialRow[],
  all: readonly TrialRow[],
): Share[] {
  const names = spots.find((spot) => spot.kind === kind)!.choices;
  const tally = (trials: readonly TrialRow[]) => {
    const counts = new Array<number>(names.length).fill(0);
    for (const { tokens } of trials) {
      for (const [index, spot] of spots.entries()) if (spot.kind === kind) counts[tokens[index]]++;
    }
    return counts;
  };
  const [inTop, inAll] = [tally(top), tally(all)];
  return names.map((name, index) => ({ name, top: inTop[index], all: inAll[index] }));
}

function ShareTable({ kind, shares, topTotal, allTotal, slots }: {
  kind: string;
  shares: readonly Share[];
  topTotal: number;
  allTotal: number;
  slots: number;
}): VNode {
  const rows = shares.map((share) => ({
    ...share,
    topShare: share.top / (topTotal * slots),
    allShare: share.all / Math.max(1, allTotal * slots),
  }))
    .sort((one, other) => other.topShare - one.topShare || other.allShare - one.allShare);
  const most = Math.max(...rows.map(({ topShare, allShare }) => Math.max(topShare, allShare)), 0.01);
  return (
    <table class="shares">
      <caption>{kind} functions</caption>
      <thead class="visually-hidden">
        <tr>
          <th>function</th>
          <th>share of the best and of all</th>
          <th>counts</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ name, top, all, topShare, allShare }) => (
          <tr key={name}>
            <th scope="row">
              <code>{name}</code>
            </th>
            <td>
              <svg class="share-bars" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
                <rect class="share-top" width={100 * topShare / most} height="6" />
                <rect class="share-all" y="6.5" width={100 * allShare / most} height="3" />
              </svg>
            </td>
            <td class="right number">
              {percent(topShare, 0)} <span class="muted">({top} of {all})</span>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

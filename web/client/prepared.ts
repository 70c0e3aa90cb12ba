/** Getting ready, bit by bit, to say how alike functions are. */
import { useEffect, useState } from "preact/hooks";
import type { TrialRow } from "../protocol.ts";
import { prepare } from "./similarity.ts";

/** At first enough for a run of some hundreds, so that nothing flashes; then half a frame at a time. */
const FIRST_MS = 40;
const SLICE_MS = 8;

/** The share of the trials whose functions can be compared at once, from 0 to 1. */
export function usePrepared(trials: readonly TrialRow[]): number {
  const [share, setShare] = useState(0);
  useEffect(() => {
    let timer = 0;
    let done = 0;
    const work = (ms: number) => {
      done = prepare(trials, done, ms);
      setShare(trials.length === 0 ? 1 : done / trials.length);
      if (done < trials.length) timer = setTimeout(() => work(SLICE_MS), 0) as unknown as number;
    };
    timer = setTimeout(() => work(FIRST_MS), 0) as unknown as number;
    return () => clearTimeout(timer);
  }, [trials.length]);
  return share;
}

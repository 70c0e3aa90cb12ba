/** Computes the features of functions in small steps, so that their similarity is known without blocking the page. */
import type { TrialRow } from "../../controller/trial.ts";
import { useEffect, useState } from "preact/hooks";
import { prepare } from "./similarity.ts";

/** Milliseconds of work: first enough for some hundreds of functions, to avoid a flash; then half a frame at a time. */
const FIRST_MS = 40;
const SLICE_MS = 8;

/** The share of the trials, from 0 to 1, whose features are computed. */
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

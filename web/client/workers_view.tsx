/** The workers: what each does, how fast, and where time was lost. */
import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { isOver, type RunInfo, type WorkerStatus } from "../../controller/runs/events.ts";
import { useDashboard } from "./dashboard.ts";
import { bytes, clock, count, dateTime, duration, percent } from "./format.ts";
import { Empty } from "./empty.tsx";
import { busyShare, TimeLine, timeLine, TimeLineLegend } from "./time_line.tsx";
import { Memory, memoryNote, Throughput } from "./load.tsx";

export function WorkersView(): VNode {
  const { view, shown, connection, now } = useDashboard();
  const workers = [...view.workers.values()].sort((one, other) => one.id - other.id);
  const active = workers.filter(({ state }) => state !== "stopped");
  const busy = busyShare(view, now, active.length);
  return (
    <div class="workers">
      <section class="panel" aria-label="Workers">
        <h2>
          Workers
          <span class="h-note">
            {active.length} active, {count(throughput(active))} images/s
          </span>
          {connection.controllable && !isOver(view) && <WorkerCount active={active.length} />}
        </h2>
        {view.run && <p class="h-note">{deviceLine(view.run, active.length)}</p>}
        {workers.length === 0 ? <Empty>No worker has had a trial yet.</Empty> : <WorkerTable workers={workers} />}
      </section>
      <section class="panel" aria-label="Time line">
        <h2>
          Time line
          <span class="h-note">
            the last {duration(timeLine(view, now).span)}
            {busy !== null && `, workers busy ${percent(busy, 1)} of it`}
          </span>
        </h2>
        <TimeLine workers={workers} />
        <TimeLineLegend />
      </section>
      <section class="panel" aria-label="Throughput">
        <h2>
          Throughput{" "}
          <span class="h-note">
            children finished per minute{shown.length < view.trials.length && ", of those the filter shows"}
          </span>
        </h2>
        <Throughput />
      </section>
      {connection.controllable && (
        <section class="panel" aria-label="Memory">
          <h2>
            Memory <span class="h-note">{memoryNote(connection.memory)}</span>
          </h2>
          <Memory />
        </section>
      )}
      <section class="panel" aria-label="Retries and errors">
        <h2>Retries and errors</h2>
        <Troubles />
      </section>
    </div>
  );
}

function throughput(workers: readonly WorkerStatus[]): number {
  return workers.reduce(
    (sum, { state, imagesPerSecond }) => sum + (state === "training" ? imagesPerSecond ?? 0 : 0),
    0,
  );
}

/** "16 children side by side on graphics card NVIDIA H100, WebGPU: 3.3 GiB of memory for the children". */
function deviceLine({ engine, device, childBytes }: RunInfo, active: number): string {
  const children = engine === "webgpu" ? `${active} children side by side on ` : "";
  const memory = childBytes === undefined ? "" : `: ${bytes(active * childBytes)} of memory for the children`;
  return device === "" ? "" : `${children}${device}${memory}`;
}

function WorkerTable({ workers }: { workers: readonly WorkerStatus[] }): VNode {
  return (
    <div class="scroll-x">
      <table class="plain">
        <thead>
          <tr>
            <th class="right">worker</th>
            <th>state</th>
            <th>trial</th>
            <th class="wide">progress</th>
            <th class="right wide-only">images/s</th>
            <th class="right wide-only">for</th>
            <th class="right wide-only">finished</th>
            <th class="right wide-only">restarts</th>
            <th class="wide-only">last error</th>
          </tr>
        </thead>
        <tbody>
          {workers.map((worker) => <WorkerRow key={worker.id} worker={worker} />)}
        </tbody>
      </table>
    </div>
  );
}

function WorkerRow({ worker }: { worker: WorkerStatus }): VNode {
  const { view, go, now } = useDashboard();
  const { id, state, trial, step, steps, imagesPerSecond, since, finished, restarts, lastError } = worker;
  return (
    <tr>
      <td class="right number">{id}</td>
      <td>
        <span class={`state-text worker-${state}`}>
          <span class={`dot worker-${state}`} />
          {state}
        </span>
      </td>
      <td class="clip-cell">
        {trial === null ? "–" : (
          <button type="button" class="link" onClick={() => go({ trial, view: "functions" })}>
            {trial}: {view.trials[trial]?.simplified ?? ""}
          </button>
        )}
      </td>
      <td>{trial !== null && <progress value={step} max={steps} aria-label={`step ${step} of ${steps}`} />}</td>
      <td class="right number wide-only">
        {state !== "training" || imagesPerSecond === null ? "–" : count(imagesPerSecond)}
      </td>
      <td class="right number wide-only">{duration(now - since)}</td>
      <td class="right number wide-only">{finished}</td>
      <td class="right number wide-only">{restarts ?? "–"}</td>
      <td class="clip-cell wide-only" title={lastError ?? undefined}>{lastError ?? ""}</td>
    </tr>
  );
}

function WorkerCount({ active }: { active: number }): VNode {
  const { control, say } = useDashboard();
  const [wanted, setWanted] = useState<number | null>(null);
  const apply = async (event: Event) => {
    event.preventDefault();
    if (wanted === null || !await control({ control: "set_workers", workers: wanted })) return;
    say(`The search now has ${wanted} worker${wanted > 1 ? "s" : ""}.`);
    setWanted(null);
  };
  return (
    <form class="h-right worker-count" onSubmit={apply}>
      <label>
        Number of workers{" "}
        <input
          type="number"
          min={1}
          value={wanted ?? active}
          onInput={(event) => setWanted(Math.max(1, Math.round(Number(event.currentTarget.value)) || 1))}
        />
      </label>
      <button type="submit" class="small" disabled={wanted === null || wanted === active}>Set</button>
    </form>
  );
}

function Troubles(): VNode {
  const { view, shown, go } = useDashboard();
  const troubled = shown.filter(({ attempts, state }) => attempts > 1 || state === "failed")
    .sort((one, other) => other.id - one.id).slice(0, 50);
  const notices = view.notices.filter(({ level }) => level !== "info").slice(-50).reverse();
  if (troubled.length === 0 && notices.length === 0) return <Empty>No trial was retried, and none failed.</Empty>;
  return (
    <div class="troubles">
      <ul class="notices">
        {notices.map(({ seq, at, level, message }) => (
          <li key={seq} class={`notice-${level}`}>
            <time title={dateTime(at)}>{clock(at)}</time> {message}
          </li>
        ))}
      </ul>
      <ul class="notices">
        {troubled.map((trial) => (
          <li key={trial.id}>
            <button type="button" class="link" onClick={() => go({ trial: trial.id, view: "functions" })}>
              trial {trial.id}
            </button>{" "}
            {trial.attempts} attempts, {trial.state}
            {trial.reason ? `: ${trial.reason}` : ""}
          </li>
        ))}
      </ul>
    </div>
  );
}

/** The top bar: the run and its state, the views, and the controls of the search. */
import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { isOver, type RunState } from "../../controller/runs/events.ts";
import { useDashboard } from "./dashboard.ts";
import { canAskToNotify } from "./ending.ts";
import { VIEW_LABELS, VIEWS, writeRoute } from "./route.ts";
import { applyTheme, currentTheme, nextTheme } from "./theme.ts";

/** Tooltip of the label of synthetic data. */
export const SYNTHETIC = "Drawn by the program: accuracies say nothing about photographs";

export function Header(): VNode {
  const { view, route, connection } = useDashboard();
  return (
    <header class="top">
      <a class="skip" href="#view" onClick={skipToView}>Skip to content</a>
      <div class="top-row">
        <a class="brand" href={writeRoute({ ...route, view: "overview" })} aria-label="actsearch, overview">
          <Mark />
        </a>
        <h1 class="run-name" title={view.run.name}>
          {view.run.name}
          <span class="visually-hidden">: {VIEW_LABELS[route.view]}</span>
        </h1>
        <StatePill state={view.state} reason={view.reason} />
        {view.run.synthetic && (
          <span class="pill synthetic" title={SYNTHETIC}>
            synthetic<span class="wide-only">{` ${view.run.dataset}`}</span>
          </span>
        )}
        <LinkNote />
      </div>
      <nav class="tabs" aria-label="Views">
        {VIEWS.map((name) => (
          <a
            key={name}
            href={writeRoute({ ...route, view: name })}
            aria-current={name === route.view ? "page" : undefined}
          >
            {VIEW_LABELS[name]}
          </a>
        ))}
      </nav>
      {!connection.controllable && <Followed />}
      <div class="top-end">
        <Controls />
        <ThemeButton />
      </div>
    </header>
  );
}

function skipToView(event: MouseEvent): void {
  event.preventDefault();
  document.getElementById("view")?.focus();
}

function Mark(): VNode {
  return (
    <svg width="20" height="20" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="7" class="mark-paper" />
      <path d="M4 19C9 20 12 24 15.5 20.5S21 8 28 6" class="mark-line" />
    </svg>
  );
}

export function StatePill({ state, reason }: { state: RunState; reason?: string | null }): VNode {
  return <span class={`pill run-${state}`} title={reason ?? undefined}>{state}</span>;
}

/** Shows that the page may be out of date. */
function LinkNote(): VNode | null {
  const { connection, view } = useDashboard();
  const text = {
    live: "connected",
    connecting: "connecting …",
    lost: connection.isServerGone ? "the search's process has ended" : "reconnecting …",
    refused: connection.refusal,
  }[connection.link];
  return (
    <span
      role="status"
      class={connection.link === "live" ? "visually-hidden" : `link-note${isOver(view) ? " calm" : ""}`}
    >
      {text}
    </span>
  );
}

function Controls(): VNode | null {
  const { connection, view, control, propose } = useDashboard();
  if (!connection.controllable || isOver(view)) return null;
  const isHeld = view.state === "paused" || view.state === "stopping";
  return (
    <span class="controls" role="group" aria-label="Control">
      <button
        type="button"
        disabled={view.state !== "running" && !isHeld}
        aria-label={isHeld ? "Resume" : "Pause"}
        title={view.state === "stopping" ? "Cancel the stop" : undefined}
        onClick={() => control({ control: isHeld ? "resume" : "pause" })}
      >
        <Icon name={isHeld ? "resume" : "pause"} />
        <span class="spare-only">{isHeld ? "Resume" : "Pause"}</span>
      </button>
      <StopButton />
      <button type="button" class="primary" aria-label="Add a candidate" onClick={() => propose("")}>
        <Icon name="add" />
        <span class="spare-only">Add a candidate</span>
      </button>
      <NotifyButton />
    </span>
  );
}

/** Longer than the interval of a double click, so that a double click does not confirm the question. */
const SECOND_CLICK_MS = 600;

/** Asks for confirmation, and ignores the second click of a double click. */
function StopButton(): VNode {
  const { view, control, say } = useDashboard();
  const [askedAt, setAskedAt] = useState<number | null>(null);
  const isAsking = askedAt !== null;
  const click = async (event: MouseEvent) => {
    if (!isAsking) return setAskedAt(event.timeStamp);
    if (event.detail > 1 || event.timeStamp - askedAt < SECOND_CLICK_MS) return;
    setAskedAt(null);
    if (await control({ control: "stop" })) say("The search stops after this batch. Resume cancels that.");
  };
  return (
    <button
      type="button"
      class={isAsking ? "danger" : ""}
      disabled={view.state === "stopping"}
      aria-label={isAsking ? undefined : "Stop"}
      onBlur={() => setAskedAt(null)}
      onKeyDown={(event) => event.key === "Escape" && setAskedAt(null)}
      onClick={click}
    >
      <Icon name="stop" />
      {isAsking ? "Stop after this batch?" : <span class="wide-only">Stop</span>}
    </button>
  );
}

function NotifyButton(): VNode | null {
  const { say } = useDashboard();
  const [canAsk, setCanAsk] = useState(canAskToNotify);
  if (!canAsk) return null;
  const ask = async () => {
    const answer = await Notification.requestPermission();
    setCanAsk(canAskToNotify());
    if (answer === "granted") say("You will be notified when the search is done, while this page is open.");
  };
  return (
    <button
      type="button"
      class="quiet"
      aria-label="Notify me when the search is done"
      title="Notify me when the search is done"
      onClick={ask}
    >
      <Icon name="bell" />
    </button>
  );
}

const ICONS = {
  pause: "M4 3h3v10H4zM9 3h3v10H9z",
  resume: "M4 2.5l9.5 5.5L4 13.5z",
  stop: "M3.5 3.5h9v9h-9z",
  bell:
    "M8 1.5a1 1 0 0 1 1 1v.6a4.2 4.2 0 0 1 3 4V10l1.2 1.6v.9H2.8v-.9L4 10V7.1a4.2 4.2 0 0 1 3-4v-.6a1 1 0 0 1 1-1zM6.4 13.3h3.2a1.6 1.6 0 0 1-3.2 0z",
  add: "M7 2.5h2V7h4.5v2H9v4.5H7V9H2.5V7H7z",
} as const;

function Icon({ name }: { name: keyof typeof ICONS }): VNode {
  return (
    <svg class="icon" width="12" height="12" viewBox="0 0 16 16" aria-hidden="true">
      <path d={ICONS[name]} />
    </svg>
  );
}

/** Why a run that another process searches cannot be controlled here. */
function Followed(): VNode | null {
  const { view } = useDashboard();
  if (view.state === "finished" || view.state === "failed") return null;
  return (
    <span class="followed" role="status">
      {view.state === "interrupted"
        ? (
          <>
            Its process has ended. Resume with: <code>deno task search --resume {view.run.name}</code>
          </>
        )
        : "Followed live: another process searches it."}
    </span>
  );
}

function ThemeButton(): VNode {
  const [theme, setTheme] = useState(currentTheme);
  return (
    <button
      type="button"
      class="quiet"
      aria-label={`Theme: ${theme}. Change it`}
      title={`Theme: ${theme}`}
      onClick={() => {
        const next = nextTheme();
        applyTheme(next);
        setTheme(next);
      }}
    >
      {{ system: "◐", light: "○", dark: "●" }[theme]}
    </button>
  );
}

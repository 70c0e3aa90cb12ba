/** The bar on top: which run, in what state, the views, and what can be asked of the search. */
import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { isOver, type RunState } from "../../controller/runs/events.ts";
import { useDashboard } from "./dashboard.ts";
import { type View, VIEWS, writeRoute } from "./route.ts";
import { applyTheme, currentTheme, nextTheme } from "./theme.ts";

const NAMES: Readonly<Record<View, string>> = {
  overview: "Overview",
  functions: "Functions",
  trials: "Trials",
  mind: "Mind",
  workers: "Workers",
  runs: "Runs",
};

/** What the label of synthetic data says when asked. */
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
        <strong class="run-name" title={view.run.name}>{view.run.name}</strong>
        <StatePill state={view.state} reason={view.reason} />
        {view.run.synthetic && (
          <span class="pill synthetic wide-only" title={SYNTHETIC}>synthetic {view.run.dataset}</span>
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
            {NAMES[name]}
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

/** Says that what is shown may be old. */
function LinkNote(): VNode | null {
  const { connection } = useDashboard();
  const text = {
    live: "connected",
    connecting: "connecting …",
    lost: connection.isServerGone ? "the search's process has ended" : "reconnecting …",
    refused: connection.refusal,
  }[connection.link];
  return <span role="status" class={connection.link === "live" ? "visually-hidden" : "link-note"}>{text}</span>;
}

function Controls(): VNode | null {
  const { connection, view, control, say, propose } = useDashboard();
  const [stopping, setStopping] = useState(false);
  if (!connection.controllable) return null;
  const isPaused = view.state === "paused";
  return (
    <span class="controls" role="group" aria-label="Control">
      {!isOver(view) && (
        <>
          <button
            type="button"
            disabled={view.state !== "running" && !isPaused}
            aria-label={isPaused ? "Resume" : "Pause"}
            onClick={() => control({ control: isPaused ? "resume" : "pause" })}
          >
            <Icon name={isPaused ? "resume" : "pause"} />
            <span class="wide-only">{isPaused ? "Resume" : "Pause"}</span>
          </button>
          <button
            type="button"
            class={stopping ? "danger" : ""}
            disabled={view.state === "stopping"}
            aria-label={stopping ? undefined : "Stop"}
            onBlur={() => setStopping(false)}
            onClick={async () => {
              if (!stopping) return setStopping(true);
              setStopping(false);
              if (await control({ control: "stop" })) say("The search stops when this batch is done.");
            }}
          >
            <Icon name="stop" />
            {stopping ? "Stop after this batch?" : <span class="wide-only">Stop</span>}
          </button>
          <button type="button" class="primary" aria-label="Add a candidate" onClick={() => propose("")}>
            <Icon name="add" />
            <span class="wide-only">Add a candidate</span>
          </button>
        </>
      )}
    </span>
  );
}

const ICONS = {
  pause: "M4 3h3v10H4zM9 3h3v10H9z",
  resume: "M4 2.5l9.5 5.5L4 13.5z",
  stop: "M3.5 3.5h9v9h-9z",
  add: "M7 2.5h2V7h4.5v2H9v4.5H7V9H2.5V7H7z",
} as const;

function Icon({ name }: { name: keyof typeof ICONS }): VNode {
  return (
    <svg class="icon" width="12" height="12" viewBox="0 0 16 16" aria-hidden="true">
      <path d={ICONS[name]} />
    </svg>
  );
}

/** Why a run that is not searched by the server's own process cannot be steered here. */
function Followed(): VNode | null {
  const { view } = useDashboard();
  if (view.state === "finished" || view.state === "failed") return null;
  return (
    <span class="followed" role="status">
      {view.state === "interrupted"
        ? (
          <>
            Its process has ended. Go on: <code>deno task search --resume {view.run.name}</code>
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

/** Light or dark: the system's setting unless chosen here; the choice is stored in this browser. */

import { useEffect, useState } from "preact/hooks";

export type Theme = "system" | "light" | "dark";
const THEMES: readonly Theme[] = ["system", "light", "dark"];
const KEY = "actsearch-theme";

export function currentTheme(): Theme {
  const kept = localStorage.getItem(KEY);
  return THEMES.find((theme) => theme === kept) ?? "system";
}

export function applyTheme(theme: Theme = currentTheme()): void {
  localStorage.setItem(KEY, theme);
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

export function nextTheme(): Theme {
  return THEMES[(THEMES.indexOf(currentTheme()) + 1) % THEMES.length];
}

/** Changes with the theme, so that canvases are redrawn. */
export function useTheme(): string {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const name = () => document.documentElement.dataset.theme ?? (system.matches ? "dark" : "light");
  const [theme, setTheme] = useState(name);
  useEffect(() => {
    const follow = () => setTheme(name());
    const observer = new MutationObserver(follow);
    observer.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    system.addEventListener("change", follow);
    return () => {
      observer.disconnect();
      system.removeEventListener("change", follow);
    };
  }, []);
  return theme;
}

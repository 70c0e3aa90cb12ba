/**
 * The look of plots: colours by class name, light and dark. Series colours are Okabe and Ito's (2008), distinguishable
 * with any form of colour blindness, darkened or lightened to a contrast of 3:1 against either background.
 */

export const SERIES_COLOURS = 8;

const LIGHT = ["#0b6bb5", "#c2410c", "#00795c", "#a3489a", "#8a6d00", "#2f8fc4", "#5b5f66", "#b3261e"];
const DARK = ["#6db3f2", "#ff9e64", "#3ecfa5", "#e29adf", "#e3c34d", "#8fd3ff", "#a3a8b0", "#ff8a80"];

const variables = (colours: readonly string[]): string =>
  colours.map((colour, index) => `--series-${index}:${colour};`).join("");

/** Custom properties of both themes: on `:root`, following the system unless `data-theme` chooses one. */
export const THEME_VARIABLES = {
  light: `${
    variables(LIGHT)
  }--plot-ink:#1c1f23;--plot-soft:#5d646d;--plot-line:#c9ced6;--plot-grid:#e9ecf0;--plot-paper:#ffffff;`,
  dark: `${
    variables(DARK)
  }--plot-ink:#e6e8eb;--plot-soft:#9aa2ad;--plot-line:#444b55;--plot-grid:#262b32;--plot-paper:#14171b;`,
} as const;

/** Rules for the classes that `chart.ts` gives its elements. */
export const PLOT_RULES = [
  ".plot{font:11px system-ui,sans-serif;font-variant-numeric:tabular-nums}",
  ".plot text{fill:var(--plot-soft)}",
  ".plot .plot-title{fill:var(--plot-ink);font-size:13px;font-weight:600}",
  ".plot .plot-legend{fill:var(--plot-ink)}",
  ".plot .plot-frame{stroke:var(--plot-line);fill:none}",
  ".plot .plot-grid{stroke:var(--plot-grid);fill:none}",
  ".plot .plot-rule{stroke:var(--plot-soft);stroke-dasharray:4 3;fill:none}",
  ".plot .plot-rule-label{fill:var(--plot-ink);stroke:var(--plot-paper);stroke-width:3px;paint-order:stroke}",
  ".plot .plot-line{fill:none;stroke-width:1.6;stroke-linejoin:round}",
  ".plot .plot-dots{fill:none;stroke-width:3.4;stroke-linecap:round;stroke-opacity:.55}",
  ".plot .plot-dots.few{stroke-width:6;stroke-opacity:.8}",
  ".plot .plot-dash{stroke-dasharray:5 3}",
  ".plot .plot-area{stroke:none;fill-opacity:.18}",
  ".plot .plot-bar{stroke:none}",
  ...Array.from(
    { length: SERIES_COLOURS },
    (_, index) => `.plot .s${index}{stroke:var(--series-${index})}.plot .f${index}{fill:var(--series-${index})}`,
  ),
].join("\n");

/** The style sheet inside an SVG file that stands alone. */
export const FILE_STYLE = `svg{${THEME_VARIABLES.light}background:var(--plot-paper)}
@media (prefers-color-scheme:dark){svg{${THEME_VARIABLES.dark}}}
${PLOT_RULES}`;

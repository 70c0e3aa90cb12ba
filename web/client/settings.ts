/** A run's settings as pairs of name and text, to show one run or to compare several. */
import type { RunSettings } from "../../controller/runs/events.ts";
import { childText } from "../../controller/child_text.ts";
import { count, duration } from "./format.ts";

export function settingRows(settings: RunSettings): [string, string][] {
  const { child } = settings;
  const { kind, ...rates } = child.optimizer;
  const optimizer = Object.entries(rates).filter(([, value]) => typeof value === "number")
    .map(([name, value]) => `${spaced(name)} ${value}`).join(", ");
  return [
    ["sampler", settings.sampler],
    ["seed", String(settings.seed)],
    ["preset", settings.preset],
    ["core units", String(settings.units)],
    ["candidates per batch", String(settings.batch)],
    ["trials", count(settings.trials)],
    ...settings.timeLimitMs === null ? [] : [["time limit", duration(settings.timeLimitMs)] as [string, string]],
    ["child", childText(child)],
    ["learning rate", `${child.learningRate}, ${child.schedule}`],
    ["optimizer", optimizer === "" ? kind : `${kind} (${optimizer})`],
    ["augmentation", child.augment ? "pad, crop and flip" : "none"],
    [
      "judged on",
      child.validationImages === null ? "all validation images" : `${count(child.validationImages)} validation images`,
    ],
    ...settings.judging.target ? [["target", childText(settings.judging.target.child)] as [string, string]] : [],
    ["workers", String(settings.workers)],
    ["data set requested", settings.datasetNamed ? settings.dataset : `${settings.dataset} (by default)`],
  ];
}

function spaced(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

/** What the console and the dashboard call the stages after the search. */
import { assertEquals } from "@std/assert";
import { it } from "@std/testing/bdd";
import { PRESETS } from "../../controller/presets.ts";
import { stageText } from "../../controller/stage_text.ts";

it("a stage is told in a few words, and nothing while the search proposes", () => {
  const { judging } = PRESETS.workstation, rounds = { round: 2, finalists: [3, 1, 2], trainings: 6 };
  assertEquals(stageText({ name: "search", promoted: 4 }, judging), null);
  assertEquals(stageText({ name: "playoff", ...rounds }, judging), "playoff of 3, round 2");
  assertEquals(stageText({ name: "target", ...rounds }, judging), "3 on resnet20, round 2");
  assertEquals(stageText({ name: "verdict", trial: 1 }, judging), "verdict on 16 fresh seeds");
});

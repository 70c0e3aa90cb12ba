/**
 * Opens the engine that --engine names and says on stderr which it is, what it noticed, and why others were passed
 * over.
 */
import type { Engine } from "../../child/engine/engine.ts";
import { ENGINE_NAMES, openEngine, PLANNED_ENGINES } from "../../child/engine/open.ts";
import type { Io } from "../command.ts";

/** The row of a command's table of flags. */
export const ENGINE_FLAG = {
  name: "engine",
  type: "choice",
  choices: ENGINE_NAMES,
  planned: PLANNED_ENGINES,
  default: "auto",
  help: "what computes",
} as const;

/** Throws an Error with the reason if the engine is not available. The caller closes it. */
export async function openChosenEngine(name: string, io: Io): Promise<Engine> {
  const { engine, passedOver } = await openEngine(name);
  io.err(`engine ${engine.name}: ${engine.device}`);
  for (const notice of [...passedOver, ...engine.notices]) io.err(`  ${notice}`);
  return engine;
}

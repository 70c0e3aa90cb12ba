/// <reference lib="deno.worker" />
/**
 * As `side_by_side_worker.ts`, on a card that is lost as often as the engine's name says, "webgpu 2", each time as a
 * child asks for its second call of training.
 */
import { type Opened, openEngine } from "../../child/engine/open.ts";
import type { Engine, Program } from "../../child/engine/engine.ts";
import { openCard } from "../../child/engine/webgpu/device.ts";
import { serveChildren } from "../../workers/child_server.ts";

let opening: Promise<Opened> | undefined;
let losses = 0;

self.onmessage = ({ data: port }: MessageEvent<MessagePort>) => {
  serveChildren(port, (name) => opening ??= open(name));
};

async function open(name: string): Promise<Opened> {
  const [engine, times] = name.split(" "), { engine: opened, passedOver } = await openEngine(engine);
  losses = Number(times);
  return { engine: losing(opened), passedOver };
}

function losing(engine: Engine): Engine {
  const compile = engine.compile.bind(engine);
  engine.compile = async (...child) => {
    const program = await compile(...child), train = program.trainPicked!.bind(program);
    let calls = 0;
    program.trainPicked = async (steps) => {
      if (++calls === 2 && losses-- > 0) (await openCard()).device.destroy();
      return await train(steps);
    };
    return program as Program;
  };
  return engine;
}

/**
 * `deno task export-model FILE --to pytorch`: a trained model for another framework, as a folder with code, weights, and
 * a script that checks that the same logits come out.
 */
import type { Engine } from "../child/engine/engine.ts";
import { writeAtomically } from "../child/model/atomic_file.ts";
import { type Check, EXPORT_TARGETS, exportModel as filesOf, EXPORTS } from "../child/model/export/export.ts";
import { type Model, readModel, warningOf } from "../child/model/model_file.ts";
import { DEFAULT_OPTIMIZER } from "../child/network/optimizer.ts";
import { Random } from "../datasets/random.ts";
import { ENGINE_FLAG, openChosenEngine } from "./training/chosen_engine.ts";
import { command, EXIT, UsageError } from "./command.ts";
import { sizeOf } from "../child/network/shape.ts";

/** Images whose logits the check compares. */
const CHECK_IMAGES = 4;

export const exportModel = command({
  name: "export-model",
  summary:
    "Writes trained weights, as saved by cifar10, cifar100 or imagenet with --save, as code and weights of another framework.",
  positionals: [{ name: "file", help: "a .safetensors file" }],
  flags: [
    { name: "to", type: "choice", choices: EXPORT_TARGETS, help: "the framework (needed)" },
    { name: "out", type: "string", value: "DIR", help: "folder to write, which must be empty or new (FILE-TARGET)" },
    ENGINE_FLAG,
    { name: "json", type: "boolean", help: "print one JSON object" },
  ],
  examples: [
    "export-model runs/NAME/seed-1.safetensors --to onnx",
    "export-model a.safetensors --to pytorch --out out",
  ],
  permissions: { write: "the exported folder" },
  async run({ file, to, out, engine: engineName, json }, io) {
    if (to === undefined) throw new UsageError(`--to names the framework: ${EXPORT_TARGETS.join(", ")}`);
    const model = await readModel(file);
    const warning = warningOf(model);
    if (warning !== null) io.err(`${file}: ${warning}`);
    const folder = out ?? `${file.replace(/\.safetensors$/, "")}-${to}`;
    await claimFolder(folder);
    const engine = await openChosenEngine(engineName, io);
    try {
      const files = filesOf(model, to, await checkOf(model, engine));
      for (const [name, content] of files) await writeAtomically(`${folder}/${name}`, content);
      const names = [...files.keys()];
      if (json) io.out(JSON.stringify({ event: "finished", to, folder, files: names, engine: engine.name }));
      else {
        io.out(`${folder}: ${names.join(", ")}`);
        io.out(`check it with: cd ${folder} && pip install ${EXPORTS[to].packages} && python check.py`);
      }
      return EXIT.done;
    } finally {
      engine.close();
    }
  },
});

/** Makes the folder. Throws an Error if there are files in it, or if it cannot be made. */
async function claimFolder(folder: string): Promise<void> {
  try {
    await Deno.mkdir(folder, { recursive: true });
  } catch (cause) {
    const way = "name one below this folder or /tmp with --out, where the task may write";
    throw new Error(`Cannot write ${folder}: ${way}`, { cause });
  }
  if ([...Deno.readDirSync(folder)].length === 0) return;
  throw new Error(`Cannot write ${folder} as it has files already: name another folder with --out`);
}

/** Images of normal values, the same for every model of their size, and their logits on the engine. */
async function checkOf(model: Model, engine: Engine): Promise<Check> {
  const random = new Random(1), values = CHECK_IMAGES * sizeOf(model.about.image);
  const images = Float32Array.from({ length: values }, () => random.normal());
  const { graph, activation, parameters, statistics } = model;
  const program = await engine.compile(graph, activation, { batch: CHECK_IMAGES, optimizer: DEFAULT_OPTIMIZER });
  try {
    await program.write("parameters", parameters);
    await program.write("statistics", statistics);
    const logits = await program.evaluate({ images, labels: new Uint8Array(CHECK_IMAGES) });
    return { images, logits: Float32Array.from(logits), count: CHECK_IMAGES };
  } finally {
    program.dispose();
  }
}

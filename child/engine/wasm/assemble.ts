/**
 * WebAssembly text -> module. ACTSEARCH_PRINT_KERNELS=1 prints the text, which is every kernel of the program.
 *
 * The last modules are kept, as the same function is often trained from one seed after another, and children of one
 * network share most kernels: a module is then neither assembled nor compiled again, and is already optimised by V8.
 */
import wabt from "wabt";
import { printsKernels } from "../prints_kernels.ts";
import type { ModuleTexts } from "./module.ts";

/** Modules kept, by text: those of the two children of a candidate and of both references, and the kernels of each. */
const KEPT = 8;

let assembler: ReturnType<typeof wabt> | undefined;
/** The latest last. */
const kept = new Map<string, Promise<WebAssembly.Module>>();

/** Both modules of a program. */
export interface Modules {
  readonly kernels: WebAssembly.Module;
  readonly program: WebAssembly.Module;
}

/** `name` is that of the network. */
export async function assembleProgram(name: string, texts: ModuleTexts): Promise<Modules> {
  const [kernels, program] = await Promise.all([
    assemble(`${name}_kernels`, texts.kernels),
    assemble(name, texts.program),
  ]);
  return { kernels, program };
}

export function assemble(name: string, text: string): Promise<WebAssembly.Module> {
  if (printsKernels()) console.error(text);
  const module = kept.get(text) ?? assembled(name, text);
  kept.delete(text);
  kept.set(text, module);
  if (kept.size > KEPT) kept.delete(kept.keys().next().value!);
  module.catch(() => kept.delete(text));
  return module;
}

async function assembled(name: string, text: string): Promise<WebAssembly.Module> {
  const { parseWat } = await (assembler ??= wabt());
  const parsed = parseWat(`${name}.wat`, text, { simd: true, relaxed_simd: true, threads: true, bulk_memory: true });
  try {
    const { buffer } = parsed.toBinary({});
    return await WebAssembly.compile(buffer as Uint8Array<ArrayBuffer>);
  } finally {
    parsed.destroy();
  }
}

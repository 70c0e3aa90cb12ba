/** WebAssembly text -> module. ACTSEARCH_PRINT_KERNELS=1 prints the text, which is every kernel of the program. */
import wabt from "wabt";
import { printsKernels } from "../prints_kernels.ts";

let assembler: ReturnType<typeof wabt> | undefined;

export async function assemble(name: string, text: string): Promise<WebAssembly.Module> {
  if (printsKernels()) console.error(text);
  const { parseWat } = await (assembler ??= wabt());
  const parsed = parseWat(`${name}.wat`, text, { simd: true, relaxed_simd: true, threads: true, bulk_memory: true });
  try {
    const { buffer } = parsed.toBinary({});
    return await WebAssembly.compile(buffer as Uint8Array<ArrayBuffer>);
  } finally {
    parsed.destroy();
  }
}

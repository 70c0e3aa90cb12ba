/** The instances of a program: its kernels, and the program that calls them. */
import type { Modules } from "./assemble.ts";

/** The program over its memory; `mark` is called at the places of a program with marks. */
export async function instantiate(
  { kernels, program }: Modules,
  memory: WebAssembly.Memory,
  mark: (place: number) => void = () => {},
): Promise<WebAssembly.Instance> {
  const shared = await WebAssembly.instantiate(kernels, { env: { memory } });
  return await WebAssembly.instantiate(program, { env: { memory, mark }, kernels: shared.exports });
}

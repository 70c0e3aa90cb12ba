/** The kernel's side of winograd.ts: into the 36 positions, forward and turned, and back for its gradient. */
import { FLOAT_BYTES, FunctionBuilder, type Int, type Kernel, LANES, range } from "../function_builder.ts";
import type { Target, Vector } from "../function_builder.ts";
import { partsOf } from "../layout.ts";
import { G, GT, linear, panelLanes, PATCH } from "./winograd.ts";

/** U = G k GT: (kernel [3][3][inputs][outputs], U [36][panels][inputs][lanes]). */
export function kernelTransform(name: string, inputs: number, outputs: number, target: Target): Kernel {
  const f = new FunctionBuilder(name, ["kernel", "u"], target);
  const parts = partsOf(outputs, 2), matrixBytes = inputs * outputs * FLOAT_BYTES;
  const kernel = f.parameter("kernel");
  const lanes = panelLanes(outputs), rowBytes = lanes * FLOAT_BYTES;
  const row = f.int("row", f.parameter("u"));
  f.repeat(inputs, () => {
    const u = f.int("panel", row);
    f.repeat(outputs / lanes, () => {
      f.repeat(lanes / (parts * LANES), () => {
        writeKernelTransform(f, (tap) => f.load(kernel, tap * matrixBytes, parts), u, matrixBytes);
        f.advance(kernel, parts * 16);
        f.advance(u, parts * 16);
      });
      f.advance(u, (inputs - 1) * rowBytes);
    });
    f.advance(row, rowBytes);
  });
  return f.kernel();
}

/**
 * U of the input gradient, from the kernel turned by 180 degrees and its channels transposed: U
 * [36][panels][outputs][lanes].
 */
export function flippedKernelTransform(
  name: string,
  inputs: number,
  outputs: number,
  target: Target,
): Kernel {
  const f = new FunctionBuilder(name, ["kernel", "u"], target);
  const matrixBytes = inputs * outputs * FLOAT_BYTES;
  const kernel = f.parameter("kernel");
  const lanes = panelLanes(inputs), rowBytes = lanes * FLOAT_BYTES;
  const row = f.int("row", f.parameter("u"));
  f.repeat(outputs, () => {
    const column = f.int("column", kernel), u = f.int("panel", row);
    f.repeat(inputs / lanes, () => {
      f.repeat(lanes / LANES, () => {
        const gather = (tap: number) => f.gather(column, (8 - tap) * matrixBytes, outputs * FLOAT_BYTES);
        writeKernelTransform(f, gather, u, matrixBytes);
        f.advance(column, LANES * outputs * FLOAT_BYTES);
        f.advance(u, LANES * FLOAT_BYTES);
      });
      f.advance(u, (outputs - 1) * rowBytes);
    });
    f.advance(kernel, FLOAT_BYTES);
    f.advance(row, rowBytes);
  });
  return f.kernel();
}

function writeKernelTransform(
  f: FunctionBuilder,
  tap: (index: number) => Vector,
  u: Int,
  matrixBytes: number,
): void {
  const columns = range(3).map((c) => linear(f, G, range(3).map((r) => tap(r * 3 + c))));
  for (let r = 0; r < PATCH; r++) {
    linear(f, G, columns.map((column) => column[r])).forEach((value, c) =>
      f.store(u, (r * PATCH + c) * matrixBytes, value)
    );
  }
}

/** kernel gradient += GT dU G: (dU [36][inputs][outputs], gradient [3][3][inputs][outputs]). */
export function kernelGradient(name: string, inputs: number, outputs: number, target: Target): Kernel {
  const f = new FunctionBuilder(name, ["u", "gradient"], target);
  const parts = partsOf(outputs, 2), matrixBytes = inputs * outputs * FLOAT_BYTES;
  const u = f.parameter("u"), gradient = f.parameter("gradient");
  f.repeat(inputs * outputs / (parts * 4), () => {
    const columns = range(PATCH).map((c) =>
      linear(f, GT, range(PATCH).map((r) => f.load(u, (r * PATCH + c) * matrixBytes, parts)))
    );
    for (let r = 0; r < 3; r++) {
      linear(f, GT, columns.map((column) => column[r])).forEach((value, c) => {
        const offset = (r * 3 + c) * matrixBytes;
        f.store(gradient, offset, f.add(f.load(gradient, offset, parts), value));
      });
    }
    f.advance(u, parts * 16);
    f.advance(gradient, parts * 16);
  });
  return f.kernel();
}

/** Kernels compiled for a card, once per device and text. */
import { printsKernels } from "../prints_kernels.ts";
import { watched } from "./device.ts";
import type { Kernel } from "./kernel.ts";

/** Pipelines of a device by the text of their kernels. */
const pipelines = new WeakMap<GPUDevice, Map<string, Promise<GPUComputePipeline>>>();

/** Rejects with an Error that has what the driver says of the text. */
export function pipelineOf(device: GPUDevice, { name, code, bindings }: Kernel): Promise<GPUComputePipeline> {
  let known = pipelines.get(device);
  if (!known) pipelines.set(device, known = new Map());
  let pipeline = known.get(code);
  if (!pipeline) known.set(code, pipeline = compile(device, name, code, bindings));
  return pipeline;
}

async function compile(
  device: GPUDevice,
  label: string,
  code: string,
  bindings: Kernel["bindings"],
): Promise<GPUComputePipeline> {
  if (printsKernels()) console.error(`// ${label}\n${code}\n`);
  const visibility = GPUShaderStage.COMPUTE;
  const types: GPUBufferBindingType[] = [
    ...["read-only-storage", "uniform"] as const,
    ...bindings.map(({ access }) => access === "read" ? "read-only-storage" : "storage"),
  ];
  const entries = types.map((type, binding) => ({ binding, visibility, buffer: { type } }));
  const { result, refused } = watched(device, () => {
    const layout = device.createPipelineLayout({ bindGroupLayouts: [device.createBindGroupLayout({ entries })] });
    const module = device.createShaderModule({ label, code });
    return device.createComputePipelineAsync({ label, layout, compute: { module, entryPoint: "main" } });
  });
  result.catch(() => {}); // what was refused before names the line
  const refusal = await refused;
  if (refusal) throw new Error(`the kernel "${label}" does not compile: ${refusal.message}`);
  return await result;
}

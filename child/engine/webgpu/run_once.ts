/** A single dispatch on buffers of its own: for probes of an activation, and for tests of kernels. */
import type { Card } from "./device.ts";
import { ALIGNMENT, records } from "./buffers.ts";
import type { BufferName, Dispatch } from "./kernel.ts";
import { pipelineOf } from "./pipelines.ts";

/**
 * One dispatch by itself for one child, on buffers made for it: `inputs` are their contents, `outputs` the bytes of
 * those that are read back.
 */
export async function runOnce(
  { device }: Card,
  dispatch: Dispatch,
  inputs: ReadonlyMap<BufferName, Float32Array | Uint32Array>,
  outputs: ReadonlyMap<BufferName, number>,
): Promise<ReadonlyMap<BufferName, Float32Array>> {
  const pipeline = await pipelineOf(device, dispatch.kernel);
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
  const made: GPUBuffer[] = [];
  const create = (size: number, usage: GPUBufferUsageFlags, values?: Float32Array | Uint32Array) => {
    const buffer = device.createBuffer({ size: Math.max(16, size), usage });
    if (values) device.queue.writeBuffer(buffer, 0, values as Float32Array<ArrayBuffer>);
    made.push(buffer);
    return buffer;
  };
  const buffers = new Map(
    [...new Set(dispatch.buffers)].map((name) => {
      const values = inputs.get(name);
      return [name, create(Math.max(values?.byteLength ?? 0, outputs.get(name) ?? 0), usage, values)];
    }),
  );
  const uniform = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
  const resources = [
    create(16, usage, new Uint32Array(4)),
    create(ALIGNMENT, uniform, records([dispatch])),
    ...dispatch.buffers.map((name) => buffers.get(name)!),
  ];
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(
    0,
    device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: resources.map((buffer, binding) => ({ binding, resource: { buffer } })),
    }),
  );
  pass.dispatchWorkgroups(...dispatch.workgroups, 1);
  pass.end();
  const results = new Map<BufferName, Float32Array>();
  const staged = [...outputs].map(([name, bytes]) => {
    const staging = create(bytes, GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST);
    encoder.copyBufferToBuffer(buffers.get(name)!, 0, staging, 0, bytes);
    return { name, staging };
  });
  device.queue.submit([encoder.finish()]);
  for (const { name, staging } of staged) {
    await staging.mapAsync(GPUMapMode.READ);
    results.set(name, new Float32Array(staging.getMappedRange().slice(0)));
    staging.unmap();
  }
  made.forEach((buffer) => buffer.destroy());
  return results;
}

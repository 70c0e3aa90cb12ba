/** This worker's card with less memory or a lower limit than it has, for the tests of what then happens. */
import { openCard } from "../../../child/engine/webgpu/device.ts";

export interface Smaller {
  /** Bytes of buffers, beyond which the device says that it is out of memory. */
  readonly memory?: number;
  /** Bytes that a kernel binds of a buffer. */
  readonly binding?: number;
}

/** Runs the test on the card as it is then; afterwards the card is as it was. */
export async function onSmallCard({ memory = Infinity, binding }: Smaller, test: () => Promise<void>): Promise<void> {
  const { device } = await openCard(), scopes: { filter: string; isFull: boolean }[] = [];
  let used = 0;
  const changed: Record<string, unknown> = {
    createBuffer(descriptor: GPUBufferDescriptor) {
      const buffer = GPUDevice.prototype.createBuffer.call(device, descriptor);
      used += descriptor.size;
      const destroy = buffer.destroy.bind(buffer);
      buffer.destroy = () => {
        used -= descriptor.size;
        destroy();
      };
      const scope = scopes.findLast(({ filter }) => filter === "out-of-memory");
      if (used > memory && scope) scope.isFull = true;
      return buffer;
    },
    pushErrorScope(filter: GPUErrorFilter) {
      scopes.push({ filter, isFull: false });
      GPUDevice.prototype.pushErrorScope.call(device, filter);
    },
    async popErrorScope() {
      const { isFull } = scopes.pop()!, error = await GPUDevice.prototype.popErrorScope.call(device);
      return isFull ? new GPUOutOfMemoryError("the test's card is full") : error;
    },
    limits: binding === undefined
      ? device.limits
      : { maxBufferSize: device.limits.maxBufferSize, maxStorageBufferBindingSize: binding },
  };
  for (const [name, value] of Object.entries(changed)) {
    Object.defineProperty(device, name, { value, configurable: true });
  }
  try {
    await test();
  } finally {
    for (const name of Object.keys(changed)) delete (device as unknown as Record<string, unknown>)[name];
  }
}

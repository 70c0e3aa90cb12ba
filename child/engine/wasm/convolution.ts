/** The one place where a convolution's schedule is chosen: which kernels compute it, its input and kernel gradients. */
import { directKernelsFor } from "./direct_schedule.ts";
import type { Kernels } from "./kernels.ts";
import type { Layout } from "./layout.ts";
import type { Call, Tensor } from "./plan.ts";
import { winogradKernelsFor } from "./winograd_schedule.ts";
import { TILE } from "./winograd.ts";

export interface ConvolutionRequest {
  readonly kernels: Kernels;
  readonly input: Layout;
  readonly output: Layout;
  readonly size: number;
  readonly stride: number;
  readonly bias: boolean;
  /** The most images of a group. */
  readonly maxImages: number;
  /** Byte offset of a thread's scratch memory, free until the segment ends. */
  takeScratch(use: string, bytes: number): number;
  /** Byte address of memory of the program's own. */
  takeMemory(bytes: number): number;
  readonly needsInputGradient: boolean;
}

export interface ConvolutionSchedule {
  /** Runs once before each pass: kernels in the form that `forward` and `inputGradient` read. */
  prepare(kernel: number): Call[];
  forward(input: Tensor, output: Tensor, kernel: number, bias: number): Call[];
  inputGradient(gradient: Tensor, into: Tensor): Call[];
  /** Adds to the kernel gradient of the chunk, `into` being its address in chunk 0. */
  kernelGradient(input: Tensor, gradient: Tensor, into: number): Call[];
}

/**
 * Winograd F(4x4, 3x3) where its tiles and vectors fit: 4 times fewer multiplications, and its transforms cost less than
 * that saves from 16 channels on. Direct otherwise.
 */
export function scheduleConvolution(request: ConvolutionRequest): ConvolutionSchedule {
  const { input, output, size, stride } = request;
  const tiled = output.height % TILE === 0 && output.width % TILE === 0;
  const vectors = input.channels % 8 === 0 && output.channels % 8 === 0;
  const winograd = size === 3 && stride === 1 && tiled && vectors && request.needsInputGradient;
  return winograd ? winogradKernelsFor(request) : directKernelsFor(request);
}

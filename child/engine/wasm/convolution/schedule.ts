/** The interface of a convolution's schedules; `convolution.ts` chooses one. */
import type { Argument, Call, Tensor } from "../call.ts";
import type { Kernels } from "../kernels.ts";
import type { Layout } from "../layout.ts";

export interface ConvolutionRequest {
  /** Whether Winograd's algorithm may be used. */
  readonly winograd: boolean;
  readonly kernels: Kernels;
  readonly input: Layout;
  readonly output: Layout;
  readonly size: number;
  readonly stride: number;
  readonly bias: boolean;
  /** Maximum number of images of a group. */
  readonly maxImages: number;
  /** A thread's scratch memory, kept until the segment ends. */
  takeScratch(bytes: number): Argument;
  /** The same for what is read before another convolution runs: all of a segment with this use and size share it. */
  shareScratch(use: string, bytes: number): Argument;
  /** Byte address of the program's own memory. */
  takeMemory(bytes: number): number;
  readonly needsInputGradient: boolean;
}

export interface ConvolutionSchedule {
  /** Of the kernel in the form that `forward` reads. */
  readonly kernelBytes: number;
  /** Runs once before each forward pass: kernels in the form that `forward` reads. */
  prepareForward(kernel: number): Call[];
  /** The same for `inputGradient`, after the forward pass, whose memory it may take. */
  prepareBackward(kernel: number): Call[];
  forward(input: Tensor, output: Tensor, kernel: number, bias: number): Call[];
  inputGradient(gradient: Tensor, into: Tensor): Call[];
  /** Adds to the kernel gradient of the chunk, `into` being its address in chunk 0. */
  kernelGradient(input: Tensor, gradient: Tensor, into: number): Call[];
}

/**
 * The contract of every engine. An engine compiles a graph with one activation into a program; a program is one child
 * on one device: it trains, evaluates, reads and writes its tensors, and is disposed.
 *
 * Ordering: calls on one program run in order, and each returned promise settles after the work.
 * Ownership: arrays passed in are read before the promise settles and belong to the caller again afterwards; returned
 * arrays belong to the caller. A program must be disposed; an engine must be closed after its programs.
 */
import type { PickedBatch } from "../../datasets/batches.ts";
import type { Batch, Dataset } from "../../datasets/dataset.ts";
import type { Activation } from "../activation/expression.ts";
import type { Graph } from "../network/graph.ts";
import type { Optimizer } from "../network/optimizer.ts";
import type { Tensors } from "../network/parameters.ts";

/**
 * What can be read and written: the parameters, the gradients of the last training step (read only, without weight
 * decay), the running statistics (`<name>.mean`, `<name>.variance`), and the optimiser's slots
 * (`<parameter>.<slot>`; and `step`, one value, where the optimiser counts steps).
 */
export type TensorGroup = "parameters" | "gradients" | "statistics" | "slots";

export interface CompileOptions {
  /** Images in every training step; evaluation takes at most as many. */
  readonly batch: number;
  readonly optimizer: Optimizer;
  /** CPU threads for one program; engines on other devices ignore it. Default 1. Results do not depend on it. */
  readonly threads?: number;
  /**
   * Children of this graph that the caller trains at the same time on this device, each a program of its own, also if
   * only some have betas. An engine that gains by it computes them in one go. Default 1. Results do not depend on it.
   */
  readonly children?: number;
}

/** One training step: forward, backward, update. */
export interface TrainingStep {
  readonly batch: Batch;
  readonly learningRate: number;
  /** A whole number of 32 bits from which the step's masks follow (`network/dropout.ts`); needed where there is dropout. */
  readonly dropoutSeed?: number;
}

/** The same with a batch of a data set that the engine `holds`. */
export type PickedStep = Omit<TrainingStep, "batch"> & { readonly batch: PickedBatch };

export interface Program {
  /** Mean loss of each step before its update. A loss that is not finite is returned, not thrown. */
  train(steps: readonly TrainingStep[]): Promise<Float64Array>;
  /** The same numbers from picked batches; every program of an engine that `holds` a data set has it. */
  trainPicked?(steps: readonly PickedStep[]): Promise<Float64Array>;
  /** Logits [images, classes] with the running statistics. Takes 1 to `CompileOptions.batch` images. */
  evaluate(batch: Batch): Promise<Float32Array | Float64Array>;
  /** The same for several batches; present where it saves waiting. */
  evaluateAll?(batches: readonly Batch[]): Promise<(Float32Array | Float64Array)[]>;
  read(group: TensorGroup): Promise<Tensors>;
  /** Throws a RangeError that names the tensor if a name or length does not fit. Missing tensors keep their values. */
  write(group: Exclude<TensorGroup, "gradients">, tensors: Tensors): Promise<void>;
  dispose(): void;
}

/** An activation at single points, one value of each per point, in the engine's own precision. */
export interface Probe {
  readonly value: Float32Array | Float64Array;
  /** By x, and by beta: 0 where the function has none. */
  readonly derivative: Float32Array | Float64Array;
  readonly betaDerivative: Float32Array | Float64Array;
}

/** How a device fails its children, through no fault of theirs. */
export type DeviceFault =
  /** It is gone. What is compiled afterwards is on one opened anew, where there is one. */
  | "lost"
  /** It has too little memory for another child beside those that it trains. */
  | "memory"
  /** It binds less than a tensor of one child. */
  | "limit";

/** Thrown by engines and programs where their device fails. The message is one sentence. */
export class DeviceError extends Error {
  override readonly name = "DeviceError";

  constructor(readonly fault: DeviceFault, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

export interface Engine {
  /** As on the command line: "wasm", "reference", … */
  readonly name: string;
  /** The device and its configuration, for people: "WebAssembly SIMD, 2 threads, 256-bit". */
  readonly device: string;
  /** Findings of the self-check at opening (a fallback, a slower path); shown to the user and stored. */
  readonly notices: readonly string[];
  compile(graph: Graph, activation: Activation, options: CompileOptions): Promise<Program>;
  /** Bytes that such a program would take during its life; only engines that place every tensor themselves have it. */
  memoryNeeded?(graph: Graph, activation: Activation, options: CompileOptions): number;
  /**
   * Whether its programs take picked batches of the data set, of which its device then keeps the training split. Left
   * out by engines that never do.
   */
  holds?(dataset: Dataset): boolean;
  /** The activation and its derivatives at points, with the code that programs use. `b` is every beta. */
  probe(activation: Activation, x: ArrayLike<number>, b: number): Promise<Probe>;
  close(): void;
}

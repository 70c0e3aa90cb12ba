/**
 * TensorFlow's operations on tensors that are freed by hand. A tensor is a number, its handle. Every tensor must be
 * freed: by `free`, or by leaving the `scope` in which it was made.
 */
import type { Attribute, Binding } from "./binding.ts";

/** A tensor on the device. */
export type Tensor = number;

/** TensorFlow's number for float64, which the binding does not name. */
const TF_DOUBLE = 2;

type AttributeKind = "int" | "float" | "bool" | "string" | "type";
export type Attributes = readonly Attribute[];

export class Session {
  readonly #binding: Binding;
  /** Tensors made since the innermost scope was entered; null outside of any. */
  #made: Set<Tensor> | null = null;

  constructor(binding: Binding) {
    this.#binding = binding;
  }

  /** Number of live tensors on the device. */
  get tensors(): number {
    return this.#binding.getNumOfTensors();
  }

  get onGpu(): boolean {
    return this.#binding.isUsingGpuDevice();
  }

  attribute(kind: AttributeKind, name: string, value: Attribute["value"]): Attribute {
    const { TF_ATTR_INT, TF_ATTR_FLOAT, TF_ATTR_BOOL, TF_ATTR_STRING, TF_ATTR_TYPE } = this.#binding;
    const types = {
      int: TF_ATTR_INT,
      float: TF_ATTR_FLOAT,
      bool: TF_ATTR_BOOL,
      string: TF_ATTR_STRING,
      type: TF_ATTR_TYPE,
    };
    return { name, type: types[kind], value };
  }

  /** An attribute for the element type float32. */
  floatType(name: string): Attribute {
    return this.attribute("type", name, this.#binding.TF_FLOAT);
  }

  cast(tensor: Tensor, to: "float32" | "float64"): Tensor {
    const type = to === "float32" ? this.#binding.TF_FLOAT : TF_DOUBLE;
    return this.run("Cast", [tensor], [this.attribute("type", "DstT", type)]);
  }

  /** The same 32 bits as elements of the other type. */
  bitcast(tensor: Tensor, to: "float32" | "int32"): Tensor {
    const type = to === "float32" ? this.#binding.TF_FLOAT : this.#binding.TF_INT32;
    return this.run("Bitcast", [tensor], [this.attribute("type", "type", type)]);
  }

  floats(shape: readonly number[], values: Float32Array): Tensor {
    return this.#own(this.#binding.createTensor(shape, this.#binding.TF_FLOAT, values));
  }

  scalar(value: number): Tensor {
    return this.floats([], Float32Array.of(value));
  }

  /** A vector of whole numbers: shapes, axes, paddings. They stay in the host's memory, where kernels expect them. */
  integers(values: readonly number[], shape = [values.length]): Tensor {
    return this.#own(this.#binding.createTensor(shape, this.#binding.TF_INT32, Int32Array.from(values)));
  }

  /** The only output of an operation. Element types are inferred from the inputs, except for lists of them. */
  run(operation: string, inputs: readonly Tensor[], attributes: Attributes = []): Tensor {
    return this.#own(this.#binding.executeOp(operation, attributes, inputs, 1)[0].id);
  }

  /** All outputs of an operation. */
  runMany(operation: string, inputs: readonly Tensor[], outputs: number, attributes: Attributes = []): Tensor[] {
    return this.#binding.executeOp(operation, attributes, inputs, outputs).map(({ id }) => this.#own(id));
  }

  /** Waits for the device; the array is the caller's. */
  data(tensor: Tensor): Float32Array {
    return this.#binding.tensorDataSync(tensor).slice();
  }

  free(tensors: Iterable<Tensor>): void {
    for (const tensor of tensors) {
      this.#made?.delete(tensor);
      this.#binding.deleteTensor(tensor);
    }
  }

  /** Does the work and frees the tensors it made, except those that it returns in `keep`; all of them if it throws. */
  scope<T>(work: (keep: (...tensors: Tensor[]) => void) => T): T {
    const outer = this.#made;
    const made = this.#made = new Set();
    const kept: Tensor[] = [];
    try {
      const result = work((...tensors) => kept.push(...tensors));
      for (const tensor of kept) made.delete(tensor);
      for (const tensor of kept) outer?.add(tensor);
      return result;
    } finally {
      this.#made = outer;
      for (const tensor of made) this.#binding.deleteTensor(tensor);
    }
  }

  /** Does the work as if outside of every scope: what it makes is freed by hand. */
  lasting<T>(work: () => T): T {
    const outer = this.#made;
    this.#made = null;
    try {
      return work();
    } finally {
      this.#made = outer;
    }
  }

  /** Takes tensors out of the innermost scope, in which they were made: they are freed by hand. */
  detach(tensors: Iterable<Tensor>): void {
    for (const tensor of tensors) this.#made?.delete(tensor);
  }

  #own(tensor: Tensor): Tensor {
    this.#made?.add(tensor);
    return tensor;
  }
}

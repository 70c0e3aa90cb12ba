/** The trained tensors of a model, one layer after another, as the exports lay them out. */
import type { Model } from "../model_file.ts";

/** All tensors of a model by name, as float32. */
export function tensorsOf({ parameters, statistics }: Pick<Model, "parameters" | "statistics">) {
  const all = new Map([...parameters, ...statistics]);
  return (name: string): Float32Array => {
    const values = all.get(name);
    if (values === undefined) throw new TypeError(`Cannot export the model as it has no tensor ${name}`);
    return values instanceof Float32Array ? values : Float32Array.from(values);
  };
}

/** A convolution's kernel with outputs and inputs first, OIHW, from HWIO. */
export function outputsFirst(kernel: Float32Array, [height, width, inputs, outputs]: readonly number[]): Float32Array {
  const area = height * width, result = new Float32Array(kernel.length);
  for (let place = 0; place < area; place++) {
    for (let i = 0; i < inputs; i++) {
      for (let o = 0; o < outputs; o++) {
        result[(o * inputs + i) * area + place] = kernel[(place * inputs + i) * outputs + o];
      }
    }
  }
  return result;
}

/** [columns, rows] from [rows, columns]. */
export function transposed(matrix: Float32Array, [rows, columns]: readonly number[]): Float32Array {
  const result = new Float32Array(matrix.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) result[column * rows + row] = matrix[row * columns + column];
  }
  return result;
}

/** The functions that speed is measured with: ReLU, Swish, the paper's findings and others of increasing cost. */
export const BENCH_FUNCTIONS = [
  "relu",
  "swish",
  "max(x, sigmoid(x))",
  "cos(x) - x",
  "min(x, sin(x))",
  "atan(x)^2 - x",
  "max(x, tanh(x))",
  "sinc(x) + x",
  "x * (asinh(x))^2",
  "exp(-(x^2)) * erf(x)",
  "log(1 + exp(x)) - sigmoid(x)",
  "atan(x) / (1 + exp(-x))",
];

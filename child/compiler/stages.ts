/**
 * A child as stages: what is computed in one pass over memory, forward (`fuse.ts`) and backward (`backward.ts`). Stages
 * say all that a device needs to know; it does not see the graph.
 */
import type { TermKind } from "./pointwise.ts";
import type { Shape } from "../network/shape.ts";

/** What a stage computes for every image of a batch. Ids are distinct. */
export interface Values {
  readonly id: number;
  readonly shape: Shape;
}

/** Names of parameters and of statistics, as in the graph. */
export interface BatchNorm {
  readonly scale: string;
  readonly shift: string;
  /** Prefix of its running statistics. */
  readonly statistics: string;
  readonly shape: Shape;
}

interface StageParts {
  readonly out: Values;
  /** Batch norms that normalise `out`: their statistics over the whole batch are taken when it is computed. */
  readonly normalisedBy: readonly BatchNorm[];
}

interface WithInput extends StageParts {
  readonly input: Values;
  /** Whether something before it is trained. */
  readonly needsInputGradient: boolean;
}

export interface InputStage extends StageParts {
  readonly kind: "input";
}

/** Without bias, zero padding (size - 1) / 2. */
export interface ConvolutionStage extends WithInput {
  readonly kind: "convolution";
  readonly size: number;
  readonly stride: number;
  readonly kernel: string;
}

/** A convolution whose output channels read one input channel each. */
export interface DepthwiseStage extends WithInput {
  readonly kind: "depthwise";
  readonly size: number;
  readonly stride: number;
  readonly kernel: string;
}

/** Reads its input as one vector per image. */
export interface DenseStage extends WithInput {
  readonly kind: "dense";
  readonly kernel: string;
  readonly bias: string;
}

/** Batch norm, residual addition, activation and dropout, each optional (`pointwise.ts`). */
export interface PointwiseStage extends StageParts {
  readonly kind: "pointwise";
  readonly y: Values;
  readonly batchNorm: BatchNorm | null;
  readonly residual: Values | null;
  /** `beta` names its parameter; null if the expression has no b. */
  readonly activation: { readonly beta: string | null } | null;
  /** In training only. */
  readonly dropout: Dropout | null;
}

/** What a mask of `network/dropout.ts` depends on beside the step. */
export interface Dropout {
  readonly node: number;
  readonly rate: number;
}

/** Option A of He et al. 2015: every `stride`-th pixel, new channels zero on both sides. */
export interface ShortcutStage extends WithInput {
  readonly kind: "shortcut";
  readonly stride: number;
}

export interface AveragePoolStage extends WithInput {
  readonly kind: "average_pool";
}

/** Means of squares of `size` pixels side by side; those left over at the right and below are dropped. */
export interface SquarePoolStage extends WithInput {
  readonly kind: "square_pool";
  readonly size: number;
}

/** The largest of `size` x `size` pixels around every `stride`-th one; beyond the edge is nothing. */
export interface MaxPoolStage extends WithInput {
  readonly kind: "max_pool";
  readonly size: number;
  readonly stride: number;
}

/** The channels of one, then of the other. */
export interface ConcatenationStage extends StageParts {
  readonly kind: "concatenation";
  readonly parts: readonly [Values, Values];
  /** Whether something before each part is trained. */
  readonly needsGradients: readonly [boolean, boolean];
}

/** Softmax and cross-entropy of the logits, with label smoothing: the last stage. Its `out` is one loss per image. */
export interface LossStage extends StageParts {
  readonly kind: "loss";
  readonly smoothing: number;
  readonly input: Values;
}

export type Stage =
  | InputStage
  | ConvolutionStage
  | DepthwiseStage
  | DenseStage
  | PointwiseStage
  | ShortcutStage
  | AveragePoolStage
  | SquarePoolStage
  | MaxPoolStage
  | ConcatenationStage
  | LossStage;
export type StageKind = Stage["kind"];
export type StageOf<Kind extends StageKind> = Extract<Stage, { kind: Kind }>;

/**
 * A gradient that a stage sends back: a tensor, or batch norm's linear function of one, k1 gradient + k2 y + k3, whose
 * coefficients follow from sums over the whole batch. The gradient of a stage's `out` is the sum of its terms, added
 * where it is read.
 */
export type Term =
  | { readonly kind: "plain"; readonly gradient: Values }
  | {
    readonly kind: "batch_norm";
    readonly gradient: Values;
    readonly y: Values;
    readonly batchNorm: BatchNorm;
  };

interface WithTerms<Kind extends StageKind> {
  readonly kind: Kind;
  readonly of: StageOf<Kind>;
  /** Of the gradient of the stage's `out`. */
  readonly terms: readonly Term[];
}

/** `into` is what a stage's gradient fills: the gradient of its input, or of `y` before batch norm. */
export type GradientStage =
  | { readonly kind: "loss"; readonly of: LossStage; readonly into: Values }
  /** The gradient of the kernel, and of the input if needed. */
  | WithTerms<"convolution"> & { readonly into: Values | null }
  | WithTerms<"depthwise"> & { readonly into: Values | null }
  | WithTerms<"dense"> & { readonly into: Values | null }
  | WithTerms<"shortcut"> & { readonly into: Values }
  | WithTerms<"average_pool"> & { readonly into: Values }
  | WithTerms<"square_pool"> & { readonly into: Values }
  | WithTerms<"max_pool"> & { readonly into: Values }
  /** The channels of one part. */
  | WithTerms<"concatenation"> & { readonly part: 0 | 1; readonly into: Values }
  /** With batch norm, `into` is the gradient of what that gave, and its sums over the batch are complete afterwards. */
  | WithTerms<"pointwise"> & { readonly into: Values }
  /** The sum of several terms as one tensor. */
  | { readonly kind: "gather"; readonly terms: readonly Term[]; readonly into: Values };
export type GradientKind = GradientStage["kind"];
export type GradientOf<Kind extends GradientKind> = Extract<GradientStage, { kind: Kind }>;

/** Stages in the order to compute them. */
export interface Stages {
  readonly forward: readonly Stage[];
  readonly backward: readonly GradientStage[];
  /** In the order of the graph. */
  readonly batchNorms: readonly BatchNorm[];
}

/** Kinds of terms, for `pointwise.ts`. */
export function kindsOf(terms: readonly Term[]): TermKind[] {
  return terms.map(({ kind }) => kind);
}

// Tables whose rows the compiler of TypeScript asks for: what each stage reads.

type Reads<S> = (stage: S) => readonly (Values | null)[];

const READS: { readonly [Kind in StageKind]: Reads<StageOf<Kind>> } = {
  input: () => [],
  convolution: ({ input }) => [input],
  depthwise: ({ input }) => [input],
  dense: ({ input }) => [input],
  pointwise: ({ y, residual }) => [y, residual],
  shortcut: ({ input }) => [input],
  average_pool: ({ input }) => [input],
  square_pool: ({ input }) => [input],
  max_pool: ({ input }) => [input],
  concatenation: ({ parts }) => parts,
  loss: ({ input }) => [input],
};

const GRADIENT_READS: { readonly [Kind in GradientKind]: Reads<GradientOf<Kind>> } = {
  loss: ({ of }) => [of.input],
  convolution: ({ of }) => [of.input],
  depthwise: ({ of }) => [of.input],
  dense: ({ of }) => [of.input],
  shortcut: () => [],
  average_pool: () => [],
  square_pool: () => [],
  max_pool: ({ of }) => [of.input],
  concatenation: () => [],
  // The gradient of dropout alone is the mask's.
  pointwise: ({ of }) => of.batchNorm || of.activation ? [of.y, of.residual] : [],
  gather: () => [],
};

/** What the stage reads of other stages. */
export function readsOf<Kind extends StageKind>(stage: StageOf<Kind>): Values[] {
  return (READS[stage.kind] as unknown as Reads<StageOf<Kind>>)(stage).filter((values) => values !== null);
}

/** What the gradient of a stage reads: forward values and gradients. */
export function gradientReadsOf<Kind extends GradientKind>(stage: GradientOf<Kind>): Values[] {
  const own = (GRADIENT_READS[stage.kind] as unknown as Reads<GradientOf<Kind>>)(stage);
  const ofTerms = termsOf(stage).flatMap((term) => term.kind === "plain" ? [term.gradient] : [term.gradient, term.y]);
  return [...own.filter((values) => values !== null), ...ofTerms];
}

export function termsOf(stage: GradientStage): readonly Term[] {
  return "terms" in stage ? stage.terms : [];
}

/**
 * Phases of the stages, in order: within one, each image is computed without looking at the others. A batch norm needs
 * its statistics, and in the backward pass its sums, of the whole batch, so what reads them is in a later phase.
 */
export function phasesOf(
  { forward, backward }: Pick<Stages, "forward" | "backward">,
): { readonly forward: number[]; readonly backward: number[] } {
  const ready = new Map<BatchNorm, number>();
  let phase = 0;
  const ofForward = forward.map((stage) => {
    if (stage.kind === "pointwise" && stage.batchNorm) phase = Math.max(phase, ready.get(stage.batchNorm)!);
    for (const batchNorm of stage.normalisedBy) ready.set(batchNorm, phase + 1);
    return phase;
  });
  ready.clear();
  phase = 0;
  const ofBackward = backward.map((stage) => {
    for (const term of termsOf(stage)) {
      if (term.kind === "batch_norm") phase = Math.max(phase, ready.get(term.batchNorm)!);
    }
    if (stage.kind === "pointwise" && stage.of.batchNorm) ready.set(stage.of.batchNorm, phase + 1);
    return phase;
  });
  return { forward: ofForward, backward: ofBackward };
}

/**
 * Forward stages -> their gradients, from the loss to the input. A gradient that several stages send back is a list of
 * terms, added where it is next read, so that no sum is stored. Node by node, as `reference` and TensorFlow compute it,
 * the backward pass is in network/autodiff.ts; here one rule per kind of stage.
 */
import type { GradientStage, PointwiseStage, Stage, StageKind, StageOf, Term, Values } from "./stages.ts";

/** The backward stages of these, in the order to compute them. */
export function backwardStages(forward: readonly Stage[]): GradientStage[] {
  const backward = new Backward(forward);
  for (const stage of [...forward].reverse()) backward.differentiate(stage);
  return backward.stages;
}

type Rule<Kind extends StageKind> = (stage: StageOf<Kind>, terms: readonly Term[], backward: Backward) => void;

const RULES: { readonly [Kind in StageKind]: Rule<Kind> } = {
  input: () => {},
  loss: (of, _terms, backward) => {
    const into = backward.gradient(of.input);
    backward.stages.push({ kind: "loss", of, into });
    backward.send(of.input, { kind: "plain", gradient: into });
  },
  convolution: (of, terms, backward) => {
    backward.stages.push({ kind: "convolution", of, terms, into: backward.gradientOfInput(of) });
  },
  depthwise: (of, terms, backward) => {
    backward.stages.push({ kind: "depthwise", of, terms, into: backward.gradientOfInput(of) });
  },
  dense: (of, terms, backward) => {
    backward.stages.push({ kind: "dense", of, terms, into: backward.gradientOfInput(of) });
  },
  shortcut: (of, terms, backward) => {
    const into = backward.gradientOfInput(of);
    if (into) backward.stages.push({ kind: "shortcut", of, terms, into });
  },
  average_pool: (of, terms, backward) => {
    const into = backward.gradientOfInput(of);
    if (into) backward.stages.push({ kind: "average_pool", of, terms, into });
  },
  square_pool: (of, terms, backward) => {
    const into = backward.gradientOfInput(of);
    if (into) backward.stages.push({ kind: "square_pool", of, terms, into });
  },
  max_pool: (of, terms, backward) => {
    const into = backward.gradientOfInput(of);
    if (into) backward.stages.push({ kind: "max_pool", of, terms, into });
  },
  concatenation: (of, terms, backward) => {
    for (const part of [0, 1] as const) {
      const input = of.parts[part];
      const into = backward.gradientOfInput({ input, needsInputGradient: of.needsGradients[part] });
      if (into) backward.stages.push({ kind: "concatenation", of, terms, part, into });
    }
  },
  pointwise: (of, terms, backward) => {
    const isAddition = !of.batchNorm && !of.activation && !of.dropout;
    const plain: Term = { kind: "plain", gradient: isAddition ? backward.oneOf(of, terms) : backward.gradient(of.y) };
    if (!isAddition) backward.stages.push({ kind: "pointwise", of, terms, into: plain.gradient });
    if (of.residual) backward.send(of.residual, plain);
    const { batchNorm, y } = of;
    backward.send(y, batchNorm ? { kind: "batch_norm", gradient: plain.gradient, y, batchNorm } : plain);
  },
};

class Backward {
  readonly stages: GradientStage[] = [];
  readonly #terms = new Map<number, Term[]>();
  #nextId: number;

  constructor(forward: readonly Stage[]) {
    this.#nextId = 1 + Math.max(...forward.map(({ out }) => out.id));
  }

  differentiate<Kind extends StageKind>(stage: StageOf<Kind>): void {
    const terms = this.#terms.get(stage.out.id) ?? [];
    if (terms.length === 0 && stage.kind !== "loss") return; // nothing depends on it
    (RULES[stage.kind] as unknown as Rule<Kind>)(stage, terms, this);
  }

  /** A gradient that is sent back to the input; null where nothing before that is trained. */
  gradientOfInput({ input, needsInputGradient }: { input: Values; needsInputGradient: boolean }): Values | null {
    if (!needsInputGradient) return null;
    const gradient = this.gradient(input);
    this.send(input, { kind: "plain", gradient });
    return gradient;
  }

  /** A new gradient of such values. */
  gradient({ shape }: Values): Values {
    return { id: this.#nextId++, shape };
  }

  send(to: Values, term: Term): void {
    const terms = this.#terms.get(to.id);
    if (terms) terms.push(term);
    else this.#terms.set(to.id, [term]);
  }

  /** The terms as one gradient. Otherwise a chain of additions would add one more term after each. */
  oneOf({ out }: PointwiseStage, terms: readonly Term[]): Values {
    if (terms.length === 1 && terms[0].kind === "plain") return terms[0].gradient;
    const into = this.gradient(out);
    this.stages.push({ kind: "gather", terms, into });
    return into;
  }
}

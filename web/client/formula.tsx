/** A formula typeset: an expression as MathML, which browsers draw and screen readers read without help. */
import { Binding } from "../../child/activation/binding.ts";
import type { ComponentChildren, VNode } from "preact";
import type { BinaryName, Comparison, Expression, UnaryName } from "../../child/activation/expression.ts";
import { UNARY_FUNCTIONS } from "../../child/activation/functions.ts";
import { mathOf } from "./function_math.ts";

/** A fence that does not stretch. Preact's types want a boolean here, but its renderer drops `false`. */
const FENCE = { stretchy: "false" as unknown as boolean };

interface Set {
  readonly node: ComponentChildren;
  readonly binding: Binding;
}

/** Of the simplified form, unless `asWritten`. Text that is not an expression is shown as it is. */
export function Formula({ text, asWritten, block }: { text: string; asWritten?: boolean; block?: boolean }): VNode {
  const math = mathOf(text);
  if (math instanceof Error) return <code>{text}</code>;
  return (
    <math class={`formula ${sizeOf(text)}`} display={block ? "block" : "inline"} aria-label={text}>
      <mrow>{set(asWritten ? math.expression : math.simplified).node}</mrow>
    </math>
  );
}

/** Long formulas are set smaller, so that most fit their place. */
function sizeOf(text: string): string {
  return text.length > 70 ? "long" : text.length > 36 ? "medium" : "";
}

function set(e: Expression): Set {
  switch (e.kind) {
    case "x":
      return { node: <mi>x</mi>, binding: Binding.Atom };
    case "b":
      return { node: <mi>β</mi>, binding: Binding.Atom };
    case "number":
      return setNumber(e.value);
    case "unary":
      return UNARY[e.name]?.(e.argument) ?? { node: call(nameOf(e.name), [e.argument]), binding: Binding.Atom };
    case "binary":
      return BINARY[e.name](e.left, e.right);
    case "power":
      return {
        node: (
          <msup>
            {row(within(e.base, Binding.Atom))}
            <mn>{signed(e.exponent)}</mn>
          </msup>
        ),
        binding: Binding.Power,
      };
    case "select":
      return { node: choice(e), binding: Binding.Atom };
  }
}

function setNumber(value: number): Set {
  const size = Math.abs(value);
  const digits = size !== 0 && (size < 1e-3 || size >= 1e6) ? scientific(size) : <mn>{Number(size.toPrecision(5))}</mn>;
  return value < 0
    ? { node: row(<mo>−</mo>, digits), binding: Binding.Negation }
    : { node: digits, binding: Binding.Atom };
}

function scientific(size: number): ComponentChildren {
  const [digits, exponent] = size.toExponential().split("e");
  const power = (
    <msup>
      <mn>10</mn>
      <mn>{signed(Number(exponent))}</mn>
    </msup>
  );
  return digits === "1" ? power : row(<mn>{Number(Number(digits).toPrecision(4))}</mn>, <mo>·</mo>, power);
}

const exponential = (exponent: ComponentChildren): Set => ({
  node: (
    <msup>
      <mi>e</mi>
      {row(exponent)}
    </msup>
  ),
  binding: Binding.Power,
});

/** Functions not named here are set upright before their argument: sin(x). */
const UNARY: Readonly<Partial<Record<UnaryName, (argument: Expression) => Set>>> = {
  neg: (u) => ({ node: row(<mo>−</mo>, within(u, Binding.Negation)), binding: Binding.Negation }),
  abs: (u) => ({
    node: row(<mo {...FENCE}>|</mo>, set(u).node, <mo {...FENCE}>|</mo>),
    binding: Binding.Atom,
  }),
  sqrt: (u) => ({ node: <msqrt>{row(set(u).node)}</msqrt>, binding: Binding.Atom }),
  exp: (u) => exponential(set(u).node),
  gauss: (u) =>
    exponential(row(
      <mo>−</mo>,
      <msup>
        {row(within(u, Binding.Atom))}
        <mn>2</mn>
      </msup>,
    )),
  sigmoid: (u) => ({ node: call("σ", [u], true), binding: Binding.Atom }),
};

const BINARY: Readonly<Record<BinaryName, (left: Expression, right: Expression) => Set>> = {
  add: (left, right) => ({
    node: row(within(left, Binding.Sum), <mo>+</mo>, within(right, Binding.Product)),
    binding: Binding.Sum,
  }),
  sub: (left, right) => ({
    node: row(within(left, Binding.Sum), <mo>−</mo>, within(right, Binding.Product)),
    binding: Binding.Sum,
  }),
  mul: (left, right) => ({
    node: row(within(left, Binding.Product), <mo>·</mo>, within(right, Binding.Negation)),
    binding: Binding.Product,
  }),
  div: (left, right) => ({
    node: <mfrac>{row(set(left).node)}{row(set(right).node)}</mfrac>,
    binding: Binding.Product,
  }),
  max: (left, right) => ({ node: call("max", [left, right]), binding: Binding.Atom }),
  min: (left, right) => ({ node: call("min", [left, right]), binding: Binding.Atom }),
};

const SIGNS: Readonly<Record<Comparison, string>> = { ">": ">", ">=": "≥", "==": "=" };

/** Both cases, each with its condition: { x  if x > 0, 0  else }. */
function choice({ comparison, left, right, then, otherwise }: Extract<Expression, { kind: "select" }>): VNode {
  const cell = (...content: ComponentChildren[]) => <mtd>{row(...content)}</mtd>;
  const question = row(set(left).node, <mo>{SIGNS[comparison]}</mo>, set(right).node);
  return row(
    <mo stretchy>{"{"}</mo>,
    <mtable columnalign="left">
      <mtr>{cell(set(then).node)}{cell(<mtext>if&nbsp;</mtext>, question)}</mtr>
      <mtr>{cell(set(otherwise).node)}{cell(<mtext>else</mtext>)}</mtr>
    </mtable>,
  );
}

function nameOf(name: UnaryName): string {
  return UNARY_FUNCTIONS[name].typeset ?? name;
}

function call(name: string, args: readonly Expression[], italic = false): ComponentChildren {
  const list = args.flatMap((argument, at) => [...at > 0 ? [<mo key={at} separator>,</mo>] : [], set(argument).node]);
  return row(<mi mathvariant={italic ? undefined : "normal"}>{name}</mi>, parentheses(list));
}

function within(e: Expression, least: Binding): ComponentChildren {
  const { node, binding } = set(e);
  return binding < least ? parentheses(node) : node;
}

function parentheses(content: ComponentChildren): VNode {
  return (
    <mrow>
      <mo {...FENCE}>(</mo>
      {content}
      <mo {...FENCE}>)</mo>
    </mrow>
  );
}

function row(...content: ComponentChildren[]): VNode {
  return <mrow>{content}</mrow>;
}

function signed(value: number): string {
  return String(value).replace("-", "−");
}

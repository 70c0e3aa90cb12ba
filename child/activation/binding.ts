/**
 * How strongly the parts of a written formula bind, from the loosest to the tightest: what stands within something that
 * binds tighter needs parentheses. The same for the text form, Python, LaTeX and MathML.
 */
export enum Binding {
  Sum,
  Product,
  Negation,
  Power,
  Atom,
}

/** A component that renders again only when a prop changes (preact's `memo` is in its compat layer, which is not used). */
import { Component, type ComponentType, type VNode } from "preact";

export function memo<P extends object>(render: (props: P) => VNode): ComponentType<P> {
  return class Memo extends Component<P> {
    override shouldComponentUpdate(next: P): boolean {
      const now = this.props as Record<string, unknown>;
      return Object.entries(next).some(([name, value]) => now[name] !== value);
    }
    override render(props: P): VNode {
      return render(props);
    }
  };
}

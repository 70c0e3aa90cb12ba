/** A sentence in place of a panel that has nothing to show yet. */
import type { ComponentChildren, VNode } from "preact";

export function Empty({ children }: { children: ComponentChildren }): VNode {
  return <p class="empty">{children}</p>;
}

/** A box for a large formula: one that is too wide scrolls, by keyboard as well. */
import type { ComponentChildren, VNode } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";

export function FormulaBox({ isSimplified, children }: { isSimplified?: boolean; children: ComponentChildren }): VNode {
  const box = useRef<HTMLDivElement>(null);
  const [isTooWide, setTooWide] = useState(false);
  useLayoutEffect(() => {
    const measure = () => setTooWide(box.current!.scrollWidth > box.current!.clientWidth);
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(box.current!);
    return () => observer.disconnect();
  });
  return (
    <div
      ref={box}
      class={`formula-box${isSimplified ? " simplified" : ""}`}
      {...isTooWide && { tabIndex: 0, role: "group", "aria-label": "Formula, wider than its place" }}
    >
      {children}
    </div>
  );
}

/** Renders only the visible rows of a long list. */
import { useEffect, useState } from "preact/hooks";

export interface Rows {
  readonly first: number;
  /** One past the last. */
  readonly end: number;
}

/** Pixels rendered beyond each edge, so that fast scrolling rarely shows blanks. */
const MARGIN = 280;

/** `place` is the element that holds all rows, each `height` pixels, in the scroller nearest to it or the window. */
export function useVisibleRows(place: { readonly current: HTMLElement | null }, rows: number, height: number): Rows {
  const [visible, setVisible] = useState<Rows>({ first: 0, end: 40 });
  useEffect(() => {
    const element = place.current!;
    let frame = 0;
    const measure = () => {
      frame = 0;
      const scroller = element.closest(".scroller");
      const top = scroller ? scroller.getBoundingClientRect().top : 0;
      const tall = scroller ? scroller.clientHeight : innerHeight;
      const from = top - element.getBoundingClientRect().top;
      const first = Math.max(0, Math.floor((from - MARGIN) / height));
      const end = Math.ceil((from + tall + MARGIN) / height);
      setVisible((before) => before.first === first && before.end === end ? before : { first, end });
    };
    const later = () => frame ||= requestAnimationFrame(measure);
    measure();
    addEventListener("scroll", later, { capture: true, passive: true });
    addEventListener("resize", later);
    return () => {
      cancelAnimationFrame(frame);
      removeEventListener("scroll", later, { capture: true });
      removeEventListener("resize", later);
    };
  }, [rows, height]);
  return { first: Math.min(visible.first, rows), end: Math.min(visible.end, rows) };
}

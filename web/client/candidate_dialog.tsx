/** Adding a candidate by hand: validated and plotted as it is typed, before it is queued. */
import { MAX_SEEDS_BY_HAND, type TrialRow } from "../../controller/trial.ts";
import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { CATALOG } from "../../child/activation/catalog.ts";
import { mirrorFingerprint } from "../../child/activation/fingerprint.ts";
import { FUNCTION_NAMES } from "../../child/activation/parse.ts";
import { useDashboard } from "./dashboard.ts";
import { worth } from "./format.ts";
import { Formula } from "./formula.tsx";
import { FormulaBox } from "./formula_box.tsx";
import { type FunctionMath, mathOf } from "./function_math.ts";
import { FunctionPlot } from "./function_plot.tsx";

export function CandidateDialog({ initial, onClose }: { initial: string; onClose: () => void }): VNode {
  const { view, control, say } = useDashboard();
  const dialog = useRef<HTMLDialogElement>(null);
  const [text, setText] = useState(initial);
  const [seeds, setSeeds] = useState(1);
  useEffect(() => dialog.current!.showModal(), []);
  const math = text.trim() === "" ? null : mathOf(text);
  const isGood = math !== null && !(math instanceof Error);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (!isGood) return;
    if (!await control({ control: "add_candidate", expression: text.trim(), ...seeds > 1 ? { seeds } : {} })) return;
    say(`${text.trim()} is queued${seeds > 1 ? ` with ${seeds} seeds` : ""}.`);
    onClose();
  };
  return (
    <dialog class="candidate" ref={dialog} onClose={onClose} aria-labelledby="candidate-title">
      <form onSubmit={submit}>
        <h2 id="candidate-title">Add a candidate</h2>
        <ExpressionField text={text} isInvalid={math instanceof Error} onInput={setText} />
        <p id="candidate-note" class={math instanceof Error ? "problem note" : "note"} role="status">
          {noteOn(math, view.trials)}
        </p>
        <div class="candidate-preview">
          {isGood && (
            <>
              <FormulaBox>
                <Formula text={text} block />
              </FormulaBox>
              <FunctionPlot text={text} beta={null} height={240} />
            </>
          )}
        </div>
        <div class="dialog-row">
          <SeedsField seeds={seeds} onInput={setSeeds} />
          <span class="grow" />
          <button type="button" onClick={() => dialog.current!.close()}>Cancel</button>
          <button type="submit" class="primary" disabled={!isGood}>Queue it</button>
        </div>
      </form>
    </dialog>
  );
}

function ExpressionField({ text, isInvalid, onInput }: {
  text: string;
  isInvalid: boolean;
  onInput: (text: string) => void;
}): VNode {
  return (
    <>
      <label class="field">
        Expression of x, with b for a trainable beta
        <input
          class="expression-field"
          value={text}
          list="catalogue"
          autocomplete="off"
          spellcheck={false}
          maxLength={1000}
          placeholder="x * sigmoid(b * x)"
          aria-invalid={isInvalid}
          aria-describedby="candidate-note"
          onInput={(event) => onInput(event.currentTarget.value)}
        />
      </label>
      <datalist id="catalogue">{CATALOG.map(({ name }) => <option key={name} value={name} />)}</datalist>
    </>
  );
}

function SeedsField({ seeds, onInput }: { seeds: number; onInput: (seeds: number) => void }): VNode {
  const within = (value: number) => Math.max(1, Math.min(MAX_SEEDS_BY_HAND, Math.round(value) || 1));
  return (
    <label>
      Seeds{" "}
      <input
        type="number"
        min={1}
        max={MAX_SEEDS_BY_HAND}
        value={seeds}
        onInput={(event) => onInput(within(Number(event.currentTarget.value)))}
      />
    </label>
  );
}

/** Facts about the text before it is queued; `math` is null if it is not an expression. */
function noteOn(math: FunctionMath | Error | null, trials: readonly TrialRow[]): string {
  if (math === null) return `Functions: ${FUNCTION_NAMES.join(" ")}`;
  if (math instanceof Error) return math.message;
  const print = mirrorFingerprint(math.expression);
  const equal = trials.find((trial) => trial.fingerprint === print);
  return equal
    ? `Trial ${equal.id} was the same function, or its mirror image -f(-x), which trains alike: ${worth(equal)}`
    : "No trial of this run was the same function or its mirror image.";
}

/** Adding a candidate by hand: validated and plotted as it is typed, before it is queued. */
import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { CATALOG } from "../../child/activation/catalog.ts";
import { fingerprint } from "../../child/activation/fingerprint.ts";
import { FUNCTION_NAMES } from "../../child/activation/parse.ts";
import { useDashboard } from "./dashboard.ts";
import { worth } from "./format.ts";
import { Formula } from "./formula.tsx";
import { FormulaBox } from "./formula_box.tsx";
import { mathOf } from "./function_math.ts";
import { FunctionPlot } from "./function_plot.tsx";

export function CandidateDialog({ initial, onClose }: { initial: string; onClose: () => void }): VNode {
  const { view, control, say } = useDashboard();
  const dialog = useRef<HTMLDialogElement>(null);
  const [text, setText] = useState(initial);
  const [seeds, setSeeds] = useState(1);
  useEffect(() => dialog.current!.showModal(), []);
  const math = text.trim() === "" ? null : mathOf(text);
  const isGood = math !== null && !(math instanceof Error);
  const equal = isGood ? equalTrial(view.trials, fingerprint(math.expression)) : null;
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
            aria-invalid={math instanceof Error}
            aria-describedby="candidate-note"
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </label>
        <datalist id="catalogue">{CATALOG.map(({ name }) => <option key={name} value={name} />)}</datalist>
        <p id="candidate-note" class={math instanceof Error ? "problem note" : "note"} role="status">
          {math === null
            ? `Functions: ${FUNCTION_NAMES.join(" ")}`
            : math instanceof Error
            ? math.message
            : equal
            ? `Trial ${equal.id} was the same function: ${worth(equal)}`
            : "No trial of this run was the same function."}
        </p>
        <div class="candidate-preview">
          {isGood
            ? (
              <>
                <FormulaBox>
                  <Formula text={text} block />
                </FormulaBox>
                <FunctionPlot text={text} beta={null} height={240} />
              </>
            )
            : null}
        </div>
        <div class="dialog-row">
          <label>
            Seeds{" "}
            <input
              type="number"
              min={1}
              max={20}
              value={seeds}
              onInput={(event) =>
                setSeeds(Math.max(1, Math.min(20, Math.round(Number(event.currentTarget.value)) || 1)))}
            />
          </label>
          <span class="grow" />
          <button type="button" onClick={() => dialog.current!.close()}>Cancel</button>
          <button type="submit" class="primary" disabled={!isGood}>Queue it</button>
        </div>
      </form>
    </dialog>
  );
}

function equalTrial(trials: ReturnType<typeof useDashboard>["view"]["trials"], print: string) {
  return trials.find((trial) => trial.fingerprint === print) ?? null;
}

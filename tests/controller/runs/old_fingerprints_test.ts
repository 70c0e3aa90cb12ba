/** That a run whose trials have fingerprints of an older version is resumed with those of today. */
import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { DatabaseSync } from "node:sqlite";
import { activationFrom } from "../../../child/activation/catalog.ts";
import { mirrorFingerprint } from "../../../child/activation/fingerprint.ts";
import { loadRun, RunStore } from "../../../controller/runs/run_store.ts";
import { inFolder } from "../../commands/command_line.ts";
import { runScripted } from "../search_program.ts";

/** As the first version left it: other fingerprints, and no number of their version. */
function makeOld(folder: string): void {
  const database = new DatabaseSync(`${folder}/run.sqlite`);
  database.exec(`UPDATE run SET info = json_remove(info, '$.fingerprintVersion');
    UPDATE trial SET fingerprint = 'old', data = json_set(data, '$.fingerprint', 'old')`);
  database.close();
}

describe("a run with fingerprints of an older version", () => {
  it("is read, and continued, with those of today and all else as it was", () =>
    inFolder(async (root) => {
      const folder = `${root}/first`;
      await runScripted(folder, 2);
      const before = loadRun(folder);
      makeOld(folder);
      assertEquals(loadRun(folder), before);
      RunStore.open(folder).close();
      const database = new DatabaseSync(`${folder}/run.sqlite`, { readOnly: true });
      const kept = database.prepare("SELECT fingerprint FROM trial ORDER BY id").all().map((row) => row.fingerprint);
      database.close();
      assertEquals(
        kept,
        before.trials.map(({ expression }) => mirrorFingerprint(activationFrom(expression).expression)),
      );
      // A trial that is saved again has another revision.
      assertEquals(loadRun(folder).trials, before.trials);
    }));
});

/** What a command reports while a data set loads: notices on stderr, and a download's progress on the live line. */
import type { DatasetOptions, Progress } from "../../datasets/dataset.ts";
import type { Io } from "../command.ts";

/** The options of `loadDataset` that connect it to the console and to Ctrl-C. */
export function loadProgress(io: Io): Pick<DatasetOptions, "onNotice" | "onProgress" | "signal"> {
  return { onNotice: io.err, onProgress: liveProgress(io), signal: io.signal };
}

/** "cifar-10-binary.tar.gz: 12.3 of 170.1 MB, 1.2 MB/s, 132 s left" */
function liveProgress(io: Io): (progress: Progress) => void {
  const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);
  let begun = { file: "", at: 0, received: 0 };
  return ({ file, received, total }) => {
    const now = performance.now();
    if (file !== begun.file || received < begun.received) begun = { file, at: now, received };
    const speed = (received - begun.received) / Math.max(1, now - begun.at) * 1000;
    const of = total === null ? "" : ` of ${megabytes(total)}`;
    const left = total === null || speed === 0 ? "" : `, ${Math.ceil((total - received) / speed)} s left`;
    io.live(`${file}: ${megabytes(received)}${of} MB, ${megabytes(speed)} MB/s${left}`);
  };
}

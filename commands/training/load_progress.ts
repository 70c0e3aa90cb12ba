/** Tells how far a download is, on the live line. */
import type { Progress } from "../../datasets/dataset.ts";
import type { Io } from "../command.ts";

export function loadProgress(io: Io): (progress: Progress) => void {
  const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);
  return ({ file, received, total }) => io.live(`${file}: ${megabytes(received)} of ${megabytes(total)} MB`);
}

/** A thread that decodes images for `decoders.ts`. */
import { decodeOne, type DecodeRequest } from "./decode.ts";

const scope = self as unknown as {
  onmessage: ((event: MessageEvent<DecodeRequest>) => void) | null;
  postMessage(reply: unknown, transfer: Transferable[]): void;
};

/** One after another, as the decoder is one module. */
let last: Promise<void> = Promise.resolve();
scope.onmessage = ({ data }) => {
  last = last.then(async () => {
    const reply = await decodeOne(data);
    scope.postMessage(reply, "pixels" in reply ? [reply.pixels.buffer as ArrayBuffer] : []);
  });
};

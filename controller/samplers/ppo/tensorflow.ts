/**
 * TensorFlow.js as the controller uses it: its plain CPU backend on the main thread, without the banner that advertises
 * its native add-on (production mode silences that). Needs no Deno permission. The policy is so small (about 90,000
 * weights) that transfers to another backend would cost more than they save.
 */
import * as tf from "@tensorflow/tfjs";

tf.enableProdMode();
await tf.setBackend("cpu");

export { tf };

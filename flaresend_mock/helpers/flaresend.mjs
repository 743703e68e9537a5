// flaresend-mock {{version}}: helper for tests in Node 18 and later. Print it again after an update of the package:
//     flaresend-mock helper node > test/flaresend.mjs
import { spawn } from "node:child_process";

/** @type {Promise<string> | undefined} */
let running;

/**
 * Returns the URL of the emulator: the one in FLARESEND_MOCK_URL, or one that runs as long as this process.
 * @returns {Promise<string>}
 */
export function start() {
  running ??= process.env.FLARESEND_MOCK_URL ? Promise.resolve(process.env.FLARESEND_MOCK_URL) : launch();
  return running;
}

/** @returns {Promise<string>} */
function launch() {
  const options = ["--port", "0", "--stop-with-stdin", "--log-format", "text", "--log-level", "warning"];
  const child = spawn("flaresend-mock", options, { stdio: ["pipe", "pipe", "inherit"] });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (status) => reject(new Error(`flaresend-mock ended with status ${status}`)));
    child.stdout.on("data", (text) => {
      const found = / at (http\S+)/.exec(String(text));
      if (found) resolve(found[1]);
    });
  });
}

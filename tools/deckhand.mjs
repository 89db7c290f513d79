// npm run deckhand -- ARGS: the command line from the checkout.
import { main } from "./main.mjs";
import { ensureToolchain, runInForeground } from "./toolchain.mjs";

await main(async (args) => {
  const env = await ensureToolchain();
  return runInForeground("node", ["packages/cli/bin/deckhand.js", ...args], { env });
});

// npm run deckhand -- ARGS: the command line from the checkout.
import { ensureGuard } from "./guard/build-guard.mjs";
import { main } from "./main.mjs";
import { ensureToolchain, runInForeground } from "./toolchain.mjs";

await main(async (args) => {
  const env = await ensureToolchain();
  // Only a server starts guards.
  if (args.includes("serve")) await ensureGuard();
  return runInForeground("node", ["packages/cli/bin/deckhand.js", ...args], { env });
});

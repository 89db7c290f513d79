// npm run deckhand -- ARGS: the command line from the checkout.
import { existsSync } from "node:fs";
import { DATA_DIR, TOKEN_PATH } from "./demo/server.mjs";
import { ensureGuard } from "./guard/build-guard.mjs";
import { main } from "./main.mjs";
import { ensureToolchain, runInForeground } from "./toolchain.mjs";

await main(async (args) => {
  const env = await ensureToolchain();
  const isServer = args.includes("serve");
  // Only a server starts guards.
  if (isServer) await ensureGuard();
  // Where nobody says which token, it is the demo's.
  if (!isServer && existsSync(TOKEN_PATH)) env.DECKHAND_DATA_DIR ||= DATA_DIR;
  return runInForeground("node", ["packages/cli/bin/deckhand.js", ...args], { env });
});

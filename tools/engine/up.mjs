// node tools/engine/up.mjs [docker] [podman]: brings the engines up and prints their addresses.
import { main } from "../main.mjs";
import { formatAddress } from "./engine-http.mjs";
import { ensureDocker, ensurePodman } from "./ensure-engine.mjs";

const ENSURE = { docker: ensureDocker, podman: ensurePodman };

await main(async (args) => {
  const names = args.length > 0 ? args : Object.keys(ENSURE);
  for (const name of names) {
    const { address } = await ENSURE[name]();
    process.stdout.write(`${name} ${formatAddress(address)}\n`);
  }
});

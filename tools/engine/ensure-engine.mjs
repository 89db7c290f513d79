import { formatAddress } from "./engine-http.mjs";
import { startDockerDaemon } from "./docker-daemon.mjs";
import { findEngine, findPodman } from "./find-engine.mjs";
import { startPodmanService } from "./podman-service.mjs";
import { say, step } from "../progress.mjs";

/** The engine to use: one that answers, else Docker Engine started (and installed) here. */
export async function ensureEngine() {
  const found = await look("look for a container engine", findEngine);
  if (found) return found;
  say("  No container engine answers here: Docker Engine is needed.");
  return startDockerDaemon();
}

/** Podman's service, the second engine of the tests. */
export async function ensurePodman() {
  const found = await look("look for Podman's API service", findPodman);
  return found ?? startPodmanService();
}

async function look(title, find) {
  let found;
  await step(title, async () => {
    found = await find();
    return found ? `${formatAddress(found.address)} (${found.from})` : "none answers";
  });
  return found;
}

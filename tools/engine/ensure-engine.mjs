import { formatAddress } from "./engine-http.mjs";
import { startDockerDaemon } from "./docker-daemon.mjs";
import { findDocker, findEngine, findPodman } from "./find-engine.mjs";
import { startPodmanService } from "./podman-service.mjs";
import { say, step } from "../progress.mjs";

/** The engine to use: one that answers, else Docker Engine started (and installed) here. */
export async function ensureEngine() {
  const found = await look("look for a container engine", findEngine);
  if (found) return found;
  say("  No container engine answers here: Docker Engine is needed.");
  return startDockerDaemon();
}

/** A Docker Engine, the first engine of the tests, which Podman can not stand in for. */
export async function ensureDocker() {
  return (await look("look for a Docker Engine", findDocker)) ?? startDockerDaemon();
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

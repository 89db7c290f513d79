import { existsSync } from "node:fs";
import { step } from "../progress.mjs";
import { tryCommand } from "../run-command.mjs";
import { EXIT_UNAVAILABLE, SetUpError } from "../set-up-error.mjs";
import {
  removeStalePidFile,
  removeStaleSocket,
  startDetached,
  waitUntilAnswering,
} from "./daemon.mjs";
import { canInstallPackages, installPackages } from "./debian-packages.mjs";
import { isAnswering } from "./engine-http.mjs";

const ADDRESS = { socketPath: "/var/run/docker.sock" };
const LOG_PATH = "/var/log/deckhand-dockerd.log";
const START_TIMEOUT_MS = 60_000;
// iptables is a recommendation of docker.io, and dockerd does not start without it; docker-cli is a
// package of its own on newer releases.
const PACKAGES = ["docker.io", "docker-cli", "iptables"];

/** Brings Docker Engine up on this machine, installing it where that is possible. */
export async function startDockerDaemon() {
  if (process.getuid?.() !== 0) throw noEngine();
  if (!findDockerd()) await installDocker();
  if (!(await isAnswering(ADDRESS))) await step("start Docker Engine", startDockerd);
  return { address: ADDRESS, from: "started here" };
}

async function installDocker() {
  if (!canInstallPackages()) throw noEngine();
  await step("install Docker Engine (Debian package docker.io)", (status) =>
    installPackages(PACKAGES, status),
  );
}

async function startDockerd() {
  if (await startByServiceManager()) return;
  await clearLeftovers();
  const child = await startDetached(findDockerd(), [], { logPath: LOG_PATH });
  await waitUntilAnswering(ADDRESS, { child, logPath: LOG_PATH, timeoutMs: START_TIMEOUT_MS });
}

async function startByServiceManager() {
  if (!existsSync("/run/systemd/system")) return false;
  const { exitCode } = await tryCommand("systemctl", ["start", "docker"]);
  return exitCode === 0 && isAnswering(ADDRESS, 10_000);
}

// What a killed dockerd leaves behind keeps the next one from starting.
async function clearLeftovers() {
  removeStalePidFile("/var/run/docker.pid", "dockerd");
  removeStalePidFile("/var/run/docker/containerd/containerd.pid", "containerd");
  await removeStaleSocket("/run/containerd/containerd.sock");
  await removeStaleSocket(ADDRESS.socketPath);
}

function findDockerd() {
  return ["/usr/bin/dockerd", "/usr/sbin/dockerd", "/usr/local/bin/dockerd"].find(existsSync);
}

function noEngine() {
  return new SetUpError("no container engine answers, and none can be installed here", {
    exitCode: EXIT_UNAVAILABLE,
    hint: [
      "Tried DOCKER_HOST, the current docker context, and the usual sockets of Docker and Podman.",
      "Start Docker (for example: sudo systemctl start docker) or Podman (systemctl --user start podman.socket),",
      "or set DOCKER_HOST, or run this as root on Debian or Ubuntu: then Docker Engine is installed.",
    ].join("\n"),
  });
}

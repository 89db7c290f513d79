import { copyFileSync, existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { step } from "../progress.mjs";
import { EXIT_UNAVAILABLE, SetUpError } from "../set-up-error.mjs";
import { removeStaleSocket, startDetached, waitUntilAnswering } from "./daemon.mjs";
import { canInstallPackages, installPackages } from "./debian-packages.mjs";

const LOG_PATH = "/var/log/deckhand-podman.log";
const SETTINGS_PATH = fileURLToPath(new URL("podman-containers.conf", import.meta.url));
const START_TIMEOUT_MS = 60_000;

/** Brings Podman's API service up on this machine, installing Podman where that is possible. */
export async function startPodmanService() {
  const isRoot = process.getuid?.() === 0;
  if (!findPodmanCommand()) await installPodman();
  const socketPath = isRoot ? "/run/podman/podman.sock" : userSocket();
  const logPath = isRoot ? LOG_PATH : join(dirname(socketPath), "deckhand-podman.log");
  const address = { socketPath };
  await step("start Podman's API service", () => startService({ address, isRoot, logPath }));
  return { address, from: "started here" };
}

async function startService({ address, isRoot, logPath }) {
  mkdirSync(dirname(address.socketPath), { recursive: true });
  await removeStaleSocket(address.socketPath);
  const args = [
    ...runtimeOptions(isRoot),
    "system",
    "service",
    "--time=0",
    `unix://${address.socketPath}`,
  ];
  const env = isBareMachine(isRoot) ? withSettings(dirname(address.socketPath)) : process.env;
  const child = await startDetached(findPodmanCommand(), args, { logPath, env });
  await waitUntilAnswering(address, { child, logPath, timeoutMs: START_TIMEOUT_MS });
}

// Without systemd there is no systemd cgroup manager; and crun refuses a machine with both cgroup
// versions mounted, where runc works.
function runtimeOptions(isRoot) {
  if (!isBareMachine(isRoot)) return [];
  const runc = ["/usr/sbin/runc", "/usr/bin/runc"].find(existsSync);
  return [...(runc ? ["--runtime", runc] : []), "--cgroup-manager", "cgroupfs"];
}

// The settings lie beside the socket, since the service outlives a checkout that is thrown away.
function withSettings(folder) {
  const path = join(folder, "deckhand-containers.conf");
  copyFileSync(SETTINGS_PATH, path);
  return { ...process.env, CONTAINERS_CONF: path };
}

function isBareMachine(isRoot) {
  return isRoot && !existsSync("/run/systemd/system");
}

async function installPodman() {
  if (!canInstallPackages()) throw noPodman();
  await step("install Podman (Debian packages podman and runc)", (status) =>
    installPackages(["podman", "runc"], status),
  );
}

function findPodmanCommand() {
  return ["/usr/bin/podman", "/usr/local/bin/podman", "/opt/podman/bin/podman"].find(existsSync);
}

function userSocket() {
  return join(
    process.env.XDG_RUNTIME_DIR ?? `/tmp/podman-${process.getuid()}`,
    "podman/podman.sock",
  );
}

function noPodman() {
  return new SetUpError("Podman is not installed, and can not be installed here", {
    exitCode: EXIT_UNAVAILABLE,
    hint: "The tests run on Docker and on Podman. Install the podman package, or run this as root on Debian or Ubuntu.",
  });
}

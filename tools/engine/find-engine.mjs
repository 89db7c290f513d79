import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { EXIT_UNAVAILABLE, SetUpError } from "../set-up-error.mjs";
import { engineJson, isAnswering, parseAddress } from "./engine-http.mjs";

/** The first engine that answers, with where it was found, or undefined; one that DOCKER_HOST names must answer. */
export async function findEngine(env = process.env) {
  if (env.DOCKER_HOST) return findNamed(env.DOCKER_HOST);
  for (const candidate of engineCandidates(env)) {
    if (await isUsable(candidate)) return candidate;
  }
  return undefined;
}

/** The first engine that answers and is not Podman. */
export async function findDocker(env = process.env) {
  for (const candidate of engineCandidates(env)) {
    if ((await isUsable(candidate)) && !(await isPodman(candidate))) return candidate;
  }
  return undefined;
}

/** Podman's service, if it answers. */
export async function findPodman(env = process.env) {
  for (const socketPath of podmanSockets(env)) {
    if (await isUsable({ address: { socketPath } }))
      return { address: { socketPath }, from: "podman" };
  }
  return undefined;
}

/** Where an engine may be, in the order of precedence the docker command line has. */
function engineCandidates(env = process.env) {
  const named = [fromHost(env.DOCKER_HOST, "DOCKER_HOST"), fromContext(env)];
  const usual = [...dockerSockets(env), ...podmanSockets(env)].map((socketPath) => ({
    address: { socketPath },
    from: "a usual socket",
  }));
  return [...named.filter(Boolean), ...usual];
}

function dockerSockets(env) {
  const home = env.HOME ?? homedir();
  return [
    "/var/run/docker.sock",
    ...(env.XDG_RUNTIME_DIR ? [join(env.XDG_RUNTIME_DIR, "docker.sock")] : []),
    join(home, ".docker/run/docker.sock"),
    join(home, ".docker/desktop/docker.sock"),
    join(home, ".colima/default/docker.sock"),
    join(home, ".orbstack/run/docker.sock"),
    join(home, ".rd/docker.sock"),
  ];
}

function podmanSockets(env) {
  const runtimeDir = env.XDG_RUNTIME_DIR;
  return [
    "/run/podman/podman.sock",
    ...(runtimeDir ? [join(runtimeDir, "podman/podman.sock")] : []),
  ];
}

async function isUsable({ address }) {
  if (address.socketPath && !existsSync(address.socketPath)) return false;
  return isAnswering(address);
}

async function isPodman({ address }) {
  const { Components = [] } = await engineJson(address, { path: "/version" });
  return Components.some(({ Name }) => /podman/i.test(Name));
}

// Another engine than the one that was asked for would start containers where nobody looks for them.
async function findNamed(host) {
  const named = fromHost(host, "DOCKER_HOST");
  if (named && (await isUsable(named))) return named;
  throw new SetUpError(`the engine that DOCKER_HOST names does not answer: ${host}`, {
    exitCode: EXIT_UNAVAILABLE,
    hint: "Start it, or unset DOCKER_HOST. From here only unix:// and tcp:// without TLS can be used.",
  });
}

// Engines behind TLS or ssh are for the server's own configuration; the demo and the tests need a local one.
function fromHost(host, from) {
  const address = host ? parseAddress(host) : undefined;
  return address && { address, from };
}

function fromContext(env) {
  const dir = env.DOCKER_CONFIG ?? join(env.HOME ?? homedir(), ".docker");
  const name = env.DOCKER_CONTEXT ?? readJson(join(dir, "config.json"))?.currentContext;
  if (!name || name === "default") return undefined;
  const id = createHash("sha256").update(name).digest("hex");
  const meta = readJson(join(dir, "contexts/meta", id, "meta.json"));
  return fromHost(meta?.Endpoints?.docker?.Host, `the docker context "${name}"`);
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}

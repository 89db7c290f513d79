// Starts what examples/postgres-cluster/compose.yaml says through the engine's API, with Compose's labels: Compose is
// not on every machine, nor in one version, and the engine is. `docker compose` sees the result as its own project.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { engineFetch, engineJson } from "../engine/engine-http.mjs";
import { ROOT } from "../paths.mjs";
import { SetUpError } from "../set-up-error.mjs";
import { readCompose } from "./read-compose.mjs";

export const COMPOSE_PATH = join(ROOT, "examples/postgres-cluster/compose.yaml");
export const PROJECT = readProjectName();
const PROJECT_LABEL = "com.docker.compose.project";
const SETTINGS_LABEL = "deckhand.demo.settings";
const READY_WITHIN_MS = 90_000;

/** Starts what is missing or stopped, replaces what has other settings, and waits until all serve; gives their names. */
export async function startCluster(address, status) {
  const services = readCompose(COMPOSE_PATH);
  const network = await ensureNetwork(address);
  for (const service of services) await ensureContainer(address, { ...service, network });
  for (const service of services) {
    status(`waiting for ${service.containerName}`);
    await waitUntilServing(address, service);
  }
  return services.map(({ containerName }) => containerName);
}

/** Removes the project's containers with their volumes, and its network; gives how many containers there were. */
export async function removeCluster(address) {
  const containers = await listOf(address, "/containers/json?all=true");
  for (const { Id } of containers) await remove(address, `/containers/${Id}?force=true&v=true`);
  const networks = await listOf(address, "/networks?");
  for (const { Id, id } of networks) await remove(address, `/networks/${Id ?? id}`);
  return containers.length;
}

export async function removeImage(address, name) {
  await remove(address, `/images/${encodeURIComponent(name)}`);
}

async function ensureNetwork(address) {
  const name = `${PROJECT}_default`;
  const { status } = await engineFetch(address, { path: `/networks/${name}` });
  if (status === 200) return name;
  const Labels = { [PROJECT_LABEL]: PROJECT, "com.docker.compose.network": "default" };
  await engineJson(address, {
    method: "POST",
    path: "/networks/create",
    body: { Name: name, Driver: "bridge", Labels },
  });
  return name;
}

async function ensureContainer(address, service) {
  const settings = await toSettings(address, service);
  const found = await findContainer(address, service.containerName);
  if (found) assertOurs(found, service);
  if (found && !isAsWanted(found, settings))
    await remove(address, `/containers/${found.Id}?force=true&v=true`);
  const id =
    found && isAsWanted(found, settings)
      ? found.Id
      : await createContainer(address, service, settings);
  if (found?.Id === id && found.State.Paused)
    await engineJson(address, { method: "POST", path: `/containers/${id}/unpause` });
  await engineJson(address, { method: "POST", path: `/containers/${id}/start` });
}

// A container that Compose itself started has no settings label of ours, and is left as it is.
function isAsWanted({ Config, State }, settings) {
  const label = Config.Labels?.[SETTINGS_LABEL];
  return (
    State.Status !== "dead" && (label === undefined || label === settings.Labels[SETTINGS_LABEL])
  );
}

function assertOurs(container, { containerName }) {
  if (container.Config.Labels?.[PROJECT_LABEL] === PROJECT) return;
  throw new SetUpError(
    `a container named ${containerName} is there already, and is not the demo's`,
    {
      hint: `The demo leaves it alone. Rename it (docker rename ${containerName} OTHER), or change container_name in ${COMPOSE_PATH}.`,
    },
  );
}

async function toSettings(address, service) {
  const { Id } = await engineJson(address, {
    path: `/images/${encodeURIComponent(service.image)}/json`,
  });
  const settings = {
    Image: service.image,
    Env: service.env,
    StopSignal: service.stopSignal,
    Healthcheck: service.healthcheck,
    HostConfig: { NetworkMode: service.network, RestartPolicy: { Name: service.restart } },
    NetworkingConfig: { EndpointsConfig: { [service.network]: { Aliases: [service.service] } } },
  };
  const hash = createHash("sha256")
    .update(JSON.stringify([Id, service.labels, settings]))
    .digest("hex")
    .slice(0, 16);
  return {
    ...settings,
    Labels: { ...service.labels, ...composeLabels(service), [SETTINGS_LABEL]: hash },
  };
}

function composeLabels({ service }) {
  return {
    [PROJECT_LABEL]: PROJECT,
    "com.docker.compose.service": service,
    "com.docker.compose.container-number": "1",
    "com.docker.compose.oneoff": "False",
    "com.docker.compose.project.config_files": COMPOSE_PATH,
  };
}

async function createContainer(address, { containerName }, settings) {
  const path = `/containers/create?name=${containerName}`;
  return (await engineJson(address, { method: "POST", path, body: settings })).Id;
}

async function findContainer(address, name) {
  const { status, text } = await engineFetch(address, { path: `/containers/${name}/json` });
  return status === 200 ? JSON.parse(text) : undefined;
}

// The health check is run by us: Podman without systemd runs none, and this answers sooner than its interval.
async function waitUntilServing(address, { containerName, healthcheck }) {
  const deadline = performance.now() + READY_WITHIN_MS;
  while (performance.now() < deadline) {
    if (await isHealthy(address, containerName, healthcheck.Test.slice(1))) return;
    await sleep(250);
  }
  const { text } = await engineFetch(address, {
    path: `/containers/${containerName}/logs?stdout=1&stderr=1&tail=10`,
  });
  throw new SetUpError(`${containerName} does not serve after ${READY_WITHIN_MS / 1000} s`, {
    hint: text,
  });
}

async function isHealthy(address, containerName, command) {
  const created = await engineFetch(address, {
    method: "POST",
    path: `/containers/${containerName}/exec`,
    body: { Cmd: command, AttachStdout: true, AttachStderr: true },
  });
  if (created.status !== 201) return false;
  const { Id } = JSON.parse(created.text);
  await engineFetch(address, {
    method: "POST",
    path: `/exec/${Id}/start`,
    body: { Detach: false, Tty: false },
  });
  return (await engineJson(address, { path: `/exec/${Id}/json` })).ExitCode === 0;
}

async function listOf(address, path) {
  const filters = encodeURIComponent(JSON.stringify({ label: [`${PROJECT_LABEL}=${PROJECT}`] }));
  return engineJson(address, { path: `${path}&filters=${filters}`.replace("?&", "?") });
}

async function remove(address, path) {
  const { status, text } = await engineFetch(address, { method: "DELETE", path });
  if (status >= 400 && status !== 404)
    throw new SetUpError(`the engine did not remove ${path} (${status})`, { hint: text });
}

function readProjectName() {
  const settings = readFileSync(join(dirname(COMPOSE_PATH), ".env"), "utf8");
  return /^COMPOSE_PROJECT_NAME=(.+)$/m.exec(settings)[1];
}

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { ROOT } from "../paths.mjs";
import { SetUpError } from "../set-up-error.mjs";

const UNDERSTOOD = [
  "image",
  "environment",
  "healthcheck",
  "labels",
  "restart",
  "container_name",
  "stop_signal",
];

/** The services, in the engine's terms; a key we do not understand is an error, not silence. */
export function readCompose(path) {
  // The reader of YAML is a dependency of the server; the tools have none of their own.
  const { parse } = createRequire(join(ROOT, "packages/server/package.json"))("yaml");
  const { services } = parse(readFileSync(path, "utf8"), { merge: true });
  return Object.entries(services).map(([service, settings]) => toService(service, settings, path));
}

function toService(service, settings, path) {
  const unknown = Object.keys(settings).find((key) => !UNDERSTOOD.includes(key));
  if (unknown)
    throw new SetUpError(
      `${path}: the demo does not understand "${unknown}" of the service ${service}`,
    );
  return {
    service,
    containerName: settings.container_name,
    image: settings.image,
    env: Object.entries(settings.environment ?? {}).map(([name, value]) => `${name}=${value}`),
    labels: settings.labels ?? {},
    restart: settings.restart,
    stopSignal: settings.stop_signal,
    healthcheck: toHealthcheck(settings.healthcheck),
  };
}

function toHealthcheck({ test, interval, timeout, retries }) {
  return {
    Test: test,
    Interval: toNanoseconds(interval),
    Timeout: toNanoseconds(timeout),
    Retries: retries,
  };
}

function toNanoseconds(seconds) {
  return Number.parseInt(seconds, 10) * 1e9;
}

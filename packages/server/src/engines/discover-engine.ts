import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { request } from "#node-http";
import type { TlsFiles } from "./docker/docker-address.ts";

export interface DiscoveryInput {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly homeDir: string;
}

/** Where an engine is, and how that was found. */
export interface DiscoveredEngine {
  readonly address: string;
  readonly tls: TlsFiles | undefined;
  readonly source: string;
}

const ANSWER_WITHIN_MS = 2_000;

/**
 * Finds the engine that the docker command would use, or the first usual socket that answers. What the user named
 * (DOCKER_HOST, a docker context) is taken as it is; `undefined` when nothing is named and nothing answers.
 */
export async function discoverEngine(input: DiscoveryInput): Promise<DiscoveredEngine | undefined> {
  const named = fromVariable(input) ?? (await fromContext(input));
  if (named) return named;
  for (const socketPath of usualSockets(input)) {
    if (await answers(socketPath))
      return { address: `unix://${socketPath}`, tls: undefined, source: "a usual socket" };
  }
  return undefined;
}

function fromVariable({ env, homeDir }: DiscoveryInput): DiscoveredEngine | undefined {
  const address = env["DOCKER_HOST"] || env["CONTAINER_HOST"];
  if (!address) return undefined;
  const folder = env["DOCKER_CERT_PATH"] || join(homeDir, ".docker");
  return {
    address,
    tls: env["DOCKER_TLS_VERIFY"] ? toTls(folder) : undefined,
    source: "DOCKER_HOST",
  };
}

function toTls(folder: string): TlsFiles {
  return {
    caPath: join(folder, "ca.pem"),
    certPath: join(folder, "cert.pem"),
    keyPath: join(folder, "key.pem"),
  };
}

async function fromContext({
  env,
  homeDir,
}: DiscoveryInput): Promise<DiscoveredEngine | undefined> {
  const folder = env["DOCKER_CONFIG"] || join(homeDir, ".docker");
  const name =
    env["DOCKER_CONTEXT"] ||
    readString(await readJson(join(folder, "config.json")), "currentContext");
  if (!name || name === "default") return undefined;
  const id = createHash("sha256").update(name).digest("hex");
  const meta = (await readJson(join(folder, "contexts", "meta", id, "meta.json"))) as
    | ContextMeta
    | undefined;
  const address = meta?.Endpoints?.docker?.Host;
  if (!address) return undefined;
  const material = join(folder, "contexts", "tls", id, "docker");
  const hasTls = (await readFile(join(material, "ca.pem")).catch(() => undefined)) !== undefined;
  return {
    address,
    tls: hasTls ? toTls(material) : undefined,
    source: `the docker context ${name}`,
  };
}

interface ContextMeta {
  readonly Endpoints?: { readonly docker?: { readonly Host?: string } };
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch {
    return undefined;
  }
}

function readString(value: unknown, key: string): string | undefined {
  const found =
    value !== null && typeof value === "object"
      ? (value as Record<string, unknown>)[key]
      : undefined;
  return typeof found === "string" ? found : undefined;
}

function usualSockets({ env, homeDir }: DiscoveryInput): readonly string[] {
  const runtime = env["XDG_RUNTIME_DIR"];
  return [
    "/var/run/docker.sock",
    ...(runtime ? [join(runtime, "docker.sock")] : []),
    join(homeDir, ".docker/run/docker.sock"),
    join(homeDir, ".docker/desktop/docker.sock"),
    join(homeDir, ".colima/default/docker.sock"),
    join(homeDir, ".orbstack/run/docker.sock"),
    "/run/podman/podman.sock",
    ...(runtime ? [join(runtime, "podman/podman.sock")] : []),
  ];
}

function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request(
      { socketPath, path: "/_ping", signal: AbortSignal.timeout(ANSWER_WITHIN_MS) },
      (answer) => {
        answer.resume();
        resolve(answer.statusCode === 200);
      },
    );
    asked.once("error", () => resolve(false));
    asked.end();
  });
}

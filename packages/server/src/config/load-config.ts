import { userInfo } from "node:os";
import { join, resolve } from "node:path";
import { DEFAULT_LIMITS, type Limits, toErrorPlaces } from "@deckhand/core";
import {
  type Config,
  configInput,
  engineDefaults,
  type ParsedConfig,
  type S3Config,
} from "./config.ts";
import { ConfigError } from "./config-error.ts";
import { type ConfigFile, readConfigFile } from "./config-file.ts";
import { s3Credentials } from "./s3-credentials.ts";
import { type Environment, readEnvironment, toEngines, VARIABLE_NAMES } from "./environment.ts";

/** What the command line says; it wins over the environment, which wins over the file. */
export interface ConfigOverrides {
  readonly dataDir?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly scriptsDirectory?: string | undefined;
  /** `name=address` pairs. */
  readonly engine?: readonly string[] | undefined;
}

export interface LoadConfigOptions {
  readonly configPath?: string | undefined;
  readonly overrides?: ConfigOverrides;
  /** The process's own by default; nothing else in the server reads it. */
  readonly env?: Environment;
}

const NO_FILE: ConfigFile = { values: {}, placeOf: () => "" };
const DISCOVERY_VARIABLES = [
  "DOCKER_HOST",
  "DOCKER_CONTEXT",
  "DOCKER_CONFIG",
  "DOCKER_TLS_VERIFY",
  "DOCKER_CERT_PATH",
  "CONTAINER_HOST",
  "HOME",
  "PATH",
  "SSH_AUTH_SOCK",
  "XDG_CONFIG_HOME",
  "XDG_RUNTIME_DIR",
];

/** Reads the file, the environment and the command line into one frozen configuration; throws ConfigError. */
export function loadConfig(options: LoadConfigOptions = {}): Config {
  const { env = process.env, overrides = {} } = options;
  const configPath = options.configPath ?? env["DECKHAND_CONFIG"];
  const file = configPath ? readConfigFile(configPath) : NO_FILE;
  const fromEnvironment = readEnvironment(env);
  const merged = [fromEnvironment, toValues(overrides)].reduce(merge, file.values);
  const parsed = parse(merged, { file, fromEnvironment });
  assertReachable(parsed);
  return deepFreeze(complete(parsed, env));
}

interface Sources {
  readonly file: ConfigFile;
  readonly fromEnvironment: unknown;
}

function parse(values: unknown, sources: Sources): ParsedConfig {
  const result = configInput.safeParse(values);
  if (result.success) return result.data;
  const lines = toErrorPlaces(configInput, result.error.issues).map(({ pointer, detail }) => {
    const path = pointer.split("/").slice(1);
    const where = [placeOf(path, sources), path.join(".")].filter(Boolean).join(": ");
    return `${where}: ${detail}`;
  });
  throw new ConfigError(`The configuration is not valid.\n${lines.join("\n")}`);
}

function placeOf(path: readonly string[], { file, fromEnvironment }: Sources): string {
  const isSet = path.length > 0 && path.reduce<unknown>(stepInto, fromEnvironment) !== undefined;
  if (!isSet) return file.placeOf(path);
  const key = path.join(".");
  return (
    VARIABLE_NAMES.find((one) => key === one.key || key.startsWith(`${one.key}.`))?.variable ?? ""
  );
}

function stepInto(values: unknown, key: string): unknown {
  return values !== null && typeof values === "object"
    ? (values as Record<string, unknown>)[key]
    : undefined;
}

function toValues(overrides: ConfigOverrides): Record<string, unknown> {
  const { dataDir, host, port, scriptsDirectory, engine = [] } = overrides;
  return {
    ...(dataDir === undefined ? {} : { dataDir }),
    http: { ...(host === undefined ? {} : { host }), ...(port === undefined ? {} : { port }) },
    scripts: scriptsDirectory === undefined ? {} : { directory: scriptsDirectory },
    ...(engine.length === 0 ? {} : { engines: toEngines(engine) }),
  };
}

/** The later value wins; engines are replaced as a whole. */
function merge(under: unknown, over: unknown): unknown {
  if (!isMap(under) || !isMap(over)) return over;
  const merged: Record<string, unknown> = { ...under };
  for (const [key, value] of Object.entries(over)) {
    merged[key] = key === "engines" || !(key in under) ? value : merge(under[key], value);
  }
  return merged;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

function assertReachable({ http }: ParsedConfig): void {
  const isLoopback =
    ["localhost", "::1"].includes(http.host) || /^127(\.\d{1,3}){3}$/.test(http.host);
  if (isLoopback || http.allowedHosts.length > 0) return;
  throw new ConfigError(
    `http.host is ${http.host}, which others can reach, but http.allowedHosts is empty.\n` +
      "Set http.allowedHosts (or DECKHAND_HTTP_ALLOWED_HOSTS) to the names that people will use, for example deckhand.example.org.",
  );
}

function complete(parsed: ParsedConfig, env: Environment): Config {
  const homeDir = env["HOME"] ?? userInfo().homedir;
  const dataDir = resolve(parsed.dataDir ?? defaultDataDir(env, homeDir));
  const discovered = Object.fromEntries(DISCOVERY_VARIABLES.map((name) => [name, env[name]]));
  const hasEngines = Object.keys(parsed.engines).length > 0;
  return {
    dataDir,
    http: parsed.http,
    engines: hasEngines ? parsed.engines : { local: engineDefaults },
    secrets: {
      keyFile: resolve(parsed.secrets.keyFile ?? join(dataDir, "secrets-key")),
      mayMakeKey: parsed.secrets.keyFile === undefined,
    },
    scripts: {
      directory: resolve(parsed.scripts.directory ?? join(dataDir, "scripts")),
      s3: toS3Config(parsed, env),
    },
    notifications: parsed.notifications,
    retention: parsed.retention,
    search: parsed.search,
    limits: { ...DEFAULT_LIMITS, ...withoutUndefined(parsed.limits) },
    log: parsed.log,
    discovery: { env: discovered, homeDir },
  };
}

/** AWS itself wants the bucket in the host's name, and most other stores do not. */
function toS3Config({ scripts }: ParsedConfig, env: Environment): S3Config | undefined {
  if (!scripts.s3) return undefined;
  if (scripts.directory !== undefined)
    throw new ConfigError("scripts.directory and scripts.s3 are both set; leave one of them out.");
  const { endpoint, region, bucket, prefix, pathStyle, caFile, timeoutMs } = scripts.s3;
  const { credentialsFile, profile } = scripts.s3;
  return {
    endpoint: endpoint ?? `https://s3.${region}.amazonaws.com`,
    region,
    bucket,
    prefix: prefix === "" || prefix.endsWith("/") ? prefix : `${prefix}/`,
    pathStyle: pathStyle ?? endpoint !== undefined,
    caFile,
    timeoutMs,
    readCredentials: s3Credentials({ file: credentialsFile, profile, env }),
  };
}

function defaultDataDir(env: Environment, homeDir: string): string {
  if (process.getuid?.() === 0) return "/var/lib/deckhand";
  return join(env["XDG_DATA_HOME"] || join(homeDir, ".local", "share"), "deckhand");
}

function withoutUndefined(
  values: { readonly [Name in keyof Limits]?: number | undefined },
): Partial<Limits> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

function deepFreeze<Value>(value: Value): Value {
  if (value === null || typeof value !== "object") return value;
  for (const inner of Object.values(value)) deepFreeze(inner);
  return Object.freeze(value);
}

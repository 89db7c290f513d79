import { DEFAULT_LIMITS } from "@deckhand/core";

export type Environment = Readonly<Record<string, string | undefined>>;

type Reader = (text: string) => unknown;
const asText: Reader = (text) => text;
const asList: Reader = (text) =>
  text
    .split(",")
    .map((one) => one.trim())
    .filter(Boolean);

const S3_KEYS = [
  "endpoint",
  "region",
  "bucket",
  "prefix",
  "pathStyle",
  "credentialsFile",
  "profile",
  "caFile",
  "timeoutMs",
];

const RETENTION_KEYS = ["outputAgeMs", "outputBytes", "runAgeMs", "runsPerScript", "everyMs"];

/** Which variable sets which key; what a file says comes after it. */
const VARIABLES: readonly { readonly path: readonly string[]; readonly read: Reader }[] = [
  { path: ["dataDir"], read: asText },
  { path: ["http", "host"], read: asText },
  { path: ["http", "port"], read: asText },
  { path: ["http", "allowedHosts"], read: asList },
  { path: ["http", "allowedOrigins"], read: asList },
  { path: ["http", "publicMetrics"], read: asText },
  { path: ["http", "publicUrl"], read: asText },
  { path: ["notifications", "privateNetworks"], read: asList },
  { path: ["engines"], read: (text) => toEngines(asList(text) as string[]) },
  { path: ["scripts", "directory"], read: asText },
  { path: ["secrets", "keyFile"], read: asText },
  ...S3_KEYS.map((name) => ({ path: ["scripts", "s3", name], read: asText })),
  ...RETENTION_KEYS.map((name) => ({ path: ["retention", name], read: asText })),
  { path: ["search", "enabled"], read: asText },
  { path: ["search", "bytesPerExecution"], read: asText },
  { path: ["log", "level"], read: asText },
  ...Object.keys(DEFAULT_LIMITS).map((name) => ({ path: ["limits", name], read: asText })),
];

/** Each key's variable: `http.allowedHosts` is DECKHAND_HTTP_ALLOWED_HOSTS. */
export const VARIABLE_NAMES: readonly { readonly key: string; readonly variable: string }[] =
  VARIABLES.map(({ path }) => ({ key: path.join("."), variable: toVariable(path) }));

function toVariable(path: readonly string[]): string {
  const words = path.map((part) =>
    part.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase(),
  );
  return `DECKHAND_${words.join("_")}`;
}

/** Reads `name=address` pairs; a name alone finds its engine by itself. */
export function toEngines(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const split = pair.indexOf("=");
      return split < 0 ? [pair, "auto"] : [pair.slice(0, split), pair.slice(split + 1)];
    }),
  );
}

/** What the environment sets, in the form of a configuration file. */
export function readEnvironment(env: Environment): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const { path, read } of VARIABLES) {
    const text = env[toVariable(path)];
    if (text !== undefined && text !== "") setAt(values, path, read(text));
  }
  return values;
}

function setAt(values: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [key = "", ...rest] = path;
  if (rest.length === 0) {
    values[key] = value;
    return;
  }
  values[key] ??= {};
  setAt(values[key] as Record<string, unknown>, rest, value);
}

import { DEFAULT_LIMITS, type Limits } from "@deckhand/core";
import { z } from "zod";
import { countOf, durationMs, sizeBytes } from "./quantities.ts";

const LIMIT_NAMES = Object.keys(DEFAULT_LIMITS) as (keyof Limits)[];

/** A limit's unit is the end of its name. */
function limitValue(name: keyof Limits) {
  if (name.endsWith("Bytes")) return sizeBytes;
  return name.endsWith("Ms") ? durationMs : countOf;
}

const limits = z.strictObject(
  Object.fromEntries(LIMIT_NAMES.map((name) => [name, limitValue(name).optional()])) as Record<
    keyof Limits,
    z.ZodOptional<typeof countOf>
  >,
);

const tls = z.strictObject({
  ca: z.string().min(1),
  cert: z.string().min(1),
  key: z.string().min(1),
});

/** Ways of the guard into containers that have the engine do more than an exec; each has its risk, so none is open by itself. */
const guardPermissions = z.strictObject({
  archive: z.union([z.boolean(), z.literal("any-version")]).default(false),
  sidecarImage: z.string().min(1).optional(),
});
const engineObject = z.strictObject({
  address: z
    .string()
    .regex(
      /^(auto|unix:\/\/\/.+|tcp:\/\/.+|https?:\/\/.+|ssh:\/\/.+)$/,
      "write auto, unix:///…, tcp://… or ssh://…",
    )
    .default("auto"),
  tls: tls.optional(),
  directExec: z.boolean().default(false),
  guard: guardPermissions.prefault({}),
});
/** An address alone is enough. */
const engine = z.preprocess(
  (given) => (typeof given === "string" ? { address: given } : given),
  engineObject,
);
const engineName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "write small letters, digits and -");

const origin = z
  .string()
  .regex(/^https?:\/\/[^/\s]+$/, "write https://name or https://name:port, without a path");
const host = z.string().regex(/^[^\s/]+$/, "write name or name:port, without a path");

/** The configuration as a file or the environment gives it. */
export const configInput = z.strictObject({
  dataDir: z.string().min(1).optional(),
  http: z
    .strictObject({
      host: z.string().min(1).default("127.0.0.1"),
      port: z.coerce.number().int().min(0).max(65_535).default(8000),
      allowedHosts: z.array(host).default([]),
      allowedOrigins: z.array(origin).default([]),
      publicMetrics: z.stringbool().or(z.boolean()).default(false),
    })
    .prefault({}),
  engines: z.record(engineName, engine).default({}),
  scripts: z.strictObject({ directory: z.string().min(1).optional() }).prefault({}),
  secrets: z.strictObject({ keyFile: z.string().min(1).optional() }).prefault({}),
  limits: limits.default({}),
  log: z
    .strictObject({ level: z.enum(["debug", "info", "warn", "error", "silent"]).default("info") })
    .prefault({}),
});
export type ParsedConfig = z.output<typeof configInput>;

export const engineDefaults = engineObject.parse({});

export type EngineConfig = z.output<typeof engineObject>;

/** Everything the server is told from outside, checked and complete. */
export interface Config {
  readonly dataDir: string;
  readonly http: ParsedConfig["http"];
  readonly engines: Readonly<Record<string, EngineConfig>>;
  readonly scripts: { readonly directory: string };
  /** Where the key of the secrets is; the data directory's own may be made there, one elsewhere may not. */
  readonly secrets: { readonly keyFile: string; readonly mayMakeKey: boolean };
  readonly limits: Limits;
  readonly log: ParsedConfig["log"];
  /** What finding an engine by itself looks at. */
  readonly discovery: {
    readonly env: Readonly<Record<string, string | undefined>>;
    readonly homeDir: string;
  };
}

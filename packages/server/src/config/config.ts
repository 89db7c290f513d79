import { DEFAULT_LIMITS, type Limits } from "@deckhand/core";
import { z } from "zod";
import type { S3Credentials } from "./s3-credentials.ts";
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
  schedulesFromLabels: z.boolean().default(false),
});
/** An address alone is enough. */
const engine = z.preprocess(
  (given) => (typeof given === "string" ? { address: given } : given),
  engineObject,
);
const engineName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "write small letters, digits and -");

/** A place in an S3-compatible store for the scripts; who we are there is told by a file or by AWS's own variables. */
const s3 = z.strictObject({
  endpoint: z
    .string()
    .regex(/^https?:\/\/[^/\s?#@]+(?:\/[^\s?#@]*)?$/, "write https://name or http://name:port")
    .optional(),
  region: z
    .string()
    .regex(/^[A-Za-z0-9-]{1,63}$/, "write a region such as eu-central-1")
    .default("us-east-1"),
  bucket: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{1,252}[A-Za-z0-9]$/, "write the bucket's name alone"),
  prefix: z
    .string()
    .regex(
      /^(?!\/)[^\0-\x1f\x7f]{0,255}$/,
      "write a folder such as deckhand/scripts, with no / before it",
    )
    .default(""),
  pathStyle: z.stringbool().or(z.boolean()).optional(),
  credentialsFile: z.string().min(1).optional(),
  profile: z.string().min(1).default("default"),
  caFile: z.string().min(1).optional(),
  timeoutMs: durationMs.default(5_000),
});

const retention = z.strictObject({
  outputAgeMs: durationMs.optional(),
  outputBytes: sizeBytes.optional(),
  runAgeMs: durationMs.optional(),
  runsPerScript: countOf.optional(),
  everyMs: durationMs
    .refine((ms) => ms >= 100 && ms <= 86_400_000, "write 100ms to 24h")
    .default(3_600_000),
});

const origin = z
  .string()
  .regex(/^https?:\/\/[^/\s]+$/, "write https://name or https://name:port, without a path");
const host = z.string().regex(/^[^\s/]+$/, "write name or name:port, without a path");

/** `10.0.0.0/8`; an address alone is a network of one. */
const network = z.union(
  [
    z.cidrv4(),
    z.cidrv6(),
    z.ipv4().transform((one) => `${one}/32`),
    z.ipv6().transform((one) => `${one}/128`),
  ],
  {
    error: "write a network such as 10.0.0.0/8, or an address",
  },
);

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
      publicUrl: z
        .string()
        .regex(/^https?:\/\/[^\s?#]+$/, "write https://name, without a query")
        .transform((text) => text.replace(/\/+$/, ""))
        .optional(),
    })
    .prefault({}),
  engines: z.record(engineName, engine).default({}),
  secrets: z.strictObject({ keyFile: z.string().min(1).optional() }).prefault({}),
  scripts: z
    .strictObject({ directory: z.string().min(1).optional(), s3: s3.optional() })
    .prefault({}),
  notifications: z.strictObject({ privateNetworks: z.array(network).default([]) }).prefault({}),
  retention: retention.prefault({}),
  search: z
    .strictObject({
      enabled: z.stringbool().or(z.boolean()).default(true),
      bytesPerExecution: sizeBytes.default(256 * 1024),
    })
    .prefault({}),
  limits: limits.default({}),
  log: z
    .strictObject({ level: z.enum(["debug", "info", "warn", "error", "silent"]).default("info") })
    .prefault({}),
});
export type ParsedConfig = z.output<typeof configInput>;

export const engineDefaults = engineObject.parse({});

export type EngineConfig = z.output<typeof engineObject>;

export interface S3Config {
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  readonly prefix: string;
  readonly pathStyle: boolean;
  readonly caFile: string | undefined;
  readonly timeoutMs: number;
  readonly readCredentials: () => Promise<S3Credentials>;
}

/** Everything the server is told from outside, checked and complete. */
export interface Config {
  readonly dataDir: string;
  readonly http: ParsedConfig["http"];
  readonly engines: Readonly<Record<string, EngineConfig>>;
  /** Where the key of the secrets is; the data directory's own may be made there, one elsewhere may not. */
  readonly secrets: { readonly keyFile: string; readonly mayMakeKey: boolean };
  /** `s3` goes before the directory. */
  readonly scripts: { readonly directory: string; readonly s3: S3Config | undefined };
  readonly notifications: ParsedConfig["notifications"];
  /** What is kept of past runs; without a rule, everything. */
  readonly retention: ParsedConfig["retention"];
  readonly search: ParsedConfig["search"];
  readonly limits: Limits;
  readonly log: ParsedConfig["log"];
  /** What finding an engine by itself looks at. */
  readonly discovery: {
    readonly env: Readonly<Record<string, string | undefined>>;
    readonly homeDir: string;
  };
}

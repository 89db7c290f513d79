import { z } from "zod";
import { concurrencyRequest } from "./concurrency.ts";
import { rolloutDefaults } from "./rollout.ts";
import { pageOf, pageQuery, sha256, timestamp } from "./shared.ts";

/** One parameter that a script's header declares. */
export const scriptParam = z
  .object({
    name: z.string(),
    type: z.enum([
      "string",
      "text",
      "int",
      "number",
      "bool",
      "choice",
      "choices",
      "date",
      "duration",
      "json",
      "file",
      "target",
    ]),
    required: z.boolean(),
    secret: z.boolean(),
    from: z.string().nullable().meta({
      description: "the stored secret that fills it when none is given",
    }),
    default: z.string().nullable(),
    arg: z.boolean().meta({
      description: "whether the script gets it as an argument too, before those of the caller",
    }),
    choices: z.array(z.string()).nullable(),
    min: z.number().nullable(),
    max: z.number().nullable(),
    help: z.string(),
  })
  .meta({ id: "ScriptParam" });
export type ScriptParam = z.infer<typeof scriptParam>;

/** A parameter as a field of a form. */
export const formField = scriptParam
  .extend({ label: z.string().meta({ description: "the name in words" }) })
  .meta({ id: "FormField" });
export type FormField = z.infer<typeof formField>;

/** What a script takes, for forms and for other programs. */
export const scriptForm = z
  .object({
    fields: z.array(formField).meta({ description: "in the order of the header" }),
    schema: z.record(z.string(), z.unknown()).meta({
      description:
        "JSON Schema 2020-12 of a run's `params`; a secret may come from `secrets` in place of `params`",
    }),
  })
  .meta({ id: "ScriptForm" });
export type ScriptForm = z.infer<typeof scriptForm>;

export const scriptHeaderView = z
  .object({
    title: z.string().nullable(),
    about: z.string().nullable(),
    interpreter: z
      .array(z.string())
      .nullable()
      .meta({ description: "what starts it; null when none is known" }),
    user: z.string().nullable(),
    workdir: z.string().nullable(),
    timeoutMs: z.number().int().nullable(),
    on: z.array(z.string()),
    except: z.array(z.string()),
    effect: z.enum(["read", "write", "destructive"]).nullable(),
    rollout: rolloutDefaults
      .nullable()
      .meta({ description: "of @parallel and @on-failure: for runs that say nothing of it" }),
    concurrency: concurrencyRequest
      .nullable()
      .meta({ description: "of @concurrency: for runs that bring no key of their own" }),
    database: z.string().nullable().meta({ description: "for SQL: which database" }),
    rows: z
      .enum(["table", "csv", "json"])
      .nullable()
      .meta({ description: "for SQL: the form of its rows" }),
    acceptsArgs: z.boolean(),
    params: z.array(scriptParam),
    examples: z.array(z.string()),
    tags: z.array(z.string()),
    owner: z.string().nullable(),
  })
  .meta({ id: "ScriptHeader" });
export type ScriptHeaderView = z.infer<typeof scriptHeaderView>;

export const scriptProblem = z.object({
  line: z.number().int(),
  column: z.number().int(),
  detail: z.string(),
});
export type ScriptProblem = z.infer<typeof scriptProblem>;

/** What brought a version here that nobody wrote by hand. */
export const scriptSource = z
  .strictObject({
    kind: z.enum(["sync", "import"]),
    commit: z
      .string()
      .regex(/^[0-9a-f]{7,64}(-modified)?$/, "a commit's id in small hexadecimal digits")
      .nullable()
      .meta({
        description: "the commit of the checkout; `-modified` when the file was changed since",
        example: "8aac559d1c0f6a6f3a3a8d1f7f0f5c2b1a0e9d8c",
      }),
  })
  .meta({ id: "ScriptSource" });
export type ScriptSource = z.infer<typeof scriptSource>;

export const scriptSummary = z
  .object({
    name: z.string().meta({ example: "db/vacuum" }),
    path: z
      .string()
      .meta({ description: "the file's path inside the library", example: "db/vacuum.sh" }),
    version: z
      .number()
      .int()
      .min(0)
      .meta({ description: "0 when the file can not be kept; `problems` says why" }),
    sha256: sha256.nullable(),
    sizeBytes: z.number().int(),
    updatedAt: timestamp,
    source: scriptSource.nullable().meta({ description: "null for a version written by hand" }),
    header: scriptHeaderView,
    problems: z
      .array(scriptProblem)
      .meta({ description: "what is wrong in the header; such a script does not run" }),
  })
  .meta({ id: "ScriptSummary" });
export type ScriptSummary = z.infer<typeof scriptSummary>;

export const script = scriptSummary
  .extend({ version: z.number().int().positive(), sha256, text: z.string() })
  .meta({ id: "Script" });
export type Script = z.infer<typeof script>;

export const scriptPage = pageOf(scriptSummary).meta({ id: "ScriptPage" });
export type ScriptPage = z.infer<typeof scriptPage>;

export const scriptVersion = z
  .object({
    version: z.number().int(),
    sha256,
    sizeBytes: z.number().int(),
    createdAt: timestamp,
    source: scriptSource.nullable(),
  })
  .meta({ id: "ScriptVersion" });
export const scriptVersionList = z
  .object({ data: z.array(scriptVersion) })
  .meta({ id: "ScriptVersionList" });
export type ScriptVersion = z.infer<typeof scriptVersion>;

export const createScriptRequest = z
  .strictObject({
    path: z.string().min(1).max(255).meta({ example: "db/vacuum.sh" }),
    text: z.string().min(1),
    source: scriptSource.optional(),
  })
  .meta({ id: "CreateScriptRequest" });
export type CreateScriptRequest = z.infer<typeof createScriptRequest>;
export const updateScriptRequest = z
  .strictObject({ text: z.string().min(1), source: scriptSource.optional() })
  .meta({ id: "UpdateScriptRequest" });
export type UpdateScriptRequest = z.infer<typeof updateScriptRequest>;
export const checkScriptRequest = z
  .strictObject({ path: z.string().min(1).max(255), text: z.string() })
  .meta({ id: "CheckScriptRequest" });
export const checkScriptAnswer = z
  .object({ header: scriptHeaderView, problems: z.array(scriptProblem) })
  .meta({ id: "CheckScriptAnswer" });
export type CheckScriptAnswer = z.infer<typeof checkScriptAnswer>;
export const listScriptsQuery = pageQuery.extend({ search: z.string().max(200).optional() });

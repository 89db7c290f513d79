import { z } from "zod";
import { pickRequest, pickView } from "./pick.ts";
import { findDurationMs } from "../duration.ts";
import { RUN_STATES, type RunState } from "../runs/run-state.ts";
import { SURVIVOR_POLICIES } from "./choices.ts";
import { concurrencyRequest } from "./concurrency.ts";
import { execution, executionTarget } from "./execution.ts";
import { retryRequest } from "./retry.ts";
import { rolloutPlanView, rolloutProgress, rolloutRequest, rolloutView } from "./rollout.ts";
import { secretReferences } from "./secret.ts";
import {
  durationText,
  oneOrMany,
  pageOf,
  pageQuery,
  runId,
  sha256,
  timestamp,
  tokenId,
} from "./shared.ts";
import { sqlRequest, sqlView } from "./sql.ts";

export const runState = z.enum(RUN_STATES as [RunState, ...RunState[]]);

const selectorText = z.string().min(1).max(4096).meta({ example: "label=role=db" });
const envValue = z.string().max(128 * 1024 - 1);

export const paramValue = z.union([
  z.string(),
  z.number(),
  z.boolean(),
  z.array(z.string()).max(1000),
]);
export type ParamValue = z.infer<typeof paramValue>;

export const inlineScript = z
  .strictObject({
    text: z.string().min(1),
    interpreter: z.string().min(1).max(256).optional().meta({ example: "python3" }),
    name: z
      .string()
      .min(1)
      .max(200)
      .optional()
      .meta({ description: "for display, and for the extension" }),
  })
  .meta({ id: "InlineScript" });

/** More than any kernel gives one process. */
const MOST_OPEN_FILES = 2 ** 31 - 1;
/** More than any kernel has. */
const MOST_PROCESSES = 2 ** 22;

/** Bytes for the script's standard input: text, or base64 for what is no text. */
export const stdinInput = z.union([z.string(), z.strictObject({ base64: z.base64() })]);

/** What a script may use; what is left out stays as the container has it. */
export const resourceLimits = z.strictObject({
  nice: z.number().int().min(-20).max(19).optional().meta({
    description: "the script's own nice value; below the container's it needs CAP_SYS_NICE",
  }),
  oomScore: z.number().int().min(0).max(1000).optional().meta({
    description:
      "added to the container's own score (1000): above 0 the kernel takes the script before the main process when memory ends",
  }),
  cpuTime: durationText.refine(isWholeSeconds, "write whole seconds, from 1s").optional().meta({
    description:
      "CPU time of each process, in whole seconds; SIGXCPU or SIGKILL ends what uses more",
    example: "30s",
  }),
  openFiles: z.number().int().min(1).max(MOST_OPEN_FILES).optional().meta({
    description: "file descriptors of each process",
  }),
  fileBytes: z.number().int().min(0).optional().meta({
    description: "the largest file that the script can write; beyond it: SIGXFSZ",
  }),
  processes: z.number().int().min(1).max(MOST_PROCESSES).optional().meta({
    description:
      "processes and threads of the user, also those that are not the script's; the host's root is not limited",
  }),
  umask: z
    .string()
    .regex(/^0?[0-7]{3}$/, "write octal digits, such as 022 or 0027")
    .optional()
    .meta({ example: "027" }),
});
export type ResourceLimits = z.infer<typeof resourceLimits>;

function isWholeSeconds(text: string): boolean {
  const durationMs = findDurationMs(text);
  return durationMs !== undefined && durationMs >= 1_000 && durationMs % 1_000 === 0;
}

export const survivorPolicy = z.enum(SURVIVOR_POLICIES).meta({
  description:
    "background processes of a script that ended: kill ends them, wait lets the run go on until the last has ended",
});
export type SurvivorPolicy = z.infer<typeof survivorPolicy>;

/** Exactly one of `script`, `inline` and `argv`. */
export const runRequest = z
  .strictObject({
    script: z
      .string()
      .min(1)
      .max(300)
      .optional()
      .meta({ example: "db/vacuum@3", description: "name, or name@version" }),
    inline: inlineScript.optional(),
    argv: z
      .array(z.string())
      .min(1)
      .max(1000)
      .optional()
      .meta({ example: ["nginx", "-t"] }),
    on: z.array(selectorText).min(1).max(100).meta({ description: "selectors; several add up" }),
    except: z.array(selectorText).max(100).default([]),
    onePerService: z.boolean().optional().meta({
      description:
        "one target of each compose service and engine, a healthy one where there is such",
    }),
    pick: pickRequest.optional().meta({
      description: "only some of the targets that match; else all",
      example: { count: 1, strategy: "least-busy" },
    }),
    params: z.record(z.string(), paramValue).default({}),
    secrets: secretReferences.default({}),
    args: z
      .array(z.string())
      .max(1000)
      .default([])
      .meta({ description: "arguments of the script" }),
    env: z.record(z.string(), envValue).default({}),
    stdin: stdinInput.optional(),
    user: z.string().max(256).optional().meta({ example: "postgres" }),
    workdir: z.string().max(4096).optional().meta({ example: "/tmp" }),
    limits: z
      .strictObject({
        timeout: durationText.optional(),
        killGrace: durationText.optional(),
        outputBytes: z.number().int().min(0).optional(),
        maxTargets: z.number().int().min(1).optional(),
        ...resourceLimits.shape,
      })
      .default({}),
    sql: sqlRequest.optional(),
    survivors: survivorPolicy.optional().meta({
      description: "else what the script's header says, else kill",
    }),
    rollout: rolloutRequest.optional().meta({
      description: "some after others instead of all at once",
    }),
    retry: retryRequest.optional().meta({ description: "nothing is tried again without it" }),
    concurrency: concurrencyRequest.optional().meta({
      description: "at most one run of a key at a time",
    }),
    allowEmpty: z.boolean().default(false),
    reason: z.string().max(500).optional(),
  })
  .refine(
    (request) =>
      [request.script, request.inline, request.argv].filter((one) => one !== undefined).length ===
      1,
    {
      message: "give exactly one of script, inline and argv",
    },
  )
  .meta({ id: "RunRequest" });
export type RunRequest = z.infer<typeof runRequest>;
export type RunRequestInput = z.input<typeof runRequest>;

const ORIGIN_KINDS = ["request", "schedule", "trigger", "rerun", "retry"] as const;

/** What started a run: a request of its own, or something that holds a request. */
export const runOrigin = z
  .object({
    kind: z.enum(ORIGIN_KINDS),
    id: z
      .string()
      .nullable()
      .meta({ description: "of the schedule, the trigger or the earlier run" }),
    name: z.string().nullable().meta({ description: "as it was called then" }),
  })
  .meta({ id: "RunOrigin" });
export type RunOrigin = z.infer<typeof runOrigin>;

/** The origin of what somebody asked for now. */
export const BY_REQUEST: RunOrigin = { kind: "request", id: null, name: null };

export const originFilter = z
  .string()
  .max(300)
  .regex(
    new RegExp(`^(${ORIGIN_KINDS.join("|")})(/.+)?$`),
    `write ${ORIGIN_KINDS.join(", ")}, or one of them with an id or name, such as schedule/nightly`,
  );

export const runSummary = z
  .object({
    id: runId,
    kind: z.enum(["script", "inline", "argv"]),
    title: z.string().meta({ description: "script name, inline name or argv in short" }),
    state: runState,
    counts: z.object({ total: z.number().int() }).catchall(z.number().int()),
    script: z.object({ name: z.string(), version: z.number().int(), sha256 }).nullable(),
    on: z.array(z.string()),
    except: z.array(z.string()),
    reason: z.string().nullable(),
    by: z.object({ tokenId, name: z.string() }).nullable(),
    origin: runOrigin,
    rerunOf: runId.nullable(),
    rollout: rolloutProgress.nullable(),
    createdAt: timestamp,
    startedAt: timestamp.nullable(),
    finishedAt: timestamp.nullable(),
    durationMs: z.number().int().nullable(),
    exitCode: z.number().int().nullable().meta({ description: "when the run has one execution" }),
    urls: z.object({ self: z.string(), output: z.string(), events: z.string() }),
  })
  .meta({ id: "RunSummary" });
export type RunSummary = z.infer<typeof runSummary>;

/** What was chosen for a run; null where the container's own limit holds. */
export const limitsView = z.object({
  timeoutMs: z.number().int(),
  killGraceMs: z.number().int(),
  outputBytes: z.number().int(),
  nice: z.number().int().nullable(),
  oomScore: z.number().int().nullable(),
  cpuTimeMs: z.number().int().nullable(),
  openFiles: z.number().int().nullable(),
  fileBytes: z.number().int().nullable(),
  processes: z.number().int().nullable(),
  umask: z.string().nullable(),
});
export type LimitsView = z.infer<typeof limitsView>;

const effect = z
  .enum(["read", "write", "destructive"])
  .nullable()
  .meta({ description: "what the script's header says of it" });

export const run = runSummary
  .extend({
    interpreter: z.array(z.string()).nullable(),
    argv: z.array(z.string()).nullable(),
    params: z
      .record(z.string(), paramValue)
      .meta({ description: "a secret's value is shown as •••" }),
    args: z.array(z.string()),
    env: z.array(z.string()).meta({ description: "names only" }),
    user: z.string(),
    workdir: z.string(),
    limits: limitsView,
    survivors: survivorPolicy,
    effect,
    concurrency: concurrencyRequest.nullable(),
    retry: retryRequest.nullable(),
    rollout: rolloutView.nullable(),
    sql: sqlView,
    pick: pickView.nullable().meta({ description: "null when all that match were taken" }),
    executions: z.array(execution),
  })
  .meta({ id: "Run" });
export type Run = z.infer<typeof run>;

export const runPage = pageOf(runSummary).meta({ id: "RunPage" });
export type RunPage = z.infer<typeof runPage>;

export const createRunQuery = z.strictObject({
  wait: durationText.optional().meta({ description: "wait for the end, at most this long (120s)" }),
  include: z
    .literal("output")
    .optional()
    .meta({ description: "put the output into the answer, up to 64 KiB a stream" }),
});
export const readRunQuery = createRunQuery;

export const listRunsQuery = pageQuery.extend({
  state: oneOrMany(runState),
  script: z.string().max(300).optional(),
  target: z.string().max(300).optional().meta({ description: "a target's id or name" }),
  origin: originFilter.optional().meta({
    description: "what started it: a kind, or a kind with an id or name",
    example: "schedule/nightly",
  }),
  since: z
    .union([durationText, timestamp])
    .optional()
    .meta({ description: "a time, or a span back from now" }),
  until: z.union([durationText, timestamp]).optional(),
});
export type ListRunsQuery = z.infer<typeof listRunsQuery>;

export const rerunRequest = z
  .strictObject({
    only: z
      .enum(["all", "failed"])
      .default("all")
      .meta({ description: "failed: every target that did not succeed" }),
    params: z.record(z.string(), paramValue).default({}).meta({
      description: "other values, and those of secrets, which are never kept",
    }),
    secrets: secretReferences.default({}),
  })
  .meta({ id: "RerunRequest" });
export type RerunRequest = z.infer<typeof rerunRequest>;

/** What a run would be: nothing is started and nothing is kept. */
export const runPlanView = z
  .object({
    kind: z.enum(["script", "inline", "argv"]),
    title: z.string(),
    script: z.object({ name: z.string(), version: z.number().int(), sha256 }).nullable(),
    interpreter: z.array(z.string()).nullable(),
    argv: z.array(z.string()).nullable(),
    params: z.record(z.string(), paramValue),
    args: z.array(z.string()),
    user: z.string(),
    workdir: z.string(),
    limits: limitsView,
    survivors: survivorPolicy,
    effect,
    concurrency: concurrencyRequest.nullable(),
    retry: retryRequest.nullable(),
    rollout: rolloutPlanView.nullable(),
    sql: sqlView,
    pick: pickView.nullable(),
    targets: z.array(executionTarget),
  })
  .meta({ id: "RunPlan" });
export type RunPlanView = z.infer<typeof runPlanView>;

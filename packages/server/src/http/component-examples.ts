import { EVENT_EXAMPLES } from "./event-examples.ts";
import { RUN, SCRIPT, SHA256, TIME, TOKEN } from "./example-values.ts";
import { SCRIPT_EXAMPLES } from "./script-examples.ts";
import { SCHEDULE_EXAMPLES } from "./schedule-examples.ts";

const EXECUTION = "exe_01k9g4z7e0s2m4n6p8q0r2t4v7";
const target = {
  id: "tgt_3f9a1c0b7d2e4f68",
  name: "pg-1",
  engine: "local",
  containerId: "f1d1c0ffee00112233445566778899aabbccddeeff00112233445566778899aa",
  image: "postgres:16",
};

const fullTarget = {
  ...target,
  state: "running",
  health: "healthy",
  project: "shop",
  service: "db",
  labels: { role: "db", "com.docker.compose.project": "shop", "com.docker.compose.service": "db" },
  startedAt: "2026-11-19T08:12:44.000Z",
};

const targetCounts = {
  matched: 3,
  excepted: 1,
  besidesOne: 1,
  total: 1,
  byState: [{ value: "healthy", count: 1 }],
  byEngine: [{ value: "local", count: 1 }],
  byService: [{ value: "shop/db", count: 1 }],
};

const guarantees = {
  way: "guard",
  durability: "durable",
  stop: "tree",
  survivesServerRestart: true,
};

const execution = {
  id: EXECUTION,
  runId: RUN,
  target,
  attempt: 1,
  retryOf: null,
  retriedBy: null,
  state: "succeeded",
  reason: { code: "exit-zero", detail: "The script ended with exit code 0." },
  exitCode: 0,
  signal: null,
  guarantees,
  queuedAt: TIME.queued,
  startedAt: TIME.started,
  finishedAt: TIME.finished,
  queuedMs: 20,
  startMs: 70,
  durationMs: 12_361,
  output: {
    stdoutBytes: 412,
    stderrBytes: 0,
    storedBytes: 412,
    truncated: false,
    complete: true,
    expired: false,
    stdout: 'INFO:  vacuuming "public.orders"\n',
    stderr: "",
    encoding: "utf-8",
  },
  usage: { cpuMs: 3_412, maxMemoryBytes: 41_943_040, oomKills: 0 },
  leftovers: [],
};

const rolloutProgress = { waitsFor: null, stopped: null };
const gate = {
  batch: 1,
  state: "passed",
  detail: "1 container is well.",
  startedAt: TIME.started,
  finishedAt: TIME.finished,
};

const pick = {
  count: 1,
  strategy: "least-busy",
  matched: 3,
  chosen: [{ target: "pg-1", why: "0 open executions, 3 % CPU" }],
};

const runSummary = {
  id: RUN,
  kind: "script",
  title: "db/vacuum",
  state: "succeeded",
  counts: { total: 1, succeeded: 1 },
  script: SCRIPT,
  on: ["label=role=db,project=shop"],
  except: [],
  reason: "OPS-412 bloat",
  by: { tokenId: TOKEN, name: "ann" },
  origin: { kind: "request", id: null, name: null },
  rerunOf: null,
  rollout: rolloutProgress,
  createdAt: TIME.queued,
  startedAt: TIME.started,
  finishedAt: TIME.finished,
  durationMs: 12_361,
  exitCode: 0,
  urls: {
    self: `/api/v1/runs/${RUN}`,
    output: `/api/v1/runs/${RUN}/output`,
    events: `/api/v1/runs/${RUN}/events`,
  },
};

const limits = {
  timeoutMs: 1_800_000,
  killGraceMs: 5_000,
  outputBytes: 67_108_864,
  nice: 10,
  oomScore: 1000,
  cpuTimeMs: null,
  openFiles: null,
  fileBytes: null,
  processes: null,
  umask: null,
};

const rollout = {
  maxConcurrency: 5,
  maxErrors: 2,
  order: "name",
  seed: null,
  batches: [1, 49],
  pauseMs: 60_000,
  health: { healthcheck: true, restarts: true, probe: null, timeoutMs: 60_000 },
};
const planned = {
  interpreter: ["bash"],
  argv: null,
  params: { TABLE: "public.orders", JOBS: 2 },
  args: [],
  user: "postgres",
  workdir: "",
  limits,
  survivors: "kill",
  effect: "write",
  concurrency: { key: "db/vacuum", onConflict: "queue" },
  retry: { attempts: 3, backoff: "10s", maxBackoff: "10m", on: ["failed"] },
  sql: null,
  rollout,
};

const frame = {
  seq: 41,
  executionId: EXECUTION,
  target: "pg-1",
  stream: "stdout",
  at: TIME.started,
  bytes: 33,
};
const outputFrame = { ...frame, text: 'INFO:  vacuuming "public.orders"\n' };

const sameOutput = {
  data: [
    {
      hash: SHA256,
      count: 2,
      targets: "pg-[1-2]",
      state: "succeeded",
      reasonCode: "exit-zero",
      exitCode: 0,
      signal: null,
      variants: 2,
      shortened: false,
      members: [
        { executionId: EXECUTION, target: "pg-1", engine: "local" },
        { executionId: `${EXECUTION.slice(0, -1)}8`, target: "pg-2", engine: "local" },
      ],
      sample: {
        executionId: EXECUTION,
        target: "pg-1",
        stdout: "vacuumed in 12.4s\n",
        stderr: "",
        encoding: "utf-8",
        shortened: false,
      },
    },
  ],
  total: 3,
  open: 1,
};

const secret = {
  name: "db/main",
  createdAt: TIME.started,
  updatedAt: TIME.started,
  updatedBy: "ann",
};

const terminal = {
  id: "trm_01k9g4z7e0s2m4n6p8q0r2t4v8",
  target,
  argv: ["bash"],
  user: "postgres",
  workdir: "",
  columns: 120,
  rows: 40,
  by: { tokenId: TOKEN, name: "ann" },
  since: TIME.started,
  state: "open",
  watchers: 0,
  unwatchedUntil: "2026-11-20T21:15:00.110Z",
  bytes: 81_234,
  guarantees: { way: "guard", durability: "durable", stop: "tree", survivesServerRestart: true },
  end: null,
  leftovers: [],
  urls: {
    self: "/api/v1/terminals/trm_01k9g4z7e0s2m4n6p8q0r2t4v8",
    connect: "/api/v1/terminals/trm_01k9g4z7e0s2m4n6p8q0r2t4v8/connect",
  },
};

const groupBody = {
  on: ["label=role=db,project=shop"],
  except: ["name=pg-old-*"],
  description: "The shop's databases",
};
const group = {
  id: "grp_01k9g4z7e0s2m4n6p8q0r2t4v9",
  name: "db",
  version: 3,
  createdAt: TIME.queued,
  updatedAt: TIME.finished,
  by: { tokenId: TOKEN, name: "ann" },
  ...groupBody,
};

const token = {
  id: TOKEN,
  name: "ann",
  createdAt: TIME.queued,
  expiresAt: null,
  lastUsedAt: TIME.finished,
};

const auditEntry = {
  id: 17,
  at: TIME.queued,
  who: { tokenId: TOKEN, name: "ann" },
  action: "run.create",
  object: RUN,
  where: "127.0.0.1",
  outcome: "allowed",
  requestId: "req_01k9g4z7e0s2m4n6p8q0r2t4v4",
  detail: { targets: 1 },
};

/** One telling example for each schema of the API's description; a test holds them to the schemas. */
export const COMPONENT_EXAMPLES: Readonly<Record<string, unknown>> = {
  Target: fullTarget,
  TargetCounts: targetCounts,
  TargetPage: { data: [fullTarget], next: null, total: 1, counts: targetCounts, noMatch: null },
  Guarantees: guarantees,
  Execution: execution,
  RunSummary: runSummary,
  Pick: pick,
  Run: {
    ...runSummary,
    ...planned,
    rollout: { ...rollout, ...rolloutProgress, gates: [gate] },
    env: ["LC_ALL"],
    pick,
    executions: [execution],
  },
  RolloutProgress: rolloutProgress,
  RolloutPlan: rollout,
  RolloutView: { ...rollout, ...rolloutProgress, gates: [gate] },
  RunPage: { data: [runSummary], next: null },
  RunPlan: {
    kind: "script",
    title: "db/vacuum",
    script: SCRIPT,
    ...planned,
    pick,
    targets: [target],
  },
  RerunRequestInput: { only: "failed" },
  OutputFrame: outputFrame,
  OutputPage: { data: [outputFrame], next: 41, complete: true },
  SameOutput: sameOutput,
  ...SCRIPT_EXAMPLES,
  Terminal: terminal,
  TerminalList: { data: [terminal] },
  OpenTerminalRequestInput: {
    on: "pg-1",
    argv: ["bash"],
    user: "postgres",
    columns: 120,
    rows: 40,
  },
  Group: group,
  GroupPage: { data: [group], next: null },
  CreateGroupRequestInput: { name: "db", ...groupBody },
  ReplaceGroupRequestInput: groupBody,
  NextTimes: {
    timeZone: "Europe/Berlin",
    data: [
      {
        dueAt: "2027-03-28T01:00:00.000Z",
        startsAt: "2027-03-28T01:00:00.000Z",
        local: "2027-03-28 03:00:00",
        note: "the clocks skip the time that was asked for; due at 03:00 instead",
      },
    ],
  },
  Secret: secret,
  SecretList: { data: [secret] },
  SetSecretRequestInput: { value: "correct horse battery staple" },
  ...EVENT_EXAMPLES,
  ...SCHEDULE_EXAMPLES,
  Token: token,
  TokenList: { data: [token] },
  CreateTokenRequestInput: { name: "ci", expiresIn: "90d" },
  CreatedToken: { ...token, lastUsedAt: null, secret: `dh_${TOKEN.slice(4)}_${"x".repeat(43)}` },
  AuditEntry: auditEntry,
  AuditPage: { data: [auditEntry], next: "16" },
};

/** Bodies that can be of several kinds, by schema and then by name. */
export const REQUEST_EXAMPLES: Readonly<
  Record<string, Readonly<Record<string, { summary: string; value: unknown }>>>
> = {
  RunRequestInput: {
    script: {
      summary: "A stored script with parameters, on every database of a compose project",
      value: {
        script: "db/vacuum@3",
        on: ["label=role=db,project=shop"],
        except: ["name=pg-old-*"],
        params: { TABLE: "public.orders", JOBS: 2 },
        limits: { timeout: "30m", maxTargets: 20, nice: 10, cpuTime: "5m", umask: "027" },
        reason: "OPS-412 bloat",
      },
    },
    inline: {
      summary: "A script in the request, with standard input",
      value: {
        inline: { text: "import sys; print(len(sys.stdin.read()))", interpreter: "python3" },
        stdin: "hello",
        on: ["pg-1"],
      },
    },
    argv: {
      summary: "A plain command",
      value: { argv: ["pg_isready", "-q"], on: ["service=db"], user: "postgres" },
    },
  },
};

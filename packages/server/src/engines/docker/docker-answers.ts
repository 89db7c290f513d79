import { z } from "zod";
import type {
  ContainerHealth,
  ContainerStatus,
  EngineContainer,
  EngineContainerDetail,
  EngineEvent,
  EngineUsage,
  ExecStatus,
} from "../engine.ts";

/** What we read of the engine's answers; anything else in them is passed over. */
export const versionAnswer = z.object({
  Version: z.string(),
  ApiVersion: z.string(),
  Os: z.string().default("linux"),
  Arch: z.string().default(""),
  Components: z.array(z.object({ Name: z.string() })).nullish(),
});

const listed = z.object({
  Id: z.string(),
  Names: z.array(z.string()).nullish(),
  Image: z.string(),
  ImageID: z.string().default(""),
  Labels: z.record(z.string(), z.string()).nullish(),
  State: z.string(),
  Status: z.string().default(""),
  Created: z.union([z.number(), z.string()]).default(0),
});
export const listAnswer = z.array(listed);

const inspected = z.object({
  Id: z.string(),
  Name: z.string(),
  Image: z.string(),
  Created: z.string(),
  State: z.object({
    Status: z.string(),
    StartedAt: z.string(),
    Pid: z.number().default(0),
    ExitCode: z.number().default(0),
    OOMKilled: z.boolean().default(false),
    Health: z
      .object({ Status: z.string(), Log: z.array(z.object({ Start: z.string() })).nullish() })
      .nullish(),
  }),
  Config: z.object({
    Image: z.string().nullish(),
    Labels: z.record(z.string(), z.string()).nullish(),
    User: z.string().default(""),
    Env: z.array(z.string()).nullish(),
    WorkingDir: z.string().default(""),
  }),
});
export const inspectAnswer = inspected;

export const imageAnswer = z.object({
  Config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }).nullish(),
});

export const createdExecAnswer = z.object({ Id: z.string() });
export const execAnswer = z.object({
  Running: z.boolean(),
  ExitCode: z.number().nullish(),
  Pid: z.number().default(0),
});
/** Podman says nothing at all of a container that does not run. */
export const statsAnswer = z
  .object({
    read: z.string(),
    cpu_stats: z.object({ cpu_usage: z.object({ total_usage: z.number().default(0) }) }),
    memory_stats: z.object({ usage: z.number().default(0) }).default({ usage: 0 }),
  })
  .optional();
export const topAnswer = z.object({
  Titles: z.array(z.string()),
  Processes: z.array(z.array(z.string())).nullish(),
});

const eventAnswer = z.object({
  Type: z.string().optional(),
  Action: z.string(),
  Actor: z
    .object({ ID: z.string(), Attributes: z.record(z.string(), z.string()).nullish() })
    .optional(),
  id: z.string().optional(),
  time: z.number().default(0),
  timeNano: z.number().optional(),
});

const STATUS: Readonly<Record<string, ContainerStatus>> = {
  created: "created",
  configured: "created",
  initialized: "created",
  running: "running",
  paused: "paused",
  restarting: "restarting",
  exited: "exited",
  stopped: "exited",
  stopping: "removing",
  dead: "dead",
  removing: "removing",
};

export function toContainer(answer: z.infer<typeof listed>): EngineContainer {
  return {
    id: answer.Id,
    name: toName(answer.Names?.[0] ?? answer.Id.slice(0, 12)),
    image: answer.Image,
    imageId: answer.ImageID,
    labels: answer.Labels ?? {},
    status: STATUS[answer.State.toLowerCase()] ?? "dead",
    health: /\((healthy|unhealthy|health: starting)\)/
      .exec(answer.Status)?.[1]
      ?.replace("health: ", "") as ContainerHealth | undefined,
    startedAt: undefined,
    createdAt: new Date(
      typeof answer.Created === "number" ? answer.Created * 1000 : answer.Created,
    ),
  };
}

export function toDetail(answer: z.infer<typeof inspected>): EngineContainerDetail {
  const { State, Config } = answer;
  return {
    id: answer.Id,
    name: toName(answer.Name),
    image: Config.Image ?? answer.Image,
    imageId: answer.Image,
    labels: Config.Labels ?? {},
    status: STATUS[State.Status.toLowerCase()] ?? "dead",
    health: toHealth(State.Health?.Status),
    startedAt: State.StartedAt,
    createdAt: new Date(answer.Created),
    pid: State.Pid,
    healthCheckedAt: State.Health?.Log?.at(-1)?.Start,
    exitCode: State.ExitCode,
    oomKilled: State.OOMKilled,
    user: Config.User,
    env: Config.Env ?? [],
    workdir: Config.WorkingDir,
  };
}

/** Podman reports exit code 0 while a process runs, so a code counts only afterwards. */
export function toExecStatus(answer: z.infer<typeof execAnswer>): ExecStatus {
  return {
    running: answer.Running,
    exitCode: answer.Running ? undefined : (answer.ExitCode ?? undefined),
    pid: answer.Pid,
  };
}

const EVENT_KINDS: Readonly<Record<string, EngineEvent["kind"]>> = {
  start: "start",
  die: "die",
  died: "die",
  oom: "oom",
  pause: "pause",
  unpause: "unpause",
  restart: "restart",
  rename: "rename",
  destroy: "destroy",
  remove: "destroy",
  update: "update",
};

/** Gives `undefined` for events that say nothing about a container's life. */
export function toEvent(line: string): EngineEvent | undefined {
  const event = eventAnswer.parse(JSON.parse(line));
  const kind = event.Action.startsWith("health_status") ? "health" : EVENT_KINDS[event.Action];
  const containerId = event.Actor?.ID ?? event.id;
  if (!kind || !containerId) return undefined;
  const { name = "", image = "", exitCode, ...rest } = event.Actor?.Attributes ?? {};
  return {
    kind,
    containerId,
    at: new Date(event.timeNano ? event.timeNano / 1e6 : event.time * 1000),
    name: toName(name),
    image,
    labels: withoutOwn(rest),
    exitCode: kind === "die" && exitCode !== undefined ? Number(exitCode) : undefined,
    health: kind === "health" ? toHealth(event.Action.split(": ")[1]) : undefined,
  };
}

/** Engines put what they say of the event among the container's labels. */
const OWN_ATTRIBUTES: ReadonlySet<string> = new Set(["containerExitCode", "podId", "signal"]);

function withoutOwn(attributes: Readonly<Record<string, string>>): Record<string, string> {
  const labels = Object.entries(attributes).filter(([name]) => !OWN_ATTRIBUTES.has(name));
  return Object.fromEntries(labels);
}

function toHealth(status: string | undefined): ContainerHealth | undefined {
  return status === "starting" || status === "healthy" || status === "unhealthy"
    ? status
    : undefined;
}

function toName(name: string): string {
  return name.replace(/^\//, "");
}

/** Docker answers with nothing used for a container that does not run. */
export function toUsage(answer: z.infer<typeof statsAnswer>): EngineUsage | undefined {
  const nanoseconds = answer?.cpu_stats.cpu_usage.total_usage ?? 0;
  if (!answer || nanoseconds === 0) return undefined;
  const { read, memory_stats } = answer;
  return { at: new Date(read), cpuMs: nanoseconds / 1_000_000, memoryBytes: memory_stats.usage };
}

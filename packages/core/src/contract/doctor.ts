import { z } from "zod";
import { guarantees, reasonCode } from "./execution.ts";
import { timestamp } from "./shared.ts";
import { targetHealth, target as targetSchema } from "./target.ts";

export const examinationQuery = z.strictObject({
  user: z
    .string()
    .max(256)
    .regex(/^[^\0]*$/, "holds a NUL")
    .default("")
    .meta({ example: "postgres", description: "as whom; without it as the container's own user" }),
});
export type ExaminationQuery = z.infer<typeof examinationQuery>;

/** A guard that answered. */
export const guardFinding = z.object({
  way: z.string().meta({ example: "shell", description: "how it is brought in and reached" }),
  path: z.string().meta({ example: "/run/.deckhand-0/deckhand-guard-2f1c0d9e8b7a6f55" }),
  version: z.string(),
  protocol: z.number().int(),
  pid: z.number().int().meta({ description: "as the container sees it" }),
  uid: z.number().int(),
  wasThere: z.boolean().meta({ description: "false when this examination started it" }),
});
export type GuardFinding = z.infer<typeof guardFinding>;

/** A way for the guard that does not work in this container. */
export const triedWay = z.object({
  way: z.string().meta({ example: "shell" }),
  problem: z.string().meta({ example: "no directory can be written to and hold programs" }),
  advice: z.string().nullable(),
});
export type TriedWayFinding = z.infer<typeof triedWay>;

export const directoryFinding = z.object({
  path: z.string(),
  writable: z.boolean(),
  holdsPrograms: z.boolean().meta({ description: "false where nothing may be started from" }),
  type: z.string().meta({ example: "tmpfs", description: "of its file system" }),
});
export type DirectoryFinding = z.infer<typeof directoryFinding>;

const limited = z.object({
  used: z
    .number()
    .int()
    .nullable()
    .meta({ description: "without what the kernel takes back when it is needed" }),
  limit: z.number().int().nullable().meta({ description: "null: none, or not to be seen" }),
});

/** What a shell in the container sees. */
export const insideFinding = z.object({
  user: z.object({
    uid: z.number().int(),
    name: z.string().nullable(),
    gid: z.number().int(),
    groups: z.array(z.number().int()),
  }),
  readOnlyRoot: z.boolean(),
  directories: z.array(directoryFinding).meta({ description: "the usual ones that exist" }),
  interpreters: z
    .record(z.string(), z.string())
    .meta({ description: "by name, with their paths", example: { sh: "/bin/sh" } }),
  noNewPrivileges: z.boolean(),
  capabilities: z.array(z.string()).meta({ example: ["CAP_CHOWN"] }),
  memory: limited,
  processes: limited,
  cgroup: z.enum(["v1", "v2"]).nullable(),
  main: z.object({
    name: z.string().meta({ example: "postgres", description: "of PID 1" }),
    command: z.string().nullable(),
    reaps: z
      .enum(["yes", "no", "unknown"])
      .meta({ description: "whether it takes ended children off that are not its own" }),
  }),
  zombies: z.array(z.object({ pid: z.number().int(), name: z.string(), parent: z.number().int() })),
});
export type InsideFinding = z.infer<typeof insideFinding>;

export const EXAMINATION_GROUPS = ["container", "guard", "guarantees", "inside"] as const;

/** One thing that was looked at, in words. */
export const finding = z.object({
  group: z.enum(EXAMINATION_GROUPS),
  check: z.string().meta({ example: "stop" }),
  state: z.enum(["ok", "note", "warning", "problem"]),
  detail: z.string(),
  hint: z.string().nullable().meta({ description: "what to do about it" }),
});
export type Finding = z.infer<typeof finding>;

/** What a container allows, and why. */
export const examination = z
  .object({
    target: targetSchema.pick({
      id: true,
      name: true,
      engine: true,
      containerId: true,
      image: true,
    }),
    user: z.string().meta({ description: 'as asked for; "" is the container\'s own' }),
    examinedAt: timestamp,
    container: z.object({
      status: z.string().meta({ example: "running" }),
      health: targetHealth,
      user: z.string(),
      startedAt: timestamp.nullable(),
      oomKilled: z.boolean(),
    }),
    engine: z.object({
      product: z.enum(["docker", "podman"]),
      version: z.string(),
      architecture: z.string(),
    }),
    guard: guardFinding.nullable().meta({ description: "null: there is no way for it" }),
    tried: z.array(triedWay).meta({ description: "ways that do not work, in the order tried" }),
    guarantees: guarantees.nullable().meta({
      description:
        "what holds for a script, or for plain command lines where no script can run; null: nothing can",
    }),
    refusal: z
      .object({ code: reasonCode, detail: z.string() })
      .nullable()
      .meta({ description: "why no script can run; null: one can" }),
    inside: insideFinding.nullable().meta({ description: "null: there is no shell to look by" }),
    findings: z.array(finding),
  })
  .meta({ id: "Examination" });
export type ExaminationView = z.infer<typeof examination>;

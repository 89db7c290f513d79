import { z } from "zod";
import { executionTarget, guarantees } from "./execution.ts";
import { timestamp, tokenId } from "./shared.ts";

export const terminalId = z
  .string()
  .regex(/^trm_[0-9a-z]{26}$/)
  .meta({ example: "trm_01k9g4z7e0s2m4n6p8q0r2t4v6" });

/** What goes to the kernel as a text that ends with its first NUL. */
const systemText = (most: number) =>
  z
    .string()
    .max(most)
    .regex(/^[^\0]*$/, "holds a NUL");
const side = z.number().int().min(1).max(1_000);
const terminalSize = { columns: side, rows: side };

export const openTerminalRequest = z
  .strictObject({
    on: z
      .string()
      .min(1)
      .max(4096)
      .meta({ example: "db-1", description: "a selector that matches exactly one target" }),
    argv: z
      .array(systemText(128 * 1024 - 1))
      .min(1)
      .max(1_000)
      .optional()
      .meta({
        example: ["bash"],
        description: "without it the first of bash, zsh, ash and sh that the container has",
      }),
    user: systemText(256).default("").meta({ example: "postgres" }),
    workdir: systemText(4096).default("").meta({ example: "/tmp" }),
    env: z.record(z.string(), z.string().max(128 * 1024 - 1)).default({}),
    columns: side.default(80),
    rows: side.default(24),
  })
  .meta({ id: "OpenTerminalRequest" });
export type OpenTerminalRequest = z.infer<typeof openTerminalRequest>;
export type OpenTerminalRequestInput = z.input<typeof openTerminalRequest>;

/**
 * `exited`: its program ended; `ended`: somebody ended it; `unwatched`: nobody came back to it; `shutdown`: the server
 * ended; `lost`: we can not know.
 */
export const TERMINAL_ENDS = ["exited", "ended", "unwatched", "shutdown", "lost"] as const;

export const terminalEnd = z.object({
  exitCode: z.number().int().nullable(),
  signal: z.string().nullable(),
  reason: z.object({ code: z.enum(TERMINAL_ENDS), detail: z.string() }),
});
export type TerminalEnd = z.infer<typeof terminalEnd>;

/** A program on a pseudo terminal in one container; it goes on while nobody watches it. */
export const terminal = z
  .object({
    id: terminalId,
    target: executionTarget,
    argv: z.array(z.string()).nullable().meta({ description: "null: a shell was looked for" }),
    user: z.string(),
    workdir: z.string(),
    ...terminalSize,
    by: z.object({ tokenId, name: z.string() }).nullable(),
    since: timestamp,
    state: z.enum(["open", "ended"]),
    watchers: z.number().int(),
    unwatchedUntil: timestamp
      .nullable()
      .meta({ description: "when it is ended, if nobody comes back to it" }),
    bytes: z.number().int().meta({ description: "how much it has shown since its start" }),
    guarantees,
    end: terminalEnd.nullable(),
    leftovers: z.array(z.object({ pid: z.number().int(), command: z.string() })).meta({
      description: "processes that still ran when we last looked",
    }),
    urls: z.object({ self: z.string(), connect: z.string() }),
  })
  .meta({ id: "Terminal" });
export type Terminal = z.infer<typeof terminal>;
export const terminalList = z.object({ data: z.array(terminal) }).meta({ id: "TerminalList" });

export const connectTerminalQuery = z.strictObject({
  after: z.coerce
    .number()
    .int()
    .min(0)
    .max(Number.MAX_SAFE_INTEGER)
    .optional()
    .meta({ description: "how many bytes of it are known already; without it all that is kept" }),
});

/** What a watcher sends as text; what is typed comes as binary messages. */
export const watcherMessage = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("resize"), ...terminalSize }),
  /** From the first one on at most 512 KiB are sent beyond the last. */
  z.strictObject({ type: z.literal("taken"), offset: z.number().int().min(0) }),
]);
export type WatcherMessage = z.infer<typeof watcherMessage>;

/** What the server sends as text; what the terminal shows comes as binary messages. */
export type TerminalMessage =
  /**
   * `offset`: of the first byte that follows; more than was asked for when older ones are not kept any more. `end`: of
   * the first byte that was not shown before.
   */
  | {
      readonly type: "hello";
      readonly terminalId: string;
      readonly offset: number;
      readonly end: number;
      readonly columns: number;
      readonly rows: number;
    }
  /** Every 20 s, so that a watcher knows a dead connection from a silent program. */
  | { readonly type: "alive" }
  | ({ readonly type: "exit" } & TerminalEnd);

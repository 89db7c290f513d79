import { access, constants } from "node:fs/promises";
import { type DeckhandClient, ProblemError } from "@deckhand/client";
import type { Schedule } from "@deckhand/core";
import type { Command } from "commander";
import { type CommandContext, show, type Surroundings } from "../command-context.ts";
import { EXIT } from "../exit-codes.ts";
import { UsageError } from "../usage-error.ts";
import { resolveConnection } from "../connection.ts";
import { VERSION } from "../version.ts";
import { isDurable, toExaminationText } from "../views/examination-view.ts";
import { action, newCommand } from "./command.ts";

interface Finding {
  readonly check: string;
  readonly state: "ok" | "warning" | "problem";
  readonly detail: string;
  /** What to do about it. */
  readonly hint?: string;
}

/** More than this apart, tokens that expire and times in lists mislead. */
const CLOCK_APART_MS = 30_000;

export function doctorCommand(surroundings: Surroundings): Command {
  return newCommand("doctor", {
    summary:
      "Look for what keeps Deckhand from working, all in all or in one container, and say what to do",
    examples: [
      ["deckhand doctor", "server, token, engines, clock, versions"],
      ["deckhand doctor db-1", "what a container allows, and why; 1 when no durable way exists"],
      ["deckhand doctor db-1 --user postgres", "the same for a script of another user"],
      ["deckhand doctor db-1 -o json", "for a program"],
      ["deckhand --context prod doctor", "another server"],
    ],
  })
    .argument("[target]", "the name or id of one target")
    .option("--user <user>", "as whom scripts would run there; else as the container's own user")
    .action(
      action(surroundings, async (context, target: string | undefined, flags: DoctorFlags) => {
        if (target !== undefined) return examineTarget(context, target, flags);
        if (flags.user !== undefined)
          throw new UsageError("--user needs a target", {
            hint: "deckhand doctor db-1 --user postgres",
          });
        return examineServer(context);
      }),
    );
}

interface DoctorFlags {
  readonly user?: string;
}

async function examineTarget(
  context: CommandContext,
  target: string,
  { user }: DoctorFlags,
): Promise<void> {
  const examined = await (await context.client()).examineTarget(target, { user });
  await show(context, examined, (shown) => toExaminationText(shown, context.style));
  if (!isDurable(examined)) context.exit(EXIT.failed);
}

async function examineServer(context: CommandContext): Promise<void> {
  const findings = await examine(context);
  await show(context, findings, (shown) =>
    shown.map((finding) => toLine(context, finding)).join(""),
  );
  if (findings.some(({ state }) => state === "problem")) context.exit(EXIT.failed);
}

async function examine(context: CommandContext): Promise<Finding[]> {
  const { server, token } = await resolveConnection(context.options, context.surroundings.env);
  const local = await lookAtSocket();
  const client = await context.client();
  try {
    await client.request("GET", "/healthz");
  } catch (error) {
    return [
      problem(
        "server",
        `${server}: ${(error as Error).message}`,
        "Start one with: deckhand serve   (or name another with --server)",
      ),
      local,
    ];
  }
  const reached: Finding = { check: "server", state: "ok", detail: `${server} answers` };
  if (token === undefined)
    return [
      reached,
      problem("token", "there is none", "export DECKHAND_TOKEN_FILE=<data dir>/first-token"),
      local,
    ];
  return [reached, ...(await lookInside(client)), local];
}

async function lookInside(client: DeckhandClient): Promise<Finding[]> {
  try {
    const from = Date.now();
    const answer = await client.request("GET", "/api/v1/info");
    const { version } = (await answer.json()) as { version: string };
    const engines = await client.listEngines();
    return [
      { check: "token", state: "ok", detail: "is valid" },
      toVersionFinding(version),
      toClockFinding(Date.parse(answer.headers.get("date") ?? "") - from),
      ...engines.map(
        (engine): Finding =>
          engine.state === "up"
            ? {
                check: `engine ${engine.name}`,
                state: "ok",
                detail: `${engine.product} ${engine.version} (API ${engine.apiVersion}), ${engine.targets} targets`,
              }
            : problem(
                `engine ${engine.name}`,
                engine.problem ?? `${engine.address} has not answered yet`,
                "Is it running, and may the server's user use its socket?",
              ),
      ),
      ...(await client.schedules.list()).flatMap(toScheduleFinding),
    ];
  } catch (error) {
    const hint = error instanceof ProblemError ? error.problem.hint : undefined;
    return [problem("token", (error as Error).message, hint ?? "See the server's log.")];
  }
}

/** Those that would be refused, or whose labels can not be read. */
function toScheduleFinding({ name, problem: why, source }: Schedule): Finding[] {
  if (why === null) return [];
  const hint =
    source.kind === "labels"
      ? `Change the labels of ${source.containers.join(", ")} and make the container anew.`
      : `See it: deckhand schedules show ${name}`;
  return [problem(`schedule ${name}`, why, hint)];
}

function toVersionFinding(server: string): Finding {
  if (server === VERSION) return { check: "version", state: "ok", detail: VERSION };
  return {
    check: "version",
    state: "warning",
    detail: `the server is ${server}, this command is ${VERSION}`,
    hint: "Bring both to the same version.",
  };
}

function toClockFinding(apartMs: number): Finding {
  if (Math.abs(apartMs) < CLOCK_APART_MS)
    return { check: "clock", state: "ok", detail: "agrees with the server's" };
  return {
    check: "clock",
    state: "warning",
    detail: `differs from the server's by ${Math.round(apartMs / 1000)} s`,
    hint: "Set one of them right.",
  };
}

/** What a server of this user on this machine would use. */
async function lookAtSocket(): Promise<Finding> {
  const path = "/var/run/docker.sock";
  const usable = await access(path, constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
  if (usable)
    return { check: "local engine", state: "ok", detail: `${path} can be used from here` };
  return {
    check: "local engine",
    state: "warning",
    detail: `${path} can not be used from here`,
    hint: "Only needed where the server runs: is the engine up, and are you in its group?",
  };
}

function problem(check: string, detail: string, hint: string): Finding {
  return { check, state: "problem", detail, hint };
}

const MARKS = { ok: ["✓", "green"], warning: ["!", "yellow"], problem: ["✕", "red"] } as const;

function toLine({ style }: CommandContext, { check, state, detail, hint }: Finding): string {
  const [mark, format] = MARKS[state];
  return `${style(format, mark)} ${check}: ${detail}\n${hint === undefined ? "" : `  ${hint}\n`}`;
}

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Run, Schedule } from "@deckhand/core";
import { expect } from "vitest";
import { readRun } from "../run-requests.ts";
import { until } from "../until.ts";
import { type CheckBlock, type DocContext, runOne } from "./check-example.ts";
import { startContainer } from "./containers.ts";
import { parseYaml } from "./server-configuration.ts";
import { expectSameMembers, toShape } from "./shape.ts";

/** The server of these tests was started with it. */
export const isConfiguration: CheckBlock = async () => undefined;

/** It is a file that the commands below it use. */
export function isFile(name: string): CheckBlock {
  return ({ folder }, text) => writeFile(join(folder, name), text);
}

/** It is a script that this command runs. */
export function isFileFor(name: string, command: string): CheckBlock {
  return async (context, text) => {
    await isFile(name)(context, text);
    await runOne(context, command);
  };
}

/** What the command before it answered has these members. */
export const isAnswer: CheckBlock = async ({ last }, text) => {
  expectSameMembers(JSON.parse(last?.stdout ?? ""), JSON.parse(text));
};

/** Word for word what this command prints, as JSON. */
export function isPrintedBy(command: string): CheckBlock {
  return async (context, text) => {
    const { stdout } = await runOne(context, command);
    expect(JSON.parse(stdout)).toEqual(JSON.parse(text));
  };
}

/** What this command prints, but for numbers. */
export const isSessionWithNumbers: CheckBlock = async (context, text) => {
  const [first = "", ...shown] = text.split("\n");
  const { stdout } = await runOne(context, first.replace("$ ", ""));
  const withoutNumbers = (printed: string) => toShape(printed).replace(/\d+/g, "N");
  expect(withoutNumbers(stdout)).toBe(withoutNumbers(shown.join("\n")));
};

/** Each line begins with what this command prints as a line. */
export function isListedBy(command: string): CheckBlock {
  return async (context, text) => {
    const { stdout } = await runOne(context, command);
    const firstWords = text
      .trim()
      .split("\n")
      .map((line) => line.split(" ")[0] ?? "");
    expect(toShape(stdout).split("\n")).toEqual(toShape(firstWords.join("\n")).split("\n"));
  };
}

/** A request for a run, which succeeds. */
export const isRunRequest: CheckBlock = async ({ playground }, text) => {
  const path = "/api/v1/runs?wait=60s&include=output";
  const answer = await playground.server.fetch(path, { method: "POST", body: text });
  const run = (await answer.json()) as Run;
  expect(run, text).toMatchObject({ state: "succeeded" });
};

/** A line of cron, whose command succeeds. */
export const isCronLine: CheckBlock = async (context, text) => {
  const [, command = ""] = /^(?:\S+ +){5}(.+)$/m.exec(text) ?? [];
  await runOne(context, command.replaceAll("/var/log", context.folder));
};

interface Compose {
  readonly services: Readonly<
    Record<string, { readonly image: string; readonly labels: Readonly<Record<string, string>> }>
  >;
}

/** A compose file whose containers bring schedules along; its containers are made as Compose would. */
export const isComposeWithSchedules: CheckBlock = async (context, text) => {
  const { services } = parseYaml(text) as Compose;
  for (const [service, { image, labels }] of Object.entries(services)) {
    const names = new Set(Object.keys(labels).map((label) => label.split(".")[2] ?? ""));
    const found = await schedulesOf(context, { service, image, labels }, [...names]);
    for (const schedule of found)
      expect(schedule).toMatchObject({ state: "active", problem: null });
  }
};

interface Labelled {
  readonly service: string;
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Starts a container with these labels, waits until its schedules are listed, and removes it. */
async function schedulesOf(
  { playground: { engine, server } }: DocContext,
  { service, image, labels }: Labelled,
  names: readonly string[],
): Promise<readonly Schedule[]> {
  const project = `labels-${service}`;
  const compose = {
    "com.docker.compose.project": project,
    "com.docker.compose.service": service,
  };
  await startContainer(engine, {
    name: project,
    image,
    labels: { ...labels, ...compose },
    command: ["sleep", "1000000"],
  });
  const wanted = names.map((name) => `labels.local.${project}.${service}.${name}`);
  let found: readonly Schedule[] = [];
  await until(server, async () => {
    const { data } = (await (await server.fetch("/api/v1/schedules?limit=200")).json()) as {
      data: readonly Schedule[];
    };
    found = data.filter(({ name }) => wanted.includes(name));
    return found.length === wanted.length;
  });
  await engine.docker("rm", "--force", "--volumes", project);
  return found;
}

/** The event of a run that a schedule started and that failed, as the receiver gets it. */
export const isToldOfFailure: CheckBlock = async (context, text) => {
  const { receiver } = context.playground;
  const before = receiver.received.length;
  await runOne(
    context,
    `deckhand schedules create failing @yearly db/fails --on label=role=db
     deckhand schedules run failing || :`,
  );
  await receiver.until(before + 1);
  const told = receiver.received.find(({ json }) => json["type"] === "run.failed");
  expect(told?.isSigned).toBe(false);
  expectSameMembers(told?.json, JSON.parse(text));
};

/** What a trigger reads of a container's end: each of its members can be mapped. */
export const isContainerEvent: CheckBlock = async (context, text) => {
  const { engine, server } = context.playground;
  const shown = toLeaves(JSON.parse(text));
  const map = Object.fromEntries(
    Object.keys(shown).map((pointer, index) => [`P${index}`, pointer]),
  );
  const trigger = {
    name: "ended",
    source: { kind: "container", events: ["die"], on: ["name=shop-web-1"], cooldown: "0s" },
    run: { script: "web/mapped", on: ["app-1"], map },
  };
  const made = await server.fetch("/api/v1/triggers", {
    method: "POST",
    body: JSON.stringify(trigger),
  });
  expect(made.status, await made.text()).toBe(201);
  await startContainer(engine, {
    name: "shop-web-1",
    image: "web:4",
    labels: {
      role: "web",
      "com.docker.compose.project": "shop",
      "com.docker.compose.service": "web",
    },
    command: ["sleep", "1000000"],
  });
  await engine.docker("kill", "shop-web-1");
  const run = await firstRunOf(context, "trigger/ended");
  await engine.docker("rm", "--force", "shop-web-1");
  const said = run.executions[0]?.output.stdout ?? "";
  for (const [index, [pointer, value]] of Object.entries(shown).entries()) {
    const [, told = ""] = new RegExp(`^P${index}=(.*)$`, "m").exec(said) ?? [];
    const isVague = ["/at", "/container/id"].includes(pointer);
    expect(told, `${pointer} in ${said}`).toEqual(
      isVague ? expect.stringMatching(/./) : String(value),
    );
  }
};

async function firstRunOf({ playground: { server } }: DocContext, origin: string): Promise<Run> {
  let id: string | undefined;
  await until(server, async () => {
    const answer = await server.fetch(`/api/v1/runs?origin=${origin}`);
    id = ((await answer.json()) as { data: { id: string }[] }).data[0]?.id;
    return id !== undefined;
  });
  return readRun(server, id ?? "", "?wait=60s&include=output");
}

/** Each value by its JSON pointer. */
function toLeaves(value: unknown, pointer = ""): Record<string, unknown> {
  if (typeof value !== "object" || value === null) return { [pointer]: value };
  return Object.assign(
    {},
    ...Object.entries(value).map(([name, inner]) => toLeaves(inner, `${pointer}/${name}`)),
  );
}

/** A command, and what the database in the container then has in its log from its start on. */
export function isSessionWithLog({ isWholeLog }: { readonly isWholeLog: boolean }): CheckBlock {
  return async (context, text) => {
    const { engine } = context.playground;
    await engine.docker("restart", "db");
    const since = await engine.docker("inspect", "--format", "{{.State.StartedAt}}", "db");
    const log = async () => {
      const { stdout } = await runOne(context, `docker logs --since ${since} db 2>&1`);
      return toShape(stdout)
        .split("\n")
        .flatMap((line) => /LOG:.*$/.exec(line) ?? []);
    };
    const [first = "", ...rest] = text.trim().split("\n");
    const shown = toShape(rest.join("\n")).split("\n");
    const ready = shown.at(-1) ?? "";
    await until(context.playground.server, async () => (await log()).includes(ready));
    const before = (await log()).length;
    await runOne(context, first.replace("$ ", ""));
    const isSoFar = async () => {
      const after = (await log()).slice(isWholeLog ? before - 1 : before);
      return after.length >= shown.length && after.at(-1) === ready;
    };
    await until(context.playground.server, isSoFar);
    const after = (await log()).slice(isWholeLog ? before - 1 : before);
    expect(isWholeLog ? after : after.filter((line) => shown.includes(line))).toEqual(shown);
  };
}

/** An expression of a browser, for the terminal that the command before it opened. */
export const isWebSocket: CheckBlock = async (context, text) => {
  const { server } = context.playground;
  const { urls } = JSON.parse(context.last?.stdout ?? "") as { urls: { connect: string } };
  const { href } = new URL(urls.connect, server.url.replace("http", "ws"));
  const program = `const { address, DECKHAND_TOKEN: token } = process.env;
const socket = ${text.trim()}
socket.onmessage = ({ data }) => {
  console.log(data);
  socket.close();
};`;
  await isFile("socket.mjs")(context, program);
  const { stdout } = await runOne(context, `address='${href}' '${process.execPath}' socket.mjs`);
  expect(JSON.parse(stdout.split("\n")[0] ?? "")).toMatchObject({ type: "hello" });
};

/** Ofelia's labels in a compose file: they become scripts and schedules that are off. */
export const isOfeliaLabels: CheckBlock = (context, text) =>
  imported(context, "compose.yaml", text);

/** The same of Ofelia's ini file. */
export const isOfeliaFile: CheckBlock = (context, text) => imported(context, "ofelia.ini", text);

async function imported(context: DocContext, name: string, text: string): Promise<void> {
  await isFile(name)(context, text);
  const { stdout } = await runOne(
    context,
    `deckhand scripts import ${name} --schedules --force -o json`,
  );
  const jobs = JSON.parse(stdout) as { outcome: string; schedule: unknown }[];
  for (const { outcome, schedule } of jobs) {
    expect(outcome).not.toBe("refused");
    expect(schedule).toMatchObject({ body: { cron: "@every 10m" } });
  }
}

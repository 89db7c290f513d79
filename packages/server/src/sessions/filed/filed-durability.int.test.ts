import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { engines } from "../../../../../test/support/engines.ts";
import { dockerEngine } from "../../engines/docker/docker-engine.ts";
import type { Engine } from "../../engines/engine.ts";
import {
  dockerCommand,
  type EngineCommand,
  type SuiteContainer,
  startContainer,
} from "../../engines/testing/engine-command.ts";
import { type SocketProxy, socketProxy } from "../../engines/testing/socket-proxy.ts";
import { attachedSession } from "../attached/attached-session.ts";
import type { ByteCounts, ExecutionSpec, RunningExecution } from "../session.ts";
import { COUNT, COUNTED } from "../testing/counting-script.ts";
import { executionSpec } from "../testing/execution-spec.ts";
import { SH } from "../testing/launches.ts";
import { readToEnd } from "../testing/read-to-end.ts";
import { type FiledSession, filedSession } from "./filed-session.ts";

const { docker, images } = engines();
const NOTHING: ByteCounts = { stdout: 0, stderr: 0 };

interface Place {
  readonly name: string;
  readonly image: string;
  readonly flags: readonly string[];
}

const HARDENED = ["--read-only", "--user", "1234", "--cap-drop", "ALL"];
const BUSYBOX: Place = { name: "busybox, read-only", image: images.busybox, flags: HARDENED };
const PLACES: readonly Place[] = [
  BUSYBOX,
  {
    name: "Debian, whose perl is told what to do",
    image: images.postgres,
    flags: ["--entrypoint", "", "--env", "PERL_UNICODE=0"],
  },
];

let command: EngineCommand;
let engine: Engine;
const made: SuiteContainer[] = [];
const opened: FiledSession[] = [];

beforeAll(() => {
  command = dockerCommand(docker.socketPath);
  engine = dockerEngine({ name: "test", address: `unix://${docker.socketPath}` });
});

afterAll(async () => {
  for (const session of opened) session.close();
  for (const one of made) await one.remove();
  engine?.close();
});

async function newContainer(
  { image, flags }: Place = BUSYBOX,
  more: readonly string[] = [],
): Promise<SuiteContainer> {
  const started = await startContainer(command, { image, flags: [...flags, ...more] });
  made.push(started);
  return started;
}

/** A server's sessions; another call is another server. */
function openFiled(by = engine): FiledSession {
  const fallback = attachedSession({ engine: by, directExec: false });
  const session = filedSession({ engine: by, fallback });
  opened.push(session);
  return session;
}

function toSpec(
  container: SuiteContainer,
  text: string,
  more: Partial<ExecutionSpec> = {},
): ExecutionSpec {
  const program = { kind: "script", text, launch: SH } as const;
  return executionSpec({ containerId: container.id, program, ...more });
}

async function start(session: FiledSession, spec: ExecutionSpec): Promise<RunningExecution> {
  const result = await session.start(spec);
  if (result.kind !== "started") throw new Error(JSON.stringify(result));
  expect(result.execution.guarantees.way).toBe("shell-files");
  return result.execution;
}

async function resume(spec: ExecutionSpec, received = NOTHING): Promise<RunningExecution> {
  const result = await openFiled().resume(spec, received, "shell-files");
  if (result.kind !== "resumed") throw new Error(JSON.stringify(result));
  return result.execution;
}

const run = async (container: SuiteContainer, text: string) =>
  (await readToEnd(await start(openFiled(), toSpec(container, text)))).stdout.toString();
const inside = (container: SuiteContainer, text: string) =>
  command("exec", container.name, "sh", "-c", text);
const FILES = "ls -ad /tmp/.deckhand-files-* /dev/shm/.deckhand-files-* 2>/dev/null || true";
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe.each(PLACES)("a server that ends, in $name", (place) => {
  let container: SuiteContainer;

  beforeAll(async () => {
    container = await newContainer(place);
  });

  test("finds what ran, with all of its output and its exit code, from where its own log stands", async () => {
    const spec = toSpec(container, COUNT);
    const before = openFiled();
    const first = await start(before, spec);
    const pieces: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of first.output) {
      pieces.push(chunk.bytes);
      bytes += chunk.bytes.length;
      // Less is acknowledged than was received, as when a crash comes between the two.
      first.acknowledge({ stdout: Math.floor(bytes / 2), stderr: 0 });
      if (bytes > 40_000) before.close();
    }
    expect((await first.outcome).kind).toBe("detached");
    const kept = Buffer.concat(pieces).subarray(0, Math.floor(bytes / 2));
    const second = await resume(spec, { stdout: kept.length, stderr: 0 });
    const { stdout, outcome } = await readToEnd(second);
    expect(Buffer.concat([kept, stdout]).toString()).toBe(COUNTED);
    expect(outcome).toMatchObject({ kind: "exited", exitCode: 9, outputComplete: true });
    expect(outcome.dropped).toEqual(NOTHING);
  });

  test("finds an end that came while nobody listened, and leaves nothing once that is written down", async () => {
    const spec = toSpec(container, "cat; sleep 0.5; echo late >&2; exit 6", {
      stdin: Buffer.from("early\n"),
    });
    const before = openFiled();
    await start(before, spec);
    before.close();
    await pause(1_500);
    const execution = await resume(spec);
    const { stdout, stderr, outcome } = await readToEnd(execution);
    expect([stdout.toString(), stderr.toString()]).toEqual(["early\n", "late\n"]);
    expect(outcome).toMatchObject({ kind: "exited", exitCode: 6, outputComplete: true });
    expect(await inside(container, FILES)).toContain(spec.executionId);
    execution.release();
    await expect.poll(() => inside(container, FILES)).not.toContain(spec.executionId);
    const again = await openFiled().resume(spec, NOTHING, "shell-files");
    expect(again.kind).toBe("unknown");
  });

  test("can still stop what an earlier one started", async () => {
    const spec = toSpec(container, "trap '' TERM; echo on; env -i sleep 5757 & sleep 5757");
    const before = openFiled();
    await start(before, spec);
    before.close();
    const execution = await resume(spec, { stdout: 3, stderr: 0 });
    const ended = readToEnd(execution);
    expect(await execution.stop({ graceMs: 200 })).toEqual([]);
    expect((await ended).outcome).toMatchObject({ kind: "exited", signal: "SIGKILL" });
    const left = (await engine.listProcesses(container.id)).map((one) => one.command);
    expect(left.filter((one) => one.includes("sleep 5757"))).toEqual([]);
  });

  test("and starts the same execution again starts nothing a second time", async () => {
    const mark = `/dev/shm/twice-${randomBytes(4).toString("hex")}`;
    const spec = toSpec(container, `echo started >>${mark}; cat; sleep 1; echo done`, {
      stdin: randomBytes(100_000),
    });
    const both = await Promise.all([start(openFiled(), spec), start(openFiled(), spec)]);
    const [one, other] = await Promise.all(both.map(readToEnd));
    expect(one?.stdout.length).toBe(100_005);
    expect(one?.stdout.equals(other?.stdout ?? Buffer.alloc(0))).toBe(true);
    const third = await readToEnd(await start(openFiled(), spec));
    expect(third.outcome).toMatchObject({ kind: "exited", exitCode: 0 });
    expect(await run(container, `cat ${mark}`)).toBe("started\n");
  });

  test("does not hold up what fits, and holds up what does not until somebody takes it", async () => {
    const spec = toSpec(container, "head -c 6000000 /dev/zero; exit 4");
    const before = openFiled();
    await start(before, spec);
    before.close();
    await pause(1_500);
    const [size = ""] = (
      await inside(
        container,
        "du -sk /tmp/.deckhand-files-* /dev/shm/.deckhand-files-* 2>/dev/null | sort -rn; true",
      )
    ).split("\t");
    expect(Number(size)).toBeGreaterThan(500);
    expect(Number(size)).toBeLessThan(2_000);
    const { stdout, outcome } = await readToEnd(await resume(spec));
    expect(stdout.length).toBe(6_000_000);
    expect(outcome).toMatchObject({ exitCode: 4, outputComplete: true });
  });
});

describe("a connection that breaks", () => {
  let proxy: SocketProxy;

  beforeAll(async () => {
    proxy = await socketProxy({ target: docker.socketPath });
  });

  afterAll(async () => proxy?.close());

  test("ten times under one script costs no byte and no exit code, and leaves no reader", async () => {
    const container = await newContainer();
    const throughProxy = dockerEngine({ name: "proxied", address: `unix://${proxy.socketPath}` });
    const execution = await start(openFiled(throughProxy), toSpec(container, COUNT));
    const programs = async () =>
      (await engine.listProcesses(container.id)).filter((one) => one.command.includes("deckhand"));
    expect(await programs()).not.toEqual([]);
    const cutting = (async () => {
      for (let cuts = 0; cuts < 10; cuts++) {
        await pause(150);
        proxy.cut();
        proxy.restore();
      }
    })();
    const { stdout, outcome } = await readToEnd(execution);
    await cutting;
    expect(stdout.toString()).toBe(COUNTED);
    expect(outcome).toMatchObject({ kind: "exited", exitCode: 9, outputComplete: true });
    execution.release();
    await expect.poll(programs, { timeout: 10_000 }).toEqual([]);
    throughProxy.close();
  });
});

describe("output", () => {
  test("above the limit does not stop the script, although it is never stored", async () => {
    const container = await newContainer();
    const spec = toSpec(container, "head -c 5000000 /dev/zero; exit 2", { outputBytes: 200_000 });
    const execution = await start(openFiled(), spec);
    let bytes = 0;
    for await (const chunk of execution.output) {
      bytes += chunk.bytes.length;
      execution.acknowledge({ stdout: Math.min(bytes, 200_000), stderr: 0 });
    }
    expect(bytes).toBe(5_000_000);
    expect(await execution.outcome).toMatchObject({ kind: "exited", exitCode: 2 });
  });

  test("that finds no room is missing, and said to be", async () => {
    const container = await newContainer(BUSYBOX, ["--shm-size", "512k"]);
    const spec = toSpec(container, "head -c 2000000 /dev/zero; sleep 3; exit 3");
    const before = openFiled();
    await start(before, spec);
    before.close();
    await pause(1_000);
    const { stdout, outcome } = await readToEnd(await resume(spec));
    expect(stdout.length).toBeLessThan(2_000_000);
    // What was taken makes room again.
    expect(stdout.length).toBeGreaterThan(1_000_000);
    expect(outcome).toMatchObject({ kind: "exited", exitCode: 3, outputComplete: false });
  });
});

describe("a container that ends", () => {
  const WRITABLE: Place = { ...BUSYBOX, flags: [] };

  test("takes its executions with it, and the cause is told", async () => {
    for (const [act, codes] of [
      ["kill", ["container-stopped"]],
      ["restart --time 1", ["container-restarted", "container-stopped"]],
      ["rm --force", ["container-gone", "container-stopped"]],
    ] as const) {
      const container = await newContainer(WRITABLE);
      const execution = await start(openFiled(), toSpec(container, "echo begun; sleep 99"));
      const ended = readToEnd(execution);
      await pause(300);
      await command(...act.split(" "), container.name);
      const { outcome, stdout } = await ended;
      expect(outcome.kind).toBe("lost");
      if (outcome.kind === "lost") expect(codes).toContain(outcome.reason.code);
      expect(stdout.toString()).toBe("begun\n");
    }
  });

  test("while no server was there is seen by the next one, and nothing is started again", async () => {
    const container = await newContainer(WRITABLE);
    const containerStartedAt = (await engine.findContainer(container.id))?.startedAt;
    const spec = toSpec(container, "echo begun; sleep 99", { containerStartedAt });
    const before = openFiled();
    await start(before, spec);
    before.close();
    await command("restart", "--time", "1", container.name);
    expect(await openFiled().resume(spec, NOTHING, "shell-files")).toMatchObject({
      kind: "lost",
      reason: { code: "container-restarted" },
    });
  });
});

describe("where files can not be", () => {
  test("an attached exec carries it out: perl is there, no directory, or no room in it", async () => {
    const [, debian] = PLACES;
    if (!debian) throw new Error("no Debian");
    const flagsOf = [
      { ...debian, flags: ["--entrypoint", ""] },
      { ...BUSYBOX, flags: ["--read-only", "--ipc", "none", "--user", "1234"] },
      { ...BUSYBOX, flags: ["--read-only", "--user", "1234", "--shm-size", "8k"] },
    ];
    for (const place of flagsOf) {
      const container = await newContainer(place);
      const program = { kind: "argv", argv: ["echo", "there"] } as const;
      const result = await openFiled().start(executionSpec({ containerId: container.id, program }));
      if (result.kind !== "started") throw new Error(JSON.stringify(result));
      expect(result.execution.guarantees.way).toBe("attached-exec");
      expect((await readToEnd(result.execution)).stdout.toString()).toBe("there\n");
      expect(await inside(container, FILES)).toBe("");
    }
  });
});

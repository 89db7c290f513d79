import { createHash, randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { engines } from "../../../../test/support/engines.ts";
import { dockerEngine } from "../engines/docker/docker-engine.ts";
import type { Engine } from "../engines/engine.ts";
import {
  dockerCommand,
  type EngineCommand,
  type SuiteContainer,
  startContainer,
} from "../engines/testing/engine-command.ts";
import { type SocketProxy, socketProxy } from "../engines/testing/socket-proxy.ts";
import type { ExecutionSpec, RunningExecution } from "../sessions/session.ts";
import { COUNT, COUNTED } from "../sessions/testing/counting-script.ts";
import { executionSpec } from "../sessions/testing/execution-spec.ts";
import { SH } from "../sessions/testing/launches.ts";
import { readToEnd } from "../sessions/testing/read-to-end.ts";
import type { GuardedSessions } from "./guarded-sessions.ts";
import { closeAll, openGuarded } from "./testing/open-guarded.ts";

const { docker, images } = engines();

let command: EngineCommand;
let engine: Engine;
let container: SuiteContainer;
const made: SuiteContainer[] = [];

beforeAll(async () => {
  command = dockerCommand(docker.socketPath);
  engine = dockerEngine({ name: "test", address: `unix://${docker.socketPath}` });
  container = await newContainer();
});

afterAll(async () => {
  closeAll();
  for (const one of made) await one.remove();
  engine?.close();
});

async function newContainer(flags: readonly string[] = []): Promise<SuiteContainer> {
  const started = await startContainer(command, { image: images.busybox, flags });
  made.push(started);
  return started;
}

function toSpec(text: string, more: Partial<ExecutionSpec> = {}): ExecutionSpec {
  const program = { kind: "script", text, launch: SH } as const;
  return executionSpec({ containerId: container.id, program, ...more });
}

async function start(sessions: GuardedSessions, spec: ExecutionSpec): Promise<RunningExecution> {
  const result = await sessions.start(spec);
  if (result.kind !== "started") throw new Error(JSON.stringify(result));
  expect(result.execution.guarantees.way).toBe("guard");
  return result.execution;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function processes(of = container): Promise<readonly string[]> {
  return (await engine.listProcesses(of.id)).map((one) => one.command);
}

describe("a server that ends", () => {
  test("finds what ran, with all of its output and its exit code, from where its own log stands", async () => {
    const key = randomBytes(32);
    const spec = toSpec(COUNT);
    const before = openGuarded(engine, { key });
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
    const after = openGuarded(engine, { key, isWanted: async () => true });
    const result = await after.resume(spec, { stdout: kept.length, stderr: 0 });
    if (result.kind !== "resumed") throw new Error(JSON.stringify(result));
    const { stdout, outcome } = await readToEnd(result.execution);
    expect(Buffer.concat([kept, stdout]).toString()).toBe(COUNTED);
    expect(outcome).toMatchObject({ kind: "exited", exitCode: 9, outputComplete: true });
    result.execution.release();
    expect((await after.resume(spec, { stdout: 0, stderr: 0 })).kind).toBe("unknown");
  });

  test("finds an end that came while nobody listened", async () => {
    const key = randomBytes(32);
    const spec = toSpec("echo early; sleep 0.5; echo late >&2; exit 6");
    const before = openGuarded(engine, { key });
    await start(before, spec);
    before.close();
    await pause(1_000);
    const after = openGuarded(engine, { key, isWanted: async () => true });
    const result = await after.resume(spec, { stdout: 0, stderr: 0 });
    if (result.kind !== "resumed") throw new Error(JSON.stringify(result));
    const { stdout, stderr, outcome } = await readToEnd(result.execution);
    expect([stdout.toString(), stderr.toString()]).toEqual(["early\n", "late\n"]);
    expect(outcome).toMatchObject({ kind: "exited", exitCode: 6 });
  });

  test("leaves nothing in the guard that nobody waits for", async () => {
    const key = randomBytes(32);
    const before = openGuarded(engine, { key });
    await start(before, toSpec("sleep 5151"));
    before.close();
    const after = openGuarded(engine, { key });
    await readToEnd(await start(after, toSpec("true")));
    for (let tries = 0; tries < 100; tries++) {
      if (!(await processes()).some((one) => one.includes("5151"))) return;
      await pause(50);
    }
    throw new Error("the script still runs");
  });

  test("and starts the same execution again gets the one that runs", async () => {
    const key = randomBytes(32);
    const spec = toSpec("echo started >>/tmp/twice; sleep 0.5; echo done");
    const before = openGuarded(engine, { key });
    await start(before, spec);
    before.close();
    const after = openGuarded(engine, { key, isWanted: async () => true });
    const { stdout } = await readToEnd(await start(after, spec));
    expect(stdout.toString()).toBe("done\n");
    const { stdout: starts } = await readToEnd(await start(after, toSpec("cat /tmp/twice")));
    expect(starts.toString()).toBe("started\n");
  });

  test("can not be spoken for by another that does not have its key", async () => {
    const spec = toSpec("sleep 3");
    const ours = openGuarded(engine);
    const running = await start(ours, spec);
    const theirs = openGuarded(engine);
    expect((await theirs.resume(spec, { stdout: 0, stderr: 0 })).kind).not.toBe("resumed");
    const ended = readToEnd(running);
    await running.stop({ graceMs: 100 });
    expect((await ended).outcome).toMatchObject({ kind: "exited", signal: "SIGTERM" });
  });
});

describe("a connection that breaks", () => {
  let proxy: SocketProxy;

  beforeAll(async () => {
    proxy = await socketProxy({ target: docker.socketPath });
  });

  afterAll(async () => proxy?.close());

  test("ten times under one script costs no byte and no exit code", async () => {
    const throughProxy = dockerEngine({ name: "proxied", address: `unix://${proxy.socketPath}` });
    const execution = await start(openGuarded(throughProxy), toSpec(COUNT));
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
    throughProxy.close();
  });

  test("just when everything that waits was acknowledged does not stop a flood", async () => {
    const throughProxy = dockerEngine({ name: "proxied", address: `unix://${proxy.socketPath}` });
    const most = 2 * 1024 * 1024;
    const spec = toSpec("head -c 5000000 /dev/zero; exit 3");
    const execution = await start(openGuarded(throughProxy), spec);
    let bytes = 0;
    for await (const chunk of execution.output) {
      const before = bytes;
      bytes += chunk.bytes.length;
      if (before < most && bytes >= most) {
        proxy.cut();
        execution.acknowledge({ stdout: bytes, stderr: 0 });
        proxy.restore();
      } else if (before >= most) {
        execution.acknowledge({ stdout: bytes, stderr: 0 });
      }
    }
    expect(bytes).toBe(5_000_000);
    expect(await execution.outcome).toMatchObject({ kind: "exited", exitCode: 3 });
    throughProxy.close();
  });

  test("while input is on its way loses none of it", async () => {
    const throughProxy = dockerEngine({ name: "proxied", address: `unix://${proxy.socketPath}` });
    const stdin = randomBytes(1_000_000);
    const spec = toSpec("sleep 0.3; sha256sum", { stdin });
    const execution = await start(openGuarded(throughProxy), spec);
    const ended = readToEnd(execution);
    for (let cuts = 0; cuts < 5; cuts++) {
      await pause(100);
      proxy.cut();
      proxy.restore();
    }
    const digest = createHash("sha256").update(stdin).digest("hex");
    expect((await ended).stdout.toString()).toBe(`${digest}  -\n`);
    throughProxy.close();
  });
});

test("a container that was restarted while its engine was away is the cause, and not the guard that went with it", async () => {
  const proxy = await socketProxy({ target: docker.socketPath });
  const throughProxy = dockerEngine({ name: "proxied", address: `unix://${proxy.socketPath}` });
  const own = await newContainer();
  const spec = toSpec("echo begun; sleep 99", { containerId: own.id });
  const ended = readToEnd(await start(openGuarded(throughProxy), spec));
  proxy.cut();
  await command("restart", "--time", "1", own.name);
  proxy.restore();
  expect((await ended).outcome).toMatchObject({
    kind: "lost",
    reason: { code: "container-restarted" },
  });
  throughProxy.close();
  await proxy.close();
});

describe("output that nobody takes", () => {
  test("waits in the container within a bound, and holds nobody else up", async () => {
    const sessions = openGuarded(engine);
    const flood = await start(sessions, toSpec("yes 0123456789abcdef"));
    await pause(1_000);
    const { stdout } = await readToEnd(await start(sessions, toSpec("echo beside")));
    expect(stdout.toString()).toBe("beside\n");
    const { stdout: status } = await readToEnd(
      await start(sessions, toSpec("grep VmRSS /proc/[0-9]*/status | sort -k2 -n | tail -1")),
    );
    expect(Number(/(\d+) kB/.exec(status.toString())?.[1])).toBeLessThan(16 * 1024);
    const ended = readToEnd(flood);
    expect(await flood.stop({ graceMs: 100 })).toEqual([]);
    expect((await ended).outcome).toMatchObject({ kind: "exited", signal: "SIGTERM" });
  });

  test("is counted above the limit, and does not stop the script", async () => {
    const sessions = openGuarded(engine);
    const spec = toSpec("head -c 3000000 /dev/zero; echo end >&2; exit 2", {
      outputBytes: 100_000,
    });
    const { stdout, outcome } = await readToEnd(await start(sessions, spec));
    expect(stdout.length).toBe(100_000);
    expect(outcome).toMatchObject({
      exitCode: 2,
      dropped: { stdout: 2_900_000, stderr: 4 },
      outputComplete: true,
    });
  });

  test("of a background child that keeps its stream open delays no other script", async () => {
    const sessions = openGuarded(engine);
    const holder = start(sessions, toSpec("(sleep 60; echo late) & exit 6"));
    const from = performance.now();
    for (let index = 0; index < 5; index++)
      await readToEnd(await start(sessions, toSpec("exit 2")));
    expect(performance.now() - from).toBeLessThan(2_000);
    expect((await readToEnd(await holder)).outcome).toMatchObject({ exitCode: 6 });
  });
});

describe("a script's end", () => {
  test("waits for background processes where that is asked for", async () => {
    const sessions = openGuarded(engine);
    const spec = toSpec("(sleep 0.6; echo late) & echo early; exit 4", { survivors: "wait" });
    const { stdout, outcome } = await readToEnd(await start(sessions, spec));
    expect(stdout.toString()).toBe("early\nlate\n");
    expect(outcome).toMatchObject({ exitCode: 4, leftovers: [] });
  });

  test("by its deadline is the guard's work, and told as such", async () => {
    const sessions = openGuarded(engine);
    const spec = toSpec("trap '' TERM; sleep 4343 & while :; do sleep 1; done", {
      timeoutMs: 400,
      killGraceMs: 300,
    });
    const { outcome } = await readToEnd(await start(sessions, spec));
    expect(outcome).toMatchObject({ kind: "exited", stoppedBy: "deadline", signal: "SIGKILL" });
    expect((await processes()).filter((one) => one.includes("4343"))).toEqual([]);
  });

  test("does not come from a deadline that passes while the container is paused", async () => {
    const own = await newContainer();
    const sessions = openGuarded(engine);
    const spec = toSpec("sleep 1.5; echo whole", { containerId: own.id, timeoutMs: 4_000 });
    const execution = await start(sessions, spec);
    await command("pause", own.name);
    await pause(6_000);
    await command("unpause", own.name);
    const { stdout, outcome } = await readToEnd(execution);
    expect(stdout.toString()).toBe("whole\n");
    expect(outcome).toMatchObject({ kind: "exited", exitCode: 0 });
  });

  test("is lost with the guard when somebody kills that, and its processes end", async () => {
    const own = await newContainer();
    const sessions = openGuarded(engine);
    const spec = toSpec("setsid sleep 4545 & sleep 4545", { containerId: own.id });
    const execution = await start(sessions, spec);
    const kill =
      'for p in /proc/[0-9]*; do if read -r c <$p/comm && [ "$c" = deckhand-guard ]; then kill -9 ${p#/proc/}; fi; done';
    await command("exec", own.name, "sh", "-c", kill);
    const { outcome } = await readToEnd(execution);
    expect(outcome).toMatchObject({ kind: "lost", reason: { code: "guard-gone" } });
    await pause(1_500);
    expect((await processes(own)).filter((one) => one.includes("4545"))).toEqual([]);
  });

  test("with its container is lost, with the cause", async () => {
    const sessions = openGuarded(engine);
    for (const [act, codes] of [
      ["kill", ["container-stopped"]],
      ["restart", ["container-restarted", "container-stopped"]],
      ["rm --force", ["container-gone", "container-stopped"]],
    ] as const) {
      const own = await newContainer();
      const spec = toSpec("echo begun; sleep 99", { containerId: own.id });
      const execution = await start(sessions, spec);
      const ended = readToEnd(execution);
      await pause(200);
      await command(...act.split(" "), ...(act === "restart" ? ["--time", "1"] : []), own.name);
      const { outcome, stdout } = await ended;
      expect(outcome.kind).toBe("lost");
      if (outcome.kind === "lost") expect(codes).toContain(outcome.reason.code);
      expect(stdout.toString()).toBe("begun\n");
    }
  });
});

describe("a terminal", () => {
  test("has its size from the start, takes every byte, and can be resized", async () => {
    const sessions = openGuarded(engine);
    const execution = await start(
      sessions,
      toSpec(
        "stty -echo raw; stty size; dd bs=1 count=3 2>/dev/null | od -An -tx1; read x; stty size",
        {
          terminal: { columns: 123, rows: 45 },
        },
      ),
    );
    let shown = "";
    const taken = (async () => {
      let bytes = 0;
      for await (const chunk of execution.output) {
        shown += Buffer.from(chunk.bytes).toString();
        bytes += chunk.bytes.length;
        execution.acknowledge({ stdout: bytes, stderr: 0 });
      }
    })();
    const shows = async (pattern: RegExp) => {
      for (let tries = 0; tries < 100 && !pattern.test(shown); tries++) await pause(20);
      expect(shown).toMatch(pattern);
    };
    await shows(/45 123/);
    await execution.terminal?.write(Buffer.from([0x10, 0x11, 0x03]));
    await shows(/10 11 03/);
    execution.terminal?.resize({ columns: 80, rows: 24 });
    await execution.terminal?.write(Buffer.from("\n"));
    await shows(/24 80/);
    await taken;
    expect(await execution.outcome).toMatchObject({ kind: "exited", exitCode: 0 });
  });
});

import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { engines } from "../../../../../test/support/engines.ts";
import { dockerEngine } from "../../engines/docker/docker-engine.ts";
import type { Engine } from "../../engines/engine.ts";
import {
  dockerCommand,
  type SuiteContainer,
  startContainer,
} from "../../engines/testing/engine-command.ts";
import { socketProxy } from "../../engines/testing/socket-proxy.ts";
import type { ExecutionSpec } from "../session.ts";
import { executionSpec, newExecutionId } from "../testing/execution-spec.ts";
import { readToEnd } from "../testing/read-to-end.ts";
import { attachedSession } from "./attached-session.ts";
import { SH } from "../testing/launches.ts";

const { docker, images } = engines();

describe("an attached exec in special containers", () => {
  const command = dockerCommand(docker.socketPath);
  const made: SuiteContainer[] = [];
  let engine: Engine;

  beforeAll(() => {
    engine = dockerEngine({ name: "test", address: `unix://${docker.socketPath}` });
  });

  afterAll(async () => {
    for (const container of made) await container.remove();
    engine.close();
  });

  async function container(
    image: string,
    flags: readonly string[],
    argv?: readonly string[],
  ): Promise<SuiteContainer> {
    const started = await startContainer(command, { image, flags, ...(argv && { argv }) });
    made.push(started);
    return started;
  }

  function toSpec(containerId: string, program: ExecutionSpec["program"]): ExecutionSpec {
    return executionSpec({ containerId, program });
  }

  test("without a shell a script is rejected; a command line runs when the operator allows it", async () => {
    const { id } = await container(images.scratch, [], ["/sleep", "600"]);
    const script = toSpec(id, { kind: "script", text: "echo x", launch: SH });
    const argv = toSpec(id, { kind: "argv", argv: ["/echo", "direct"] });
    const careful = attachedSession({ engine, directExec: false });
    expect(await careful.start(script)).toMatchObject({
      kind: "rejected",
      reason: { code: "no-shell" },
    });
    const refused = await careful.start(argv);
    expect(refused).toMatchObject({ kind: "rejected", reason: { code: "no-shell" } });
    if (refused.kind === "rejected") expect(refused.reason.detail).toContain("directExec");
    const allowed = await attachedSession({ engine, directExec: true }).start(argv);
    if (allowed.kind !== "started") throw new Error(JSON.stringify(allowed));
    expect(allowed.execution.guarantees.way).toBe("direct-exec");
    const { stdout, outcome } = await readToEnd(allowed.execution);
    expect(stdout.toString()).toBe("direct\n");
    expect(outcome).toMatchObject({ kind: "exited", exitCode: 0, outputComplete: false });
  });

  test("where nothing can be written a script is rejected with the places that were tried", async () => {
    const { id } = await container(images.busybox, [
      "--read-only",
      "--ipc",
      "none",
      "--user",
      "1234",
      "--cap-drop",
      "ALL",
    ]);
    const session = attachedSession({ engine, directExec: false });
    const result = await session.start(toSpec(id, { kind: "script", text: "echo x", launch: SH }));
    expect(result).toMatchObject({ kind: "rejected", reason: { code: "no-writable-directory" } });
    const plain = await session.start(
      toSpec(id, { kind: "argv", argv: ["echo", "needs no file"] }),
    );
    expect(plain.kind).toBe("started");
    if (plain.kind === "started")
      expect((await readToEnd(plain.execution)).stdout.toString()).toBe("needs no file\n");
  });

  test("at the limit of processes a script can still be stopped", async () => {
    const { id } = await container(images.busybox, ["--pids-limit", "20"]);
    const session = attachedSession({ engine, directExec: false });
    const result = await session.start(
      toSpec(id, {
        kind: "script",
        text: "trap '' TERM; while sleep 4343 & do :; done; sleep 4343; wait",
        launch: SH,
      }),
    );
    if (result.kind !== "started") throw new Error(JSON.stringify(result));
    const ended = readToEnd(result.execution);
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(await result.execution.stop({ graceMs: 200 })).toEqual([]);
    expect((await engine.listProcesses(id)).filter((one) => one.command.includes("4343"))).toEqual(
      [],
    );
    expect((await ended).outcome.kind).toMatch(/exited|lost/);
  });

  test("a paused container is waited for, then refused, and nothing ran", async () => {
    const paused = await container(images.busybox, []);
    await command("pause", paused.name);
    const session = attachedSession({ engine, directExec: false });
    const spec = {
      ...toSpec(paused.id, { kind: "script", text: "echo x", launch: SH }),
      startTimeoutMs: 1_000,
    };
    expect(await session.start(spec)).toMatchObject({
      kind: "rejected",
      reason: { code: "container-paused" },
    });
    setTimeout(() => void command("unpause", paused.name), 500);
    const patient = await session.start({
      ...spec,
      executionId: newExecutionId(),
      startTimeoutMs: 15_000,
    });
    expect(patient.kind).toBe("started");
    if (patient.kind === "started")
      expect((await readToEnd(patient.execution)).stdout.toString()).toBe("x\n");
  });

  test("what reaches the engine is a closed list of calls and constant commands; events and processes show no secret", async () => {
    const { id, name } = await container(images.busybox, []);
    const proxy = await socketProxy({ target: docker.socketPath });
    const recorded = dockerEngine({ name: "recorded", address: `unix://${proxy.socketPath}` });
    const session = attachedSession({ engine: recorded, directExec: false });
    const secret = `secret${randomBytes(8).toString("hex")}`;
    const since = Math.floor(Date.now() / 1000) - 1;
    const spec = {
      ...toSpec(id, {
        kind: "script",
        text: `# ${secret} in the script\nsleep 2; echo done`,
        launch: SH,
      }),
      args: [secret],
      env: { PASSWORD: secret },
    };
    const result = await session.start(spec);
    if (result.kind !== "started") throw new Error(JSON.stringify(result));
    const ended = readToEnd(result.execution);
    const [top, inside] = [
      await command("top", name, "-eo", "pid,args"),
      await command("exec", name, "ps", "-o", "args"),
    ];
    await result.execution.stop({ graceMs: 100 });
    await ended;
    const events = await command(
      "events",
      "--since",
      `${since}`,
      "--until",
      `${Math.ceil(Date.now() / 1000)}`,
      "--filter",
      `container=${name}`,
    );
    for (const shown of [top, inside.replaceAll(secret, (found) => found), events])
      expect(shown).not.toContain("in the script");
    expect(events).not.toContain(secret);
    const calls = [...proxy.sent.matchAll(/^(GET|POST) (\S+) HTTP/gm)].map(
      ([, method, path]) => `${method} ${toPattern(path ?? "")}`,
    );
    const allowed = [
      "GET /version",
      "POST /containers/ID/exec",
      "POST /exec/ID/start",
      "GET /containers/ID/json",
      "GET /exec/ID/json",
    ];
    expect(calls.filter((call) => !allowed.includes(call))).toEqual([]);
    const commands = [...proxy.sent.matchAll(/"Cmd":(\[.*?\]),"Env"/g)].map(
      ([, cmd]) => JSON.parse(cmd ?? "[]") as string[],
    );
    expect(new Set(commands.map((cmd) => cmd.join("\n"))).size).toBe(2);
    expect(commands.flat().join("\n")).not.toContain(secret);
    expect(proxy.sent).not.toContain("Privileged");
    recorded.close();
    await proxy.close();
  });
});

function toPattern(path: string): string {
  return path
    .replace(/^\/v[\d.]+/, "")
    .replace(/\/(containers|exec)\/[^/]+/, "/$1/ID")
    .replace(/\?.*/, "");
}

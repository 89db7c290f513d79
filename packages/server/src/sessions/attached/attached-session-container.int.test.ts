import { execFile } from "node:child_process";
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
import type { ExecutionSpec, RunningExecution } from "../session.ts";
import { executionSpec, newExecutionId } from "../testing/execution-spec.ts";
import { readToEnd } from "../testing/read-to-end.ts";
import { attachedSession } from "./attached-session.ts";
import { sweep } from "./sweep.ts";
import { SH } from "../testing/launches.ts";

/** How often each script is stopped beside a database; the full promise is 100. */
const ROUNDS = Number(process.env.DECKHAND_ROUNDS ?? 3);

const { docker, images } = engines();
const address = `unix://${docker.socketPath}`;
const command = dockerCommand(docker.socketPath);
const made: SuiteContainer[] = [];
let engine: Engine;

beforeAll(() => {
  engine = dockerEngine({ name: "test", address });
});

afterAll(async () => {
  for (const container of made) await container.remove();
  engine.close();
});

async function container(image: string, flags: readonly string[] = [], argv?: readonly string[]) {
  const started = await startContainer(command, { image, flags, ...(argv && { argv }) });
  made.push(started);
  return started;
}

function toSpec(containerId: string, text: string): ExecutionSpec {
  const program = { kind: "script", text, launch: SH } as const;
  return executionSpec({ containerId, program, outputBytes: 1024 * 1024 });
}

async function start(spec: ExecutionSpec, through = engine): Promise<RunningExecution> {
  const result = await attachedSession({ engine: through, directExec: false }).start(spec);
  if (result.kind !== "started") throw new Error(JSON.stringify(result));
  return result.execution;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe("when the container ends while a script runs", () => {
  const HOW: Readonly<Record<string, { readonly words: string[]; readonly code: RegExp }>> = {
    killed: { words: ["kill"], code: /^container-stopped$/ },
    // A look between the stop and the start sees it stopped.
    restarted: { words: ["restart", "--time", "0"], code: /^container-(restarted|stopped)$/ },
    // Likewise between the kill and the removal.
    removed: { words: ["rm", "--force"], code: /^container-(gone|stopped)$/ },
  };

  for (const [how, { words, code }] of Object.entries(HOW)) {
    test(`${how}: the script is lost with that reason, never succeeded`, async () => {
      const { id, name } = await container(images.busybox);
      const ended = readToEnd(await start(toSpec(id, "echo begun; sleep 4545")));
      await pause(300);
      await command(...words, name);
      const { outcome, stdout } = await ended;
      expect(outcome).toMatchObject({
        kind: "lost",
        reason: { code: expect.stringMatching(code) },
      });
      expect(stdout.toString()).toBe("begun\n");
    });
  }
});

test("a script in a container that is paused goes on afterwards, and a stop waits for it", async () => {
  const { id, name } = await container(images.busybox);
  const execution = await start(toSpec(id, "sleep 1; echo whole; sleep 4646"));
  const ended = readToEnd(execution);
  await command("pause", name);
  const stopped = execution.stop({ graceMs: 100 });
  await pause(1_000);
  const [asked] = (await command("inspect", "--format", "{{.State.Paused}}", name)).split("\n");
  expect(asked).toBe("true");
  await command("unpause", name);
  expect(await stopped).toEqual([]);
  expect((await ended).outcome).toMatchObject({ kind: "exited", signal: "SIGTERM" });
});

test("a connection that breaks is told apart from an end, and what still runs can be named and found", async () => {
  const { id } = await container(images.busybox);
  const proxy = await socketProxy({ target: docker.socketPath });
  const remote = dockerEngine({ name: "remote", address: `unix://${proxy.socketPath}` });
  const spec = toSpec(id, "sleep 4747");
  const ended = readToEnd(await start(spec, remote));
  await pause(200);
  await proxy.close();
  const { outcome } = await ended;
  expect(outcome).toMatchObject({ kind: "lost", reason: { code: "engine-unreachable" } });
  const left = await attachedSession({ engine, directExec: false }).findLeftovers(spec);
  expect(left.some((one) => one.command === "sleep")).toBe(true);
  expect(left.some((one) => one.command === "deckhand-reaper")).toBe(false);
  remote.close();
});

test("a sweep never takes another execution's session for its own when the number of its reporter was given away", async () => {
  const { id } = await container(images.busybox);
  const other = await start(toSpec(id, "echo $PPID; sleep 4848"));
  const read = other.output[Symbol.asyncIterator]();
  const wrapperPid = Number(Buffer.from((await read.next()).value?.bytes ?? []).toString());
  expect(wrapperPid).toBeGreaterThan(0);
  const place = { executionId: newExecutionId(), containerId: id, user: "" };
  expect(await sweep(engine, { place, signal: "KILL", wrapperPid })).toEqual([]);
  const running = (await engine.listProcesses(id)).filter((one) => one.command.includes("4848"));
  expect(running.length).toBe(1);
  await other.stop({ graceMs: 50 });
  while (!(await read.next()).done);
});

describe("beside a database that is the container's main process", () => {
  const READY = "ready to accept connections";
  let database: SuiteContainer;

  beforeAll(async () => {
    database = await container(images.postgres, ["--env", "POSTGRES_PASSWORD=x"], ["postgres"]);
    for (let looks = 0; looks < 120 && !(await logOf(database.name)).includes(READY); looks++)
      await pause(500);
    expect(await logOf(database.name)).toContain(READY);
  });

  /** The database logs to its error stream. */
  async function logOf(name: string): Promise<string> {
    return new Promise((resolve, reject) => {
      execFile("docker", ["-H", address, "logs", name], (error, stdout, stderr) =>
        error ? reject(error) : resolve(stdout + stderr),
      );
    });
  }

  const SCRIPTS: Readonly<Record<string, string>> = {
    "waits for a command": "sleep 4949\ntrue",
    "is a pipeline": "sleep 4949 | cat | cat\ntrue",
    "has children in the background": "sleep 4949 & sleep 4949 & wait",
    "ignores TERM": "trap '' TERM; sleep 4949; sleep 4949",
    "left orphans": "(setsid sleep 4949 &); (sleep 4949 &); sleep 4949",
    "hid orphans": "(env -i setsid sh -c 'trap \"\" TERM; sleep 4949; sleep 4949' &); sleep 4949",
  };

  for (const [name, text] of Object.entries(SCRIPTS)) {
    test(`the stop of a script that ${name} ends all of it and does not restart the database`, async () => {
      for (let round = 0; round < ROUNDS; round++) {
        const execution = await start(toSpec(database.id, text));
        const ended = readToEnd(execution);
        await pause(200);
        expect(await execution.stop({ graceMs: 200 })).toEqual([]);
        expect((await ended).outcome.kind).toBe("exited");
        const left = (await engine.listProcesses(database.id)).map((one) => one.command);
        expect(left.filter((one) => one.includes("4949"))).toEqual([]);
      }
      await pause(500);
      expect(await logOf(database.name)).not.toMatch(/reinitializing|terminated by signal/);
      await expect
        .poll(async () =>
          (await engine.listProcesses(database.id)).map((one) => one.command).join(),
        )
        .not.toContain("deckhand-reaper");
    });
  }

  test("an orphan that outlives its script and ends by a signal later does not restart the database either", async () => {
    const { outcome } = await readToEnd(
      await start(toSpec(database.id, "(setsid sleep 5050 >/dev/null 2>&1 &); sleep 0.3")),
    );
    expect(outcome).toMatchObject({ kind: "exited", exitCode: 0 });
    if (outcome.kind !== "exited") return;
    expect(outcome.leftovers.map((one) => one.command)).toEqual(["sleep"]);
    await command("exec", database.name, "sh", "-c", `kill -9 ${outcome.leftovers[0]?.pid}`);
    await pause(500);
    expect(await logOf(database.name)).not.toMatch(/reinitializing|terminated by signal/);
  });

  test("what perl is told by its own variables stays the script's, and the reaper steps aside", async () => {
    const spec = toSpec(database.id, 'printf "%s %s" "$PERL5OPT" "$PERL_BADLANG"');
    const told = { ...spec, env: { PERL5OPT: "-Mnothing::there", PERL_BADLANG: "1" } };
    expect((await readToEnd(await start(told))).stdout.toString()).toBe("-Mnothing::there 1");
    const { stdout, stderr } = await readToEnd(
      await start({
        ...toSpec(database.id, "env | grep -c ^PERL; trap"),
        env: { LC_ALL: "xx_XX.UTF-8" },
      }),
    );
    expect([stdout.toString(), stderr.toString()]).toEqual(["0\n", ""]);
  });
});

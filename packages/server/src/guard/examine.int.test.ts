import { randomBytes } from "node:crypto";
import { afterAll, afterEach, expect, test } from "vitest";
import {
  dockerContainer,
  type TestContainer,
  type TestContainerOptions,
} from "../../../../test/support/containers.ts";
import { engines } from "../../../../test/support/engines.ts";
import { dockerEngine } from "../engines/docker/docker-engine.ts";
import { podmanCommand, startContainer } from "../engines/testing/engine-command.ts";
import { executionSpec } from "../sessions/testing/execution-spec.ts";
import { readToEnd } from "../sessions/testing/read-to-end.ts";
import { closeAll, openGuarded } from "./testing/open-guarded.ts";

const { docker, podman, images } = engines();
const engine = dockerEngine({ name: "test", address: `unix://${docker.socketPath}` });
const containers: TestContainer[] = [];

afterEach(async () => {
  closeAll();
  await Promise.all(containers.splice(0).map((container) => container.remove()));
});
afterAll(() => engine.close());

async function start(options: Omit<TestContainerOptions, "name">): Promise<TestContainer> {
  const container = await dockerContainer({ name: "examine", ...options });
  containers.push(container);
  return container;
}

const HARDENED = ["--read-only", "--user", "1234"];
const SLEEPING = { flags: ["--entrypoint", "sleep"], command: ["100000"] };

test("a plain container lets the guard in by its shell, as a file that stays", async () => {
  const container = await start({ image: images.busybox });
  const sessions = openGuarded(engine);
  const found = await sessions.examine({ containerId: container.id, user: "" });
  expect(found).toMatchObject({
    guard: { way: "shell", uid: 0, wasThere: false, protocol: 1 },
    tried: [],
    guarantees: { way: "guard", durability: "durable", stop: "tree", survivesServerRestart: true },
    refusal: undefined,
    inside: { user: { uid: 0 }, readOnlyRoot: false, noNewPrivileges: false },
  });
  const path = found.guard?.path ?? "";
  expect(await container.exec(["ls", path])).toBe(path);
  expect(await container.exec(["cat", `/proc/${found.guard?.pid}/comm`])).toBe("deckhand-guard");
  const again = await sessions.examine({ containerId: container.id, user: "" });
  expect(again.guard).toEqual({ ...found.guard, wasThere: true });
});

test("of a database its main process, interpreters, user and limits are seen", async () => {
  const flags = ["--memory", "512m", "--pids-limit", "200", "--env", "POSTGRES_PASSWORD=x"];
  const container = await start({ image: images.postgres, flags, command: [] });
  await expect
    .poll(() => container.exec(["cat", "/proc/1/comm"]), { timeout: 60_000 })
    .toBe("postgres");
  const { inside } = await openGuarded(engine).examine({
    containerId: container.id,
    user: "postgres",
  });
  const [uid] = (await container.exec(["id", "-u"], { user: "postgres" })).split("\n");
  expect(inside).toMatchObject({
    user: { name: "postgres", uid: Number(uid) },
    interpreters: { bash: expect.stringMatching(/^\/.*bash$/), psql: expect.any(String) },
    capabilities: [],
    main: { name: "postgres", command: expect.stringContaining("postgres"), reaps: "yes" },
    memory: { limit: 512 * 1024 ** 2 },
    processes: { limit: 200 },
  });
  expect(inside?.memory.used).toBeGreaterThan(1024 ** 2);
  expect(inside?.processes.used).toBeGreaterThan(1);
});

test("where no directory holds programs but there is an interpreter, the guard starts from memory", async () => {
  const flags = [...HARDENED, ...SLEEPING.flags];
  const container = await start({ image: images.postgres, flags, command: SLEEPING.command });
  const found = await openGuarded(engine).examine({ containerId: container.id, user: "" });
  expect(found).toMatchObject({
    guard: { way: "python", uid: 1234, path: expect.stringMatching(/^\/proc\/\d+\/exe$/) },
    tried: [{ way: "shell", advice: expect.stringContaining("--tmpfs /run:exec") }],
    guarantees: { way: "guard" },
    inside: { user: { uid: 1234, name: null }, readOnlyRoot: true, capabilities: [] },
  });
  const holdPrograms = found.inside?.directories.filter((one) => one.writable && one.holdsPrograms);
  expect(holdPrograms).toEqual([]);
});

test("where nothing lets the guard in, it is said why, and what holds all the same", async () => {
  const container = await start({ image: images.busybox, flags: HARDENED });
  const found = await openGuarded(engine).examine({ containerId: container.id, user: "" });
  expect(found.guard).toBeUndefined();
  expect(found.tried.map(({ way }) => way)).toEqual(["shell", "python", "perl"]);
  expect(found.tried).toMatchObject([
    { advice: expect.stringContaining("--tmpfs /run:exec") },
    { problem: "the container has no python3" },
    { problem: "the container has no perl" },
  ]);
  expect(found.guarantees?.way).not.toBe("guard");
  expect(found.inside?.directories).toContainEqual({
    path: "/dev/shm",
    writable: true,
    holdsPrograms: false,
    type: "tmpfs",
  });
});

test("whoever follows the advice is let in", async () => {
  const flags = [...HARDENED, "--tmpfs", "/run:exec"];
  const container = await start({ image: images.busybox, flags });
  const found = await openGuarded(engine).examine({ containerId: container.id, user: "" });
  expect(found.guard).toMatchObject({
    way: "shell",
    path: expect.stringMatching(/^\/run\/\.deckhand-1234\//),
  });
});

test("a container without a shell runs no script", async () => {
  const container = await start({ image: images.scratch, command: ["/sleep", "100000"] });
  const found = await openGuarded(engine).examine({ containerId: container.id, user: "" });
  expect(found).toMatchObject({
    guard: undefined,
    guarantees: undefined,
    refusal: { code: "no-shell" },
    inside: undefined,
  });
  expect(found.tried[0]).toMatchObject({ way: "shell", problem: "the container has no /bin/sh" });
});

test("on Podman the same is found", async () => {
  const onPodman = dockerEngine({ name: "test", address: `unix://${podman.socketPath}` });
  const flags = ["--memory", "64m", "--pids-limit", "50", "--ulimit", "nproc=1024:1024"];
  const options = { image: images.busybox, flags: [...flags, "--ulimit", "nofile=1024:1024"] };
  const container = await startContainer(podmanCommand(podman.socketPath), options);
  try {
    const place = { containerId: container.id, user: "1234" };
    expect(await openGuarded(onPodman).examine(place)).toMatchObject({
      engine: { product: "podman" },
      guard: { way: "shell", uid: 1234 },
      inside: {
        user: { uid: 1234 },
        main: { name: "sh", reaps: "yes" },
        memory: { limit: 64 * 1024 ** 2 },
        processes: { limit: 50 },
      },
    });
  } finally {
    await container.remove();
    onPodman.close();
  }
});

test("a user that is not there is told as such", async () => {
  const container = await start({ image: images.busybox });
  const found = await openGuarded(engine).examine({ containerId: container.id, user: "nobody-x" });
  expect(found).toMatchObject({ guard: undefined, refusal: { code: "user-unknown" } });
  expect(found.tried[0]?.problem).toBe("the container knows no such user or group");
});

test("a container that does not run, or is not there, is refused", async () => {
  const container = await start({ image: images.busybox });
  const place = { containerId: container.id, user: "" };
  const sessions = openGuarded(engine);
  await container.act("pause");
  await expect(sessions.examine(place)).rejects.toMatchObject({
    code: "TARGET_STATE_CONFLICT",
    extra: { containerStatus: "paused" },
  });
  await container.act("unpause");
  await container.act("kill");
  await expect(sessions.examine(place)).rejects.toMatchObject({ code: "TARGET_STATE_CONFLICT" });
  const gone = { containerId: randomBytes(32).toString("hex"), user: "" };
  await expect(sessions.examine(gone)).rejects.toMatchObject({ code: "TARGET_NOT_FOUND" });
});

test("what failed is tried anew, and what was learned serves the next script at once", async () => {
  const flags = ["--cap-add", "SYS_ADMIN", "--security-opt", "apparmor=unconfined", "--read-only"];
  const noexec = ["/dev/shm", "/run", "/tmp"].flatMap((at) => ["--tmpfs", `${at}:noexec`]);
  const container = await start({ image: images.busybox, flags: [...flags, ...noexec] });
  const place = { containerId: container.id, user: "" };
  const sessions = openGuarded(engine);
  await container.exec(["mount", "-o", "remount,noexec", "/dev"]);
  expect((await sessions.examine(place)).guard).toBeUndefined();
  await container.exec(["mount", "-o", "remount,exec", "/run"]);
  expect((await sessions.examine(place)).guard).toMatchObject({ way: "shell" });
  const started = await sessions.start(script({ ...place, text: "exit 0" }));
  if (started.kind !== "started") throw new Error(`it is ${started.kind}`);
  expect(started.execution.guarantees.way).toBe("guard");
  await readToEnd(started.execution);
});

test("a script that runs does not notice", async () => {
  const container = await start({ image: images.busybox });
  const place = { containerId: container.id, user: "" };
  const sessions = openGuarded(engine);
  const text = "for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.25; done; exit 7";
  const started = await sessions.start(script({ ...place, text }));
  if (started.kind !== "started") throw new Error(`it is ${started.kind}`);
  const ended = readToEnd(started.execution);
  for (let times = 0; times < 3; times++)
    expect((await sessions.examine(place)).guard).toMatchObject({ wasThere: true });
  const { outcome, stdout } = await ended;
  expect(outcome).toMatchObject({ kind: "exited", exitCode: 7, outputComplete: true });
  expect(stdout.toString()).toBe("1\n2\n3\n4\n5\n6\n7\n8\n");
});

test("the look around leaves no process, and zombies are named", async () => {
  const container = await start({ image: images.busybox, ...ORPHANING });
  const { inside } = await openGuarded(engine).examine({ containerId: container.id, user: "" });
  expect(inside?.main).toMatchObject({ name: "sleep", reaps: "no" });
  expect(inside?.zombies).toEqual([{ pid: expect.any(Number), name: "sleep", parent: 1 }]);
  const names = await container.exec(["sh", "-c", "cat /proc/[0-9]*/comm"]);
  const others = names.split("\n").filter((name) => !["sleep", "sh", "cat"].includes(name));
  expect(others.every((name) => name.startsWith("deckhand-guard"))).toBe(true);
});

/** PID 1 never waits for the child that it had before it became what it is. */
const ORPHANING = { command: ["sh", "-c", "sleep 0.1 & exec sleep 100000"] };

function script({ text, ...place }: { containerId: string; user: string; text: string }) {
  const launch = { commands: ["sh"], flags: [], extension: ".sh", prelude: "" };
  return executionSpec({
    ...place,
    program: { kind: "script", text, launch: { ...launch, delivery: "descriptor" } },
  });
}

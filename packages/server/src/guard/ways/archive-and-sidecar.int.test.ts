import { randomBytes } from "node:crypto";
import { chmod, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ScriptLaunch } from "@deckhand/core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { engines } from "../../../../../test/support/engines.ts";
import { dockerEngine } from "../../engines/docker/docker-engine.ts";
import { type Engine, SIDECAR_LABEL } from "../../engines/engine.ts";
import {
  dockerCommand,
  type EngineCommand,
  type SuiteContainer,
  startContainer,
} from "../../engines/testing/engine-command.ts";
import type { ExecutionSpec, Program } from "../../sessions/session.ts";
import { executionSpec } from "../../sessions/testing/execution-spec.ts";
import { readToEnd } from "../../sessions/testing/read-to-end.ts";
import { closeAll, openGuarded, type OpenGuardedOptions } from "../testing/open-guarded.ts";
import { allowedWays, type GuardPermissions } from "./allowed-ways.ts";
import { toTar } from "../../archive/tar.ts";
import { removeLeftSidecars, sidecarOwner } from "./sidecar.ts";

const { docker, podman, images } = engines();
const HARDENED = [
  ...["--read-only", "--user", "1234"],
  ...["--cap-drop", "ALL", "--security-opt", "no-new-privileges"],
];
/** The images have no shell; the scripts get one where no way of the guard looks for it. */
const SH: ScriptLaunch = {
  commands: ["/tools/sh"],
  flags: [],
  delivery: "descriptor",
  extension: ".sh",
  prelude: "",
};
const LINES = 5_000;
const COUNT = `i=0; while [ $i -lt ${LINES} ]; do echo "line $i"; i=$((i+1)); [ $((i % 1000)) = 0 ] && /tools/sleep 0.3; done; exit 9`;
const COUNTED = Array.from({ length: LINES }, (_, index) => `line ${index}\n`).join("");
const ARCHIVE: GuardPermissions = { archive: "any-version" };
const SIDECAR: GuardPermissions = { archive: false, sidecarImage: images.busybox };

let tools: string;

beforeAll(async () => {
  tools = await mkdtemp(join(tmpdir(), "deckhand-tools-"));
  await chmod(tools, 0o755);
  const command = dockerCommand(docker.socketPath);
  const id = await command("create", images.scratch);
  await command("cp", `${id}:/cat`, join(tools, "busybox"));
  await command("rm", id);
  for (const name of ["sh", "sleep", "setsid", "ps", "ls"])
    await symlink("busybox", join(tools, name));
});

afterAll(() => rm(tools, { recursive: true, force: true }));

const PLACES = [
  { name: "Docker", socketPath: docker.socketPath, flags: [], archivesReachTmpfs: false },
  {
    name: "Podman",
    socketPath: podman.socketPath,
    flags: ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"],
    archivesReachTmpfs: true,
  },
] as const;

describe.each(PLACES)("on $name", (place) => {
  let engine: Engine;
  let command: EngineCommand;
  const made: SuiteContainer[] = [];

  beforeAll(() => {
    command = dockerCommand(place.socketPath);
    engine = dockerEngine({ name: "test", address: `unix://${place.socketPath}` });
  });

  afterEach(async () => {
    closeAll();
    for (const one of made.splice(0)) await one.remove();
  });

  afterAll(() => engine.close());

  async function newContainer(flags: readonly string[] = []): Promise<SuiteContainer> {
    const started = await startContainer(command, {
      image: images.scratch,
      flags: [...place.flags, "--volume", `${tools}:/tools:ro`, ...flags],
      argv: ["/sleep", "100000"],
    });
    made.push(started);
    return started;
  }

  const script = (text: string): Program => ({ kind: "script", text, launch: SH });
  const open = (permissions: GuardPermissions, options: OpenGuardedOptions = {}) => {
    const key = options.key ?? randomBytes(32);
    return openGuarded(engine, {
      ...options,
      key,
      ways: allowedWays(permissions, sidecarOwner(key)),
    });
  };
  const runIn = async (sessions: ReturnType<typeof open>, spec: ExecutionSpec) => {
    const started = await sessions.start(spec);
    if (started.kind !== "started") throw new Error(JSON.stringify(started));
    expect(started.execution.guarantees.way).toBe("guard");
    return readToEnd(started.execution);
  };
  /** As the container itself sees them: Podman's own list needs a ps in the image. */
  const processes = async (name: string) =>
    (await command("exec", name, "/tools/ps", "-o", "args")).split("\n");
  const sidecars = async () =>
    (await engine.listContainers({ all: true })).filter(
      ({ labels }) => labels[SIDECAR_LABEL] !== undefined,
    );

  describe.each([
    { way: "an archive", permissions: ARCHIVE, flags: [] },
    { way: "an archive, for uid 1234", permissions: ARCHIVE, flags: ["--user", "1234"] },
    { way: "a sidecar", permissions: SIDECAR, flags: [] },
    { way: "a sidecar, read-only, uid 1234", permissions: SIDECAR, flags: HARDENED },
  ])("in an image without a shell by $way", ({ permissions, flags }) => {
    test("commands and scripts run and tell how they ended", async () => {
      const { id } = await newContainer(flags);
      const sessions = open(permissions);
      const argv: Program = { kind: "argv", argv: ["/echo", "no shell"] };
      const plain = await runIn(sessions, executionSpec({ containerId: id, program: argv }));
      expect(plain.stdout.toString()).toBe("no shell\n");
      expect(plain.outcome).toMatchObject({ kind: "exited", exitCode: 0 });
      const failed = await runIn(
        sessions,
        executionSpec({ containerId: id, program: script("echo said >&2; exit 7") }),
      );
      expect(failed.stderr.toString()).toBe("said\n");
      expect(failed.outcome).toMatchObject({ kind: "exited", exitCode: 7 });
      await expect.poll(sidecars, { timeout: 15_000 }).toEqual([]);
    });

    test("a stop ends the whole tree", async () => {
      const { id, name } = await newContainer(flags);
      const text =
        "trap '' TERM; /tools/setsid /tools/sleep 4747 & (/tools/sleep 4748 & ) ; echo up; /tools/sleep 4749; wait";
      const started = await open(permissions).start(
        executionSpec({ containerId: id, program: script(text) }),
      );
      if (started.kind !== "started") throw new Error(JSON.stringify(started));
      const ended = readToEnd(started.execution);
      await expect
        .poll(async () => (await processes(name)).filter((one) => /474[789]/.test(one)).length)
        .toBe(3);
      expect(await started.execution.stop({ graceMs: 100 })).toEqual([]);
      expect((await ended).stdout.toString()).toBe("up\n");
      expect((await processes(name)).filter((one) => /474[789]/.test(one))).toEqual([]);
    });

    test("the next server process takes up what runs, and gets in again", async () => {
      const { id } = await newContainer(flags);
      const key = randomBytes(32);
      const spec = executionSpec({ containerId: id, program: script(COUNT) });
      const before = open(permissions, { key });
      const started = await before.start(spec);
      if (started.kind !== "started") throw new Error(JSON.stringify(started));
      // Nothing of the way in is left to lean on.
      await expect.poll(sidecars, { timeout: 15_000 }).toEqual([]);
      before.close();
      const after = open(permissions, { key, isWanted: async () => true });
      const resumed = await after.resume(spec, { stdout: 0, stderr: 0 });
      if (resumed.kind !== "resumed") throw new Error(JSON.stringify(resumed));
      const { stdout, outcome } = await readToEnd(resumed.execution);
      expect(stdout.toString()).toBe(COUNTED);
      expect(outcome).toMatchObject({ kind: "exited", exitCode: 9, outputComplete: true });
    });
  });

  test("unless they are allowed there is no way, and nothing is put into the container", async () => {
    const container = await newContainer();
    const why: string[] = [];
    const sessions = openGuarded(engine, { onFallback: (one) => why.push(one) });
    const spec = executionSpec({ containerId: container.id, program: script("echo x") });
    expect(await sessions.start(spec)).toMatchObject({
      kind: "rejected",
      reason: { code: "no-shell" },
    });
    expect(why.join()).toMatch(/^shell: .*python: .*perl: /s);
    expect(why.join()).not.toMatch(/archive|sidecar/);
    expect(await command("diff", container.name)).not.toContain("deckhand");
  });

  test("an archive goes to no engine with known holes, unless any version is allowed", async () => {
    const container = await newContainer();
    const why: string[] = [];
    const sessions = open({ archive: true }, { onFallback: (one) => why.push(one) });
    const spec = executionSpec({ containerId: container.id, program: script("echo x") });
    expect((await sessions.start(spec)).kind).toBe("rejected");
    expect(why.join()).toMatch(/archive: (docker|podman) [\d.]+\S* is older than/);
    expect(await command("diff", container.name)).not.toContain("deckhand");
  });

  test("what an archive brought where it can not be seen, or not be started, does not count, and the next place is taken", async () => {
    const { id, name } = await newContainer(["--tmpfs", "/.deckhand:rw,noexec"]);
    const file = { kind: "file", name: ".deckhand/seen", mode: 0o644 } as const;
    const tar = toTar([{ ...file, bytes: Buffer.from("x") }]);
    await engine.putArchive({ containerId: id, folder: "/", tar });
    const seen = await command("exec", name, "/tools/ls", "/.deckhand");
    expect(seen).toBe(place.archivesReachTmpfs ? "seen" : "");
    const spec = executionSpec({ containerId: id, program: script("exit 3") });
    const { outcome } = await runIn(open(ARCHIVE), spec);
    expect(outcome).toMatchObject({ kind: "exited", exitCode: 3 });
    expect((await processes(name)).join("\n")).toMatch(
      /^\/etc\/\.deckhand\/deckhand-guard-\S+ daemon$/m,
    );
  });

  test("the way back to what an archive brought needs no second copy", async () => {
    const { id } = await newContainer();
    const key = randomBytes(32);
    const spec = executionSpec({ containerId: id, program: script("/tools/sleep 1; exit 5") });
    const before = open(ARCHIVE, { key });
    expect((await before.start(spec)).kind).toBe("started");
    before.close();
    const putArchive = () => Promise.reject(new Error("the disk is full"));
    const after = openGuarded(
      { ...engine, putArchive },
      { key, isWanted: async () => true, ways: allowedWays(ARCHIVE, sidecarOwner(key)) },
    );
    const resumed = await after.resume(spec, { stdout: 0, stderr: 0 });
    if (resumed.kind !== "resumed") throw new Error(JSON.stringify(resumed));
    expect((await readToEnd(resumed.execution)).outcome).toMatchObject({ exitCode: 5 });
  });

  test.each([
    { image: "deckhand-test/not-there:1", problem: "is not there", words: /no such image/i },
    { image: images.scratch, problem: "has no shell", words: /\/bin\/sh/ },
  ])("a sidecar whose image $problem is told of, and leaves nothing", async ({ image, words }) => {
    const { id } = await newContainer(HARDENED);
    const why: string[] = [];
    const sessions = open(
      { archive: false, sidecarImage: image },
      { onFallback: (one) => why.push(one) },
    );
    const spec = executionSpec({ containerId: id, program: script("echo x") });
    expect((await sessions.start(spec)).kind).toBe("rejected");
    expect(why.join().split("sidecar: ")[1]).toMatch(words);
    await expect.poll(sidecars, { timeout: 15_000 }).toEqual([]);
  });

  test.each([
    { what: "is told of as well", execs: "are refused" },
    // What an engine makes, at times, of an exec that meets the end of its container.
    { what: "is told of where its exec never answers", execs: "hang" },
  ])("a sidecar that ends at once $what", async ({ execs }) => {
    const target = await newContainer();
    const refusing: Engine = {
      ...engine,
      startSidecar: (request) =>
        engine.startSidecar({ ...request, cmd: ["/bin/sh", "-c", "exit 0", "sh"] }),
      startExec: (request, options) =>
        execs === "hang" && request.containerId !== target.id
          ? untilAborted(options?.signal)
          : engine.startExec(request, options),
    };
    const why: string[] = [];
    const key = randomBytes(32);
    const sessions = openGuarded(refusing, {
      ways: allowedWays(SIDECAR, sidecarOwner(key)),
      onFallback: (one) => why.push(one),
    });
    const spec = executionSpec({ containerId: target.id, program: script("echo x") });
    expect((await sessions.start(spec)).kind).toBe("rejected");
    expect(why.join()).toContain("sidecar: ");
    await expect.poll(sidecars, { timeout: 15_000 }).toEqual([]);
  });

  test("a sidecar sees the processes and may do nothing else", async () => {
    const target = await newContainer();
    const owner = sidecarOwner(randomBytes(32));
    const sidecar = await engine.startSidecar({
      image: images.busybox,
      besideId: target.id,
      user: "1234",
      owner: owner.process,
      cmd: ["/bin/sh", "-c", "exec sleep 30", "sh"],
    });
    const inside = async (text: string) => command("exec", sidecar, "sh", "-c", text);
    try {
      expect(await inside("ps -o args")).toContain("/sleep 100000");
      expect(await inside("id -u; grep -E '^(CapEff|CapBnd|NoNewPrivs)' /proc/self/status")).toBe(
        "1234\nCapEff:\t0000000000000000\nCapBnd:\t0000000000000000\nNoNewPrivs:\t1",
      );
      expect(await inside("touch /x 2>&1 || true")).toMatch(/read-only/i);
      expect(await inside("cat /proc/net/dev | grep -c : || true")).toBe("1");
    } finally {
      await engine.removeSidecar(sidecar);
    }
  });

  test("what an earlier server process left is removed, and nobody else's", async () => {
    const target = await newContainer();
    const key = randomBytes(32);
    const [before, now, other] = [
      sidecarOwner(key),
      sidecarOwner(key),
      sidecarOwner(randomBytes(32)),
    ];
    const start = ({ process: owner }: typeof before) =>
      engine.startSidecar({
        image: images.busybox,
        besideId: target.id,
        user: "0",
        owner,
        cmd: ["/bin/sh", "-c", "exec sleep 30", "sh"],
      });
    const left = await start(before);
    const kept = [await start(now), await start(other)];
    await removeLeftSidecars(engine, now);
    expect(await engine.findContainer(left)).toBeUndefined();
    for (const one of kept) {
      expect((await engine.findContainer(one))?.status).toBe("running");
      await engine.removeSidecar(one);
    }
    await engine.removeSidecar(left);
  });
});

function untilAborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    signal?.addEventListener("abort", () => reject(signal.reason));
  });
}

import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type GuardClient, startFrame } from "./support/guard-client.ts";
import { GUARDS, type LocalGuard, startLocalGuard } from "./support/local-guard.ts";

const isThere = (pid: number) => existsSync(`/proc/${pid}`);
const isGone = (pid: number) => expect.poll(() => isThere(pid), { timeout: 10_000 }).toBe(false);

describe.each(GUARDS)("how scripts end ($guard)", (program) => {
  let guard: LocalGuard;
  let client: GuardClient;

  beforeEach(async () => {
    guard = await startLocalGuard(program);
    client = await guard.connect();
  });

  afterEach(() => guard[Symbol.asyncDispose]());

  /** Waits for this many process ids, in lines. */
  async function pidsOf(count: number): Promise<readonly number[]> {
    for (let bytes = 1; ; ) {
      const text = (await client.output(bytes)).toString();
      const words = text.slice(0, text.lastIndexOf("\n") + 1).match(/\d+/g) ?? [];
      if (words.length >= count) return words.map(Number);
      bytes = text.length + 1;
    }
  }

  test("STOP sends TERM, and says that it was the cause", async () => {
    client.send(startFrame("trap 'echo bye; exit 5' TERM; echo $$; while :; do sleep 0.05; done"));
    await pidsOf(1);
    client.send({ type: "stop", channel: 1, graceMs: 20_000 });
    const { stdout, exit } = await client.toEnd();
    expect(stdout).toMatch(/^\d+\nbye\n$/);
    expect(exit).toMatchObject({ how: "exit", value: 5, cause: "stop" });
  });

  test("what ignores TERM is killed after the grace, and so is what stands still", async () => {
    const script = "trap '' TERM; sleep 900 & kill -STOP $!; echo $$ $!; wait";
    client.send(startFrame(script));
    const [main = 0, child = 0] = await pidsOf(2);
    client.send({ type: "stop", channel: 1, graceMs: 100 });
    expect((await client.toEnd()).exit).toMatchObject({ how: "signal", value: 9, cause: "stop" });
    await isGone(main);
    await isGone(child);
  });

  test.runIf(!program.isEmulated)(
    "STOP reaches what left its session, its parents and its environment",
    async () => {
      const script = `(setsid sleep 901 & echo $!); ((sleep 902 & echo $!) &); env -i setsid sh -c 'echo $$; trap "" TERM; while :; do sleep 903; done' & sleep 0.3; echo; trap '' TERM; while :; do sleep 0.1; done`;
      client.send(startFrame(script));
      const pids = await pidsOf(3);
      client.send({ type: "stop", channel: 1, graceMs: 200 });
      expect((await client.toEnd()).exit).toMatchObject({ cause: "stop", leftovers: [] });
      for (const pid of pids) expect(isThere(pid)).toBe(false);
    },
  );

  test("a shorter grace counts when STOP comes twice, a longer one does not", async () => {
    client.send(startFrame("trap '' TERM; echo $$; while :; do sleep 0.05; done"));
    await pidsOf(1);
    client.send({ type: "stop", channel: 1, graceMs: 600_000 });
    client.send({ type: "stop", channel: 1, graceMs: 0 });
    client.send({ type: "stop", channel: 1, graceMs: 600_000 });
    expect((await client.toEnd()).exit).toMatchObject({ how: "signal", value: 9 });
  });

  test("a stop before the script has begun ends it", async () => {
    client.send(startFrame("sleep 900"));
    client.send({ type: "stop", channel: 1, graceMs: 0 });
    expect((await client.toEnd()).exit).toMatchObject({ how: "signal", cause: "stop" });
  });

  test("a signal reaches the script's own group, or all of its processes", async () => {
    const script = `trap 'echo main' USR1; setsid sh -c "trap 'echo other; exit' USR1; echo ready; while :; do sleep 0.02; done" & while kill -0 $! 2>/dev/null; do sleep 0.02; done; exit 0`;
    client.send(startFrame(script));
    await client.output(6);
    client.send({ type: "signal", channel: 1, signal: 10, all: false });
    expect((await client.output(11)).toString()).toBe("ready\nmain\n");
    client.send({ type: "signal", channel: 1, signal: 10, all: true });
    const { stdout, exit } = await client.toEnd();
    expect(stdout.trim().split("\n").slice(2).sort()).toEqual(["main", "other"]);
    expect(exit).toMatchObject({ how: "exit", value: 0, cause: "itself" });
  });

  test("a stop is not lost behind more signals than can be taken", async () => {
    client.send(startFrame("trap '' TERM; sleep 900 & sleep 900 & echo $$; wait"));
    const [main = 0] = await pidsOf(1);
    for (let count = 0; count < 5_000; count++)
      client.send({ type: "signal", channel: 1, signal: 23, all: true });
    client.send({ type: "stop", channel: 1, graceMs: 0 });
    expect((await client.toEnd()).exit).toMatchObject({ how: "signal", value: 9, cause: "stop" });
    await isGone(main);
  });

  test("at its deadline a script is stopped by the guard itself", async () => {
    client.send(startFrame("echo $$; sleep 900", { timeoutMs: 300, graceMs: 5_000 }));
    client.close();
    const next = await guard.connect();
    next.send({ type: "attach", channel: 2, id: "exe_1", offsets: { stdout: 0, stderr: 0 } });
    expect((await next.toEnd(2)).exit).toMatchObject({
      how: "signal",
      value: 15,
      cause: "deadline",
    });
  });

  test.runIf(!program.isEmulated)(
    "background processes are ended after the script, and counted",
    async () => {
      client.send(startFrame("sleep 900 & sleep 900 & echo $! $$; exit 6"));
      const [child = 0] = await pidsOf(2);
      const { exit } = await client.toEnd();
      expect(exit).toMatchObject({ value: 6, cause: "itself", survivors: 2, leftovers: [] });
      expect(isThere(child)).toBe(false);
    },
  );

  test("what ends by itself right after the script was no survivor", async () => {
    client.send(startFrame("(sleep 0.05; echo late) & exit 0"));
    const { stdout, exit } = await client.toEnd();
    expect({ stdout, survivors: exit.survivors }).toEqual({ stdout: "late\n", survivors: 0 });
  });

  test("survivors that are waited for count as the script", async () => {
    const script = "(sleep 0.6; echo late) & exit 6";
    client.send(startFrame(script, { waitForSurvivors: true }));
    const { stdout, exit } = await client.toEnd();
    expect(stdout).toBe("late\n");
    expect(exit).toMatchObject({ value: 6, cause: "itself", survivors: 0 });
  });

  test.runIf(!program.isEmulated)(
    "a deadline that passes while survivors are ended does not change how the script ended",
    async () => {
      client.send(startFrame("trap '' TERM; sleep 900 & exit 0", { timeoutMs: 500 }));
      expect((await client.toEnd()).exit).toMatchObject({
        value: 0,
        cause: "itself",
        survivors: 1,
      });
    },
  );

  test.runIf(!program.isEmulated)(
    "a deadline that passes while survivors are waited for ends them",
    async () => {
      client.send(startFrame("sleep 900 & exit 0", { timeoutMs: 500, waitForSurvivors: true }));
      expect((await client.toEnd()).exit).toMatchObject({ value: 0, cause: "deadline" });
    },
  );

  test.runIf(!program.isEmulated)(
    "a script that kills its run-init is lost, and all of it ends",
    async () => {
      const script = "setsid sleep 900 & echo $$ $!; kill -9 $PPID; sleep 900";
      client.send(startFrame(script));
      const pids = await pidsOf(2);
      expect((await client.toEnd()).exit).toMatchObject({ how: "unknown", leftovers: [] });
      for (const pid of pids) await isGone(pid);
      client.send(startFrame("echo on", { channel: 2 }));
      expect((await client.toEnd(2)).stdout).toBe("on\n");
    },
  );

  test.runIf(!program.isEmulated)(
    "a script that kills its run-init with its first breath is lost, never refused",
    async () => {
      const channels = Array.from({ length: 40 }, (_, index) => index + 1);
      for (const channel of channels)
        client.send(startFrame("kill -9 $PPID; sleep 900", { channel }));
      for (const channel of channels)
        expect((await client.toEnd(channel)).exit).toMatchObject({ how: "unknown" });
      expect(client.frames.filter(({ type }) => type === "refused")).toEqual([]);
      await expect
        .poll(async () => (await childrenOf(guard.pid)).length, { timeout: 10_000 })
        .toBe(0);
    },
  );

  test("when the guard is killed its scripts end", async () => {
    const script = Buffer.from("trap '' TERM; sleep 900 & echo $$ $!; wait");
    const prelude = Buffer.alloc(0);
    const file = { text: script, asFile: true, extension: ".sh", prelude };
    client.send(startFrame("", { script: file, id: "exe_of_a_killed_guard" }));
    const pids = await pidsOf(2);
    guard.kill("SIGKILL");
    for (const pid of pids) await isGone(pid);
    expect(existsSync("/dev/shm/.deckhand-exe_of_a_killed_guard.sh")).toBe(false);
  });

  test("TERM ends the guard's scripts; it leaves when the server has their ends", async () => {
    client.send(startFrame("echo $$; sleep 900"));
    await pidsOf(1);
    guard.kill("SIGTERM");
    expect((await client.toEnd()).exit).toMatchObject({ how: "signal", value: 15, cause: "stop" });
    client.send({ type: "release", id: "exe_1" });
    await guard.ended;
  });

  test("what is released while it runs goes on without its output, and is forgotten at its end", async () => {
    client.send(
      startFrame("echo $$; head -c 3000000 /dev/zero; echo done >&2", { spoolBytes: 65_536 }),
    );
    const [pid = 0] = await pidsOf(1);
    client.send({ type: "release", id: "exe_1" });
    await isGone(pid);
    await expect
      .poll(
        async () => {
          client.send({ type: "status", id: "exe_1" });
          return (await client.next("state")).state;
        },
        { timeout: 10_000 },
      )
      .toBe("unknown");
  });

  async function childrenOf(pid: number): Promise<readonly string[]> {
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
    return children.split(" ").filter(Boolean);
  }
});

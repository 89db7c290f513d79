import { constants } from "node:os";
import { existsSync } from "node:fs";
import { open, readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import type { StartFrame } from "../packages/server/src/guard/frames.ts";
import { type GuardClient, startFrame } from "./support/guard-client.ts";
import { GUARDS, startLocalGuard } from "./support/local-guard.ts";

const { E2BIG, EAGAIN, EFBIG, EMFILE, ENOENT, ENOTDIR } = constants.errno;
const IS_ROOT = process.getuid?.() === 0;
const NOBODY = 65_534;

/** As the numbers of guard/src/launch.h. */
const REFUSED = { noInterpreter: 3, noDirectory: 4, workingDirectory: 5, process: 6, exec: 9 };

describe.each(GUARDS)("limits, and what is refused ($guard)", (program) => {
  async function run(client: GuardClient, script: string, more: Partial<StartFrame> = {}) {
    client.send(startFrame(script, more));
    return client.toEnd(more.channel);
  }

  test("each limit is set for the script and for nobody else", async () => {
    await using guard = await startLocalGuard(program);
    const client = await guard.connect();
    const limited = await run(
      client,
      "ulimit -t; ulimit -f; ulimit -n; umask; nice; cat /proc/self/oom_score_adj",
      {
        commands: ["bash"],
        cpuSeconds: 77,
        fileBytes: 512 * 1024,
        openFiles: 99,
        umask: 0o027,
        nice: 5,
        oomScore: 123,
      },
    );
    expect(limited.stderr).toBe("");
    expect(limited.stdout).toBe("77\n512\n99\n0027\n5\n123\n");
    const free = await run(client, "ulimit -t; umask; nice", { channel: 2, commands: ["bash"] });
    expect(free.stdout).toBe("unlimited\n0022\n0\n");
  });

  test("too much CPU time ends a script by the signal that says so", async () => {
    await using guard = await startLocalGuard(program);
    const client = await guard.connect();
    const { exit } = await run(client, "while :; do :; done", { cpuSeconds: 1 });
    expect(exit).toMatchObject({ how: "signal", value: constants.signals.SIGXCPU });
  });

  test("a script gets the limit on open files that there was, although the guard has more", async () => {
    await using guard = await startLocalGuard(program, { limits: "ulimit -Sn 200" });
    const client = await guard.connect();
    expect((await run(client, "ulimit -n")).stdout).toBe("200\n");
    const limits = await readFile(`/proc/${guard.pid}/limits`, "utf8");
    expect(limits).toMatch(/^Max open files +4096 /m);
  });

  test("when open files run out scripts are refused, and the server can still come", async () => {
    await using guard = await startLocalGuard(program, { limits: "ulimit -n 128" });
    const client = await guard.connect();
    const channels = Array.from({ length: 60 }, (_, index) => index + 1);
    for (const channel of channels)
      client.send(startFrame("read line", { channel, hasInput: true }));
    for (const channel of channels) {
      const answers = client.frames.filter(
        (frame) =>
          (frame.type === "started" || frame.type === "refused") && frame.channel === channel,
      );
      if (answers.length > 0) continue;
      await Promise.race([client.next("started", channel), client.next("refused", channel)]);
    }
    const refused = client.frames.filter((frame) => frame.type === "refused");
    expect(refused.length).toBeGreaterThan(20);
    for (const frame of refused)
      expect(frame).toMatchObject({ refusal: REFUSED.process, errno: EMFILE });
    const next = await guard.connect();
    next.send({ type: "attach", channel: 1, id: "exe_1", offsets: { stdout: 0, stderr: 0 } });
    await next.next("attached", 1);
    next.send({ type: "in-eof", channel: 1, offset: 0 });
    await next.toEnd(1);
  });

  test("more scripts than the guard holds are refused, until some are released", async () => {
    await using guard = await startLocalGuard(program);
    const client = await guard.connect();
    for (let channel = 1; channel <= 520; channel++)
      client.send({
        ...startFrame("", { channel, spoolBytes: 0, commands: ["true"] }),
        script: undefined,
      });
    for (let channel = 1; channel <= 512; channel++) await client.toEnd(channel);
    const refused = client.frames.filter((frame) => frame.type === "refused");
    expect(refused.map(({ channel, refusal }) => [channel, refusal])).toEqual(
      Array.from({ length: 8 }, (_, index) => [513 + index, 1]),
    );
    client.send({ type: "release", id: "exe_7" });
    const again = async () => {
      client.send(startFrame("exit 9", { channel: 600 }));
      client.send({ type: "ping", number: 0 });
      await client.next("pong");
      return client.frames.findLast((frame) => "channel" in frame && frame.channel === 600)?.type;
    };
    await expect.poll(again).not.toBe("refused");
    expect((await client.toEnd(600)).exit.value).toBe(9);
  });

  test.runIf(!program.isEmulated)("no process for a script is a refusal", async () => {
    // Root has as many as it likes.
    const uid = IS_ROOT ? { uid: NOBODY } : {};
    await using guard = await startLocalGuard(program, { limits: "ulimit -u 1", ...uid });
    const client = await guard.connect();
    client.send(startFrame("echo never"));
    expect(await client.next("refused")).toMatchObject({ refusal: REFUSED.process, errno: EAGAIN });
    client.send({ type: "status", id: "exe_1" });
    expect(await client.next("state")).toMatchObject({ state: "unknown" });
  });

  test("what can not be written is a refusal, and not the end of the guard", async () => {
    await using guard = await startLocalGuard(program, { limits: "ulimit -f 0" });
    const client = await guard.connect();
    client.send(startFrame("echo never"));
    expect(await client.next("refused", 1)).toMatchObject({
      refusal: REFUSED.noDirectory,
      errno: EFBIG,
    });
    const text = Buffer.from("echo never");
    const script = { text, asFile: true, extension: ".sh", prelude: Buffer.alloc(0) };
    client.send(startFrame("", { channel: 2, id: "exe_not_written", script }));
    expect(await client.next("refused", 2)).toMatchObject({ errno: EFBIG });
    for (const folder of ["/dev/shm", "/tmp", "/var/tmp", "/run"])
      expect(existsSync(`${folder}/.deckhand-exe_not_written.sh`)).toBe(false);
    client.send({
      ...startFrame("", { channel: 3, commands: ["echo"], args: ["on"] }),
      script: undefined,
    });
    expect((await client.toEnd(3)).stdout).toBe("on\n");
  });

  test("interpreters, directories and environments that can not be had are refused in the kernel's words", async () => {
    await using guard = await startLocalGuard(program);
    const client = await guard.connect();
    const huge = `A=${"x".repeat(200_000)}`;
    const cases: readonly [Partial<StartFrame>, number, number][] = [
      [{ commands: ["no-such-shell", "/bin"] }, REFUSED.noInterpreter, 0],
      [{ directory: "/no/such/directory" }, REFUSED.workingDirectory, ENOENT],
      [{ directory: "/etc/passwd" }, REFUSED.workingDirectory, ENOTDIR],
      [{ environment: [huge] }, REFUSED.exec, E2BIG],
    ];
    for (const [index, [more, refusal, errno]] of cases.entries()) {
      const channel = index + 1;
      client.send(startFrame("echo never", { ...more, channel }));
      expect(await client.next("refused", channel)).toMatchObject({ refusal, errno });
      client.send({ type: "release", id: `exe_${channel}` });
    }
    const { stdout } = await run(client, "echo on", { channel: 9 });
    expect(stdout).toBe("on\n");
  });

  test("a refusal that was not heard is told again over the next connection", async () => {
    await using guard = await startLocalGuard(program);
    const client = await guard.connect();
    client.send(startFrame("", { directory: "/no/such/directory" }));
    await client.next("refused");
    const next = await guard.connect();
    next.send({ type: "attach", channel: 5, id: "exe_1", offsets: { stdout: 0, stderr: 0 } });
    expect(await next.next("attached", 5)).toMatchObject({ state: "refused" });
    expect(await next.next("refused", 5)).toMatchObject({ refusal: REFUSED.workingDirectory });
    next.send({ type: "release", id: "exe_1" });
    const status = async () => {
      next.send({ type: "status", id: "exe_1" });
      return (await next.next("state")).state;
    };
    await expect.poll(status).toBe("unknown");
  });

  // Memory of others can be read by root only; the sanitizers and the emulation keep copies of their own.
  test.runIf(IS_ROOT && !program.isEmulated && program.guard !== "with sanitizers")(
    "neither the guard's memory keeps a script's parameters, nor its children the guard's secret",
    async () => {
      await using guard = await startLocalGuard(program);
      const client = await guard.connect();
      const hidden = `hidden${Math.random()}`;
      client.send(
        startFrame("echo $PPID; exec sleep 900", { environment: [`PASSWORD=${hidden}`] }),
      );
      const runInit = Number((await client.output(2)).toString());
      expect(await isInMemory(guard.pid, Buffer.from(hidden))).toBe(false);
      expect(await isInMemory(guard.pid, guard.secret)).toBe(true);
      expect(await isInMemory(runInit, guard.secret)).toBe(false);
    },
  );
});

async function isInMemory(pid: number, bytes: Buffer): Promise<boolean> {
  const maps = await readFile(`/proc/${pid}/maps`, "utf8");
  const memory = await open(`/proc/${pid}/mem`);
  try {
    for (const line of maps.trim().split("\n")) {
      const [, from = "", to = "", access = ""] = /^(\w+)-(\w+) (\S+)/.exec(line) ?? [];
      if (!access.startsWith("rw")) continue;
      const start = Number.parseInt(from, 16);
      const buffer = Buffer.alloc(Number.parseInt(to, 16) - start);
      const { bytesRead } = await memory.read(buffer, 0, buffer.length, start);
      if (buffer.subarray(0, bytesRead).includes(bytes)) return true;
    }
    return false;
  } finally {
    await memory.close();
  }
}

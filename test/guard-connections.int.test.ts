import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { setImmediate as turn, setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { encodeFrame } from "../packages/server/src/guard/encode-frame.ts";
import { VECTORS } from "../packages/server/src/guard/testing/vectors.ts";
import { type GuardClient, startFrame } from "./support/guard-client.ts";
import { GUARDS, type LocalGuard, startLocalGuard } from "./support/local-guard.ts";

const BAD = VECTORS.filter(({ direction, frame }) => direction === "to-guard" && !frame);

describe.each(GUARDS)("connections to the guard ($guard)", (program) => {
  let guard: LocalGuard;

  beforeEach(async () => {
    guard = await startLocalGuard(program);
  });

  afterEach(() => guard[Symbol.asyncDispose]());

  async function ping(client: GuardClient): Promise<void> {
    const number = Math.floor(Math.random() * 2 ** 32);
    client.send({ type: "ping", number });
    while ((await client.next("pong")).number !== number);
  }

  test("HELLO says who the guard is", async () => {
    const client = await guard.connectRaw();
    client.send({ type: "auth", secret: guard.secret });
    expect(await client.next("hello")).toMatchObject({
      protocol: 1,
      instance: expect.stringMatching(/^[0-9a-f]{32}$/),
      pid: guard.pid,
      uid: process.getuid?.(),
      executions: 512,
    });
  });

  test.each([
    ["another secret", () => encodeFrame({ type: "auth", secret: Buffer.alloc(16) })],
    ["another frame first", () => encodeFrame({ type: "ping", number: 1 })],
    ["no frame at all", () => Buffer.from("GET / HTTP/1.1\r\n\r\n".repeat(4))],
    [
      "another version of the protocol",
      () => {
        const frame = encodeFrame({ type: "auth", secret: guard.secret });
        frame.writeUInt16LE(2, 5);
        return frame;
      },
    ],
  ])("%s is answered by nothing but the end", async (_what, toBytes) => {
    const client = await guard.connectRaw();
    client.sendBytes(toBytes());
    await client.closed;
    expect(client.frames).toEqual([]);
    await ping(await guard.connect());
  });

  test("a new connection takes over from the one before, and scripts go on", async () => {
    const first = await guard.connect();
    first.send(startFrame("echo $$; read line; echo $line", { hasInput: true }));
    await first.next("started");
    await first.output(2);
    const second = await guard.connect();
    await first.closed;
    second.send({ type: "attach", channel: 4, id: "exe_1", offsets: { stdout: 0, stderr: 0 } });
    await second.next("attached", 4);
    second.send({ type: "in", channel: 4, offset: 0, bytes: Buffer.from("taken over\n") });
    expect((await second.toEnd(4)).stdout).toMatch(/^\d+\ntaken over\n$/);
  });

  test("who can not say the secret neither takes over nor keeps others out", async () => {
    const server = await guard.connect();
    const strangers: GuardClient[] = [];
    for (let count = 0; count < 12; count++) strangers.push(await guard.connectRaw());
    // Eight may wait; more are sent away at once.
    await expect.poll(() => strangers.filter((one) => one.isClosed()).length).toBe(4);
    await ping(server);
    for (const stranger of strangers) stranger.close();
    await ping(await guard.connect());
  });

  test("frames are taken in whatever pieces they come", async () => {
    const client = await guard.connectRaw();
    const script = "cat; echo $1";
    const stream = Buffer.concat(
      [
        { type: "auth", secret: guard.secret } as const,
        startFrame(script, { hasInput: true, args: ["an argument"] }),
        { type: "in", channel: 1, offset: 0, bytes: Buffer.from("input ") } as const,
        { type: "ping", number: 77 } as const,
        { type: "in-eof", channel: 1, offset: 6 } as const,
      ].map((frame) => encodeFrame(frame)),
    );
    for (const byte of stream) {
      client.sendBytes(Buffer.of(byte));
      await turn();
    }
    expect((await client.toEnd()).stdout).toBe("input an argument\n");
    expect(await client.next("pong")).toMatchObject({ number: 77 });
  });

  test("a large frame is taken between small ones, cut anywhere", async () => {
    const client = await guard.connect();
    const body = Buffer.alloc(200_000, "# a comment\n");
    for (const [index, cut] of [1, 13, 14, 15, 18, 70_000, 200_000, -14, -13].entries()) {
      const whole = Buffer.concat([
        encodeFrame({ type: "ping", number: 1 }),
        encodeFrame(startFrame(`echo large\n${body.toString()}`, { channel: index + 1 })),
        encodeFrame({ type: "ping", number: 2 }),
      ]);
      client.sendBytes(whole.subarray(0, cut));
      await delay(5);
      client.sendBytes(whole.subarray(cut));
      expect(await client.next("pong")).toMatchObject({ number: 1 });
      expect(await client.next("pong")).toMatchObject({ number: 2 });
      expect((await client.toEnd(index + 1)).stdout).toBe("large\n");
    }
  });

  test.each(BAD)("$name: an error, and the connection stays", async ({ bytes }) => {
    const client = await guard.connect();
    client.sendBytes(bytes);
    expect(await client.next("error")).toMatchObject({
      detail: `a frame of type ${bytes.readUInt8(4)} can not be read`,
    });
    await ping(client);
    client.send({ type: "list" });
    await client.next("listed");
    expect(client.frames.filter(({ type }) => type === "state")).toEqual([]);
  });

  test.each([
    ["without even a type", 0],
    ["larger than any", 8 * 1024 * 1024 + 1],
    ["of four gigabytes", 0xffff_ffff],
  ])("a frame %s ends the connection, and nothing else", async (_what, length) => {
    const client = await guard.connect();
    client.send(startFrame("sleep 0.5; echo on"));
    await client.next("started");
    const header = Buffer.alloc(5);
    header.writeUInt32LE(length);
    client.sendBytes(header);
    await client.closed;
    const next = await guard.connect();
    next.send({ type: "attach", channel: 1, id: "exe_1", offsets: { stdout: 0, stderr: 0 } });
    expect((await next.toEnd()).stdout).toBe("on\n");
  });

  test("a connection that ends in the middle of a large frame leaves nothing", async () => {
    const client = await guard.connect();
    client.sendBytes(encodeFrame(startFrame("#".repeat(300_000))).subarray(0, 200_000));
    await delay(50);
    client.close();
    const next = await guard.connect();
    await ping(next);
    next.send({ type: "list" });
    await next.next("listed");
    expect(next.frames.filter(({ type }) => type === "state")).toEqual([]);
  });

  test("STATUS, LIST, RELEASE and ATTACH know what is there and what is not", async () => {
    const client = await guard.connect();
    client.send(startFrame("exit 3", { channel: 1 }));
    client.send(startFrame("sleep 900", { channel: 2 }));
    client.send(startFrame("", { channel: 3, commands: ["no-such-shell"] }));
    await client.toEnd(1);
    await client.next("started", 2);
    expect(await client.next("refused", 3)).toMatchObject({ refusal: 3, errno: 0 });
    client.send({ type: "list" });
    await client.next("listed");
    const states = client.frames.filter((frame) => frame.type === "state");
    expect(states.map(({ id, state }) => [id, state])).toEqual([
      ["exe_1", "settled"],
      ["exe_2", "running"],
    ]);
    client.send({ type: "release", id: "exe_1" });
    client.send({ type: "release", id: "exe_9" });
    // It stays until the process that held it has gone.
    const status = async () => {
      client.send({ type: "status", id: "exe_1" });
      client.send({ type: "ping", number: 0 });
      await client.next("pong");
      return client.frames.findLast(({ type }) => type === "state");
    };
    await expect.poll(status).toMatchObject({ id: "exe_1", state: "unknown", pid: 0 });
    client.send({ type: "attach", channel: 8, id: "exe_1", offsets: { stdout: 0, stderr: 0 } });
    await client.next("unknown", 8);
  });

  test("frames for a channel that nobody uses are nobody's mistake", async () => {
    const client = await guard.connect();
    const channel = 99;
    client.send({ type: "ack", channel, offsets: { stdout: 1, stderr: 1 } });
    client.send({ type: "in", channel, offset: 5, bytes: Buffer.from("x") });
    client.send({ type: "in-eof", channel, offset: 9 });
    client.send({ type: "resize", channel, columns: 1, rows: 1 });
    client.send({ type: "signal", channel, signal: 9, all: true });
    client.send({ type: "stop", channel, graceMs: 0 });
    await ping(client);
    expect(client.frames.filter(({ type }) => type === "error")).toEqual([]);
  });

  test("a server that reads slowly gets everything in the end", async () => {
    const client = await guard.connect();
    const channels = Array.from({ length: 30 }, (_, index) => index + 1);
    client.pause();
    for (const channel of channels)
      client.send(startFrame(`head -c 200000 /dev/zero; exit ${channel}`, { channel }));
    await delay(1_000);
    client.resume();
    for (const channel of channels) {
      const { stdout, exit } = await client.toEnd(channel);
      expect({ length: stdout.length, value: exit.value }).toEqual({
        length: 200_000,
        value: channel,
      });
    }
  });

  test("a server that asks and never reads is sent away, and comes back to what it had", async () => {
    const client = await guard.connectRaw();
    client.send({ type: "auth", secret: guard.secret });
    client.send(startFrame("sleep 900"));
    await client.next("started");
    client.pause();
    const many = Buffer.concat(
      Array.from({ length: 2_000 }, () => encodeFrame({ type: "status", id: "exe_1" })),
    );
    for (let sent = 0; sent < 20; sent++) client.sendBytes(many);
    await delay(500);
    client.resume();
    await client.closed;
    const next = await guard.connect();
    next.send({ type: "attach", channel: 1, id: "exe_1", offsets: { stdout: 0, stderr: 0 } });
    expect(await next.next("attached", 1)).toMatchObject({ state: "running" });
  });

  test("a bridge that comes before its guard says so, and waits for it", async () => {
    const other = await startLocalGuard(program);
    other.kill("SIGKILL");
    await other.ended;
    const bridge = other.bridge();
    if (!bridge.stdout || !bridge.stdin) throw new Error("the bridge has no streams");
    const [first] = await once(bridge.stdout, "data");
    expect(first.toString()).toBe("deckhand-guard absent\n");
    bridge.kill();
    await other[Symbol.asyncDispose]();
  });

  test.runIf(process.getuid?.() === 0)(
    "a bridge does not speak with another user's guard",
    async () => {
      await using other = await startLocalGuard(program, { uid: 65_534 });
      const stranger = other.bridge({ asOurselves: true });
      if (!stranger.stdout) throw new Error("the bridge has no streams");
      expect(await text(stranger.stdout)).toBe("deckhand-guard foreign\n");
      await ping(await other.connect());
    },
  );

  test("a bridge ends when its server or its guard does", async () => {
    const bridge = guard.bridge();
    if (!bridge.stdout || !bridge.stdin) throw new Error("the bridge has no streams");
    const said = text(bridge.stdout);
    const exit = once(bridge, "exit");
    bridge.stdin.end();
    expect(await exit).toEqual([0, null]);
    expect(await said).toBe("deckhand-guard open\n");
    const other = guard.bridge();
    if (!other.stdout) throw new Error("the bridge has no streams");
    await once(other.stdout, "data");
    guard.kill("SIGKILL");
    expect(await once(other, "exit")).toEqual([0, null]);
  });

  test("LEAVE ends the guard when nothing is left of its scripts", async () => {
    const client = await guard.connect();
    client.send(startFrame("sleep 0.5; echo end"));
    client.send({ type: "leave" });
    expect((await client.toEnd()).stdout).toBe("end\n");
    expect(guard.isRunning()).toBe(true);
    client.send({ type: "release", id: "exe_1" });
    await guard.ended;
    await client.closed;
  });

  test("with nothing to do and nobody connected the guard leaves after a while", async () => {
    const env = { DECKHAND_GUARD_IDLE_S: "1", DECKHAND_GUARD_KEEP_S: "99999999999999999999" };
    await using idle = await startLocalGuard(program, { env });
    const client = await idle.connect();
    client.send(startFrame("sleep 1.5"));
    await client.next("started");
    client.close();
    const next = await idle.connect();
    next.send({ type: "attach", channel: 1, id: "exe_1", offsets: { stdout: 0, stderr: 0 } });
    await next.toEnd();
    next.send({ type: "release", id: "exe_1" });
    next.close();
    await idle.ended;
  });

  test("the end of a script is kept for as long as it was told, and no longer", async () => {
    const env = { DECKHAND_GUARD_IDLE_S: "1", DECKHAND_GUARD_KEEP_S: "2" };
    await using idle = await startLocalGuard(program, { env });
    const client = await idle.connect();
    client.send(startFrame("exit 8"));
    await client.toEnd();
    client.close();
    await delay(1_200);
    const next = await idle.connect();
    next.send({ type: "attach", channel: 1, id: "exe_1", offsets: { stdout: 0, stderr: 0 } });
    expect((await next.toEnd()).exit).toMatchObject({ value: 8 });
    next.close();
    await idle.ended;
  });

  test("a second guard under the same name leaves the work to the first", async () => {
    await using second = await startLocalGuard(program);
    const client = await second.connect();
    await ping(client);
    const fds = await readdir(`/proc/${guard.pid}/fd`);
    expect(fds.length).toBeLessThan(12);
    expect(await readFile(`/proc/${guard.pid}/comm`, "utf8")).toBe("deckhand-guard\n");
  });
});

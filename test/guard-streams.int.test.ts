import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type GuardClient, startFrame } from "./support/guard-client.ts";
import { GUARDS, type LocalGuard, startLocalGuard } from "./support/local-guard.ts";

const SPOOL = 64 * 1024;
const WINDOW = 64 * 1024;

/** Lines that tell where they stand. */
const LINES = "i=0; while [ $i -lt 60000 ]; do i=$((i+1)); echo line $i; done";
const ALL_LINES = Array.from({ length: 60_000 }, (_, index) => `line ${index + 1}\n`).join("");

describe.each(GUARDS)("the streams of a script ($guard)", (program) => {
  let guard: LocalGuard;
  let client: GuardClient;

  beforeEach(async () => {
    guard = await startLocalGuard(program);
    client = await guard.connect();
  });

  afterEach(() => guard[Symbol.asyncDispose]());

  test("a script that writes more than is kept waits until what came is acknowledged", async () => {
    client.send(startFrame(LINES, { spoolBytes: SPOOL }));
    const first = await client.output(SPOOL);
    // Everything that the guard still had to say is before its answer.
    client.send({ type: "ping", number: 1 });
    await client.next("pong");
    client.send({ type: "status", id: "exe_1" });
    const { state, offsets } = await client.next("state");
    expect({ state, offsets }).toEqual({ state: "running", offsets: { stdout: SPOOL, stderr: 0 } });
    expect(first).toHaveLength(SPOOL);
    const { stdout, exit } = await client.toEnd();
    expect(stdout).toBe(ALL_LINES);
    expect(exit.produced.stdout).toBe(ALL_LINES.length);
  });

  test("an acknowledgement of what was never sent is not believed", async () => {
    client.send(startFrame("echo one; read line; echo $line", { hasInput: true }));
    await client.output(4);
    client.send({ type: "ack", channel: 1, offsets: { stdout: 2 ** 40, stderr: 2 ** 40 } });
    client.send({ type: "attach", channel: 2, id: "exe_1", offsets: { stdout: 0, stderr: 0 } });
    expect(await client.next("attached", 2)).toMatchObject({ offsets: { stdout: 0, stderr: 0 } });
    client.send({ type: "in", channel: 2, offset: 0, bytes: Buffer.from("two\n") });
    expect((await client.toEnd(2)).stdout).toBe("one\ntwo\n");
  });

  test("over a new connection output goes on where the server says, and what it acknowledged is gone", async () => {
    client.send(startFrame(LINES, { spoolBytes: SPOOL }));
    await client.output(SPOOL);
    client.send({ type: "ack", channel: 1, offsets: { stdout: 1000, stderr: 0 } });
    await client.output(SPOOL + 1);
    client.close();

    const next = await guard.connect();
    next.send({ type: "attach", channel: 9, id: "exe_1", offsets: { stdout: 30_000, stderr: 0 } });
    const attached = await next.next("attached", 9);
    expect(attached).toMatchObject({ state: "running", offsets: { stdout: 30_000, stderr: 0 } });
    const { stdout } = await next.toEnd(9);
    expect(stdout).toBe(ALL_LINES.slice(30_000));

    next.send({ type: "attach", channel: 10, id: "exe_1", offsets: { stdout: 500, stderr: 0 } });
    const again = await next.next("attached", 10);
    expect(again).toMatchObject({ state: "settled", offsets: { stdout: ALL_LINES.length } });
    expect((await next.toEnd(10)).exit).toMatchObject({ value: 0 });
  });

  test("the same START twice starts one script, and gives its output from the first byte", async () => {
    const start = startFrame("echo $$; read line; exit 3", { hasInput: true });
    client.send(start);
    const { pid } = await client.next("started");
    await client.output(2);
    client.send({ ...start, channel: 2 });
    expect(await client.next("attached", 2)).toMatchObject({ pid, state: "running" });
    client.send({ type: "in-eof", channel: 2, offset: 0 });
    const { stdout, exit } = await client.toEnd(2);
    expect(stdout).toBe(`${pid}\n`);
    expect(exit.value).toBe(3);
  });

  test("both streams are kept apart, byte for byte, while both are written to", async () => {
    const bytes = 700_000;
    const write = (from: string, to: number) =>
      `head -c ${bytes} /dev/zero | tr '\\0' ${from} >&${to}`;
    client.send(startFrame(`${write("o", 1)} & ${write("e", 2)}; wait`, { spoolBytes: SPOOL }));
    const { stdout, stderr } = await client.toEnd();
    expect(stdout).toBe("o".repeat(bytes));
    expect(stderr).toBe("e".repeat(bytes));
  });

  test("what is above the limit is counted and not kept, and the script is not held up", async () => {
    const script = "head -c 300000 /dev/zero; sleep 0.3; head -c 50 /dev/zero >&2";
    client.send(startFrame(script, { outputLimit: 100_000, spoolBytes: SPOOL }));
    const { stdout, stderr, exit } = await client.toEnd();
    expect(stdout).toHaveLength(100_000);
    expect(stderr).toHaveLength(0);
    expect(exit).toMatchObject({
      value: 0,
      produced: { stdout: 300_000, stderr: 50 },
      dropped: { stdout: 200_000, stderr: 50 },
    });
  });

  test("a limit of nothing keeps nothing", async () => {
    client.send(startFrame("echo word; exit 4", { outputLimit: 0 }));
    const { stdout, exit } = await client.toEnd();
    expect({ stdout, value: exit.value }).toEqual({ stdout: "", value: 4 });
    expect(exit.dropped).toEqual({ stdout: 5, stderr: 0 });
  });

  test("input arrives whole, a window at a time, and ends", async () => {
    const input = Buffer.alloc(400_000, "all of these words ");
    client.send(startFrame("sha256sum; sleep 0.1", { hasInput: true }));
    await client.next("started");
    let offset = 0;
    let taken = 0;
    while (offset < input.length) {
      const bytes = input.subarray(offset, Math.min(offset + 32_768, taken + WINDOW));
      if (bytes.length > 0) client.send({ type: "in", channel: 1, offset, bytes });
      offset += bytes.length;
      if (offset - taken >= WINDOW) taken = (await client.next("in-ack")).offset;
    }
    client.send({ type: "in-eof", channel: 1, offset });
    const { stdout } = await client.toEnd();
    expect(stdout.split(" ")[0]).toBe(createHash("sha256").update(input).digest("hex"));
  });

  test("input that is sent again after a lost connection arrives once", async () => {
    client.send(startFrame("head -c 1; sleep 0.2; cat", { hasInput: true }));
    client.send({ type: "in", channel: 1, offset: 0, bytes: Buffer.from("abc") });
    await client.output(1);
    client.close();
    const next = await guard.connect();
    next.send({ type: "attach", channel: 5, id: "exe_1", offsets: { stdout: 0, stderr: 0 } });
    expect(await next.next("attached", 5)).toMatchObject({ inputOffset: 3 });
    next.send({ type: "in", channel: 5, offset: 1, bytes: Buffer.from("bcde") });
    next.send({ type: "in-eof", channel: 5, offset: 5 });
    next.send({ type: "in-eof", channel: 5, offset: 5 });
    // head takes more than it prints: what is left is for cat.
    const { stdout } = await next.toEnd(5);
    expect(stdout).toMatch(/^a(de|bcde)?$/);
    expect(next.frames.filter(({ type }) => type === "error")).toEqual([]);
  });

  test("input for a script that has closed it counts as taken", async () => {
    client.send(startFrame("exec <&-; echo closed; sleep 0.3", { hasInput: true }));
    await client.output(7);
    client.send({ type: "in", channel: 1, offset: 0, bytes: Buffer.alloc(32_768) });
    expect(await client.next("in-ack")).toMatchObject({ offset: 32_768 });
    client.send({ type: "in-eof", channel: 1, offset: 32_768 });
    expect((await client.toEnd()).exit.value).toBe(0);
  });

  test("without an announced input there is none", async () => {
    client.send(startFrame("cat; echo end"));
    expect((await client.toEnd()).stdout).toBe("end\n");
  });

  test.each([
    ["input that leaves a gap", { offset: 1, frames: 1 }],
    // A pipe takes some of it: what is beyond that and the window can not be kept.
    ["more input than the window holds", { offset: 0, frames: 8 }],
  ])("%s is refused, and the connection stays", async (_what, { offset, frames }) => {
    client.send(startFrame("sleep 30", { hasInput: true }));
    await client.next("started");
    const bytes = Buffer.alloc(32_768);
    for (let frame = 0; frame < frames; frame++)
      client.send({ type: "in", channel: 1, offset: offset + frame * bytes.length, bytes });
    expect(await client.next("error")).toMatchObject({ detail: "IN does not fit" });
    client.send({ type: "ping", number: 3 });
    expect(await client.next("pong")).toMatchObject({ number: 3 });
  });

  test("an end of the input that is not its end is refused", async () => {
    client.send(startFrame("cat", { hasInput: true }));
    client.send({ type: "in", channel: 1, offset: 0, bytes: Buffer.from("abc") });
    client.send({ type: "in-eof", channel: 1, offset: 4 });
    expect(await client.next("error")).toMatchObject({ detail: "IN_EOF does not fit" });
    client.send({ type: "in-eof", channel: 1, offset: 3 });
    expect((await client.toEnd()).stdout).toBe("abc");
    client.send({ type: "in", channel: 1, offset: 3, bytes: Buffer.from("d") });
    expect(await client.next("error")).toMatchObject({ detail: "IN does not fit" });
  });

  test("a terminal has its size, tells of a new one, echoes, and takes an end of input", async () => {
    const script =
      'trap "resized=1" WINCH; stty size; echo ready; while [ -z "$resized" ]; do sleep 0.02; done; stty size; while read line; do echo "got $line"; done; tty';
    const terminal = { columns: 101, rows: 31 };
    client.send(startFrame(script, { terminal, hasInput: true, commands: ["bash"] }));
    await client.output("31 101\r\nready\r\n".length);
    client.send({ type: "resize", channel: 1, columns: 33, rows: 11 });
    await client.output("31 101\r\nready\r\n11 33\r\n".length);
    client.send({ type: "in", channel: 1, offset: 0, bytes: Buffer.from("word\n") });
    await client.output("31 101\r\nready\r\n11 33\r\nword\r\ngot word\r\n".length);
    client.send({ type: "in-eof", channel: 1, offset: 5 });
    const { stdout, stderr, exit } = await client.toEnd();
    expect(stdout).toMatch(/^31 101\r\nready\r\n11 33\r\nword\r\ngot word\r\n\/dev\/pts\/\d+\r\n$/);
    expect({ stderr, value: exit.value }).toEqual({ stderr: "", value: 0 });
  });

  test("what a script on a terminal wrote last comes before its end", async () => {
    const terminal = { columns: 80, rows: 24 };
    client.send(startFrame("seq 20000", { terminal, hasInput: true, spoolBytes: SPOOL }));
    const { stdout } = await client.toEnd();
    expect(stdout.endsWith("19999\r\n20000\r\n")).toBe(true);
    expect(stdout.split("\r\n")).toHaveLength(20_001);
  });
});

import { randomBytes } from "node:crypto";
import { expect, test, vi } from "vitest";
import { DEFAULT_PACE, liveTerminal, type TerminalPace } from "./live-terminal.ts";
import { memoryExecution } from "./testing/memory-execution.ts";
import { memoryLink } from "./testing/memory-link.ts";

const KIB = 1024;
const size = { columns: 80, rows: 24 };

function open(pace: Partial<TerminalPace> = {}) {
  const program = memoryExecution();
  const live = liveTerminal({
    id: "trm_1",
    execution: program.execution,
    size,
    pace: { ...DEFAULT_PACE, ...pace },
    now: () => 0,
  });
  return { program, live };
}

test("who comes late gets what was shown before, then what comes, and how it ended", async () => {
  const { program, live } = open();
  await program.show(Buffer.from("before "));
  const link = memoryLink({ isEager: true });
  live.watch(link, undefined);
  await program.show(Buffer.from("after"));
  program.exit(3);
  const end = await live.ended;
  await vi.waitFor(() => expect(link.closed?.code).toBe(1000));
  expect(link.bytes.toString()).toBe("before after");
  expect(link.messages).toEqual([
    { type: "hello", terminalId: "trm_1", offset: 0, end: 7, ...size },
    { type: "exit", ...end },
  ]);
  expect(end).toMatchObject({ exitCode: 3, signal: null, reason: { code: "exited" } });
});

test("who comes back with an offset gets every byte once, wherever the cut was", async () => {
  const { program, live } = open();
  const all = randomBytes(200_000);
  const got: Buffer[] = [];
  let after = 0;
  for (let at = 0; at < all.length; at += 8_000) {
    const link = memoryLink({ isEager: true });
    const handle = live.watch(link, after);
    await program.show(all.subarray(at, at + 8_000));
    await vi.waitFor(() => expect(link.bytes.length).toBeGreaterThan(0));
    handle.leave();
    got.push(link.bytes);
    after += link.bytes.length;
  }
  expect(Buffer.concat(got).equals(all.subarray(0, after))).toBe(true);
  const last = memoryLink({ isEager: true });
  live.watch(last, after);
  await vi.waitFor(() => expect(last.bytes.equals(all.subarray(after))).toBe(true));
});

test("an offset that is not kept any more gets the oldest byte that is, and is told so", async () => {
  const { program, live } = open({ replayBytes: 1000 });
  await program.show(randomBytes(5_000));
  const link = memoryLink({ isEager: true });
  live.watch(link, 10);
  expect(link.messages[0]).toMatchObject({ type: "hello", offset: 4_000, end: 5_000 });
  await vi.waitFor(() => expect(link.bytes.length).toBe(1_000));
});

test("what comes into the buffer is acknowledged, and the end lets go of the execution", async () => {
  const { program, live } = open();
  await program.show(randomBytes(70_000));
  expect(program.acknowledged).toEqual({ stdout: 70_000, stderr: 0 });
  expect(program.isReleased).toBe(false);
  program.exit(0);
  await live.ended;
  expect(program.isReleased).toBe(true);
});

test("the program waits for its nearest watcher, and goes on when it has taken something", async () => {
  const { program, live } = open({ stalledMs: 60_000 });
  const slow = memoryLink({ isEager: false });
  live.watch(slow, 0);
  let shown = 0;
  const showing = (async () => {
    for (let count = 0; count < 40; count++) {
      await program.show(randomBytes(32 * KIB));
      shown += 1;
    }
  })();
  await vi.waitFor(() => expect(shown).toBeGreaterThan(5));
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(shown).toBeLessThan(20);
  const taking = setInterval(() => slow.take(), 5);
  await showing;
  clearInterval(taking);
  slow.take();
  expect(slow.bytes.length).toBe(40 * 32 * KIB);
  expect(slow.closed).toBeUndefined();
});

test("a watcher who takes nothing is dropped, may come back, and nobody waits for them", async () => {
  const { program, live } = open({ stalledMs: 50 });
  const stalled = memoryLink({ isEager: false });
  live.watch(stalled, 0);
  for (let count = 0; count < 40; count++) await program.show(randomBytes(32 * KIB));
  expect(stalled.closed?.code).toBe(1013);
  expect(live.watchers).toBe(0);
  const back = memoryLink({ isEager: true });
  live.watch(back, stalled.bytes.length);
  await vi.waitFor(() => expect(back.bytes.length).toBe(1024 * KIB));
});

test("of two watchers the fast one sets the pace, and the slow one is dropped when it falls out", async () => {
  const { program, live } = open({ stalledMs: 60_000 });
  const [fast, stalled] = [memoryLink({ isEager: true }), memoryLink({ isEager: false })];
  live.watch(fast, 0);
  live.watch(stalled, 0);
  for (let count = 0; count < 80; count++) await program.show(randomBytes(32 * KIB));
  await vi.waitFor(() => expect(fast.bytes.length).toBe(80 * 32 * KIB));
  expect(fast.closed).toBeUndefined();
  expect(stalled.closed?.code).toBe(1013);
});

test("a watcher who says what they have taken gets no more than a window beyond it", async () => {
  const { program, live } = open({ stalledMs: 60_000 });
  const link = memoryLink({ isEager: true });
  await program.show(randomBytes(1024 * KIB));
  const handle = live.watch(link, 0);
  handle.taken(0);
  await vi.waitFor(() => expect(link.bytes.length).toBe(512 * KIB));
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(link.bytes.length).toBe(512 * KIB);
  handle.taken(300 * KIB);
  await vi.waitFor(() => expect(link.bytes.length).toBe(812 * KIB));
});

test("nobody for the time that is allowed ends it; coming back in time does not", async () => {
  const { program, live } = open({ unwatchedMs: 200 });
  const link = memoryLink({ isEager: true });
  const handle = live.watch(link, undefined);
  expect(live.unwatchedUntilMs).toBeUndefined();
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(program.stops).toBe(0);
  handle.leave();
  expect(live.unwatchedUntilMs).toBe(200);
  expect((await live.ended).reason).toMatchObject({ code: "unwatched" });
  expect(program.stops).toBe(1);
});

test("whoever ends it first is named, and watchers learn it", async () => {
  const { live } = open();
  const link = memoryLink({ isEager: true });
  live.watch(link, undefined);
  await live.stop({ code: "ended", detail: "It was ended by ann." });
  await live.stop({ code: "shutdown", detail: "later" });
  expect(link.messages.at(-1)).toEqual({
    type: "exit",
    exitCode: 137,
    signal: "SIGKILL",
    reason: { code: "ended", detail: "It was ended by ann." },
  });
});

test("a container that is gone makes it lost, never a success", async () => {
  const { program, live } = open();
  program.execution.abandon({ code: "container-gone", detail: "The container was removed." });
  expect(await live.ended).toEqual({
    exitCode: null,
    signal: null,
    reason: { code: "lost", detail: "The container was removed." },
  });
});

test("keys and sizes of all watchers reach the program", async () => {
  const { program, live } = open();
  await live.write(Buffer.from([0x10, 0x11]));
  live.resize({ columns: 120, rows: 40 });
  expect(program.typed).toBe("\u0010\u0011");
  expect(program.sizes).toEqual([{ columns: 120, rows: 40 }]);
  expect(live.size).toEqual({ columns: 120, rows: 40 });
});

import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import type { Engine, EngineExec } from "../engines/engine.ts";
import { encodeFrame } from "./encode-frame.ts";
import type { ClientFrame } from "./frames.ts";
import { type GuardLink, openLink } from "./guard-link.ts";
import { VECTORS } from "./testing/vectors.ts";

const HELLO = VECTORS.find(({ name }) => name === "HELLO")?.bytes ?? Buffer.alloc(0);
const RELEASE: ClientFrame = { type: "release", id: "exe_1" };
const PING: ClientFrame = { type: "ping", number: 7 };

/** A link to a guard that says hello and nothing more; what is written after that, piece by piece. */
async function open(): Promise<{ link: GuardLink; pieces: Buffer[] }> {
  const pieces: Buffer[] = [];
  const exec: EngineExec = {
    execId: "e",
    output: (async function* () {
      yield { stream: "stdout" as const, bytes: Buffer.from("deckhand-guard open\n") };
      yield { stream: "stdout" as const, bytes: HELLO };
    })(),
    write: async (bytes) => {
      pieces.push(Buffer.from(bytes));
      return true;
    },
    close: () => {},
  };
  const engine: Pick<Engine, "startExec"> = { startExec: async () => exec };
  const link = await openLink({
    engine: engine as Engine,
    containerId: "c",
    user: "",
    address: { name: "n", secret: Buffer.alloc(16) },
    program: { bytes: Buffer.alloc(0), version: "v", memfdCall: 319 },
    way: "shell",
    entrance: { bridgeCommand: [], daemonCommand: [] },
    signal: new AbortController().signal,
  });
  pieces.length = 0;
  return { link, pieces };
}

test("a RELEASE goes with the frame that comes next", async () => {
  const { link, pieces } = await open();
  link.send(RELEASE);
  await pause(0);
  expect(pieces).toEqual([]);
  link.send(PING);
  await pause(0);
  expect(pieces).toEqual([Buffer.concat([encodeFrame(RELEASE), encodeFrame(PING)])]);
  link.close();
});

test("a RELEASE goes by itself when nothing comes, and so does another one after it", async () => {
  const { link, pieces } = await open();
  for (const count of [1, 2]) {
    link.send(RELEASE);
    await expect.poll(() => pieces).toHaveLength(count);
  }
  expect(pieces).toEqual([encodeFrame(RELEASE), encodeFrame(RELEASE)]);
  link.close();
});

test("a RELEASE goes before the link is closed", async () => {
  const { link, pieces } = await open();
  link.send(RELEASE);
  link.close();
  expect(pieces).toEqual([encodeFrame(RELEASE)]);
});

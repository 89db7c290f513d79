import { randomBytes } from "node:crypto";
import type { Run, RunRequestInput } from "@deckhand/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { dockerContainer, type TestContainer } from "./support/containers.ts";
import { type DeckhandServer, startDeckhandServer } from "./support/deckhand-server.ts";
import { engines } from "./support/engines.ts";
import { cancelRun, readRun, startAndSee, startRun } from "./support/run-requests.ts";

let container: TestContainer;
let server: DeckhandServer;

beforeAll(async () => {
  container = await dockerContainer({ name: "concurrency", image: engines().images.busybox });
  server = await startDeckhandServer({ engines: [`local=unix://${engines().docker.socketPath}`] });
});

afterAll(async () => {
  await server?.close();
  await container?.remove();
});

type OnConflict = NonNullable<RunRequestInput["concurrency"]>["onConflict"];

const newKey = () => `key/${randomBytes(4).toString("hex")}`;

/** Says that it began, and goes on until the file is there. */
function until(file: string, concurrency: { key: string; onConflict?: OnConflict }) {
  const text = `echo began; while [ ! -e ${file} ]; do sleep 0.1; done`;
  return { inline: { text, interpreter: "sh" }, on: [`name=${container.name}`], concurrency };
}

function quick(concurrency: { key: string; onConflict?: OnConflict }): RunRequestInput {
  const text = 'echo "$DECKHAND_RUN_ID" >>/tmp/order';
  return { inline: { text, interpreter: "sh" }, on: [`name=${container.name}`], concurrency };
}

const letEnd = (file: string) => container.exec(["touch", file]);
const reasonOf = (run: Run) => run.executions[0]?.reason;
const ended = (run: Run) => readRun(server, run.id, "?wait=60s");

test("runs of one key go one after the other, in the order they came, and say what they wait for", async () => {
  const key = newKey();
  const file = `/tmp/${key.slice(4)}`;
  const holder = await startAndSee(server, until(file, { key }), "began");
  const second = await startRun(server, quick({ key }));
  const third = await startRun(server, quick({ key }));
  const other = await server.run(quick({ key: newKey() }));
  expect(other.state).toBe("succeeded");
  expect(second).toMatchObject({ state: "queued", concurrency: { key, onConflict: "queue" } });
  expect(reasonOf(second)?.code).toBe("waiting-for-run");
  expect(reasonOf(second)?.detail).toContain(holder.id);
  expect(reasonOf(third)?.detail).toContain(second.id);
  await letEnd(file);
  const ends = await Promise.all([holder, second, third].map(ended));
  expect(ends.map(({ state }) => state)).toEqual(["succeeded", "succeeded", "succeeded"]);
  const order = (await container.exec(["cat", "/tmp/order"])).split("\n");
  expect(order.filter((id) => [second.id, third.id].includes(id))).toEqual([second.id, third.id]);
});

test("one that skips ends at once and names the run that has the key", async () => {
  const key = newKey();
  const file = `/tmp/${key.slice(4)}`;
  const holder = await startAndSee(server, until(file, { key }), "began");
  const skipped = await startRun(server, quick({ key, onConflict: "skip" }));
  expect(skipped).toMatchObject({ state: "skipped", counts: { total: 1, skipped: 1 } });
  expect(skipped.finishedAt).not.toBeNull();
  expect(reasonOf(skipped)?.code).toBe("key-taken");
  expect(reasonOf(skipped)?.detail).toContain(holder.id);
  await letEnd(file);
  await ended(holder);
  expect((await server.run(quick({ key, onConflict: "skip" }))).state).toBe("succeeded");
});

test("one that cancels ends the older runs of the key and starts behind them", async () => {
  const key = newKey();
  const holder = await startAndSee(server, until("/tmp/never", { key }), "began");
  const waiting = await startRun(server, quick({ key }));
  const newer = await server.run(quick({ key, onConflict: "cancel" }));
  expect(newer.state).toBe("succeeded");
  for (const older of await Promise.all([holder, waiting].map(ended))) {
    expect(older.state).toBe("cancelled");
    expect(reasonOf(older)?.code).toBe("superseded");
    expect(reasonOf(older)?.detail).toContain(newer.id);
  }
  expect((await ended(holder)).finishedAt ?? "").not.toBe("");
  expect(Date.parse(newer.startedAt ?? "")).toBeGreaterThanOrEqual(
    Date.parse((await ended(holder)).finishedAt ?? ""),
  );
});

test("one that waits can be cancelled, and lets nobody in before its turn", async () => {
  const key = newKey();
  const file = `/tmp/${key.slice(4)}`;
  const holder = await startAndSee(server, until(file, { key }), "began");
  const second = await startRun(server, quick({ key }));
  const third = await startRun(server, quick({ key }));
  expect((await cancelRun(server, second.id)).state).toBe("cancelled");
  expect((await readRun(server, third.id)).state).toBe("queued");
  await letEnd(file);
  await ended(holder);
  expect((await ended(third)).state).toBe("succeeded");
});

test("after kill -9 of the server the key is still held, and the queue goes on in its order", async () => {
  const key = newKey();
  const file = `/tmp/${key.slice(4)}`;
  const holder = await startAndSee(server, until(file, { key }), "began");
  const second = await startRun(server, quick({ key }));
  const third = await startRun(server, quick({ key }));
  await server.kill("SIGKILL");
  await server.start();
  expect((await readRun(server, holder.id)).finishedAt).toBeNull();
  expect((await readRun(server, second.id)).state).toBe("queued");
  expect((await startRun(server, quick({ key, onConflict: "skip" }))).state).toBe("skipped");
  await letEnd(file);
  const ends = await Promise.all([holder, second, third].map(ended));
  expect(ends.map(({ state }) => state)).toEqual(["succeeded", "succeeded", "succeeded"]);
  expect(Date.parse(ends[2]?.startedAt ?? "")).toBeGreaterThanOrEqual(
    Date.parse(ends[1]?.finishedAt ?? ""),
  );
});

test("a key that nobody could write is refused", async () => {
  const body = JSON.stringify(quick({ key: "two words" }));
  const answer = await server.fetch("/api/v1/runs", { method: "POST", body });
  expect(answer.status).toBe(400);
  expect(await answer.text()).toContain("/concurrency/key");
});

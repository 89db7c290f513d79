import type { Delivery, Run } from "@deckhand/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type DeckhandServer, startDeckhandServer } from "./support/deckhand-server.ts";
import { engines } from "./support/engines.ts";
import { patientClient, pause } from "./support/patient-client.ts";
import { type TargetContainer, targetContainer } from "./support/target-container.ts";
import { type WebhookReceiver, webhookReceiver } from "./support/webhook-receiver.ts";

const KILLS = Number(process.env["DECKHAND_KILLS"] ?? 3);
const RUNS_EACH = 3;
const LONGEST_MS = 400;

let server: DeckhandServer;
let target: TargetContainer;
let receiver: WebhookReceiver;

beforeAll(async () => {
  receiver = await webhookReceiver();
  target = await targetContainer({});
  server = await startDeckhandServer({
    engines: [`local=unix://${engines().docker.socketPath}`],
    env: { DECKHAND_NOTIFICATIONS_PRIVATE_NETWORKS: "127.0.0.1" },
  });
  const to = { kind: "webhook", url: receiver.url, secret: receiver.secret };
  const body = JSON.stringify({ name: "all", to, tell: { when: ["every"] } });
  const made = await server.fetch("/api/v1/notifications", { method: "POST", body });
  expect(made.status, await made.text()).toBe(201);
});

afterAll(async () => {
  await server?.close();
  await target?.remove();
  await receiver?.close();
});

test(`${KILLS} kill -9 while runs end and are told: each end is told, each by one id, and as it was`, {
  timeout: 120_000 + KILLS * 30_000,
}, async () => {
  const client = patientClient(server);
  const runs: Run[] = [];
  for (let kill = 0; kill < KILLS; kill++) {
    // Every other answer is lost, so that what was told is told again.
    receiver.answerNext(null, { status: 204 }, null);
    for (let one = 0; one < RUNS_EACH; one++) {
      const inline = { text: `exit ${one}`, interpreter: "sh" };
      runs.push(await client.submit(`kill-${kill}-${one}`, { inline, on: [target.name] }));
    }
    await pause((LONGEST_MS * kill) / Math.max(1, KILLS - 1));
    await server.kill();
    await server.start();
  }
  const ended = await Promise.all(runs.map(({ id }) => client.waitForEnd(id, 60_000)));
  await untilTold(runs.length);
  const ids = idsByRun();
  for (const { id, state } of ended) {
    expect([id, ids.get(id)?.ids.size, [...(ids.get(id)?.states ?? [])]]).toEqual([id, 1, [state]]);
  }
  expect(ids.size).toBe(runs.length);
  expect(receiver.received.every(({ isSigned }) => isSigned)).toBe(true);
  console.log(`${KILLS} kills, ${runs.length} ends told in ${receiver.received.length} requests`);
});

/** What the receiver heard of each run. */
function idsByRun() {
  const heard = new Map<string, { ids: Set<unknown>; states: Set<unknown> }>();
  for (const { headers, json } of receiver.received) {
    const { id, state } = json["data"] as { id: string; state: string };
    const known = heard.get(id) ?? { ids: new Set(), states: new Set() };
    known.ids.add(headers["webhook-id"]);
    known.states.add(state);
    heard.set(id, known);
  }
  return heard;
}

/**
 * Until nothing is owed any more: what was not taken is tried again after seconds. What was not taken twice would wait for minutes, so it is
 * sent at once by hand, as an operator does when the receiver is well again.
 */
async function untilTold(count: number): Promise<void> {
  for (const end = performance.now() + 100_000; ; ) {
    const owed = await listOwed();
    if (owed.length === 0 && idsByRun().size >= count) return;
    if (performance.now() > end)
      throw new Error(`${idsByRun().size} of ${count} were told, ${owed.length} are owed`);
    for (const { id, attempts } of owed) {
      if (attempts < 2) continue;
      const path = `/api/v1/notifications/all/deliveries/${id}/replay`;
      expect((await server.fetch(path, { method: "POST" })).status).toBe(200);
    }
    await pause(100);
  }
}

async function listOwed(): Promise<readonly Delivery[]> {
  const answer = await server.fetch("/api/v1/notifications/all/deliveries?state=owed&limit=100");
  return ((await answer.json()) as { data: readonly Delivery[] }).data;
}

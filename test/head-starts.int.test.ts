import type { Run, RunRequestInput } from "@deckhand/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { dockerContainer, type TestContainer } from "./support/containers.ts";
import { type DeckhandServer, startDeckhandServer } from "./support/deckhand-server.ts";
import { engines } from "./support/engines.ts";
import { readRun, untilState } from "./support/run-requests.ts";

/** As many as a container takes at once. */
const PLACES = 16;

let server: DeckhandServer;
let container: TestContainer;

beforeAll(async () => {
  const { docker, images } = engines();
  container = await dockerContainer({ name: "head-starts", image: images.busybox });
  server = await startDeckhandServer({ engines: [`local=unix://${docker.socketPath}`] });
  // The first run opens the way.
  await server.run(script("true"));
});

afterAll(async () => {
  await server?.close();
  await container?.remove();
});

function script(text: string): RunRequestInput {
  return { inline: { text, interpreter: "sh" }, on: [`name=${container.name}`] };
}

async function create(request: RunRequestInput, headers = {}): Promise<Run> {
  const body = JSON.stringify(request);
  const answer = await server.fetch("/api/v1/runs", { method: "POST", body, headers });
  expect(answer.status, await answer.clone().text()).toBeLessThan(300);
  return (await answer.json()) as Run;
}

const cancel = ({ id }: Run) => server.fetch(`/api/v1/runs/${id}/cancel`, { method: "POST" });

test("where the way is open a run starts as it is accepted, and says by which way", async () => {
  const { state, startedAt, executions } = await create(script("sleep 0.2"));
  expect([state, startedAt]).toEqual(["running", expect.any(String)]);
  expect(executions[0]).toMatchObject({ queuedMs: 0, guarantees: { way: "guard" } });
  expect(["starting", "running"]).toContain(executions[0]?.state);
});

test("a cancel right after the answer reaches what starts", async () => {
  const runs = await Promise.all(Array.from({ length: PLACES }, () => create(script("sleep 60"))));
  await Promise.all(runs.map(cancel));
  for (const { id } of runs) {
    await untilState(server, id, "cancelled");
    expect((await readRun(server, id)).executions[0]?.leftovers).toEqual([]);
  }
});

test("requests that come too late for their key leave every place free", async () => {
  const headers = { "idempotency-key": "once" };
  const answers = await Promise.all(
    Array.from({ length: 2 * PLACES }, () => create(script("true"), headers)),
  );
  expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
  await untilState(server, answers[0]?.id ?? "", "succeeded");

  const runs = await Promise.all(Array.from({ length: PLACES }, () => create(script("sleep 60"))));
  await expect
    .poll(async () => {
      const now = await Promise.all(runs.map(({ id }) => readRun(server, id)));
      return now.map(({ executions }) => executions[0]?.state);
    })
    .toEqual(runs.map(() => "running"));
  await Promise.all(runs.map(cancel));
});

import { randomUUID } from "node:crypto";
import type { Run } from "@deckhand/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type DeckhandServer, startDeckhandServer } from "./support/deckhand-server.ts";
import { dockerContainer, type TestContainer } from "./support/containers.ts";
import { engines } from "./support/engines.ts";

/** How often the server is killed; the full promise is 500. */
const KILLS = Number(process.env.DECKHAND_KILLS ?? 20);
/** So often the container is as new: there is no guard in it, and the server may die while it brings one in. */
const COLD_EVERY = 2;

let container: TestContainer;
let server: DeckhandServer;

beforeAll(async () => {
  container = await dockerContainer({ name: "kill-launch", image: engines().images.busybox });
  server = await startDeckhandServer({ engines: [`local=unix://${engines().docker.socketPath}`] });
});

afterAll(async () => {
  await server?.close();
  await container?.remove();
});

interface Attempt {
  readonly key: string;
  readonly acknowledged: Run | undefined;
}

function launch(key: string): Promise<Run | undefined> {
  const body = JSON.stringify({
    inline: {
      text: 'echo "$DECKHAND_EXECUTION_ID" >>/tmp/starts; sleep 0.05; echo done',
      interpreter: "sh",
    },
    on: [`name=${container.name}`],
  });
  return server
    .fetch("/api/v1/runs", { method: "POST", body, headers: { "idempotency-key": key } })
    .then((answer) => answer.json() as Promise<Run>)
    .catch(() => undefined);
}

async function forgetGuard(): Promise<void> {
  await container.act("restart", "--time", "0");
  await container.exec(["sh", "-c", "rm -rf /*/.deckhand-* /var/*/.deckhand-* /.deckhand-*"]);
}

async function launchAndKill(): Promise<Attempt> {
  const key = randomUUID();
  const answer = launch(key);
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 400));
  await server.kill("SIGKILL");
  return { key, acknowledged: await answer };
}

async function getEnded(runId: string): Promise<Run> {
  const answer = await server.fetch(`/api/v1/runs/${runId}?wait=60s&include=output`);
  expect(answer.status).toBe(200);
  return (await answer.json()) as Run;
}

test(
  `after ${KILLS} kill -9 within 400 ms of POST /runs every acknowledged run exists, started once, and has its true end`,
  async () => {
    const states = new Map<string, number>();
    let acknowledged = 0;
    const seen: string[] = [];
    for (let round = 0; round < KILLS; round++) {
      if (round % COLD_EVERY === 0) await forgetGuard();
      const attempt = await launchAndKill();
      await server.start();
      const again = await launch(attempt.key);
      expect(again?.id, "the same key gives a run").toBeDefined();
      if (attempt.acknowledged) expect(again?.id).toBe(attempt.acknowledged.id);
      acknowledged += Number(attempt.acknowledged !== undefined);
      const ended = await getEnded(again?.id ?? "");
      states.set(ended.state, (states.get(ended.state) ?? 0) + 1);
      const [execution] = ended.executions;
      expect(execution, server.log.slice(-3000)).toMatchObject({
        state: "succeeded",
        exitCode: 0,
        guarantees: { way: "guard" },
        output: { stdout: "done\n", stdoutBytes: 5, complete: true },
      });
      seen.push(execution?.id ?? "");
    }
    const starts = (await container.exec(["cat", "/tmp/starts"])).trim().split("\n");
    expect(starts.toSorted(), "each started once").toEqual(seen.toSorted());
    console.log(
      `kills ${KILLS}, acknowledged ${acknowledged}, ended ${JSON.stringify(Object.fromEntries(states))}, starts ${starts.length}`,
    );
  },
  KILLS * 30_000,
);

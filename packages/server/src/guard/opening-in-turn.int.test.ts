import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { engines } from "../../../../test/support/engines.ts";
import { dockerEngine } from "../engines/docker/docker-engine.ts";
import type { Engine } from "../engines/engine.ts";
import {
  dockerCommand,
  type SuiteContainer,
  startContainer,
} from "../engines/testing/engine-command.ts";
import { executionSpec } from "../sessions/testing/execution-spec.ts";
import { SH } from "../sessions/testing/launches.ts";
import { readToEnd } from "../sessions/testing/read-to-end.ts";
import { closeAll, openGuarded } from "./testing/open-guarded.ts";
import { turnstile } from "./turnstile.ts";

const { docker, images } = engines();
/** Each is a guard of its own, so that one container is enough. */
const USERS = Array.from({ length: 32 }, (_, index) => `${4_000 + index}`);
const EXEC_MS = 250;
/** Less than all need together: an opening takes two execs. */
const START_WITHIN_MS = 12_000;

let engine: Engine;
let container: SuiteContainer;

beforeAll(async () => {
  engine = dockerEngine({ name: "test", address: `unix://${docker.socketPath}` });
  container = await startContainer(dockerCommand(docker.socketPath), { image: images.busybox });
});

afterAll(async () => {
  closeAll();
  await container?.remove();
  engine?.close();
});

/** It begins with so many execs a second, and no more. */
function slowed(fast: Engine): Engine {
  const inTurn = turnstile(1);
  const slowly = async <Result>(work: () => Promise<Result>) => {
    await inTurn(() => delay(EXEC_MS));
    return work();
  };
  return {
    ...fast,
    startExec: (...request) => slowly(() => fast.startExec(...request)),
    startDetached: (...request) => slowly(() => fast.startDetached(...request)),
  };
}

test("on a slow engine many that start at once all do, by the guard, each within its time", async () => {
  const sessions = openGuarded(slowed(engine));
  const starts = USERS.map(async (user) => {
    const program = { kind: "script", text: "id -u", launch: SH } as const;
    const place = { containerId: container.id, user, startTimeoutMs: START_WITHIN_MS };
    const started = await sessions.start(executionSpec({ ...place, program }));
    if (started.kind !== "started") return JSON.stringify(started);
    const { stdout } = await readToEnd(started.execution);
    return `${started.execution.guarantees.way} ${stdout.toString().trim()}`;
  });
  expect(await Promise.all(starts)).toEqual(USERS.map((user) => `guard ${user}`));
});

test("where the engine is slower than that, what did not start is said not to have started", async () => {
  const sessions = openGuarded(slowed(engine), { onFallback: () => undefined });
  const program = { kind: "script", text: "true", launch: SH } as const;
  const place = { containerId: container.id, user: "4100", startTimeoutMs: EXEC_MS / 2 };
  expect(await sessions.start(executionSpec({ ...place, program }))).toMatchObject({
    kind: "rejected",
    reason: { code: "start-timed-out", detail: expect.stringContaining("nothing was started") },
  });
});

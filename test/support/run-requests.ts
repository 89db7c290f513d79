import type { Execution, Run, RunRequestInput } from "@deckhand/core";
import { expect } from "vitest";
import type { DeckhandServer } from "./deckhand-server.ts";

const LOOK_EVERY_MS = 25;
const SEEN_WITHIN_MS = 30_000;

/** Creates a run and does not wait for it. */
export async function startRun(server: DeckhandServer, request: RunRequestInput): Promise<Run> {
  const body = JSON.stringify(request);
  const answer = await server.fetch("/api/v1/runs", { method: "POST", body });
  expect(answer.status, await answer.clone().text()).toBe(201);
  return (await answer.json()) as Run;
}

/** Starts a run and waits until its standard output begins with this line. */
export async function startAndSee(
  server: DeckhandServer,
  request: RunRequestInput,
  line: string,
): Promise<Run> {
  const { id } = await startRun(server, request);
  const until = performance.now() + SEEN_WITHIN_MS;
  while (!(await rawOutput(server, id)).startsWith(`${line}\n`)) {
    const run = await readRun(server, id);
    if (run.finishedAt || performance.now() > until)
      throw new Error(`"${line}" was not seen: ${JSON.stringify(run.executions)}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
  return readRun(server, id);
}

export async function readRun(server: DeckhandServer, id: string, query = ""): Promise<Run> {
  const answer = await server.fetch(`/api/v1/runs/${id}${query}`);
  expect(answer.status, await answer.clone().text()).toBe(200);
  return (await answer.json()) as Run;
}

/** Waits until one of the run's executions is in this state. */
export async function untilState(
  server: DeckhandServer,
  id: string,
  state: Execution["state"],
): Promise<void> {
  const until = performance.now() + SEEN_WITHIN_MS;
  for (;;) {
    const { executions } = await readRun(server, id);
    if (executions.some((execution) => execution.state === state)) return;
    if (performance.now() > until)
      throw new Error(`${id} did not become ${state}: ${JSON.stringify(executions)}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

export async function cancelRun(server: DeckhandServer, id: string): Promise<Run> {
  const answer = await server.fetch(`/api/v1/runs/${id}/cancel?wait=60s`, {
    method: "POST",
    body: "{}",
  });
  expect(answer.status, await answer.clone().text()).toBe(200);
  return (await answer.json()) as Run;
}

export async function rawOutput(server: DeckhandServer, id: string): Promise<string> {
  return (await server.fetch(`/api/v1/runs/${id}/output/raw?stream=stdout`)).text();
}

export function onlyExecution(run: Run): Execution {
  const [execution, ...more] = run.executions;
  if (!execution || more.length > 0)
    throw new Error(`${run.id} has ${run.executions.length} executions`);
  return execution;
}

import { randomBytes } from "node:crypto";
import type { Execution } from "@deckhand/core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { docker } from "./support/containers.ts";
import { type DeckhandServer, startDeckhandServer } from "./support/deckhand-server.ts";
import { engines } from "./support/engines.ts";
import {
  type EngineName,
  type TargetContainer,
  targetContainer,
} from "./support/target-container.ts";

const ROUNDS = 8;

let server: DeckhandServer;
let containers: TargetContainer[] = [];

beforeAll(async () => {
  const { docker, podman } = engines();
  server = await startDeckhandServer({
    engines: [`docker=unix://${docker.socketPath}`, `podman=unix://${podman.socketPath}`],
  });
});

afterAll(() => server?.close());

afterEach(async () => {
  await Promise.all(containers.map((container) => container.remove()));
  containers = [];
});

async function start(engine: EngineName, label: string): Promise<TargetContainer> {
  const container = await targetContainer({ engine, flags: ["--label", label] });
  containers.push(container);
  return container;
}

/** What a run went to, in all of which it succeeded. */
async function targetsOf(selector: string): Promise<readonly Execution["target"][]> {
  const run = await server.run({ inline: { text: "true", interpreter: "sh" }, on: [selector] });
  expect(run.state, JSON.stringify(run.executions)).toBe("succeeded");
  return run.executions.map(({ target }) => target);
}

const namesWith = async (label: string) =>
  (await targetsOf(`label=${label}`)).map(({ name }) => name);

describe.each(["docker", "podman"] as const)("on %s, right after it happened", (engine) => {
  test("a container that started is among others with its label", async () => {
    const label = `fresh=${randomBytes(4).toString("hex")}`;
    for (let round = 0; round < ROUNDS; round++) {
      await start(engine, label);
      const names = containers.map(({ name }) => name).toSorted();
      expect(await namesWith(label), `in round ${round}`).toEqual(names);
    }
  });

  test("a container that was removed is not", async () => {
    const label = `fresh=${randomBytes(4).toString("hex")}`;
    for (let round = 0; round < ROUNDS; round++) await start(engine, label);
    while (containers.length > 1) {
      await containers.pop()?.remove();
      expect(await namesWith(label)).toEqual(containers.map(({ name }) => name).toSorted());
    }
  });
});

test("right after it was taken over, a name means the container that has it now", async () => {
  const name = `dh-test-fresh-${randomBytes(4).toString("hex")}`;
  try {
    for (let round = 0; round < ROUNDS; round++) {
      if (round > 0) await docker("rm", "--force", name);
      const flags = ["--detach", "--name", name, "--network", "none", "--entrypoint", "sleep"];
      const id = await docker("run", ...flags, engines().images.busybox, "1000");
      expect((await targetsOf(name)).map(({ containerId }) => containerId)).toEqual([id]);
    }
  } finally {
    await docker("rm", "--force", name);
  }
});

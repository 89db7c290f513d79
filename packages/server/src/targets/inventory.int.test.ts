import { afterEach, expect, test } from "vitest";
import { engines } from "../../../../test/support/engines.ts";
import { dockerEngine } from "../engines/docker/docker-engine.ts";
import {
  dockerCommand,
  podmanHealthcheck,
  type SuiteContainer,
  startContainer,
} from "../engines/testing/engine-command.ts";
import { socketProxy } from "../engines/testing/socket-proxy.ts";
import { engineInventory, type Inventory } from "./inventory.ts";

const { docker, podman, images } = engines();
const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function open(socketPath: string, rereadMs = 60_000): Inventory {
  const engine = dockerEngine({ name: "test", address: `unix://${socketPath}` });
  const inventory = engineInventory({ engine, rereadMs });
  closers.push(
    () => engine.close(),
    () => inventory.close(),
  );
  return inventory;
}

async function start(socketPath: string, flags: string[] = []): Promise<SuiteContainer> {
  const options = { image: images.busybox, flags };
  const container = await startContainer(dockerCommand(socketPath), options);
  closers.push(container.remove);
  return container;
}

async function eventually(assert: () => void): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      return assert();
    } catch (error) {
      if (tries === 200) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

for (const [name, socketPath] of [
  ["Docker", docker.socketPath],
  ["Podman", podman.socketPath],
] as const) {
  test(`on ${name} containers that start, are renamed, restart and end are seen by their events`, async () => {
    const inventory = open(socketPath);
    await inventory.ready(10_000);
    const container = await start(socketPath);
    const seen = () => inventory.snapshot().containers.find(({ id }) => id === container.id);
    await eventually(() =>
      expect(seen()).toMatchObject({ name: container.name, status: "running" }),
    );
    const startedAt = seen()?.startedAt;
    expect(startedAt).toBeDefined();
    const command = dockerCommand(socketPath);
    await command("rename", container.name, `${container.name}-new`);
    if (name === "Docker")
      await eventually(() => expect(seen()?.name).toBe(`${container.name}-new`));
    await command("restart", "--time", "1", container.id);
    await eventually(() => expect(seen()?.startedAt).not.toBe(startedAt));
    await command("rm", "--force", container.id);
    await eventually(() => expect(seen()).toBeUndefined());
  });
}

test("Podman does not list the health of a container, and it is known all the same", async () => {
  const container = await start(podman.socketPath, ["--health-cmd", "true"]);
  await podmanHealthcheck(podman.socketPath, container.name);
  const inventory = open(podman.socketPath);
  for (let reads = 0; reads < 3; reads++) {
    await inventory.refresh();
    const seen = inventory.snapshot().containers.find(({ id }) => id === container.id);
    expect(seen?.health, `at read ${reads}`).toBe("healthy");
  }
});

test("an engine that goes away is down with the reason, and up again by itself with what changed meanwhile", async () => {
  const proxy = await socketProxy({ target: docker.socketPath });
  closers.push(proxy.close);
  const inventory = open(proxy.socketPath);
  await inventory.ready(10_000);
  expect(inventory.snapshot().state).toBe("up");
  proxy.cut();
  await eventually(() => expect(inventory.snapshot()).toMatchObject({ state: "down" }));
  expect(inventory.snapshot().problem).toContain("does not answer");
  const container = await start(docker.socketPath);
  proxy.restore();
  await eventually(() => {
    expect(inventory.snapshot().state).toBe("up");
    expect(inventory.snapshot().containers.some(({ id }) => id === container.id)).toBe(true);
  });
});

for (const [name, { socketPath }] of [
  ["Docker", docker],
  ["Podman", podman],
] as const)
  test(`what happens on ${name} while its connection is away is told when it is back, and nothing twice`, async () => {
    const proxy = await socketProxy({ target: socketPath });
    closers.push(proxy.close);
    const inventory = open(proxy.socketPath);
    const told: string[] = [];
    inventory.onEvent(({ kind, containerId }) => told.push(`${kind} ${containerId}`));
    await inventory.ready(10_000);
    const before = await start(socketPath);
    await eventually(() => expect(told).toContain(`start ${before.id}`));
    proxy.cut();
    const between = await start(socketPath);
    await dockerCommand(socketPath)("kill", between.id);
    proxy.restore();
    await eventually(() => expect(told).toContain(`die ${between.id}`));
    const after = await start(socketPath);
    await eventually(() => expect(told).toContain(`start ${after.id}`));
    for (const { id } of [before, between, after])
      expect(told.filter((one) => one === `start ${id}`)).toHaveLength(1);
  });

test("what events did not tell is found by reading again", async () => {
  const inventory = open(docker.socketPath, 200);
  await inventory.ready(10_000);
  let changes = 0;
  inventory.subscribe(() => (changes += 1));
  await eventually(() => expect(changes).toBeGreaterThan(2));
});

test("an engine that never answers does not hold anybody up", async () => {
  const inventory = open("/no/such/engine.sock");
  await inventory.ready(5_000);
  expect(inventory.snapshot()).toMatchObject({ state: "down", containers: [] });
});

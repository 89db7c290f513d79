import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Problem, Run, Script } from "@deckhand/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeBucket } from "../packages/server/src/scripts/s3/testing/bucket.ts";
import { type CephCluster, startCephCluster } from "./support/ceph-cluster.ts";
import { type DeckhandServer, startDeckhandServer } from "./support/deckhand-server.ts";
import { engines } from "./support/engines.ts";
import { type TargetContainer, targetContainer } from "./support/target-container.ts";
import { type TcpGate, tcpGate } from "./support/tcp-gate.ts";

const TEXT = '#!/bin/sh\n# @deckhand 1\n# @param WORD string\necho "stored $WORD"\n';

let ceph: CephCluster;
let gate: TcpGate;
let target: TargetContainer;
let server: DeckhandServer;
let folder: string;

beforeAll(async () => {
  [ceph, target] = await Promise.all([startCephCluster(), targetContainer({})]);
  const { hostname, port } = new URL(ceph.endpoint);
  gate = await tcpGate({ host: hostname, port: Number(port) });
  const bucket = await makeBucket(ceph, { versions: false });
  bucket.close();
  folder = await mkdtemp(join(tmpdir(), "deckhand-keys-"));
  const credentialsFile = join(folder, "credentials");
  await writeFile(
    credentialsFile,
    `[default]\naws_access_key_id = ${ceph.accessKeyId}\naws_secret_access_key = ${ceph.secretAccessKey}\n`,
  );
  server = await startDeckhandServer({
    engines: [`local=unix://${engines().docker.socketPath}`],
    env: {
      DECKHAND_SCRIPTS_S3_ENDPOINT: `http://${gate.address}`,
      DECKHAND_SCRIPTS_S3_BUCKET: bucket.name,
      DECKHAND_SCRIPTS_S3_PREFIX: "scripts",
      DECKHAND_SCRIPTS_S3_CREDENTIALS_FILE: credentialsFile,
      DECKHAND_LOG_LEVEL: "debug",
    },
  });
});

afterAll(async () => {
  await server?.close();
  await gate?.close();
  await ceph?.close();
  await target?.remove();
  if (folder) await rm(folder, { recursive: true, force: true });
});

function create(path: string): Promise<Response> {
  const body = JSON.stringify({ path, text: TEXT });
  return server.fetch("/api/v1/scripts", { method: "POST", body });
}

async function runStored(script: string, word: string): Promise<[string, string]> {
  const run: Run = await server.run({
    script,
    on: [`name=${target.name}`],
    params: { WORD: word },
  });
  const [execution] = run.executions;
  return [run.state, JSON.stringify(execution)];
}

test("stored scripts run from the store, and go on running while it is away", async () => {
  const created = await create("say.sh");
  expect(created.status).toBe(201);
  expect(((await created.json()) as Script).version).toBe(1);
  expect(await runStored("say", "one")).toEqual([
    "succeeded",
    expect.stringContaining("stored one"),
  ]);

  gate.cut();
  expect(await runStored("say", "two")).toEqual([
    "succeeded",
    expect.stringContaining("stored two"),
  ]);
  expect(await runStored("say@1", "three")).toEqual(["succeeded", expect.any(String)]);
  const refused = await create("new.sh");
  expect(refused.status).toBe(503);
  expect((await refused.json()) as Problem).toMatchObject({ code: "SCRIPT_STORE_UNAVAILABLE" });
  const readiness = await server.fetch("/readyz");
  expect(readiness.status).toBe(503);
  expect(await readiness.text()).toContain("Scripts are read from what is kept here");

  await server.kill();
  await server.start();
  expect(await runStored("say", "four")).toEqual([
    "succeeded",
    expect.stringContaining("stored four"),
  ]);

  gate.open();
  await expect
    .poll(async () => (await server.fetch("/readyz")).status, { timeout: 30_000 })
    .toBe(200);
  expect((await create("new.sh")).status).toBe(201);
});

test("the keys to the store are told to nobody", async () => {
  for (const path of ["/api/v1/info", "/metrics", "/openapi.json"])
    expect(await (await server.fetch(path)).text()).not.toContain(ceph.secretAccessKey);
  expect(server.log).toContain("the store of scripts can not be used");
  expect(server.log).not.toContain(ceph.secretAccessKey);
});

import { createHash } from "node:crypto";
import type { OutputFrame, Run, RunRequestInput } from "@deckhand/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { dockerContainer, type TestContainer } from "./support/containers.ts";
import { type DeckhandServer, startDeckhandServer } from "./support/deckhand-server.ts";
import { engines } from "./support/engines.ts";
import { readSome, toBytes } from "./support/output-events.ts";
import { readRun, startRun } from "./support/run-requests.ts";

const BOTH = ["label=suite=output"];
let server: DeckhandServer;
let first: TestContainer;
let second: TestContainer;

beforeAll(async () => {
  const { docker, images } = engines();
  const flags = ["--label", "suite=output"];
  [first, second] = await Promise.all([
    dockerContainer({ name: "output-a", image: images.busybox, flags }),
    dockerContainer({ name: "output-b", image: images.busybox, flags }),
  ]);
  server = await startDeckhandServer({ engines: [`local=unix://${docker.socketPath}`] });
});

afterAll(async () => {
  await server?.close();
  await first?.remove();
  await second?.remove();
});

function start(text: string, on: readonly string[] = [`name=${first.name}`]): Promise<Run> {
  const request: RunRequestInput = { inline: { text, interpreter: "sh" }, on: [...on] };
  return startRun(server, request);
}

test("binary output is the same bytes in the download, the pages and the stream", async () => {
  const created = await start("head -c 300000 /dev/urandom | tee /tmp/random");
  const ended = await readRun(server, created.id, "?wait=30s");
  const inside = (await first.exec(["sha256sum", "/tmp/random"])).slice(0, 64);
  const download = await (
    await server.fetch(`/api/v1/runs/${created.id}/output/raw?stream=stdout`)
  ).arrayBuffer();
  const pages: Buffer[] = [];
  for (let after = 0, complete = false; !complete; ) {
    const page = (await (
      await server.fetch(`/api/v1/runs/${created.id}/output?limit=7&after=${after}`)
    ).json()) as { data: OutputFrame[]; next: number; complete: boolean };
    pages.push(...page.data.map(toBytes));
    ({ next: after, complete } = page);
  }
  for (const bytes of [Buffer.from(download), Buffer.concat(pages)])
    expect(sha256(bytes)).toBe(inside);
  expect(ended.executions[0]?.output.stdoutBytes).toBe(300_000);
});

test("whoever follows the bytes gets them as they come, to the end of the execution, and goes on from any offset", async () => {
  const text =
    "head -c 300000 /dev/urandom | tee /tmp/first; echo aside >&2; sleep 1; head -c 300000 /dev/urandom | tee /tmp/second";
  const created = await start(text);
  const raw = (query: string) =>
    server.fetch(`/api/v1/runs/${created.id}/output/raw?stream=stdout&${query}`);
  const following = await raw("follow=true");
  expect(following.headers.get("content-type")).toBe("application/octet-stream");
  const pieces: Uint8Array[] = [];
  let states = "";
  for await (const piece of following.body ?? []) {
    if (pieces.length === 0) states = (await readRun(server, created.id)).state;
    pieces.push(piece);
  }
  expect(states).toBe("running");
  expect((await readRun(server, created.id)).state).toBe("succeeded");
  const inside = (await first.exec(["sh", "-c", "cat /tmp/first /tmp/second | sha256sum"])).slice(
    0,
    64,
  );
  const all = Buffer.concat(pieces);
  expect(sha256(all)).toBe(inside);
  for (const query of ["offset=412345", "offset=412345&follow=true"]) {
    const rest = Buffer.from(await (await raw(query)).arrayBuffer());
    expect(rest.equals(all.subarray(412_345))).toBe(true);
  }
  expect(await (await raw("offset=600000&follow=true")).text()).toBe("");
  expect((await raw("offset=-1")).status).toBe(400);
  const aside = await server.fetch(
    `/api/v1/runs/${created.id}/output/raw?stream=stderr&follow=true`,
  );
  expect(await aside.text()).toBe("aside\n");
});

test("a follower that is cut anywhere and resumes misses nothing and sees nothing twice", async () => {
  const text =
    "i=0; while [ $i -lt 400 ]; do echo line $i; i=$((i+1)); [ $((i % 40)) = 0 ] && sleep 0.1; done";
  const created = await start(text, BOTH);
  const seen: OutputFrame[] = [];
  for (let status = 200; status === 200; ) {
    const headers: Record<string, string> =
      seen.length > 0 ? { "last-event-id": String(seen.at(-1)?.seq) } : {};
    const answer = await server.fetch(`/api/v1/runs/${created.id}/events`, { headers });
    status = answer.status;
    if (status === 200) seen.push(...(await readSome(answer, 1 + (seen.length % 5))));
  }
  const seqs = seen.map(({ seq }) => seq);
  expect(seqs).toEqual([...new Set(seqs)].sort((one, other) => one - other));
  for (const { name } of [first, second]) {
    const lines = Buffer.concat(
      seen.filter(({ target }) => target === name).map(toBytes),
    ).toString();
    expect(lines).toBe(Array.from({ length: 400 }, (_, index) => `line ${index}\n`).join(""));
  }
});

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { countStates, type Run, toId } from "@deckhand/core";
import { openDatabase } from "@deckhand/server/database";
import { sql } from "kysely";
import { dockerContainer } from "../test/support/containers.ts";
import { type DeckhandServer, startDeckhandServer } from "../test/support/deckhand-server.ts";
import { engines } from "../test/support/engines.ts";
import { readFlags } from "./flags.ts";
import { median, timed } from "./statistics.ts";

/**
 * What lists and starts cost with a long history against a short one: the same server, the same container, data
 * directories of 1,000 and of 1,000,000 past executions, asked in turns.
 */
const values = readFlags(
  {
    short: { type: "string", default: "1000" },
    long: { type: "string", default: "1000000" },
    rounds: { type: "string", default: "40" },
  },
  `npm run bench -- history [FLAGS]

  --short 1000      past executions of the one history
  --long 1000000    and of the other
  --rounds 40       how often each is asked`,
);

const LISTS: Readonly<Record<string, string>> = {
  "list the newest": "?limit=10",
  "list the failed": "?state=failed",
  "list those of a script": "?script=db/vacuum-7",
  "list those of a target": "?target=pg-3",
  "list those since yesterday": "?since=24h&limit=2",
};

const container = await dockerContainer({ name: "history", image: engines().images.busybox });
const folders: string[] = [];
const servers: DeckhandServer[] = [];
try {
  for (const count of [Number(values.short), Number(values.long)]) {
    const ms = await timed(async () => servers.push(await serverWithHistory(count)));
    console.log(`${count} past executions made and opened in ${(ms / 1000).toFixed(1)} s`);
  }
  await compareAll();
} finally {
  for (const server of servers) await server.close();
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
  await container.remove();
}

async function compareAll(): Promise<void> {
  for (const [name, query] of Object.entries(LISTS)) {
    await compare(name, async (server) => {
      const answer = await server.fetch(`/api/v1/runs${query}`);
      if (!answer.ok) throw new Error(await answer.text());
      await answer.arrayBuffer();
    });
  }
  await compare("start a run, to its acceptance", async (server) => {
    const body = JSON.stringify({ argv: ["true"], on: [`name=${container.name}`] });
    const answer = await server.fetch("/api/v1/runs", { method: "POST", body });
    if (answer.status !== 201) throw new Error(await answer.text());
    await waitForEnd(server, (await answer.json()) as Run);
  });
}

async function waitForEnd(server: DeckhandServer, run: Run): Promise<void> {
  await (await server.fetch(`${run.urls.self}?wait=30s`)).arrayBuffer();
}

async function compare(
  name: string,
  act: (server: DeckhandServer) => Promise<void>,
): Promise<void> {
  const figures = servers.map(() => [] as number[]);
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [index, server] of servers.entries())
      figures[index]?.push(await timed(() => act(server)));
  }
  const [short = Number.NaN, long = Number.NaN] = figures.map(median);
  console.log(
    `${name.padEnd(32)} ${short.toFixed(2).padStart(8)} ms  ${long.toFixed(2).padStart(8)} ms  ${(long / short).toFixed(2)} x`,
  );
}

async function serverWithHistory(count: number): Promise<DeckhandServer> {
  const dataDir = await mkdtemp(join(tmpdir(), "deckhand-history-"));
  folders.push(dataDir);
  await fill(dataDir, count);
  return startDeckhandServer({ engines: [`local=unix://${engines().docker.socketPath}`], dataDir });
}

/** A year of runs of one execution each: twenty scripts on fifty targets, one in ten failed. */
async function fill(dataDir: string, count: number): Promise<void> {
  const { db, close } = await openDatabase(dataDir);
  const plan = JSON.stringify({
    kind: "script",
    program: { kind: "argv", argv: ["true"] },
    env: {},
    args: [],
    shownParams: {},
  });
  const counts = {
    succeeded: JSON.stringify(countStates(["succeeded"])),
    failed: JSON.stringify(countStates(["failed"])),
  };
  const nowMs = Date.now();
  const stepMs = Math.floor((365 * 24 * 3_600_000) / count);
  for (let from = 0; from < count; from += 100) {
    const rows = Array.from({ length: Math.min(100, count - from) }, (_, index) => from + index);
    const state = (row: number) => (row % 10 === 0 ? "failed" : "succeeded");
    const atMs = (row: number) => nowMs - (count - row) * stepMs - 60_000;
    const random = (row: number) => Buffer.from(row.toString(16).padStart(20, "0"), "hex");
    await sql`begin`.execute(db);
    await db
      .insertInto("runs")
      .values(
        rows.map((row) => ({
          id: toId("run", atMs(row), random(row)),
          kind: "script" as const,
          title: `db/vacuum-${row % 20}`,
          state: state(row),
          counts_json: counts[state(row)],
          script_name: `db/vacuum-${row % 20}`,
          script_version: 1,
          script_sha256: "0".repeat(64),
          plan_json: plan,
          request_json: JSON.stringify({ on: [`name=pg-${row % 50}`], except: [] }),
          token_id: null,
          token_name: null,
          rerun_of: null,
          created_at: atMs(row),
          started_at: atMs(row),
          finished_at: atMs(row) + 60,
        })),
      )
      .execute();
    await db
      .insertInto("executions")
      .values(
        rows.map((row) => ({
          id: toId("execution", atMs(row), random(row)),
          run_id: toId("run", atMs(row), random(row)),
          position: 0,
          target_id: `tgt_${String(row % 50).padStart(16, "0")}`,
          target_name: `pg-${row % 50}`,
          engine: "local",
          container_id: "0".repeat(64),
          container_started_at: null,
          image: "postgres:16",
          state: state(row),
          reason_code: null,
          reason_detail: null,
          exit_code: 0,
          signal: null,
          guarantees_json: null,
          queued_at: atMs(row),
          starting_at: atMs(row),
          started_at: atMs(row),
          finished_at: atMs(row) + 60,
        })),
      )
      .execute();
    await sql`commit`.execute(db);
  }
  await close();
}

import { mkdir, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { dockerContainer, type TestContainer } from "../test/support/containers.ts";
import { engines } from "../test/support/engines.ts";
import type { BenchCase, BenchField } from "./cases/case.ts";
import { CASES } from "./cases/cases.ts";
import { deckhand } from "./peers/deckhand.ts";
import { dockerCommand } from "./peers/docker-command.ts";
import { fastapi } from "./peers/fastapi.ts";
import type { Peer } from "./peers/peer.ts";
import { rawEngine } from "./peers/raw-engine.ts";
import { median, quantile } from "./statistics.ts";

/** Ratios are against this peer. */
const BASE = "raw engine exec";
const RESULTS = new URL("results/", import.meta.url);

interface Row {
  readonly case: string;
  readonly unit: string;
  readonly peer: string;
  readonly median: number;
  readonly p95: number;
  readonly count: number;
  /** The peer's median over the raw engine's. */
  readonly ratio: number;
}

const { values } = parseArgs({
  options: {
    only: { type: "string", multiple: true },
    containers: { type: "string", default: "12" },
    effort: { type: "string", default: "1" },
  },
});

const made: TestContainer[] = [];
const started: Peer[] = [];
try {
  const peers = await startPeers();
  const field = await setUpField();
  const rows: Row[] = [];
  for (const one of CASES.filter(({ name }) => values.only?.includes(name) ?? true)) {
    await warmUp(peers, field);
    const measured = toRows(one, await one.measure(peers, field));
    rows.push(...measured);
    print(one, measured);
  }
  await writeResults(rows);
} finally {
  for (const peer of started) await peer.stop();
  for (const container of made) await container.remove();
}

async function startPeers(): Promise<readonly Peer[]> {
  const place = { dockerSocket: engines().docker.socketPath };
  const peers: Peer[] = [];
  for (const peer of [rawEngine(), dockerCommand(), fastapi(), deckhand()]) {
    const state = await peer.start(place);
    if (state !== "ready") {
      console.error(`left out: ${peer.name}: ${state.missing}`);
      continue;
    }
    started.push(peer);
    peers.push(peer);
  }
  return peers;
}

async function setUpField(): Promise<BenchField> {
  const newContainer = async () => {
    const container = await dockerContainer({
      name: "bench",
      image: engines().images.postgres,
      command: ["sleep", "86400"],
    });
    made.push(container);
    return container.name;
  };
  const containers: string[] = [];
  for (let count = 0; count < Number(values.containers); count++)
    containers.push(await newContainer());
  return { containers, newContainer, effort: Number(values.effort) };
}

async function warmUp(peers: readonly Peer[], { containers }: BenchField): Promise<void> {
  for (const peer of peers) await peer.runOnAll(containers, "true");
}

function toRows(one: BenchCase, figures: ReadonlyMap<string, readonly number[]>): Row[] {
  const base = median(figures.get(BASE) ?? []);
  return [...figures].map(([peer, numbers]) => ({
    case: one.name,
    unit: one.unit,
    peer,
    median: median(numbers),
    p95: quantile(numbers, 0.95),
    count: numbers.length,
    ratio: median(numbers) / base,
  }));
}

function print(one: BenchCase, rows: readonly Row[]): void {
  console.log(`\n${one.name}: ${one.unit} (${one.better} is better)`);
  for (const row of rows) {
    const figures = [row.median, row.p95].map((figure) => figure.toFixed(1).padStart(9)).join("");
    console.log(
      `  ${row.peer.padEnd(22)} median ${figures.slice(0, 9)}  p95 ${figures.slice(9)}  ${row.ratio.toFixed(2)} x raw`,
    );
  }
}

async function writeResults(rows: readonly Row[]): Promise<void> {
  await mkdir(RESULTS, { recursive: true });
  const at = new Date().toISOString();
  const machine = { cpus: cpus().length, model: cpus()[0]?.model ?? "", node: process.version };
  const path = new URL(`${at.replaceAll(":", "-")}.json`, RESULTS);
  await writeFile(
    path,
    `${JSON.stringify({ at, machine, containers: Number(values.containers), rows }, undefined, 2)}\n`,
  );
  console.log(`\nwritten: bench/results/${path.pathname.split("/").at(-1)}`);
}

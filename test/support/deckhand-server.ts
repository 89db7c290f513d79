import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Run, RunRequestInput } from "@deckhand/core";

const DECKHAND = new URL("../../packages/cli/bin/deckhand.js", import.meta.url).pathname;
const STARTED_WITHIN_MS = 30_000;

export interface DeckhandServerOptions {
  /** `name=address`; the first is the usual one. */
  readonly engines: readonly string[];
  readonly dataDir?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** What is started in place of the command line. */
  readonly program?: string;
}

/** A real `deckhand serve` in a process of its own, which a test may kill and start again. */
export interface DeckhandServer {
  readonly dataDir: string;
  readonly url: string;
  readonly token: string;
  readonly pid: number;
  /** Everything the process wrote since it was first started. */
  readonly log: string;
  start(): Promise<void>;
  /** Ends the process by a signal and waits until it is gone. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Sends a request; `path` begins with a slash. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** Creates a run and waits for its end. */
  run(request: RunRequestInput, options?: { readonly wait?: string }): Promise<Run>;
  close(): Promise<void>;
}

export async function startDeckhandServer(options: DeckhandServerOptions): Promise<DeckhandServer> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), "deckhand-data-")));
  let child: ChildProcess | undefined;
  let url = "";
  let token = "";
  let log = "";

  async function start(): Promise<void> {
    const engines = options.engines.flatMap((engine) => ["--engine", engine]);
    const started = spawn(
      process.execPath,
      [options.program ?? DECKHAND, "serve", "--data-dir", dataDir, "--port", "0", ...engines],
      {
        env: { ...process.env, ...options.env, NO_COLOR: "1" },
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    child = started;
    const keep = (bytes: Buffer) => {
      log += bytes.toString();
    };
    started.stdout.on("data", keep);
    started.stderr.on("data", keep);
    const from = log.length;
    url = await addressOf(started, () => log.slice(from));
    token = (await readFile(join(dataDir, "first-token"), "utf8")).trim();
  }

  async function kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const ending = child;
    if (!ending || ending.exitCode !== null || ending.signalCode !== null) return;
    const gone = once(ending, "exit");
    ending.kill(signal);
    await gone;
  }

  const server: DeckhandServer = {
    dataDir,
    get url() {
      return url;
    },
    get token() {
      return token;
    },
    get pid() {
      return child?.pid ?? 0;
    },
    get log() {
      return log;
    },
    start,
    kill,
    fetch: (path, init = {}) =>
      fetch(url + path, {
        ...init,
        headers: {
          authorization: `Bearer ${token}`,
          "content-type": "application/json",
          ...init.headers,
        },
      }),
    run: async (request, { wait = "60s" } = {}) => {
      const answer = await server.fetch(`/api/v1/runs?include=output&wait=${wait}`, {
        method: "POST",
        body: JSON.stringify(request),
      });
      if (answer.status !== 201)
        throw new Error(`POST /runs answered ${answer.status}: ${await answer.text()}`);
      return (await answer.json()) as Run;
    },
    close: async () => {
      await kill("SIGKILL");
      if (!options.dataDir) await rm(dataDir, { recursive: true, force: true });
    },
  };
  await start();
  return server;
}

async function addressOf(child: ChildProcess, log: () => string): Promise<string> {
  const until = performance.now() + STARTED_WITHIN_MS;
  for (;;) {
    const address = /listening on (http:\/\/\S+)/i.exec(log())?.[1];
    if (address) return address;
    if (child.exitCode !== null || performance.now() > until)
      throw new Error(`deckhand serve did not start:\n${log()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

import type { IncomingMessage } from "node:http";
import type { Run, RunRequestInput } from "@deckhand/core";
import { type DeckhandServer, startDeckhandServer } from "../../test/support/deckhand-server.ts";
import { type DeckhandClient, deckhandClient } from "./deckhand-client.ts";
import { assertReceived, type BenchPlace, floodScript, type Peer } from "./peer.ts";

export interface DeckhandPeer extends Peer {
  /** The server's process. */
  readonly pid: number;
  /** What the server wrote. */
  readonly log: string;
  /** As `stream`, beside another follower of the same run that takes nothing. */
  streamBesideStalled(container: string, bytes: number): Promise<void>;
  /** Drops the output that is stored: the first use of more and more of a virtual machine's memory costs more than the writing. */
  dropOutput(): Promise<void>;
  /** As `runOnAll`, as a rollout. */
  rollOut(
    containers: readonly string[],
    script: string,
    rollout: NonNullable<RunRequestInput["rollout"]>,
  ): Promise<void>;
}

/** Deckhand through its REST API, each run recorded in its database. */
export function deckhand(
  options: { readonly env?: Readonly<Record<string, string>> } = {},
): DeckhandPeer {
  let server: DeckhandServer | undefined;
  let client: DeckhandClient | undefined;

  async function start(place: BenchPlace): Promise<"ready"> {
    server = await startDeckhandServer({
      engines: [`local=unix://${place.dockerSocket}`],
      env: {
        DECKHAND_LIMITS_OUTPUT_BYTES: `${4 * 1024 ** 3}`,
        DECKHAND_RETENTION_OUTPUT_BYTES: `${1024 ** 2}`,
        ...options.env,
      },
    });
    client = deckhandClient(server.url, server.token);
    return "ready";
  }

  function connected(): DeckhandClient {
    if (!client) throw new Error("the server is not started");
    return client;
  }

  async function runOn(
    on: string,
    script: string,
    rollout?: RunRequestInput["rollout"],
  ): Promise<readonly string[]> {
    const run = await connected().call<Run>("POST", "/api/v1/runs?wait=120s&include=output", {
      inline: { text: script, interpreter: "bash" },
      on: [on],
      limits: { maxTargets: 1000 },
      ...(rollout && { rollout }),
    });
    if (run.state !== "succeeded")
      throw new Error(`the run ended ${JSON.stringify(run).slice(0, 500)}`);
    return run.executions.map(({ output }) => output.stdout ?? "");
  }

  async function startFlood(container: string, bytes: number): Promise<Run> {
    return connected().call<Run>("POST", "/api/v1/runs", {
      inline: { text: floodScript(bytes), interpreter: "bash" },
      on: [`name=${container}`],
      limits: { outputBytes: bytes },
    });
  }

  async function followToEnd(run: Run, bytes: number): Promise<void> {
    let received = 0;
    for await (const piece of await follow(run)) received += (piece as Buffer).length;
    assertReceived(received, bytes);
    const [execution] = (await connected().call<Run>("GET", run.urls.self)).executions;
    if (execution?.state !== "succeeded" || execution.output.storedBytes !== bytes)
      throw new Error(`the flood ended ${JSON.stringify(execution)}`);
  }

  function follow({ urls, executions: [only] }: Run): Promise<IncomingMessage> {
    return connected().open(`${urls.self}/output/raw?execution=${only?.id}&follow=true`);
  }

  return {
    name: "Deckhand",
    get pid() {
      return server?.pid ?? 0;
    },
    get log() {
      return server?.log ?? "";
    },
    start,
    run: async (container, script) => (await runOn(`name=${container}`, script))[0] ?? "",
    runOnAll: async (containers, script) => {
      assertAlike(containers, await runOn(`name=${containers.join("|")}`, script));
    },
    rollOut: async (containers, script, rollout) => {
      assertAlike(containers, await runOn(`name=${containers.join("|")}`, script, rollout));
    },
    stream: async (container, bytes) => followToEnd(await startFlood(container, bytes), bytes),
    streamBesideStalled: async (container, bytes) => {
      const run = await startFlood(container, bytes);
      const stalled = await follow(run);
      try {
        await followToEnd(run, bytes);
      } finally {
        stalled.destroy();
      }
    },
    dropOutput: async () => void (await connected().call("POST", "/api/v1/retention/apply")),
    stop: async () => {
      client?.close();
      await server?.close();
    },
  };
}

function assertAlike(containers: readonly string[], outputs: readonly string[]): void {
  if (outputs.length !== containers.length || new Set(outputs).size !== 1)
    throw new Error(`${outputs.length} of ${containers.length} answered alike`);
}

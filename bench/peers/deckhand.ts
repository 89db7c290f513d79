import type { Run } from "@deckhand/core";
import { type DeckhandServer, startDeckhandServer } from "../../test/support/deckhand-server.ts";
import { type BenchPlace, floodScript, type Peer } from "./peer.ts";

/** Deckhand through its REST API, each run recorded in its database. */
export function deckhand(): Peer {
  let server: DeckhandServer | undefined;

  async function start(place: BenchPlace): Promise<"ready"> {
    server = await startDeckhandServer({
      engines: [`local=unix://${place.dockerSocket}`],
      env: { DECKHAND_LIMITS_OUTPUT_BYTES: `${4 * 1024 ** 3}` },
    });
    return "ready";
  }

  async function runOn(on: readonly string[], script: string, include: string): Promise<Run> {
    const body = JSON.stringify({
      inline: { text: script, interpreter: "bash" },
      on,
      limits: { maxTargets: 1000 },
    });
    const answer = await server?.fetch(`/api/v1/runs?wait=120s${include}`, {
      method: "POST",
      body,
    });
    const run = (await answer?.json()) as Run;
    if (run.state !== "succeeded")
      throw new Error(`the run ended ${JSON.stringify(run).slice(0, 500)}`);
    return run;
  }

  return {
    name: "Deckhand",
    start,
    run: async (container, script) => {
      const run = await runOn([`name=${container}`], script, "&include=output");
      return run.executions[0]?.output.stdout ?? "";
    },
    runOnAll: async (containers, script) => {
      await runOn([`name=${containers.join("|")}`], script, "");
    },
    stream: async (container, bytes) => {
      const body = JSON.stringify({
        inline: { text: floodScript(bytes), interpreter: "bash" },
        on: [`name=${container}`],
        limits: { outputBytes: bytes },
      });
      const created = await server?.fetch("/api/v1/runs", { method: "POST", body });
      const run = (await created?.json()) as Run;
      const answer = await server?.fetch(`/api/v1/runs/${run.id}/events`);
      let received = 0;
      for await (const piece of answer?.body ?? []) received += piece.length;
      const ended = await server?.fetch(`/api/v1/runs/${run.id}`);
      const output = ((await ended?.json()) as Run | undefined)?.executions[0]?.output;
      if (received < bytes || output?.storedBytes !== bytes)
        throw new Error(`${received} followed, ${output?.storedBytes} stored`);
      return bytes;
    },
    stop: async () => server?.close(),
  };
}

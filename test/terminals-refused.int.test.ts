import { randomBytes } from "node:crypto";
import type { AuditEntry, Problem, TargetPage } from "@deckhand/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type DeckhandServer, startDeckhandServer } from "./support/deckhand-server.ts";
import { engines } from "./support/engines.ts";
import { type TargetContainer, targetContainer } from "./support/target-container.ts";
import { type TerminalRequests, terminalRequests } from "./support/terminal-requests.ts";
import { watchTerminal } from "./support/terminal-watcher.ts";

for (const engine of ["docker", "podman"] as const) {
  describe(`on ${engine}`, () => {
    const label = `suite=terminals-${randomBytes(4).toString("hex")}`;
    let server: DeckhandServer;
    let terminals: TerminalRequests;
    let first: TargetContainer;
    let second: TargetContainer;

    beforeAll(async () => {
      const flags = ["--label", label];
      const start = () => targetContainer({ engine, flags });
      [first, second] = await Promise.all([start(), start()]);
      server = await startDeckhandServer({
        engines: [`local=unix://${engines()[engine].socketPath}`],
      });
      terminals = terminalRequests(server, first.name);
    });

    afterAll(async () => {
      await server?.close();
      await first?.remove();
      await second?.remove();
    });

    describe("what can not be", () => {
      test.each([
        ["no such target", { on: "name=no-such-container" }, "NO_TARGET_MATCHED"],
        ["several targets", { on: `label=${label}` }, "TARGET_AMBIGUOUS"],
        ["no selector", { on: "label=" }, "SELECTOR_INVALID"],
        ["a variable that is reserved", { env: { LD_PRELOAD: "x" } }, "ENV_INVALID"],
        ["a size of nothing", { columns: 0 }, "BODY_INVALID"],
        ["a NUL", { argv: ["a\0b"] }, "BODY_INVALID"],
        ["a user that is not there", { user: "nobody-knows" }, "TERMINAL_REFUSED"],
        ["a directory that is not there", { workdir: "/no/such" }, "TERMINAL_REFUSED"],
      ])("%s is refused with %o", async (_name, more, code) => {
        const answer = await terminals.post({ on: first.name, ...more });
        const problem = (await answer.json()) as Problem;
        expect([problem.code, answer.headers.get("content-type")]).toEqual([
          code,
          "application/problem+json; charset=utf-8",
        ]);
      });

      test("a paused container is a conflict, not a wait", async () => {
        const paused = await targetContainer({ engine });
        await paused.act("pause");
        const stateOf = async () => {
          const answer = await server.fetch(`/api/v1/targets?on=name=${paused.name}`);
          return ((await answer.json()) as TargetPage).data[0]?.state;
        };
        await expect.poll(stateOf, { timeout: 20_000 }).toBe("paused");
        const answer = await terminals.post({ on: paused.name });
        expect(((await answer.json()) as Problem).code).toBe("TARGET_STATE_CONFLICT");
        await paused.act("unpause");
        await paused.remove();
      });

      test("an offset that was never reached is refused before the upgrade", async () => {
        const { terminal } = await terminals.openSh("sleep 100");
        await expect(watchTerminal(server, terminal.id, { after: 1e9 })).rejects.toThrow("hello");
        await terminals.end(terminal.id);
      });

      test("a message that is none ends the connection and nothing else", async () => {
        const { terminal, watcher } = await terminals.openSh("read line; echo $line");
        watcher.send({ type: "resize", columns: -1, rows: 3 });
        expect((await watcher.closed).code).toBe(1007);
        const again = await watchTerminal(server, terminal.id);
        again.type("still there\n");
        await again.shows("still there");
      });
    });

    describe("who may", () => {
      test("a token that is deleted is cut off at once", async () => {
        const headers = { "content-type": "application/json" };
        const made = await server.fetch("/api/v1/tokens", {
          method: "POST",
          headers,
          body: JSON.stringify({ name: "guest" }),
        });
        const { id, secret } = (await made.json()) as { id: string; secret: string };
        const { terminal, watcher } = await terminals.openSh("sleep 100");
        const guest = await watchTerminal(server, terminal.id, { token: secret });
        await fetch(`${server.url}/api/v1/tokens/${id}`, {
          method: "DELETE",
          headers: { authorization: `Bearer ${server.token}` },
        });
        expect((await guest.closed).code).toBe(1008);
        await expect(watchTerminal(server, terminal.id, { token: secret })).rejects.toThrow(
          "hello",
        );
        expect(await terminals.read(terminal.id)).toMatchObject({ state: "open", watchers: 1 });
        await watcher.leave();
        await terminals.end(terminal.id);
      });

      test("opening, connecting, ending and the end are in the audit log, what is typed is not", async () => {
        const { terminal, watcher } = await terminals.openSh(
          "read -s secret; echo thanks; read end",
        );
        watcher.type("hunter2\n");
        await watcher.shows("thanks");
        await terminals.end(terminal.id);
        const page = await server.fetch(`/api/v1/audit?object=${terminal.id}`);
        const text = await page.text();
        const { data } = JSON.parse(text) as { data: AuditEntry[] };
        expect(data.map(({ action }) => action).reverse()).toEqual([
          "terminal.open",
          "terminal.connect",
          "terminal.end",
          "terminal.close",
        ]);
        expect(data.at(-1)).toMatchObject({ detail: { target: first.name } });
        expect(data[0]).toMatchObject({ detail: { reason: "ended" } });
        expect(text).not.toContain("hunter2");
        expect(server.log).not.toContain("hunter2");
      });
    });
  });
}

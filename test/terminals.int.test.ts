import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import type { Problem, Terminal } from "@deckhand/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type DeckhandServer, startDeckhandServer } from "./support/deckhand-server.ts";
import { engines } from "./support/engines.ts";
import { type TargetContainer, targetContainer } from "./support/target-container.ts";
import { type TerminalRequests, terminalRequests } from "./support/terminal-requests.ts";
import { type TerminalWatcher, watchTerminal } from "./support/terminal-watcher.ts";

for (const engine of ["docker", "podman"] as const) {
  describe(`on ${engine}`, () => {
    const address = `local=unix://${engines()[engine].socketPath}`;
    let server: DeckhandServer;
    let terminals: TerminalRequests;
    let first: TargetContainer;
    let second: TargetContainer;

    beforeAll(async () => {
      [first, second] = await Promise.all([
        targetContainer({ engine }),
        targetContainer({ engine }),
      ]);
      server = await startDeckhandServer({ engines: [address] });
      terminals = terminalRequests(server, first.name);
    });

    afterAll(async () => {
      await server?.close();
      await first?.remove();
      await second?.remove();
    });

    /** Command lines in the container, without those of this question. */
    async function processes(container: TargetContainer): Promise<string> {
      return container.exec("ps", "-o", "args");
    }

    describe("a terminal in a container", () => {
      test("is a shell when nothing is named, says hello, takes what is typed, and ends with its code", async () => {
        const terminal = await terminals.open();
        expect(terminal).toMatchObject({
          state: "open",
          argv: null,
          by: { name: expect.any(String) },
        });
        expect(terminal.target.name).toBe(first.name);
        expect(terminal.guarantees.way).toBe("guard");
        const watcher = await watchTerminal(server, terminal.id);
        watcher.type("echo sum $((40 + 2)); tty\n");
        await watcher.shows("sum 42");
        await watcher.shows(/\/dev\/pts\/\d/);
        watcher.type("exit 7\n");
        expect(await watcher.says("exit")).toMatchObject({
          exitCode: 7,
          signal: null,
          reason: { code: "exited" },
        });
        expect((await watcher.closed).code).toBe(1000);
        expect(await terminals.read(terminal.id)).toMatchObject({
          state: "ended",
          end: { exitCode: 7 },
        });
      });

      test("has its size before its program starts, and a new size is told to it", async () => {
        const text =
          "trap 'echo now $(stty size)' WINCH; echo first $(stty size); while :; do sleep 0.1; done";
        const { terminal, watcher } = await terminals.openSh(text, { columns: 133, rows: 43 });
        await watcher.shows("first 43 133");
        watcher.send({ type: "resize", columns: 71, rows: 17 });
        await watcher.shows("now 17 71");
        expect(await terminals.read(terminal.id)).toMatchObject({ columns: 71, rows: 17 });
        await terminals.end(terminal.id);
      });

      test("hands on every byte, also those at which an engine would detach", async () => {
        const { watcher } = await terminals.openSh(
          "stty raw -echo; echo ready; od -An -v -tx1 -N 258; echo done",
        );
        await watcher.shows("ready");
        watcher.type(Uint8Array.of(0x10, 0x11));
        watcher.type(Uint8Array.from({ length: 256 }, (_, index) => index));
        await watcher.shows("done");
        const shown = watcher.text.slice(
          watcher.text.indexOf("ready") + 5,
          watcher.text.indexOf("done"),
        );
        const all = [0x10, 0x11, ...Array.from({ length: 256 }, (_, index) => index)];
        expect(shown.trim().split(/\s+/)).toEqual(
          all.map((byte) => byte.toString(16).padStart(2, "0")),
        );
      });

      test("has the user, the directory and the variables that were asked for", async () => {
        const { watcher } = await terminals.openSh(
          'echo "$(id -u) $PWD $GREETING $TERM"; sleep 0.2',
          {
            user: "1234",
            workdir: "/tmp",
            env: { GREETING: "good day" },
          },
        );
        await watcher.shows("1234 /tmp good day xterm-256color");
      });

      test("takes a large paste, in order", async () => {
        const { watcher } = await terminals.openSh(
          "stty raw -echo; echo ready; head -c 2000000 | sha256sum",
        );
        await watcher.shows("ready");
        const paste = randomBytes(2_000_000);
        for (let at = 0; at < paste.length; at += 50_000)
          watcher.type(Uint8Array.from(paste.subarray(at, at + 50_000)));
        const { createHash } = await import("node:crypto");
        await watcher.shows(createHash("sha256").update(paste).digest("hex"));
      });
    });

    describe("connections come and go", () => {
      test("who is cut and comes back with an offset misses nothing and sees nothing twice", async () => {
        const count = 20_000;
        const { terminal, watcher } = await terminals.openSh(
          `i=0; while [ $i -lt ${count} ]; do echo $i; i=$((i+1)); done; read line`,
        );
        const got: Buffer[] = [];
        let last: TerminalWatcher = watcher;
        for (let cuts = 0; cuts < 20; cuts++) {
          await last.shows(/\d/);
          const { offset } = last;
          got.push(last.bytes.subarray(0, last.bytes.length - (last.offset - offset)));
          await last.leave();
          last = await watchTerminal(server, terminal.id, { after: offset });
          if (
            Buffer.concat(got)
              .toString()
              .includes(`${count - 1}\r\n`)
          )
            break;
        }
        if (
          !Buffer.concat(got)
            .toString()
            .includes(`${count - 1}\r\n`)
        )
          await last.shows(`${count - 1}\r\n`);
        got.push(last.bytes);
        const expected = Array.from({ length: count }, (_, index) => `${index}\r\n`).join("");
        expect(Buffer.concat(got).toString()).toBe(expected);
        await terminals.end(terminal.id);
      });

      test("it goes on while nobody watches, and says until when it would", async () => {
        const { terminal, watcher } = await terminals.openSh(
          "sleep 1; echo later; read line; echo got $line",
        );
        await watcher.leave();
        const left = await terminals.read(terminal.id);
        expect(left).toMatchObject({ state: "open", watchers: 0 });
        expect(Date.parse(left.unwatchedUntil ?? "") - Date.now()).toBeGreaterThan(14 * 60_000);
        const again = await watchTerminal(server, terminal.id);
        await again.shows("later");
        expect(await terminals.read(terminal.id)).toMatchObject({
          watchers: 1,
          unwatchedUntil: null,
        });
        again.type("it\n");
        await again.shows("got it");
      });

      test("several may watch and type, and all see the same", async () => {
        const { terminal, watcher } = await terminals.openSh(
          "read a; read b; echo $a-$b; read end",
        );
        const other = await watchTerminal(server, terminal.id, { after: 0 });
        watcher.type("one\n");
        await other.shows("one");
        other.type("two\n");
        await Promise.all([watcher.shows("one-two"), other.shows("one-two")]);
        expect(other.text).toBe(watcher.text);
        await terminals.end(terminal.id);
        expect((await other.says("exit")).reason).toMatchObject({ code: "ended" });
      });

      test("a watcher that reads nothing holds nobody up, and is dropped", async () => {
        const { terminal, watcher } = await terminals.openSh(
          "read go; head -c 20000000 /dev/zero | tr '\\0' x; echo; echo finished; read end",
        );
        const { port } = new URL(server.url);
        const stalled = connect(Number(port), "127.0.0.1");
        stalled.write(
          `GET ${terminal.urls.connect} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${server.token}\r\n` +
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        );
        await untilWatchers(terminal.id, 2);
        watcher.type("go\n");
        await watcher.shows("finished");
        await untilWatchers(terminal.id, 1);
        stalled.destroy();
        expect(watcher.text.replaceAll(/[^x]/g, "").length).toBe(20_000_000);
        await terminals.end(terminal.id);
      });

      test("Ctrl-C reaches a program that prints without end, and who comes late gets its last MiB", async () => {
        const { terminal, watcher } = await terminals.openSh(
          "trap : INT; yes; echo stopped; read end",
        );
        await expect.poll(() => watcher.offset, { timeout: 20_000 }).toBeGreaterThan(1_500_000);
        watcher.type("\u0003");
        await watcher.shows("stopped");
        const late = await watchTerminal(server, terminal.id);
        await late.shows("stopped");
        expect(watcher.bytes.length).toBeGreaterThan(1024 * 1024);
        expect(late.bytes.equals(watcher.bytes.subarray(-1024 * 1024))).toBe(true);
        expect(late.messages[0]).toMatchObject({ offset: watcher.bytes.length - 1024 * 1024 });
        await terminals.end(terminal.id);
      });

      async function untilWatchers(terminalId: string, count: number): Promise<void> {
        for (let tries = 0; tries < 600; tries++) {
          if ((await terminals.read(terminalId)).watchers === count) return;
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
        throw new Error(`there were never ${count} watchers`);
      }
    });

    describe("the end", () => {
      test("ending one ends all that it started, also what left its session and ignores signals", async () => {
        const mark = `4${Math.floor(Math.random() * 1e8)}`;
        const text = `trap '' TERM HUP; (trap '' TERM HUP; setsid sleep ${mark}1 &); sleep ${mark}2 & echo up; sleep ${mark}3`;
        const { terminal, watcher } = await terminals.openSh(text);
        await watcher.shows("up");
        const before = await processes(first);
        for (const number of [1, 2, 3]) expect(before).toContain(`sleep ${mark}${number}`);
        const ended = await terminals.end(terminal.id);
        expect(ended).toMatchObject({
          state: "ended",
          leftovers: [],
          end: { reason: { code: "ended" } },
        });
        expect(await processes(first)).not.toContain(mark);
        expect((await watcher.says("exit")).reason.code).toBe("ended");
        expect((await terminals.end(terminal.id)).end).toEqual(ended.end);
      });

      test("a program that ended is still known to who comes a moment later", async () => {
        const terminal = await terminals.open({ argv: ["sh", "-c", "echo bye; exit 3"] });
        await expect
          .poll(async () => (await terminals.read(terminal.id)).state, { timeout: 20_000 })
          .toBe("ended");
        const watcher = await watchTerminal(server, terminal.id);
        expect(await watcher.says("exit")).toMatchObject({ exitCode: 3 });
        expect(watcher.text).toBe("bye\r\n");
      });

      test("a program that is not there ends with 127, and says so on the terminal", async () => {
        const terminal = await terminals.open({ argv: ["no-such-program"] });
        const watcher = await watchTerminal(server, terminal.id);
        expect(await watcher.says("exit")).toMatchObject({ exitCode: 127 });
        expect(watcher.text).toContain("no-such-program");
      });

      test("a container that is removed makes it lost", async () => {
        const gone = await targetContainer({ engine });
        const terminal = await terminals.open({ on: gone.name });
        const watcher = await watchTerminal(server, terminal.id);
        await gone.remove();
        expect(await watcher.says("exit")).toMatchObject({
          exitCode: null,
          reason: { code: "lost" },
        });
      });

      test("a server that is shut down ends its terminals and says so", async () => {
        const own = await startDeckhandServer({ engines: [address] });
        const mark = `5${Math.floor(Math.random() * 1e8)}`;
        const opened = await own.fetch("/api/v1/terminals", {
          method: "POST",
          body: JSON.stringify({ on: second.name, argv: ["sleep", mark] }),
        });
        const terminal = (await opened.json()) as Terminal;
        const watcher = await watchTerminal(own, terminal.id);
        await expect.poll(() => processes(second), { timeout: 20_000 }).toContain(mark);
        const exit = watcher.says("exit");
        await own.kill("SIGTERM");
        expect((await exit).reason.code).toBe("shutdown");
        expect(await processes(second)).not.toContain(mark);
        await own.close();
      });

      test("a server that was killed knows its terminals no more, and the next one ends them", async () => {
        const own = await startDeckhandServer({ engines: [address] });
        const request = (argv: string[]) =>
          own.fetch("/api/v1/terminals", {
            method: "POST",
            body: JSON.stringify({ on: second.name, argv }),
          });
        const mark = `6${Math.floor(Math.random() * 1e8)}`;
        const { id } = (await (await request(["sleep", mark])).json()) as Terminal;
        await expect.poll(() => processes(second), { timeout: 20_000 }).toContain(mark);
        await own.kill("SIGKILL");
        expect(await processes(second)).toContain(mark);
        await own.start();
        const answer = await own.fetch(`/api/v1/terminals/${id}`);
        expect([answer.status, ((await answer.json()) as Problem).code]).toEqual([
          404,
          "TERMINAL_NOT_FOUND",
        ]);
        await request(["true"]);
        await expect.poll(() => processes(second), { timeout: 15_000 }).not.toContain(mark);
        await own.close();
      });
    });
  });
}

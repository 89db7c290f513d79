import type { Terminal } from "@deckhand/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dockerContainer, type TestContainer } from "../../../test/support/containers.ts";
import { type DeckhandServer, startDeckhandServer } from "../../../test/support/deckhand-server.ts";
import { engines } from "../../../test/support/engines.ts";
import { type CommandLine, commandLine } from "./support/command-line.ts";
import { startCuttingProxy } from "./support/cutting-proxy.ts";
import {
  type InteractiveLine,
  type InteractiveOptions,
  interactiveLine,
} from "./support/interactive-line.ts";

let server: DeckhandServer;
let line: CommandLine;
let container: TestContainer;

beforeAll(async () => {
  const { docker, images } = engines();
  container = await dockerContainer({ name: "cli-terminal", image: images.busybox });
  server = await startDeckhandServer({
    engines: [`local=unix://${docker.socketPath}`],
    env: { DECKHAND_HTTP_ALLOWED_HOSTS: "127.0.0.1" },
  });
  line = await commandLine(server);
});

afterAll(async () => {
  await container?.remove();
  await server?.close();
  await line?.close();
});

function onTerminal(
  words: readonly string[],
  more: Partial<InteractiveOptions> = {},
): InteractiveLine {
  return interactiveLine(words, { at: server, home: line.home, ...more });
}

const sh = (text: string) => ["exec", "-it", container.name, "--", "sh", "-c", text];

/** The terminal was left as it was found. */
function expectRestored({ screen }: InteractiveLine): void {
  const [, before] = /settings-found=(\S+)/.exec(screen) ?? [];
  const [, after] = /settings-left=(\S+)/.exec(screen) ?? [];
  expect(before).toMatch(/^[0-9a-f:]+$/);
  expect(after).toBe(before);
}

async function list(): Promise<Terminal[]> {
  return JSON.parse((await line.run(["terminals", "-o", "json"])).stdout) as Terminal[];
}

async function newest(): Promise<Terminal> {
  const terminal = (await list()).at(-1);
  if (!terminal) throw new Error("there is no terminal");
  return terminal;
}

describe("exec -it", () => {
  test("is a shell in the container, with this terminal's size, and its exit code is the command's", async () => {
    const shell = onTerminal(["exec", "-it", container.name], { columns: 111, rows: 33 });
    await shell.shows("# ");
    shell.type("echo size $(stty size) host $(hostname)\r");
    await shell.shows(`size 33 111 host ${container.id.slice(0, 12)}`);
    await shell.resize({ columns: 77, rows: 22 });
    await expect
      .poll(
        async () => {
          shell.type("echo then $(stty size)\r");
          await new Promise((resolve) => setTimeout(resolve, 100));
          return shell.screen;
        },
        { timeout: 20_000 },
      )
      .toContain("then 22 77");
    shell.type("exit 42\r");
    expect(await shell.exited).toBe(42);
    expectRestored(shell);
  });

  test("stays connected on a terminal that has no size", async () => {
    const program = onTerminal(sh("echo ready; read -r line; echo got $line"), {
      columns: 0,
      rows: 0,
    });
    await program.shows("ready");
    program.type("this\r");
    await program.shows("got this");
    expect(await program.exited).toBe(0);
    expect(program.screen).not.toContain("the connection is cut");
  });

  test("Ctrl-C, Ctrl-Z and Ctrl-D are for the program", async () => {
    const program = onTerminal(sh("stty raw -echo; echo ready; od -An -tx1 -N 3; stty sane"));
    await program.shows("ready");
    program.type(Buffer.of(3, 26, 4));
    await program.shows("03 1a 04");
    expect(await program.exited).toBe(0);
    expectRestored(program);
  });

  test("ctrl-p ctrl-q leaves it running, and attach comes back to all that it showed", async () => {
    const program = onTerminal(sh("echo before; read line; echo got $line; exit 5"));
    await program.shows("before");
    program.type(Buffer.of(16, 17));
    expect(await program.exited).toBe(0);
    expectRestored(program);
    const { id, state, watchers } = await newest();
    expect([state, watchers]).toEqual(["open", 0]);
    expect(program.screen).toContain(`deckhand terminals attach ${id}`);
    const again = onTerminal(["terminals", "attach", id]);
    await again.shows("before");
    again.type("it\r");
    await again.shows("got it");
    expect(await again.exited).toBe(5);
    expectRestored(again);
  });

  test("ctrl-p alone is for the program", async () => {
    const program = onTerminal(sh("stty raw -echo; echo ready; od -An -tx1 -N 2; stty sane"));
    await program.shows("ready");
    program.type(Buffer.of(16));
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    program.type("x");
    await program.shows("10 78");
    expect(await program.exited).toBe(0);
  });

  test("with the detach keys turned off, or others, ctrl-p ctrl-q is for the program", async () => {
    for (const keys of ["none", "ctrl-],q"]) {
      const [exec = "", ...words] = sh("stty raw -echo; echo ready; od -An -tx1 -N 2; stty sane");
      const program = onTerminal([exec, "--detach-keys", keys, ...words]);
      await program.shows("ready");
      program.type(Buffer.of(16, 17));
      await program.shows("10 11");
      expect(await program.exited).toBe(0);
    }
  });

  test("what a full-screen program set up is taken back when one leaves it", async () => {
    const text = "printf '\\033[?1049h\\033[?25l\\033[?1006h'; echo drawn; sleep 1000";
    const program = onTerminal(sh(text));
    await program.shows("drawn");
    program.type(Buffer.of(16, 17));
    await program.exited;
    const end = program.screen.slice(program.screen.indexOf("drawn"));
    for (const mode of ["\u001b[?1049l", "\u001b[?25h", "\u001b[?1006l"])
      expect(end).toContain(mode);
    await line.run(["terminals", "end", (await newest()).id]);
  });

  test("a replay does not make the terminal answer for a program that asked long ago", async () => {
    const program = onTerminal(sh("printf 'a\\033[6n\\033[cb\\n'; read line"));
    await program.shows("\u001b[6n");
    program.type(Buffer.of(16, 17));
    await program.exited;
    const again = onTerminal(["terminals", "attach", (await newest()).id]);
    await again.shows("ab");
    expect(again.screen).not.toContain("\u001b[6n");
    again.type("\r");
    expect(await again.exited).toBe(0);
  });

  test("over a cut connection nothing of the output is lost, and typing goes on", async () => {
    const proxy = await startCuttingProxy(() => server.url);
    const text =
      "i=0; while [ $i -lt 300 ]; do echo n$i.; i=$((i+1)); sleep 0.01; done; read a; echo typed $a";
    const program = onTerminal(sh(text), { at: { url: proxy.url, token: server.token } });
    for (const mark of ["n20.", "n100.", "n180."]) {
      await program.shows(mark);
      proxy.cut();
    }
    await program.shows("n299.");
    program.type("on\r");
    await program.shows("typed on");
    expect(await program.exited).toBe(0);
    const numbers = [...program.screen.matchAll(/n(\d+)\./g)].map(([, number]) => Number(number));
    expect(numbers).toEqual(Array.from({ length: 300 }, (_, index) => index));
    expect(program.screen).toContain("the connection is cut");
    await proxy.close();
  });

  test("while the server is away Ctrl-C leaves, and the terminal is restored", async () => {
    const proxy = await startCuttingProxy(() => server.url);
    const program = onTerminal(sh("echo up; read line"), {
      at: { url: proxy.url, token: server.token },
    });
    await program.shows("up");
    await proxy.close();
    await program.shows("the connection is cut");
    program.type(Buffer.of(3));
    expect(await program.exited).toBe(0);
    expectRestored(program);
    await line.run(["terminals", "end", (await newest()).id]);
  });

  test("a terminal that somebody else ends says by whom", async () => {
    const program = onTerminal(sh("echo up; sleep 1000"));
    await program.shows("up");
    const ended = await line.run(["terminals", "end", (await newest()).id]);
    expect(ended).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("ended trm_") });
    expect(await program.exited).toBe(143);
    expect(program.screen).toContain("It was ended by ");
    expectRestored(program);
  });
});

describe("where there is no terminal", () => {
  test.each([
    ["-it in a pipe", ["exec", "-it", "x", "--", "sh"], "a terminal is needed"],
    ["attach in a pipe", ["terminals", "attach", `trm_${"0".repeat(26)}`], "a terminal is needed"],
    ["no container", ["exec", "-it", "--", "sh"], "say in which container"],
    ["two containers", ["exec", "-it", "--on", "a", "b", "--", "sh"], "one container"],
    ["a command before --", ["exec", "-it", "x", "ls"], "Write: deckhand exec -it x -- ls"],
    ["what only runs have", ["exec", "-it", "--timeout", "3s", "x"], "--timeout is for runs"],
    ["keys that are none", ["exec", "-it", "--detach-keys", "f13", "x"], "does not know the key"],
    ["an id that is none", ["terminals", "end", "x"], "no terminal's id"],
  ])("%s is refused in words", async (_name, words, text) => {
    const { exitCode, stderr, stdout } = await line.run(words);
    expect([exitCode, stdout]).toEqual([64, ""]);
    expect(stderr).toContain(text);
  });

  test("-i hands on a pipe, as --stdin does", async () => {
    const done = await line.run(["exec", "-i", container.name, "--", "tr", "a-z", "A-Z"], {
      input: "loud\n",
    });
    expect(done).toMatchObject({ stdout: "LOUD\n", exitCode: 0 });
  });
});

test("no name and no command in the list commands the terminal of who reads it", async () => {
  const opened = await server.fetch("/api/v1/terminals", {
    method: "POST",
    body: JSON.stringify({
      on: container.name,
      argv: ["sh", "-c", "# \u001b]0;owned\u0007\u001b[2J\r\n second\nsleep 1000"],
    }),
  });
  const { id } = (await opened.json()) as Terminal;
  const { stdout } = await line.run(["terminals", "--color", "always"]);
  expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  expect(stdout.split("\n").filter((row) => row.includes(id))).toHaveLength(1);
  await line.run(["terminals", "end", id]);
});

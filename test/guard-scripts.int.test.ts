import { readdir, readFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { GuardFrame, StartFrame } from "../packages/server/src/guard/frames.ts";
import { type GuardClient, startFrame } from "./support/guard-client.ts";
import { GUARDS, type LocalGuard, startLocalGuard } from "./support/local-guard.ts";

describe.each(GUARDS)("what the guard starts ($guard)", (program) => {
  let guard: LocalGuard;
  let client: GuardClient;

  beforeEach(async () => {
    guard = await startLocalGuard(program, { env: { FROM_THE_CONTAINER: "there", BOTH: "old" } });
    client = await guard.connect();
  });

  afterEach(() => guard[Symbol.asyncDispose]());

  function run(script: string, more: Partial<StartFrame> = {}) {
    client.send(startFrame(script, more));
    return client.toEnd(more.channel);
  }

  test("a script's streams, its exit code and what it has used", async () => {
    const { stdout, stderr, exit } = await run("echo out; echo err >&2; exit 7");
    expect({ stdout, stderr }).toEqual({ stdout: "out\n", stderr: "err\n" });
    expect(exit).toMatchObject({ how: "exit", value: 7, cause: "itself", survivors: 0 });
    expect(exit.produced).toEqual({ stdout: 4, stderr: 4 });
    expect(exit.dropped).toEqual({ stdout: 0, stderr: 0 });
    expect(exit.maxRssKib).toBeGreaterThan(100);
    expect(client.frames.map(({ type }) => type).slice(0, 2)).toEqual(["hello", "started"]);
  });

  test("CPU time is that of all processes of the script", async () => {
    const burn = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done";
    const { exit } = await run(`(${burn}) & (sh -c '${burn}' &) ; wait; sleep 0.1`);
    expect(exit.cpuMicros).toBeGreaterThan(2_000);
  });

  test("an end by a signal", async () => {
    expect((await run("kill -USR1 $$")).exit).toMatchObject({ how: "signal", value: 10 });
  });

  test("arguments, variables and directory as they are given", async () => {
    const script = 'printf "%s|" "$@" "$A" "$B" "$BOTH" "$FROM_THE_CONTAINER" "$PWD"';
    const { stdout } = await run(script, {
      args: ["", "a b", "drei Wörter 🐳", "$(x)\n"],
      environment: ["A=1=2", "B=", "BOTH=new"],
      directory: "/usr/bin",
    });
    expect(stdout).toBe("|a b|drei Wörter 🐳|$(x)\n|1=2||new|there|/usr/bin|");
  });

  test("an environment without a word of the guard's, and once per name", async () => {
    const { stdout } = await run("env", { environment: ["BOTH=new"] });
    expect(stdout).not.toContain("DECKHAND_GUARD");
    expect(stdout.match(/^BOTH=.*$/gm)).toEqual(["BOTH=new"]);
  });

  test("the first of its interpreters that is there", async () => {
    const { stdout } = await run("echo $0", {
      commands: ["no-such-shell", "/usr/no-such/sh", "/usr", "sh", "bash"],
    });
    expect(stdout).toBe("/proc/self/fd/77\n");
  });

  test("a prelude before the script, by the flag that leads to it", async () => {
    const script = {
      text: Buffer.from("\nprint(prepared, sys.argv[1:])"),
      asFile: false,
      extension: "",
      prelude: Buffer.from(
        "import sys\nprepared = 'prepared'\nexec(open(sys.argv[2]).read(), {**globals(), 'sys': type(sys)('x')} | {'sys': sys})",
      ),
    };
    const { stdout, stderr } = await run("", { commands: ["python3"], flags: ["-B"], script });
    // COMMAND FLAGS PRELUDE LAST-FLAG SCRIPT: what Python gets as arguments of its prelude.
    expect({ stdout, stderr }).toEqual({
      stdout: "prepared ['-B', '/proc/self/fd/77']\n",
      stderr: "",
    });
  });

  test("a script that has to be a file is one, with its extension, until it ends", async () => {
    const script = { text: Buffer.from("echo $0; cat $0"), asFile: true, extension: ".sh" };
    const { stdout } = await run("", {
      id: "exe_file",
      script: { ...script, prelude: Buffer.alloc(0) },
    });
    const path = stdout.split("\n")[0] ?? "";
    expect(path).toMatch(/^\/.*\/\.deckhand-exe_file\.sh$/);
    expect(stdout).toBe(`${path}\necho $0; cat $0`);
    await expect(readFile(path)).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("zeros in a script, and a script of five megabytes", async () => {
    const zeros = { text: Buffer.from("a\0b\n"), asFile: false, extension: "" };
    const prelude = Buffer.alloc(0);
    const one = await run("", { commands: ["cat"], script: { ...zeros, prelude } });
    expect(one.stdout).toBe("a\0b\n");
    const text = Buffer.alloc(5_000_000, "# only a comment\n");
    const large = { text, asFile: false, extension: "", prelude };
    const other = await run("", {
      channel: 2,
      commands: ["wc", "cksum"],
      flags: ["-c"],
      script: large,
    });
    expect(other.stdout).toContain("5000000");
  });

  test("a command line, without a shell", async () => {
    const frame = startFrame("", { commands: ["printf"], flags: ["%s,"], args: ["$HOME", "b c"] });
    client.send({ ...frame, script: undefined });
    expect((await client.toEnd()).stdout).toBe("$HOME,b c,");
  });

  test("a command that is not there, or is no program, is told as a shell tells it", async () => {
    for (const [channel, command, code] of [
      [1, "no-such-program", 127],
      [2, "/etc/passwd", 126],
      [3, "/usr", 126],
    ] as const) {
      client.send({ ...startFrame("", { channel, commands: [command] }), script: undefined });
      const { exit, stderr } = await client.toEnd(channel);
      expect(exit).toMatchObject({ how: "exit", value: code });
      expect(stderr).toContain(`deckhand: ${command}: `);
    }
  });

  test("no descriptor but the three streams and the script, no signal blocked or ignored", async () => {
    const { stdout } = await run(
      "exec python3 - <<'EOF'\nimport os\nprint(*sorted(map(int, os.listdir('/proc/self/fd'))))\nprint(open('/proc/self/status').read())\nEOF",
    );
    const [fds = "", ...status] = stdout.split("\n");
    // 3 is the one by which Python lists them.
    expect(fds.split(" ").filter((fd) => !["0", "1", "2", "3", "10", "77"].includes(fd))).toEqual(
      [],
    );
    expect(status).toContain("SigBlk:\t0000000000000000");
    expect(status.find((line) => line.startsWith("SigIgn"))).toMatch(
      /^SigIgn:\t0000000001001000$|0{16}$/,
    );
  });

  test.runIf(!program.isEmulated)(
    "each script in a session of its own, below a process that adopts what it leaves",
    async () => {
      const script = `ps -o pid=,ppid=,sid= -p $$; (setsid sh -c 'sleep 0.3; ps -o ppid= -p $$' &); sleep 1`;
      const { stdout } = await run(script);
      const [first = "", orphan = ""] = stdout.trim().split("\n");
      const [pid, parent, session] = first.trim().split(/\s+/);
      expect(session).toBe(pid);
      expect(orphan.trim()).toBe(parent);
    },
  );

  test("two hundred short scripts at once: each is told its start, its output and its end, in this order", async () => {
    const channels = Array.from({ length: 200 }, (_, index) => index + 1);
    const before = await openFiles();
    for (const channel of channels) client.send(startFrame("echo $$", { channel }));
    const ended = await Promise.all(channels.map((channel) => client.toEnd(channel)));
    for (const [index, { stdout }] of ended.entries()) {
      const channel = channels[index];
      const frames = client.frames.filter(
        (frame) => "channel" in frame && frame.channel === channel,
      );
      expect(frames.map(({ type }) => type)).toEqual(["started", "out", "exit"]);
      expect(frames[0]).toMatchObject({ pid: Number(stdout) });
      client.send({ type: "release", id: `exe_${channel}` });
    }
    // Each is there until its run-init has gone, and a few of those wait for another script, for a while.
    await expect.poll(listed, { timeout: 20_000 }).toEqual([]);
    await expect.poll(openFiles, { timeout: 20_000 }).toEqual(before);
  });

  async function listed(): Promise<readonly GuardFrame[]> {
    const before = client.frames.length;
    client.send({ type: "list" });
    await client.next("listed");
    return client.frames.slice(before).filter(({ type }) => type === "state");
  }

  async function openFiles(): Promise<readonly string[]> {
    return (await readdir(`/proc/${guard.pid}/fd`)).sort();
  }
});

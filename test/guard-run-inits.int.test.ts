import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { StartFrame } from "../packages/server/src/guard/frames.ts";
import { type GuardClient, startFrame } from "./support/guard-client.ts";
import { GUARDS, type LocalGuard, startLocalGuard } from "./support/local-guard.ts";

const isGone = (pid: number) =>
  expect.poll(() => existsSync(`/proc/${pid}`), { timeout: 20_000 }).toBe(false);

describe.each(GUARDS)("the process beside a script ($guard)", (program) => {
  let guard: LocalGuard;
  let client: GuardClient;
  let channel = 0;

  beforeEach(async () => {
    guard = await startLocalGuard(program);
    client = await guard.connect();
  });

  afterEach(() => guard[Symbol.asyncDispose]());

  async function run(script: string, more: Partial<StartFrame> = {}): Promise<string> {
    channel += 1;
    client.send(startFrame(script, { channel, ...more }));
    const { stdout, exit } = await client.toEnd(channel);
    client.send({ type: "release", id: `exe_${channel}` });
    expect(exit).toMatchObject({ how: "exit", value: 0, leftovers: [] });
    return stdout;
  }

  const parent = async () => Number(await run("echo $PPID"));
  const filesOf = async (pid: number) => (await readdir(`/proc/${pid}/fd`)).sort();

  test("takes one script after another", async () => {
    const first = await parent();
    await run("(sleep 0.01 &); echo much >&2; head -c 300000 /dev/zero");
    const files = await filesOf(first);
    for (let again = 0; again < 20; again++) expect(await parent()).toBe(first);
    expect(await filesOf(first)).toEqual(files);
  });

  test("leaves nothing of a script to the next one", async () => {
    const ask =
      'echo "${SECRET-none} $(umask) $(ulimit -n) $(ulimit -f) $(nice) $PWD $#"; cat; ls /proc/self/fd | wc -l; trap; cat /proc/self/oom_score_adj';
    const plain = await run(ask);
    const other = await run(`trap "" TERM HUP USR1; exec 5>/dev/null; ${ask}`, {
      environment: ["SECRET=word"],
      umask: 0o77,
      openFiles: 60,
      fileBytes: 4096,
      nice: 3,
      oomScore: 500,
      directory: "/",
      args: ["a", "b"],
    });
    expect(other).not.toBe(plain);
    expect(await run(ask)).toBe(plain);
  });

  test("is another one for a launch that is larger than usual, and for the one after it none is lost", async () => {
    await parent();
    const words = await run('echo "${#WORD} $#"', {
      environment: [`WORD=${"x".repeat(100_000)}`],
      args: Array.from({ length: 2_000 }, (_, index) => `${index}`),
    });
    expect(words).toBe("100000 2000\n");
    expect(await run("echo $#")).toBe("0\n");
  });

  test("is not missed when it was killed while it waited", async () => {
    const first = await parent();
    process.kill(first, "SIGKILL");
    await isGone(first);
    const second = await parent();
    expect(second).not.toBe(first);
    expect(await parent()).toBe(second);
  });

  test("goes when nothing comes for it, and the guard stays", async () => {
    const first = await parent();
    await isGone(first);
    expect(await parent()).not.toBe(first);
  });

  test("goes when the guard is killed", async () => {
    const first = await parent();
    guard.kill("SIGKILL");
    await isGone(first);
  });

  test("goes before the guard does, which leaves none to anybody", async () => {
    const first = await parent();
    client.send({ type: "leave" });
    await guard.ended;
    expect(existsSync(`/proc/${first}`)).toBe(false);
  });
});

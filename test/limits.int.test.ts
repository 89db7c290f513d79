import { randomInt } from "node:crypto";
import type { Execution, Problem, Run, RunRequestInput } from "@deckhand/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dockerContainer, type TestContainer } from "./support/containers.ts";
import { type DeckhandServer, startDeckhandServer } from "./support/deckhand-server.ts";
import { engines } from "./support/engines.ts";

/** The kernel counts the processes of a user over all containers, so nobody else may have this one. */
const LONELY_USER = String(randomInt(200_000, 2_000_000_000));
const OWN_SCORE = 100;

let server: DeckhandServer;
let target: TestContainer;

beforeAll(async () => {
  const { docker, images } = engines();
  const flags = ["--oom-score-adj", String(OWN_SCORE)];
  target = await dockerContainer({ name: "limits", image: images.busybox, flags });
  server = await startDeckhandServer({ engines: [`local=unix://${docker.socketPath}`] });
});

afterAll(async () => {
  await target?.remove();
  await server?.close();
});

function run(text: string, more: Partial<RunRequestInput> = {}): Promise<Run> {
  return server.run({ inline: { text, interpreter: "sh" }, on: [`name=${target.name}`], ...more });
}

/** The only execution of a run that the guard carried out. */
function onlyOf({ executions }: Run): Execution {
  const [only] = executions;
  if (!only || executions.length > 1) throw new Error(`${executions.length} executions`);
  expect(only.guarantees?.way, JSON.stringify(only.reason)).toBe("guard");
  return only;
}

/** What the script wrote to stdout; it has to succeed. */
async function said(text: string, more?: Partial<RunRequestInput>): Promise<string> {
  const only = onlyOf(await run(text, more));
  expect(only.state, only.output.stderr).toBe("succeeded");
  return only.output.stdout ?? "";
}

const limitsOf = async (pid: string) => (await target.exec(["cat", `/proc/${pid}/limits`])).trim();

describe("without a word about limits", () => {
  test("the script has those of the container, and the kernel takes it first", async () => {
    expect((await said("cat /proc/self/limits")).trim()).toBe(await limitsOf("self"));
    expect(await said("cat /proc/self/oom_score_adj")).toBe("1000\n");
    expect(await said("cut -d' ' -f19 /proc/self/stat; umask")).toBe("0\n0022\n");
  });

  test("background processes end with the script", async () => {
    const pid = (await said("sleep 543 >/dev/null 2>&1 & echo $!")).trim();
    expect(pid).toMatch(/^\d+$/);
    const listed = await target.exec(["sh", "-c", "ps -o pid,args"]);
    expect(listed).not.toMatch(new RegExp(`^\\s*${pid}\\s`, "m"));
    expect(listed).not.toContain("sleep 543");
  });

  test("the main process keeps its own score", async () => {
    expect(await target.exec(["cat", "/proc/1/oom_score_adj"])).toBe(String(OWN_SCORE));
  });
});

test("the nice value is the script's and its children's", async () => {
  const text = "cut -d' ' -f19 /proc/self/stat; sh -c \"cut -d' ' -f19 /proc/self/stat\"";
  expect(await said(text, { limits: { nice: 7 } })).toBe("7\n7\n");
  expect(await said(text)).toBe("0\n0\n");
});

test("a nice value that may not be set starts nothing", async () => {
  const marker = `/tmp/nice-${randomInt(1_000_000)}`;
  const refused = await run(`touch ${marker}`, { limits: { nice: -5 } });
  expect(refused.state).toBe("rejected");
  expect(await target.exec(["sh", "-c", `test -e ${marker} || echo absent`])).toBe("absent");
});

test.each([
  [0, OWN_SCORE],
  [250, OWN_SCORE + 250],
  [1000, 1000],
])("the oom score %i is added to the container's, up to 1000", async (oomScore, expected) => {
  expect(await said("cat /proc/self/oom_score_adj", { limits: { oomScore } })).toBe(
    `${expected}\n`,
  );
});

test("a script that uses more CPU time than it may is ended by the kernel", async () => {
  const only = onlyOf(await run("while :; do :; done", { limits: { cpuTime: "1s" } }));
  expect(only).toMatchObject({
    state: "failed",
    signal: expect.stringMatching(/^SIG(XCPU|KILL)$/),
  });
  expect(only.usage?.cpuMs).toBeGreaterThanOrEqual(900);
  expect(only.usage?.cpuMs).toBeLessThan(10_000);
});

test("a script that sleeps uses no CPU time", async () => {
  expect(await said("sleep 2; echo awake", { limits: { cpuTime: "1s" } })).toBe("awake\n");
});

test("no more files are open at once than the script may have", async () => {
  const open = 'BEGIN { for (i = 1; i <= 100; i++) { print i; print "" > ("/tmp/open-" i) } }';
  const request = { env: { PROGRAM: open } };
  const text = 'awk "$PROGRAM"; echo "awk $?"; rm -f /tmp/open-*';
  expect(await said(text, request)).toMatch(/\n100\nawk 0\n$/);
  const limited = onlyOf(await run(text, { ...request, limits: { openFiles: 16 } }));
  expect(limited.output.stderr).toMatch(/too many open files/i);
  expect(limited.output.stdout).toMatch(/awk [1-9]/);
  const opened = Number(/(\d+)\nawk/.exec(limited.output.stdout ?? "")?.[1]);
  expect(opened).toBeGreaterThan(1);
  expect(opened).toBeLessThanOrEqual(16);
});

test("three open files are enough for a command that opens none", async () => {
  const request = { argv: ["echo", "started"], on: [`name=${target.name}`] };
  const only = onlyOf(await server.run({ ...request, limits: { openFiles: 3 } }));
  expect(only).toMatchObject({ state: "succeeded", output: { stdout: "started\n" } });
});

test("no file is written beyond its size", async () => {
  const text =
    'dd if=/dev/zero of=/tmp/big bs=1000 count=100 2>/dev/null; echo "dd $?"; wc -c < /tmp/big; rm /tmp/big';
  const limited = await said(text, { limits: { fileBytes: 10_240 } });
  expect(limited).toMatch(/^dd [1-9]\d*\n10240\n$/);
  expect(await said(text)).toBe("dd 0\n100000\n");
});

test("the output of a script is no file that it writes", async () => {
  const stdout = await said("head -c 100000 /dev/zero | tr '\\0' x", { limits: { fileBytes: 0 } });
  expect(stdout.length).toBeGreaterThanOrEqual(65_536);
});

test("no more processes run at once than the user may have", async () => {
  const text =
    "i=0; while [ $i -lt 60 ]; do sleep 345 >/dev/null 2>&1 & i=$((i+1)); echo $i; done; echo all";
  const free = onlyOf(await run(text, { user: LONELY_USER }));
  expect(free.output.stdout).toMatch(/\n60\nall\n$/);
  const limited = onlyOf(await run(text, { user: LONELY_USER, limits: { processes: 20 } }));
  expect(limited.state).toBe("failed");
  expect(limited.output.stderr).toMatch(/fork/);
  const started = Number(limited.output.stdout?.trim().split("\n").at(-1));
  expect(started).toBeGreaterThan(5);
  expect(started).toBeLessThan(20);
  expect(limited.leftovers).toEqual([]);
  expect(await target.exec(["sh", "-c", "ps -o user,args"])).not.toContain("sleep 345");
});

test.each([
  ["077", "600\n700\n"],
  ["0027", "640\n750\n"],
  ["000", "666\n777\n"],
])("the umask %s makes files so", async (umask, expected) => {
  const text =
    "d=$(mktemp -d); cd $d; touch file; mkdir folder; stat -c %a file; stat -c %a folder; rm -r $d";
  expect(await said(text, { limits: { umask } })).toBe(expected);
});

describe("survivors", () => {
  const text = "(sleep 2; echo late) & echo early";

  test("are waited for on request, with what they still write", async () => {
    const only = onlyOf(await run(text, { survivors: "wait" }));
    expect(only).toMatchObject({ state: "succeeded", output: { stdout: "early\nlate\n" } });
    expect(only.leftovers).toEqual([]);
  });

  test("are ended else", async () => {
    expect(await said(text)).toBe("early\n");
    expect(await said(text, { survivors: "kill" })).toBe("early\n");
  });

  test("do not outlive the timeout either", async () => {
    const only = onlyOf(
      await run("sleep 1000 & echo early", { survivors: "wait", limits: { timeout: "1s" } }),
    );
    expect(only).toMatchObject({ state: "timed-out", output: { stdout: "early\n" } });
    expect(only.leftovers).toEqual([]);
  });
});

describe("a header", () => {
  const header = ["@nice 5", "@oom-score 10", "@open-files 64", "@umask 077", "@survivors wait"];
  const text = `${["@deckhand 1", ...header].map((line) => `# ${line}`).join("\n")}
cut -d' ' -f19 /proc/self/stat; cat /proc/self/oom_score_adj; ulimit -n; umask; (sleep 1; echo late) &
`;

  test("sets limits as a request does", async () => {
    expect(await said(text)).toBe(`5\n${OWN_SCORE + 10}\n64\n0077\nlate\n`);
  });

  test("stands back behind a request, one by one", async () => {
    const limits = { nice: 3, umask: "027" };
    expect(await said(text, { limits, survivors: "kill" })).toBe(
      `3\n${OWN_SCORE + 10}\n64\n0027\n`,
    );
  });
});

test("a rerun has the limits of the run, and both show them", async () => {
  const limits = { nice: 4, openFiles: 77, cpuTime: "1m", fileBytes: 4_096, umask: "027" } as const;
  const first = await run("cut -d' ' -f19 /proc/self/stat; ulimit -n; umask", {
    limits,
    survivors: "wait",
  });
  const answer = await server.fetch(`/api/v1/runs/${first.id}/rerun?wait=30s&include=output`, {
    method: "POST",
    body: "{}",
  });
  expect(answer.status).toBe(201);
  const second = (await answer.json()) as Run;
  for (const one of [first, second]) {
    expect(onlyOf(one).output.stdout).toBe("4\n77\n0027\n");
    expect(one).toMatchObject({
      limits: {
        nice: 4,
        oomScore: 1000,
        cpuTimeMs: 60_000,
        openFiles: 77,
        fileBytes: 4_096,
        processes: null,
        umask: "027",
      },
      survivors: "wait",
    });
  }
});

describe("a request is refused, with the place", () => {
  test.each([
    [{ nice: 20 }, "/limits/nice"],
    [{ nice: -21 }, "/limits/nice"],
    [{ nice: 1.5 }, "/limits/nice"],
    [{ nice: "1" }, "/limits/nice"],
    [{ oomScore: 1001 }, "/limits/oomScore"],
    [{ oomScore: -1 }, "/limits/oomScore"],
    [{ cpuTime: "500ms" }, "/limits/cpuTime"],
    [{ cpuTime: "0s" }, "/limits/cpuTime"],
    [{ cpuTime: "1500ms" }, "/limits/cpuTime"],
    [{ cpuTime: 30 }, "/limits/cpuTime"],
    [{ openFiles: 0 }, "/limits/openFiles"],
    [{ fileBytes: -1 }, "/limits/fileBytes"],
    [{ fileBytes: 2 ** 53 }, "/limits/fileBytes"],
    [{ processes: 0 }, "/limits/processes"],
    [{ umask: "28" }, "/limits/umask"],
    [{ umask: "1022" }, "/limits/umask"],
    [{ umask: 22 }, "/limits/umask"],
    [{ openfiles: 5 }, "/limits/openfiles"],
  ])("%j", async (limits, pointer) => {
    await expectRefused({ limits }, pointer);
  });

  test("that wants something else of survivors", async () => {
    await expectRefused({ survivors: "adopt" }, "/survivors");
  });

  async function expectRefused(more: object, pointer: string): Promise<void> {
    const answer = await server.fetch("/api/v1/runs", {
      method: "POST",
      body: JSON.stringify({ argv: ["true"], on: [`name=${target.name}`], ...more }),
    });
    const problem = (await answer.json()) as Problem;
    expect([answer.status, problem.code]).toEqual([400, "BODY_INVALID"]);
    expect(problem.errors?.map((error) => error.pointer)).toEqual([pointer]);
  }
});

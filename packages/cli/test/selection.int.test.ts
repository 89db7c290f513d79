import { randomBytes } from "node:crypto";
import type { Run, SameOutput } from "@deckhand/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dockerContainer, type TestContainer } from "../../../test/support/containers.ts";
import { type DeckhandServer, startDeckhandServer } from "../../../test/support/deckhand-server.ts";
import { engines } from "../../../test/support/engines.ts";
import { type CommandLine, commandLine, type Finished } from "./support/command-line.ts";

const MARK = randomBytes(4).toString("hex");
const PROJECT = `selection-${MARK}`;
/** Everything of this suite, and nothing of the suites beside it. */
const ALL = `project=${PROJECT}`;
let server: DeckhandServer;
let line: CommandLine;
let db1: TestContainer;
let db2: TestContainer;
let web: TestContainer;

beforeAll(async () => {
  const { docker, images } = engines();
  const inService = (service: string, name: string) =>
    dockerContainer({
      name: `selection-${name}`,
      image: images.busybox,
      flags: [
        ...["--label", `com.docker.compose.project=${PROJECT}`],
        ...["--label", `com.docker.compose.service=${service}`],
      ],
    });
  [db1, db2, web] = await Promise.all([
    inService("db", "1"),
    inService("db", "2"),
    inService("web", "3"),
  ]);
  server = await startDeckhandServer({ engines: [`local=unix://${docker.socketPath}`] });
  line = await commandLine(server);
});

afterAll(async () => {
  await server?.close();
  await line?.close();
  await Promise.all([db1, db2, web].map((container) => container?.remove()));
});

function namesOf({ stdout }: Finished): string[] {
  return (JSON.parse(stdout) as { name: string }[]).map(({ name }) => name);
}

const targets = (...words: string[]) => line.run(["targets", ...words, "-o", "json"]);

describe("a group", () => {
  test("is set, used by all that takes a selector, changed, shown, listed and removed", async () => {
    const set = await line.run(["groups", "set", "sel-db", "--on", `${ALL},svc/db`]);
    expect(set).toMatchObject({ exitCode: 0, stderr: "deckhand: made the group sel-db\n" });
    expect(namesOf(await targets("--on", "@sel-db"))).toEqual([db1.name, db2.name]);
    const ran = await line.run(["exec", "--on", "@sel-db", "--view", "quiet", "--", "true"]);
    expect(ran.exitCode).toBe(0);
    expect(await line.complete("targets", "--on", "@sel-")).toBe("@sel-db\n");
    expect(await line.complete("groups", "show", "sel-")).toBe("sel-db\n");
    const change = ["--on", `${ALL},svc/db`, "--except", db2.name, "--description", "one of two"];
    const changed = await line.run(["groups", "set", "sel-db", ...change]);
    expect(changed.stderr).toBe("deckhand: changed the group sel-db\n");
    expect(namesOf(await targets("--on", "@sel-db"))).toEqual([db1.name]);
    expect((await line.run(["groups", "show", "sel-db"])).stdout).toContain(`except  ${db2.name}`);
    expect((await line.run(["groups", "ls"])).stdout).toMatch(/^sel-db .*one of two$/m);
    expect((await line.run(["groups", "rm", "sel-db"])).exitCode).toBe(0);
    const gone = await targets("--on", "@sel-db");
    expect(gone).toMatchObject({
      exitCode: 66,
      stderr: expect.stringContaining("There is no group sel-db"),
    });
  });

  test("is told from its selector by --on, as the hint says", async () => {
    expect(await line.run(["groups", "set", "sel-db", "svc/db"])).toMatchObject({
      exitCode: 64,
      stderr: expect.stringContaining("deckhand groups set sel-db --on svc/db"),
    });
  });
});

describe("targets shows what a run would take", () => {
  test("as rows, and as counts with what was taken away", async () => {
    expect(namesOf(await targets("--on", ALL, "--except", db1.name))).toEqual([db2.name, web.name]);
    const counted = await targets("--on", ALL, "--except", web.name, "--one", "--counts");
    expect(JSON.parse(counted.stdout)).toEqual({
      matched: 3,
      excepted: 1,
      besidesOne: 1,
      total: 1,
      byState: [{ value: "running", count: 1 }],
      byEngine: [{ value: "local", count: 1 }],
      byService: [{ value: `${PROJECT}/db`, count: 1 }],
    });
    const words = await line.run(["targets", "--on", ALL, "--except", web.name, "--counts"]);
    expect(words.stdout).toContain("2 of 3 that match: without 1 excepted\n");
  });

  test("one of each service with --one, in a run as well", async () => {
    expect(namesOf(await targets("--on", ALL, "--one"))).toEqual([db1.name, web.name]);
    const words = ["exec", "--on", ALL, "--one", "-o", "json", "--", "hostname"];
    const ran = JSON.parse((await line.run(words)).stdout) as { counts: unknown };
    expect(ran.counts).toMatchObject({ total: 2, succeeded: 2 });
  });

  test("is refused as the run would be with --max", async () => {
    expect(await targets("--on", ALL, "--max", "2")).toMatchObject({
      exitCode: 64,
      stderr: expect.stringContaining("3 targets match"),
    });
  });

  test("says why nothing matches", async () => {
    expect(await line.run(["targets", "--on", `${ALL},svc/dbb`])).toMatchObject({
      exitCode: 66,
      stdout: "",
      stderr: expect.stringContaining("did you mean service="),
    });
  });
});

describe("--pick takes some of those that match", () => {
  const pick = async (...words: string[]) => {
    const done = await line.run(["exec", "--on", ALL, ...words, "-o", "json", "--", "sleep", "0"]);
    const run = JSON.parse(done.stdout) as Run;
    return { run, names: run.executions.map(({ target }) => target.name) };
  };

  /** An engine that is slow does not tell in time; who was chosen counts as busier for a second. */
  async function pickKnowingCpu() {
    for (let tries = 1; ; tries++) {
      const picked = await pick("--pick", "1", "--strategy", "least-busy");
      if (tries === 20 || picked.run.pick?.chosen.every(({ why }) => why.includes("CPU")))
        return picked;
      await new Promise((resolve) => setTimeout(resolve, 1_200));
    }
  }

  test("the next one each time, each as often as any other, and says so", async () => {
    const rounds = [];
    for (let round = 0; round < 3; round++) rounds.push(await pick("--pick", "1"));
    expect(rounds.flatMap(({ names }) => names)).toEqual([db1.name, db2.name, web.name]);
    expect(rounds[1]?.run.pick).toEqual({
      count: 1,
      strategy: "round-robin",
      matched: 3,
      chosen: [{ target: db2.name, why: `next after ${db1.name}` }],
    });
    expect((await pick("--pick", "2")).names).toEqual([db1.name, db2.name]);
    const { run, names } = await pick("--pick", "2");
    expect(names).toEqual([db1.name, web.name]);
    const shown = await line.run(["show", run.id]);
    expect(shown.stdout).toContain(`2 of 3, round-robin: ${web.name} (next after ${db2.name})`);
  });

  test("without a turn in a dry run", async () => {
    const words = ["exec", "--on", ALL, "--pick", "1", "--dry-run", "--", "true"];
    const [one, other] = [await line.run(words), await line.run(words)];
    expect(one.stdout).toBe(other.stdout);
    expect(one.stdout).toContain("picked 1 of 3, round-robin: ");
  });

  test("the one with the fewest executions, then the one whose CPU has least to do", async () => {
    const busy = await line.run(["exec", "--on", db1.name, "-d", "--", "sleep", "600"]);
    await web.exec(["sh", "-c", "(while :; do :; done) >/dev/null 2>&1 & echo $! >/tmp/spinner"]);
    const one = await pickKnowingCpu();
    expect(one.names).toEqual([db2.name]);
    expect(one.run.pick?.chosen[0]?.why).toMatch(/^0 open executions, \d+ % CPU$/);
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    const two = await pick("--pick", "2", "--strategy", "least-busy");
    expect(two.names).not.toContain(db1.name);
    await web.exec(["sh", "-c", "kill -9 $(cat /tmp/spinner)"]);
    await line.run(["cancel", busy.stdout.trim()]);
  });

  test("any by chance, and all when there are not more", async () => {
    expect((await pick("--pick", "1", "--strategy", "random")).names).toHaveLength(1);
    expect((await pick("--pick", "9")).names).toHaveLength(3);
  });

  test("so that a limit that all would exceed is none for some", async () => {
    expect((await pick("--max", "1", "--pick", "1")).names).toHaveLength(1);
    const tooMany = await line.run([
      "exec",
      "--on",
      ALL,
      "--max",
      "1",
      "--pick",
      "2",
      "--",
      "true",
    ]);
    expect(tooMany).toMatchObject({ exitCode: 64, stderr: expect.stringContaining("at most 1") });
  });

  test("and --strategy without --pick is refused", async () => {
    expect(
      await line.run(["exec", "--on", ALL, "--strategy", "random", "--", "true"]),
    ).toMatchObject({
      exitCode: 64,
      stderr: expect.stringContaining("--pick 1 --strategy random"),
    });
  });
});

describe("--view same shows each output once", () => {
  const SCRIPT =
    'date; hostname; cat /proc/sys/kernel/random/uuid; echo "took 0.$$ s"; echo 3 rows; test ! -e /tmp/odd || { echo odd >&2; exit 4; }';
  const onAll = ["exec", "--on", ALL];

  test("under the names of those that wrote it, how it ended included", async () => {
    await db2.exec(["touch", "/tmp/odd"]);
    const done = await line.run([...onAll, "--view", "same", "--", "sh", "-c", SCRIPT]);
    const heads = done.stdout.split("\n").filter((text) => text.startsWith("── "));
    expect(heads[0]).toMatch(/^── 2 of 3: \S+ \S+ ─/);
    for (const { name } of [db1, web]) expect(heads[0]).toContain(name);
    expect(heads[1]).toContain(`── 1 of 3: ${db2.name} (exit 4) ─`);
    expect(heads).toHaveLength(2);
    expect(done.stdout.match(/3 rows/g)).toHaveLength(2);
    expect(done).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("odd\n") });
    const [, runId = ""] = /(run_\w+)/.exec(done.stderr) ?? [];
    const later = await line.run(["logs", runId, "--view", "same"]);
    expect(later.stdout).toBe(done.stdout);
    const document = JSON.parse(
      (await line.run(["logs", runId, "--view", "same", "-o", "json"])).stdout,
    ) as SameOutput;
    expect(document).toMatchObject({
      total: 3,
      open: 0,
      data: [
        { count: 2, variants: 2, state: "succeeded", exitCode: 0, shortened: false },
        { count: 1, variants: 1, state: "failed", exitCode: 4, sample: { stderr: "odd\n" } },
      ],
    });
    const path = `/api/v1/runs/${runId}/output/same?by=exact`;
    const exact = JSON.parse((await line.run(["api", "GET", path])).stdout) as SameOutput;
    expect(exact.data.map(({ count }) => count)).toEqual([1, 1, 1]);
    await db2.exec(["rm", "/tmp/odd"]);
  });

  test("and tells of those that still run", async () => {
    const script = `test $(hostname) != ${web.id.slice(0, 12)} || sleep 600`;
    const started = await line.run([...onAll, "-d", "--", "sh", "-c", script]);
    const runId = started.stdout.trim();
    const read = async () =>
      JSON.parse(
        (await line.run(["logs", runId, "--view", "same", "-o", "json"])).stdout,
      ) as SameOutput;
    let same = await read();
    while (same.open > 1) same = await read();
    expect(same).toMatchObject({ total: 3, open: 1, data: [{ count: 2, variants: 1 }] });
    await line.run(["cancel", runId]);
  });

  test("and goes with nothing that is about one target", async () => {
    const words = ["logs", `run_${"0".repeat(26)}`, "--view", "same", "--on", "x"];
    expect(await line.run(words)).toMatchObject({
      exitCode: 64,
      stderr: expect.stringContaining("--on is not"),
    });
  });
});

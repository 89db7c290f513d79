import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Run, RunPlanView } from "@deckhand/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { docker } from "../../../test/support/containers.ts";
import { type DeckhandServer, startDeckhandServer } from "../../../test/support/deckhand-server.ts";
import { engines } from "../../../test/support/engines.ts";
import { type Fleet, startFleet } from "../../../test/support/fleet.ts";
import { type TargetContainer, targetContainer } from "../../../test/support/target-container.ts";
import { type CommandLine, commandLine, type Finished } from "./support/command-line.ts";

const run = promisify(execFile);
const MARK = randomBytes(4).toString("hex");
let server: DeckhandServer;
let line: CommandLine;
/** Four containers; the first three have a HEALTHCHECK. */
let fleet: Fleet;
let podman: { readonly checked: TargetContainer; readonly bare: TargetContainer };

beforeAll(async () => {
  const { docker: local, podman: other } = engines();
  const healthcheck = ["--health-cmd", "true", "--health-interval", "1h"];
  const onPodman = (flags: readonly string[]) => targetContainer({ engine: "podman", flags });
  [fleet, podman, server] = await Promise.all([
    startFleet({ name: "cli-rollout", count: 4 }),
    Promise.all([onPodman(healthcheck), onPodman([])]).then(([checked, bare]) => ({
      checked,
      bare,
    })),
    startDeckhandServer({
      engines: [`local=unix://${local.socketPath}`, `podman=unix://${other.socketPath}`],
    }),
  ]);
  line = await commandLine(server);
});

afterAll(async () => {
  await server?.close();
  await line?.close();
  await Promise.all([fleet?.remove(), podman?.checked.remove(), podman?.bare.remove()]);
});

const onAll = () => ["--on", `label=${fleet.label}`];
const sh = (text: string) => ["--", "sh", "-c", text];
const exec = (...words: string[]) => line.run(["exec", ...onAll(), ...words]);

/** The same with all that came of it. */
async function execRun(...words: string[]): Promise<{ done: Finished; run: Run }> {
  const done = await line.run(["exec", ...onAll(), "-o", "json", ...words]);
  return { done, run: JSON.parse(done.stdout) as Run };
}

const states = ({ executions }: Run) => executions.map(({ state }) => state);

describe("the options of a rollout", () => {
  const OPTIONS = [
    ...["--canary", "1", "--batch", "50%", "--max-concurrency", "2", "--max-errors", "25%"],
    ...["--order", "label=zone", "--pause", "90s", "--health", "restarts", "--probe", "test -e /"],
    ...["--health-timeout", "30s", "--retry", "3", "--retry-backoff", "5s"],
    ...["--concurrency-key", `cli/${MARK}`, "--on-conflict", "skip"],
  ];

  test("are what a dry run shows, as a document and in words", async () => {
    const document = await exec(...OPTIONS, "--dry-run", "-o", "json", ...sh("true"));
    const { targets, ...plan } = JSON.parse(document.stdout) as RunPlanView;
    expect(plan).toMatchObject({
      rollout: {
        maxConcurrency: 2,
        maxErrors: 1,
        order: "label=zone",
        batches: [1, 2, 1],
        pauseMs: 90_000,
        health: { healthcheck: false, restarts: true, probe: "test -e /", timeoutMs: 30_000 },
      },
      retry: { attempts: 3, backoff: "5s", maxBackoff: "10m", on: ["failed"] },
      concurrency: { key: `cli/${MARK}`, onConflict: "skip" },
    });
    const zones = targets.map(({ name }) => fleet.zoneOf(name));
    expect(zones).toEqual(zones.toSorted());
    const { stdout, exitCode } = await exec(...OPTIONS, "--dry-run", ...sh("true"));
    const [, rollout, retry, key, columns, ...rows] = stdout.trimEnd().split("\n");
    expect([rollout, retry, key]).toEqual([
      "  2 at once, stops when more than 1 failed, by label=zone, batches 1 + 2 + 1, 1m30s between, health: restarts, probe",
      "  up to 3 attempts where it failed, after 5s and then twice as long, at most 10m",
      `  key cli/${MARK}, is skipped while another run has it`,
    ]);
    expect(columns).toMatch(/^BATCH +TARGET +ENGINE +IMAGE$/);
    expect(rows.map((row) => row[0])).toEqual(["1", "2", "2", "3"]);
    expect(exitCode).toBe(0);
  });

  test("give the same order by chance for the same seed, and each plan tells its seed", async () => {
    const plan = async (...words: string[]) => {
      const asked = ["--order", "random", ...words, "--dry-run", "-o", "json", ...sh("true")];
      return JSON.parse((await exec(...asked)).stdout) as RunPlanView;
    };
    const first = await plan();
    const again = await plan("--seed", `${first.rollout?.seed}`);
    expect(again.targets).toEqual(first.targets);
  });

  test.each([
    [["--seed", "x"], '--seed takes a number, not "x"'],
    [["--seed", "1"], "only the order random has a seed"],
    [["--retry", "many"], '--retry takes a number of attempts, not "many"'],
    [["--retry-backoff", "1s"], "--retry-backoff says nothing without --retry"],
    [["--health", "pulse"], '--health takes healthcheck, restarts, not "pulse"'],
    [["--health-timeout", "1s"], "--health-timeout says nothing without --health or --probe"],
    [["--pause", "1m"], "a pause is between batches: give batch or canary"],
    [["--max-errors", "1", "--on-error", "continue"], "maxErrors says nothing"],
    [["--on-error", "ignore"], "Allowed choices are stop, continue"],
    [["--on-conflict", "skip"], "--on-conflict says nothing without --concurrency-key"],
  ])("%j is refused with what is wrong", async (words, said) => {
    const done = await exec(...words, ...sh("true"));
    expect(done).toMatchObject({ exitCode: 64, stdout: "" });
    expect(done.stderr).toMatch(/^deckhand: /);
    expect(done.stderr).toContain(said);
  });
});

describe("a script that fails", () => {
  test("stops behind the canary, and its end says what was not begun with, and why", async () => {
    const done = await exec("--canary", "1", "--plain", ...sh("echo no >&2; exit 3"));
    const [first] = fleet.names;
    expect(done.exitCode).toBe(1);
    expect(done.stderr).toContain(`FAIL ${first}  exit 3`);
    expect(done.stderr).toContain("skip 3 targets  skipped: rollout-stopped");
    expect(done.stderr).toContain("1 target has failed, and 0 may.");
    const [, id = ""] = /(run_\w{26})/.exec(done.stderr) ?? [];
    const shown = await line.run(["show", id]);
    expect(shown.stdout).toMatch(/^Rollout +50 at once, stops when more than 0 failed, .*1 \+ 3$/m);
    expect(shown.stdout).toMatch(/^Stopped +The rollout stopped before it: 1 target has failed/m);
    const again = await line.run(["rerun", id, "--failed", "--plain"]);
    expect([again.exitCode, again.stderr]).toEqual([1, expect.stringContaining("3 skipped")]);
  });

  test("goes on as far as it may", async () => {
    const some = await execRun("--max-concurrency", "1", "--max-errors", "1", ...sh("exit 3"));
    expect(states(some.run)).toEqual(["failed", "failed", "skipped", "skipped"]);
    const all = await execRun(
      "--max-concurrency",
      "50%",
      "--on-error",
      "continue",
      ...sh("exit 3"),
    );
    expect(all.run).toMatchObject({ counts: { failed: 4 }, rollout: { maxConcurrency: 2 } });
    expect([some.done.exitCode, all.done.exitCode]).toEqual([1, 1]);
  });

  test("is tried again where that is asked for, and the last attempt is what counts", async () => {
    const [first = ""] = fleet.names;
    const retried = ["exec", "--on", first, "--retry", "2", "--retry-backoff", "100ms"];
    const text = "test -e /tmp/tried && exit 0; touch /tmp/tried; exit 5";
    const mended = await line.run([...retried, "-o", "json", ...sh(text)]);
    const { executions } = JSON.parse(mended.stdout) as Run;
    expect([mended.exitCode, executions.map(({ state }) => state)]).toEqual([
      0,
      ["failed", "succeeded"],
    ]);
    expect(executions[1]?.retryOf).toBe(executions[0]?.id);
    expect((await line.run([...retried, ...sh("exit 5")])).exitCode).toBe(5);
  });
});

describe("between batches", () => {
  test("a pause passes, and the health that was looked at is in what is shown", async () => {
    const names = fleet.names.slice(0, 3).flatMap((name) => ["--on", name]);
    const gate = ["--canary", "1", "--pause", "100ms", "--health", "restarts,healthcheck"];
    const done = await line.run(["exec", ...names, ...gate, "-o", "json", ...sh("true")]);
    const ended = JSON.parse(done.stdout) as Run;
    expect([done.exitCode, ended.rollout?.gates], done.stdout).toMatchObject([
      0,
      [{ batch: 1, state: "passed", detail: "1 container is well." }],
    ]);
    const shown = await line.run(["show", ended.id]);
    expect(shown.stdout).toContain("health behind batch 1: passed 1 container is well.");
  });

  test("a probe that fails stops it, and says what it said", async () => {
    const gate = ["--batch", "2", "--probe", "echo no good; exit 4", "--health-timeout", "1s"];
    const done = await exec(...gate, "--plain", ...sh("true"));
    expect(done.exitCode).toBe(1);
    expect(done.stderr).toContain("skip 2 targets  skipped: health-failed");
    expect(done.stderr).toContain("the probe ended with exit code 4: no good");
  });

  test("the HEALTHCHECK of a container that has none is refused before anything starts", async () => {
    const gate = ["--canary", "1", "--health", "healthcheck"];
    for (const dry of [["--dry-run"], []]) {
      const done = await exec(...gate, ...dry, ...sh("touch /tmp/refused"));
      expect(done).toMatchObject({ exitCode: 64, stdout: "" });
      expect(done.stderr).toBe(
        `deckhand: 1 of 4 containers has no HEALTHCHECK: ${fleet.names[3]}.\n  Leave them out (--except), or look with a probe (--probe) in place of --health healthcheck.\n`,
      );
    }
    expect((await exec(...sh("test ! -e /tmp/refused"))).exitCode).toBe(0);
    const { checked, bare } = podman;
    const both = ["exec", "--on", checked.name, "--on", bare.name, ...gate, "--dry-run"];
    const refused = await line.run([...both, ...sh("true")]);
    expect(refused.stderr).toContain(`1 of 2 containers has no HEALTHCHECK: ${bare.name}.`);
    expect((await line.run([...both, "--except", bare.name, ...sh("true")])).exitCode).toBe(0);
  });

  test("that of a container that is paused is known, and the run is planned", async () => {
    const [first = ""] = fleet.names;
    const words = ["exec", "--on", first, "--canary", "1", "--health", "healthcheck", "--dry-run"];
    await docker("pause", first);
    const done = await line.run([...words, ...sh("true")]);
    await docker("unpause", first);
    expect([done.exitCode, done.stderr]).toEqual([0, ""]);
  });
});

describe("a key of which one run goes on at a time", () => {
  /** A run that has the key until its file is there. */
  async function hold(key: string): Promise<{ id: string; let(): Promise<unknown> }> {
    const [first = ""] = fleet.names;
    const file = `/tmp/${key.replaceAll("/", "-")}`;
    const text = `until test -e ${file}; do sleep 0.1; done`;
    const words = ["exec", "--on", first, "-d", "--concurrency-key", key, ...sh(text)];
    const { stdout } = await line.run(words);
    return { id: stdout.trim(), let: () => docker("exec", first, "touch", file) };
  }

  const inTurn = (key: string, ...words: string[]) => exec("--concurrency-key", key, ...words);

  test("lets others wait, or skips them", async () => {
    const key = `cli/turns-${MARK}`;
    const holder = await hold(key);
    const queued = await inTurn(key, "-d", ...sh("true"));
    const skipped = await inTurn(key, "--on-conflict", "skip", "--plain", ...sh("true"));
    expect(skipped.exitCode).toBe(1);
    expect(skipped.stderr).toContain("skip 4 targets  skipped: key-taken");
    expect(skipped.stderr).toContain(`${holder.id} has the concurrency key ${key}.`);
    const waiting = await line.run(["show", queued.stdout.trim()]);
    expect(waiting.stdout).toMatch(/^Key +\S+, waits while another run has it$/m);
    await holder.let();
    const ends = [holder.id, queued.stdout.trim()].map((id) => line.run(["wait", id]));
    expect((await Promise.all(ends)).map(({ exitCode }) => exitCode)).toEqual([0, 0]);
  });

  test("is taken over by one that cancels", async () => {
    const key = `cli/cancel-${MARK}`;
    const holder = await hold(key);
    expect((await inTurn(key, "--on-conflict", "cancel", ...sh("true"))).exitCode).toBe(0);
    expect((await line.run(["wait", holder.id])).exitCode).toBe(130);
    const shown = await line.run(["show", holder.id]);
    expect(shown.stdout).toMatch(/: run_\w{26} took over the run's concurrency key\.$/m);
  });
});

describe("what a script's header says of when it starts", () => {
  const name = `rollout/header-${MARK}`;
  const key = `cli/header-${MARK}`;

  beforeAll(async () => {
    const keys = `# @parallel 25%\n# @on-failure stop after 1\n# @concurrency ${key} skip\n`;
    const file = join(line.home, "header.sh");
    await writeFile(file, `#!/bin/sh\n# @deckhand 1\n${keys}\necho failing\nexit 4\n`);
    expect((await line.run(["scripts", "put", file, `${name}.sh`])).exitCode).toBe(0);
  });

  const start = (...words: string[]) => line.run(["run", name, ...onAll(), ...words]);

  test("is in what is shown of the script, and of a run that is only planned", async () => {
    const shown = await line.run(["scripts", "show", name]);
    expect(shown.stdout).toContain("\nrollout: 25% at once, stops when more than 1 failed\n");
    expect(shown.stdout).toContain(`\nkey: ${key}, is skipped while another run has it\n`);
    const document = JSON.parse((await line.run(["scripts", "show", name, "-o", "json"])).stdout);
    expect(document.header).toMatchObject({
      rollout: { maxConcurrency: "25%", onError: "stop", maxErrors: 1 },
      concurrency: { key, onConflict: "skip" },
    });
    const planned = await start("--dry-run");
    expect(planned.stdout).toContain("\n  1 at once, stops when more than 1 failed, by name\n");
    expect(planned.stdout).toContain(`\n  key ${key}, is skipped while another run has it\n`);
  });

  test("holds for a run, unless its options say otherwise", async () => {
    const { stdout } = await start("-o", "json");
    const ended = JSON.parse(stdout) as Run;
    expect(states(ended)).toEqual(["failed", "failed", "skipped", "skipped"]);
    expect(ended.concurrency).toEqual({ key, onConflict: "skip" });
    const other = await start("--on-error", "continue", "--concurrency-key", "other", "-o", "json");
    expect(JSON.parse(other.stdout)).toMatchObject({
      counts: { failed: 4 },
      rollout: { maxConcurrency: 1, maxErrors: null },
      concurrency: { key: "other", onConflict: "queue" },
    });
    const archive = join(line.home, "run.tar.gz");
    await line.run(["export", ended.id, "-f", archive]);
    const { stdout: files } = await run("tar", ["-tzf", archive]);
    expect(files.match(/executions\/\d{4}-[^/]+\/stdout/g)).toHaveLength(4);
    const toProgram = await line.run(["export", ended.id, "-f", "-"]);
    expect(toProgram.bytes.subarray(0, 2)).toEqual(Buffer.from([0x1f, 0x8b]));
    expect(await line.run(["export", ended.id, "-f", archive])).toMatchObject({
      exitCode: 64,
      stderr: `deckhand: ${archive} can not be written (EEXIST)\n  Give another file with -f; one that is there already is not replaced.\n`,
    });
    expect((await line.run(["export", `run_${"0".repeat(26)}`, "-f", "-"])).exitCode).toBe(66);
  });

  test("and what is wrong in it is told with its place", async () => {
    const file = join(line.home, "wrong.sh");
    const keys = "# @parallel all\n# @on-failure retry\n# @concurrency 1 per target\n";
    await writeFile(file, `#!/bin/sh\n# @deckhand 1\n${keys}true\n`);
    const { stdout, exitCode } = await line.run(["scripts", "check", file]);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/wrong\.sh:3:13: @parallel is a number of targets or a share of them/);
    expect(stdout).toMatch(/wrong\.sh:4:15: @on-failure is stop, continue, or stop after 2/);
    expect(stdout).toMatch(
      /wrong\.sh:5:16: @concurrency is a key, such as db\/backup, .* no number/,
    );
  });

  test("holds for what a schedule starts as well, whose overlap says what becomes of it", async () => {
    const made = ["schedules", "create", `header-${MARK}`, "@yearly", name, ...onAll()];
    expect((await line.run([...made, "--overlap", "queue"])).exitCode).toBe(0);
    const ran = await line.run(["schedules", "run", `header-${MARK}`, "-o", "json"]);
    expect(JSON.parse(ran.stdout)).toMatchObject({
      counts: { failed: 2, skipped: 2 },
      concurrency: { key, onConflict: "queue" },
    });
    await line.run(["schedules", "rm", `header-${MARK}`]);
  });
});

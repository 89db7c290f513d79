import type { Run, RunRequestInput } from "@deckhand/core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { type DeckhandServer, startDeckhandServer } from "./support/deckhand-server.ts";
import { engines } from "./support/engines.ts";
import {
  describeProcess,
  isGuards,
  newSince,
  processesInside,
} from "./support/processes-inside.ts";
import {
  cancelRun,
  onlyExecution,
  rawOutput,
  readRun,
  startAndSee,
  startRun,
} from "./support/run-requests.ts";
import {
  type EngineName,
  type TargetContainer,
  targetContainer,
} from "./support/target-container.ts";

/** How often each tree is stopped in each way on each engine; the full promise, 100 stops, is 15 and more. */
const ROUNDS = Number(process.env.DECKHAND_ROUNDS ?? 2);

const GRACE_MS = 300;
const TIMEOUT_MS = 1_500;
/** The promise is grace + 1 s; this much is for a machine that is busy with other tests. */
const SAFELY_WITHIN_MS = 15_000;

interface Tree {
  /** Says "ready" when all of it runs. */
  readonly text: string;
  readonly interpreter?: string;
  readonly flags?: readonly string[];
  /** `postgres` is the image with Python; Podman does not have it. */
  readonly image?: "busybox" | "postgres";
  /** False where there is no way for the guard: the sweep by marks must do, and nobody reaps what it ended. */
  readonly byGuard?: boolean;
}

const DEAF = `trap "" TERM HUP INT; while :; do sleep 900; done`;
const ALL_SORTS = `trap '' TERM
(setsid sleep 900 &); ( (sleep 900 &) & ); sleep 900 & (setsid sh -c '${DEAF}' &); (env -i setsid sh -c '${DEAF}' &)
sleep 0.1; echo ready; while :; do sleep 900; done`;
const FORK_BOMB = `import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
while True:
    try:
        if os.fork() == 0: os.setsid()
    except OSError:
        time.sleep(0.01)`;

const TREES: Readonly<Record<string, Tree>> = {
  "with sessions of its own": {
    text: "setsid sleep 900 & (setsid sleep 900 &); setsid setsid sh -c 'sleep 900; sleep 900' & sleep 0.1; echo ready; sleep 900",
  },
  "forked twice": {
    text: "( (sleep 900 &) & ); (sh -c '(sleep 900 &); exit 3' &); sleep 0.1; echo ready; sleep 900",
  },
  "without its environment": {
    text: `(env -i setsid sh -c 'sleep 900; sleep 900' &); env -i sleep 900 & sleep 0.1; echo ready; exec env -i sleep 900`,
  },
  "that ignores TERM": {
    text: `trap '' TERM HUP INT; (setsid sh -c '${DEAF}' &); sh -c '${DEAF}' & sleep 0.1; echo ready; while :; do sleep 900; done`,
  },
  "that forks on and on": {
    text: `trap '' TERM; f() { sleep 0.01; (f) & exit 3; }; (f) & (setsid sh -c 'f() { sleep 0.01; (f) & exit; }; f' &); echo ready; while :; do sleep 900; done`,
  },
  "at the limit of processes": {
    // The subshell fills the container and ends with its first fork that fails; what follows needs no fork.
    text: "trap '' TERM; (while :; do sleep 900 & done) 2>/dev/null; echo ready; exec sleep 900",
    flags: ["--pids-limit", "40"],
  },
  "that is a fork bomb at the limit of processes": {
    text: FORK_BOMB,
    interpreter: "python3",
    image: "postgres",
    flags: ["--pids-limit", "60"],
  },
  "of all sorts as uid 1234 without capabilities": {
    text: ALL_SORTS,
    flags: ["--user", "1234", "--cap-drop", "ALL"],
  },
  "of all sorts on a read-only file system": {
    text: ALL_SORTS,
    image: "postgres",
    flags: ["--read-only"],
  },
  "on a read-only file system without any interpreter but the shell": {
    text: `trap '' TERM; (setsid sh -c '${DEAF}' &); ( (sleep 900 &) & ); sleep 0.1; echo ready; while :; do sleep 900; done`,
    flags: ["--read-only"],
    byGuard: false,
  },
};

const STOPS: Readonly<
  Record<
    string,
    (request: RunRequestInput) => Promise<{ readonly run: Run; readonly tookMs: number }>
  >
> = {
  cancelled: async (request) => {
    const { id } = await startAndSee(server, request, "ready");
    const from = performance.now();
    return { run: await cancelRun(server, id), tookMs: performance.now() - from };
  },
  "timed-out": async (request) => {
    const limits = { ...request.limits, timeout: `${TIMEOUT_MS}ms` };
    const run = await server.run({ ...request, limits });
    expect(onlyExecution(run).output.stdout).toMatch(/^ready\n/);
    return { run, tookMs: (onlyExecution(run).durationMs ?? Number.NaN) - TIMEOUT_MS };
  },
};

let server: DeckhandServer;
const made: TargetContainer[] = [];

beforeAll(async () => {
  const { docker, podman } = engines();
  server = await startDeckhandServer({
    engines: [`docker=unix://${docker.socketPath}`, `podman=unix://${podman.socketPath}`],
  });
});

afterAll(async () => {
  await server?.close();
  for (const container of made) await container.remove();
});

async function container(engine: EngineName, tree: Omit<Tree, "text"> = {}) {
  const image = engines().images[tree.image ?? "busybox"];
  const started = await targetContainer({ engine, image, flags: tree.flags ?? [] });
  made.push(started);
  await expect
    .poll(async () => (await server.fetch(`/api/v1/targets?on=name=${started.name}`)).text(), {
      timeout: 20_000,
    })
    .toContain(started.name);
  return started;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

for (const engine of ["docker", "podman"] as const) {
  describe(`on ${engine}`, () => {
    for (const [name, tree] of Object.entries(TREES)) {
      if (engine === "podman" && tree.image) continue;
      test(
        `a tree ${name} is ended to its last process by cancel and by timeout`,
        async () => {
          const target = await container(engine, tree);
          const on = [`name=${target.name}`];
          await server.run({ inline: { text: "true", interpreter: "sh" }, on });
          const before = await processesInside(target);
          const byGuard = tree.byGuard ?? true;
          const left = async () =>
            newSince(before, await processesInside(target)).filter(
              ({ isZombie }) => byGuard || !isZombie,
            );
          const inline = { text: tree.text, interpreter: tree.interpreter ?? "sh" };
          const request = { inline, on, limits: { killGrace: `${GRACE_MS}ms` } };
          for (const [state, stop] of Object.entries(STOPS)) {
            const tookMs: number[] = [];
            for (let round = 0; round < ROUNDS; round++) {
              const stopped = await stop(request);
              // What is the guard's own may need a moment more.
              const scripts = (await left()).filter((one) => !isGuards(one));
              expect(scripts.map(describeProcess)).toEqual([]);
              const { leftovers, guarantees, reason } = onlyExecution(stopped.run);
              expect(stopped.run.state, JSON.stringify(reason)).toBe(state);
              expect(leftovers).toEqual([]);
              if (byGuard) expect(guarantees).toMatchObject({ way: "guard", stop: "tree" });
              expect(stopped.tookMs).toBeLessThan(GRACE_MS + SAFELY_WITHIN_MS);
              tookMs.push(Math.max(0, Math.round(stopped.tookMs)));
              await expect
                .poll(async () => (await left()).map(describeProcess), { timeout: 1_000 })
                .toEqual([]);
            }
            const inTime = tookMs.filter((ms) => ms <= GRACE_MS + 1_000).length;
            console.log(
              `${engine}, ${name}: ${state} ${inTime} of ${ROUNDS} within grace (${GRACE_MS} ms) + 1 s, at most ${Math.max(...tookMs)} ms`,
            );
          }
        },
        60_000 + ROUNDS * 30_000,
      );
    }

    test("a deadline holds while the server is dead, and it is told when the server is back", async () => {
      const target = await container(engine);
      const mortal = await startDeckhandServer({
        engines: [`${engine}=unix://${engines()[engine].socketPath}`],
      });
      onTestFinished(() => mortal.close());
      const beat = (file: string) =>
        `i=0; while :; do i=$((i + 1)); echo $i >${file}; sleep 0.1; done`;
      const text = `(env -i setsid sh -c 'trap "" TERM; ${beat("/tmp/hidden")}' >/dev/null 2>&1 &)
trap '' TERM; echo ready; ${beat("/tmp/beat")}`;
      const run = await startAndSee(
        mortal,
        {
          inline: { text, interpreter: "sh" },
          on: [`name=${target.name}`],
          limits: { timeout: "3s", killGrace: `${GRACE_MS}ms` },
        },
        "ready",
      );
      const beats = async () =>
        (await target.exec("cat", "/tmp/beat", "/tmp/hidden")).trim().split("\n").map(Number);
      const [beatsAtDeath = 0] = await beats();
      await mortal.kill("SIGKILL");
      await expect
        .poll(async () => (await beats())[0], { timeout: 3_000 })
        .toBeGreaterThan(beatsAtDeath + 3);
      const isStill = async () => {
        const seen = await beats();
        await pause(1_000);
        return JSON.stringify(await beats()) === JSON.stringify(seen);
      };
      await expect.poll(isStill, { timeout: 3_000 + SAFELY_WITHIN_MS }).toBe(true);
      const others = (await processesInside(target)).filter((one) => !isGuards(one));
      expect(others.map(({ command }) => command)).toEqual(["sleep"]);
      await mortal.start();
      const ended = await readRun(mortal, run.id, "?wait=30s&include=output");
      expect(ended.state, JSON.stringify(ended.executions)).toBe("timed-out");
      expect(onlyExecution(ended)).toMatchObject({
        reason: { code: "deadline" },
        output: { stdout: "ready\n", complete: true },
        guarantees: { durability: "durable", survivesServerRestart: true },
        leftovers: [],
      });
      console.log(
        `${engine}: ${beatsAtDeath} beats when the server died, ${(await beats())[0] ?? 0} when the deadline had passed`,
      );
    });

    test("a container that is paused for longer than the timeout does not time out for that", async () => {
      const target = await container(engine);
      const text = "i=0; while [ $i -lt $1 ]; do i=$((i + 1)); echo $i; sleep 0.1; done";
      const request = (turns: string) => ({
        inline: { text, interpreter: "sh" },
        args: [turns],
        on: [`name=${target.name}`],
        limits: { timeout: "4s", killGrace: `${GRACE_MS}ms` },
      });
      const short = await startAndSee(server, request("15"), "1");
      const endless = await startRun(server, request("1000000"));
      const turns = async (run: Run) => (await rawOutput(server, run.id)).split("\n").length - 1;
      await expect.poll(() => turns(endless)).toBeGreaterThan(0);
      await target.act("pause");
      await pause(6_000);
      for (const { id } of [short, endless]) {
        const { state, executions } = await readRun(server, id);
        expect(state, `while it was paused: ${JSON.stringify(executions)}`).toBe("running");
      }
      const turnsBefore = await turns(endless);
      await target.act("unpause");
      expect(await readRun(server, short.id, "?wait=30s")).toMatchObject({ state: "succeeded" });
      const ended = await readRun(server, endless.id, "?wait=30s");
      expect(ended).toMatchObject({ state: "timed-out", executions: [{ leftovers: [] }] });
      const turnsAfter = (await turns(endless)) - turnsBefore;
      expect(turnsAfter, "the rest of its time was its own").toBeGreaterThan(5);
      console.log(
        `${engine}: ${turnsBefore} turns before the pause of 6 s, ${turnsAfter} after it`,
      );
    });
  });
}

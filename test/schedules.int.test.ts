import type { Schedule, ScheduleFire } from "@deckhand/core";
import { afterAll, beforeAll, expect, onTestFailed, test } from "vitest";
import { dockerContainer, type TestContainer } from "./support/containers.ts";
import { type DeckhandServer, startDeckhandServer } from "./support/deckhand-server.ts";
import { engines } from "./support/engines.ts";
import { pause } from "./support/patient-client.ts";
import { scheduleRequests } from "./support/schedule-requests.ts";
import type { ShiftedClock } from "./support/shifted-clock.ts";

/** How often the server is killed, and how much is fired meanwhile; the full promise is 25 and 10,000. */
const KILLS = Number(process.env.DECKHAND_KILLS ?? 3);
const FIRES = Number(process.env.DECKHAND_FIRES ?? 200);
const SCHEDULES = 20;
const MINUTE_MS = 60_000;
/** A minute of the schedules takes so long. */
const TRUE_MINUTE_MS = 600;
const PROGRAM = new URL("support/shifted-serve.ts", import.meta.url).pathname;
const STARTS = "/tmp/starts";

let container: TestContainer;
let server: DeckhandServer;
let schedules: ReturnType<typeof scheduleRequests>;
const env: Record<string, string> = {};

function setClock(clock: Partial<ShiftedClock>): void {
  const steady = { originMs: Date.now(), aheadMs: 0, rate: 1 };
  env["SCHEDULE_CLOCK"] = JSON.stringify({ ...steady, ...clock });
}

async function restart(clock: Partial<ShiftedClock>): Promise<void> {
  await server.kill("SIGKILL");
  setClock(clock);
  await server.start();
}

beforeAll(async () => {
  container = await dockerContainer({ name: "schedules", image: engines().images.busybox });
  setClock({});
  server = await startDeckhandServer({
    engines: [`local=unix://${engines().docker.socketPath}`],
    program: PROGRAM,
    env,
  });
  schedules = scheduleRequests(server);
});

afterAll(async () => {
  await server?.close();
  await container?.remove();
});

function sh(text: string) {
  return { inline: { text, interpreter: "sh" }, on: [`name=${container.name}`] };
}

async function until<Found>(look: () => Promise<Found | undefined>): Promise<Found> {
  for (const giveUpAt = Date.now() + 60_000; ; await pause(100)) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > giveUpAt) throw new Error(`it never came:\n${server.log.slice(-3000)}`);
  }
}

function untilFires(name: string, count: number): Promise<ScheduleFire[]> {
  return until(async () => {
    const fires = await schedules.history(name);
    return fires.length >= count ? fires : undefined;
  });
}

const toWords = ({ cause, result }: ScheduleFire) => `${cause} ${result}`;

test("what is due runs, says what started it, and is in the history with its run", async () => {
  const made = await schedules.create({ name: "tick", cron: "@every 1s", run: sh("echo tick") });
  expect(made).toMatchObject({ state: "active", version: 1, overlap: "skip", last: null });
  const [first] = await untilFires("tick", 1);
  await schedules.pause("tick", "seen enough");
  expect(first).toMatchObject({ cause: "due", result: "started", missed: null, code: null });
  const run = await (await server.fetch(`/api/v1/runs/${first?.run?.id}?wait=30s`)).json();
  expect(run).toMatchObject({
    state: "succeeded",
    origin: { kind: "schedule", id: made.id, name: "tick" },
    by: { name: "first" },
  });
  const paused = await schedules.get("tick");
  expect(paused).toMatchObject({ state: "paused", next: null, pause: { reason: "seen enough" } });
});

test("while the one before goes on the next is skipped, and says why", async () => {
  await schedules.create({ name: "slow", cron: "@every 1s", run: sh("sleep 1000") });
  const fires = await untilFires("slow", 2);
  await schedules.pause("slow");
  expect(fires.slice(0, 2).map(toWords)).toEqual(["due started", "due skipped"]);
  expect(fires[1]?.detail).toContain(fires[0]?.run?.id);
  expect(fires[1]?.run?.state).toBe("skipped");
  await server.fetch(`/api/v1/runs/${fires[0]?.run?.id}/cancel?wait=30s`, { method: "POST" });
});

test("replace ends the one before, and runs of another schedule stay", async () => {
  const run = sh("sleep 1000");
  await schedules.create({ name: "other", cron: "@yearly", run });
  const other = await schedules.runNow("other");
  await schedules.create({ name: "newest", cron: "@yearly", overlap: "replace", run });
  const first = await schedules.runNow("newest");
  const second = await schedules.runNow("newest");
  const states = async () =>
    Promise.all(
      [first, second, other].map(async ({ id }) => {
        const { state } = (await (await server.fetch(`/api/v1/runs/${id}`)).json()) as {
          state: string;
        };
        return state;
      }),
    );
  await until(async () =>
    JSON.stringify(await states()) === '["cancelled","running","running"]' ? true : undefined,
  );
  for (const { id } of [second, other])
    await server.fetch(`/api/v1/runs/${id}/cancel?wait=30s`, { method: "POST" });
});

test("what can not be started is refused in the history, and a script that is gone is named as a problem", async () => {
  const script = { path: "gone.sh", text: "#!/bin/sh\necho here\n" };
  const saved = await server.fetch("/api/v1/scripts", {
    method: "POST",
    body: JSON.stringify(script),
  });
  expect(saved.status).toBe(201);
  const run = { script: "gone", on: [`name=${container.name}`] };
  await schedules.create({ name: "gone", cron: "@every 1s", run });
  const { sha256 } = (await saved.json()) as { sha256: string };
  await server.fetch("/api/v1/scripts/gone", {
    method: "DELETE",
    headers: { "if-match": `"${sha256}"` },
  });
  await until(async () => {
    const refused = (await schedules.history("gone")).find(({ result }) => result === "refused");
    if (refused) expect(refused).toMatchObject({ code: "SCRIPT_NOT_FOUND", run: null });
    return refused;
  });
  expect((await schedules.get("gone")).problem).toContain("There is no script gone");
  await schedules.pause("gone");
});

test("a secret parameter is kept sealed, is never shown, and is there when it runs", async () => {
  const secret = "hunter2-canary";
  const text = `#!/bin/sh\n# @deckhand 1\n# @secret TOKEN -- a canary\nprintf %s "$TOKEN" | md5sum\n`;
  await server.fetch("/api/v1/scripts", {
    method: "POST",
    body: JSON.stringify({ path: "sealed.sh", text }),
  });
  const run = {
    script: "sealed",
    on: [`name=${container.name}`],
    params: { TOKEN: secret },
  };
  const made = await schedules.create({ name: "sealed", cron: "@yearly", run });
  expect(JSON.stringify(made)).not.toContain(secret);
  expect(made.run?.params).toEqual({ TOKEN: "•••" });
  const replaced = await server.fetch("/api/v1/schedules/sealed", {
    method: "PUT",
    headers: { "if-match": `"${made.id}.${made.version}"` },
    body: JSON.stringify({ cron: "@monthly", run: { ...run, params: { TOKEN: "•••" } } }),
  });
  expect(replaced.status).toBe(200);
  const { id } = await schedules.runNow("sealed");
  const ended = await (await server.fetch(`/api/v1/runs/${id}?wait=30s&include=output`)).json();
  expect(ended).toMatchObject({
    state: "succeeded",
    executions: [
      { output: { stdout: expect.stringContaining("fb81b94e8b2c737e3efdf96f0e8f431d") } },
    ],
  });
});

const AFTER_FIVE_HOURS = {
  skip: { words: ["due missed"], missed: { count: 5 } },
  one: { words: ["due missed", "caught-up started"], missed: { count: 4 } },
  all: {
    words: ["due missed", "caught-up started", "caught-up started"],
    missed: { count: 3 },
  },
} as const;

test("what was due while the server was down is missed, made up for once or each, and a wrong clock doubles nothing", async () => {
  // Half an hour past, so that none is due while the test goes on.
  const cron = `${(new Date().getUTCMinutes() + 30) % 60} * * * *`;
  const policies = ["skip", "one", "all"] as const;
  for (const policy of policies)
    await schedules.create({ name: policy, cron, missed: { policy, most: 2 }, run: sh("true") });
  await restart({ aheadMs: 5 * 60 * MINUTE_MS });
  for (const policy of policies) {
    const { words, missed } = AFTER_FIVE_HOURS[policy];
    const fires = await untilFires(policy, words.length);
    expect(fires.map(toWords)).toEqual(words);
    expect(fires[0]?.missed).toMatchObject(missed);
  }
  // The clock was wrong: what was decided by it is not done again, and the next time comes by the true one.
  await restart({});
  for (const policy of policies) {
    const { next } = await schedules.get(policy);
    expect(Date.parse(next?.dueAt ?? "") - Date.now()).toBeLessThan(60 * MINUTE_MS);
    expect(await schedules.history(policy)).toHaveLength(AFTER_FIVE_HOURS[policy].words.length);
    await schedules.pause(policy);
  }
});

/** Kinds of schedules that must not lose or double anything, whatever their own ways. */
const VARIANTS = [
  { overlap: "allow" },
  { overlap: "allow", jitter: "20s" },
  { overlap: "skip" },
  { overlap: "allow", cron: "* * * * *", timeZone: "Europe/Berlin" },
] as const;

function startTicking(index: number): Promise<Schedule> {
  return schedules.create({
    name: `chaos-${index}`,
    cron: "@every 1m",
    missed: { policy: "all", most: 100 },
    ...VARIANTS[index % VARIANTS.length],
    run: sh(`echo "$DECKHAND_EXECUTION_ID" >>${STARTS}`),
  });
}

/** How many minutes of the clock each schedule has behind it. */
async function countTicks(made: readonly Schedule[]): Promise<number> {
  const now = new Map((await schedules.list()).map((one) => [one.id, one]));
  const ticks = made.map(({ id, createdAt }) => {
    const last = now.get(id)?.last?.dueAt ?? createdAt;
    return (Date.parse(last) - Date.parse(createdAt)) / MINUTE_MS;
  });
  return Math.floor(Math.min(...ticks));
}

async function readStarts(): Promise<string[]> {
  return (await container.exec(["cat", STARTS])).trim().split("\n");
}

interface Count {
  readonly fires: number;
  readonly runs: number;
  readonly wrong: readonly string[];
}

/** Every minute from the first after it was made to the last one is there, once, with a run of its own. */
async function examine(made: Schedule): Promise<Count> {
  const fires = await schedules.history(made.name);
  const runs = await schedules.runs(made);
  const dues = fires.map(({ dueAt }) => Date.parse(dueAt) / MINUTE_MS);
  const first = Math.floor(Date.parse(made.createdAt) / MINUTE_MS) + 1;
  const expected = dues.map((_, index) => first + index);
  const noted = fires.map(({ run }) => run?.id ?? "none").toSorted();
  const unstarted = fires.filter(({ result }) => result !== "started" && result !== "skipped");
  const wrong = [
    ...(JSON.stringify(dues) === JSON.stringify(expected) ? [] : ["times"]),
    ...(JSON.stringify(noted) === JSON.stringify(runs.map(({ id }) => id).toSorted())
      ? []
      : ["runs"]),
    ...unstarted.map(({ dueAt, result, code }) => `${dueAt} ${result} ${code}`),
    ...runs
      .filter(({ state }) => state !== "succeeded" && state !== "skipped")
      .map(({ state }) => state),
  ];
  return {
    fires: fires.length,
    runs: runs.length,
    wrong: wrong.map((what) => `${made.name}: ${what}`),
  };
}

test(
  `after ${KILLS} kill -9 of the server in ${FIRES} fires by a fast clock nothing is missed and nothing doubled`,
  async () => {
    onTestFailed(() =>
      console.log(
        server.log
          .split("\n")
          .filter((line) => !line.includes('"request"'))
          .slice(-40)
          .join("\n"),
      ),
    );
    await container.exec(["sh", "-c", `: >${STARTS}`]);
    const clock = { originMs: Date.now(), rate: MINUTE_MS / TRUE_MINUTE_MS };
    await restart(clock);
    const made = await Promise.all(
      Array.from({ length: SCHEDULES }, (_, index) => startTicking(index)),
    );
    const ticksWanted = Math.ceil(FIRES / SCHEDULES);
    for (let kill = 1; kill <= KILLS; kill++) {
      await until(
        async () => (await countTicks(made)) >= (ticksWanted * kill) / (KILLS + 1) || undefined,
      );
      await pause(Math.random() * 1_000);
      await restart(clock);
    }
    await until(async () => (await countTicks(made)) >= ticksWanted || undefined);
    await Promise.all(made.map(({ name }) => schedules.pause(name)));
    await until(async () => {
      const open = await server.fetch("/api/v1/runs?state=queued&state=running&limit=1");
      return ((await open.json()) as { data: unknown[] }).data.length === 0 || undefined;
    });
    const counts: Count[] = [];
    for (const one of made) counts.push(await examine(one));
    const starts = await readStarts();
    const fires = counts.reduce((sum, count) => sum + count.fires, 0);
    const runs = counts.reduce((sum, count) => sum + count.runs, 0);
    const wrong = counts.flatMap((count) => count.wrong);
    console.log(
      `kills ${KILLS}, schedules ${SCHEDULES}, fires ${fires}, runs ${runs}, scripts started ${starts.length}, missed or doubled ${wrong.length}`,
    );
    expect(wrong.slice(0, 20)).toEqual([]);
    expect(starts.length, "no script started twice").toBe(new Set(starts).size);
    expect(fires).toBeGreaterThanOrEqual(FIRES);
  },
  120_000 + KILLS * 30_000 + FIRES * 200,
);

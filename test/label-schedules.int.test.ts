import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ExaminationView, Run, Schedule, TargetPage } from "@deckhand/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { holds, readDirectory } from "./support/canary.ts";
import { docker, dockerContainer, type TestContainer } from "./support/containers.ts";
import { type DeckhandServer, startDeckhandServer } from "./support/deckhand-server.ts";
import { engines } from "./support/engines.ts";
import { pause } from "./support/patient-client.ts";
import { scheduleRequests } from "./support/schedule-requests.ts";

const MARK = randomBytes(4).toString("hex");
const PROJECT = `labels-${MARK}`;
const SCRIPT = `where-${MARK}`;
const containers: TestContainer[] = [];

let folder: string;
let server: DeckhandServer;
let schedules: ReturnType<typeof scheduleRequests>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "deckhand-labels-"));
  const config = join(folder, "deckhand.yaml");
  const address = `unix://${engines().docker.socketPath}`;
  await writeFile(
    config,
    `engines:\n  local:\n    address: ${address}\n    schedulesFromLabels: true\n  other:\n    address: ${address}\n`,
  );
  server = await startDeckhandServer({ engines: [], env: { DECKHAND_CONFIG: config } });
  schedules = scheduleRequests(server);
  const stored = await server.fetch("/api/v1/scripts", {
    method: "POST",
    body: JSON.stringify({ path: `${SCRIPT}.sh`, text: "#!/bin/sh\nhostname\n" }),
  });
  expect(stored.status).toBe(201);
});

afterAll(async () => {
  await server?.close();
  await Promise.all(containers.map((container) => container.remove()));
  await rm(folder, { recursive: true, force: true });
});

async function start(
  service: string,
  labels: Readonly<Record<string, string>>,
  image = engines().images.busybox,
): Promise<TestContainer> {
  const all = {
    "com.docker.compose.project": PROJECT,
    "com.docker.compose.service": service,
    ...labels,
  };
  const flags = Object.entries(all).flatMap(([name, value]) => ["--label", `${name}=${value}`]);
  const container = await dockerContainer({ name: `labels-${service}`, image, flags });
  containers.push(container);
  return container;
}

async function ours(): Promise<Schedule[]> {
  return (await schedules.list()).filter(({ name }) => name.includes(MARK));
}

/** Until the schedules of this suite are as `look` wants them. */
async function until<Found>(look: (all: readonly Schedule[]) => Found | undefined): Promise<Found> {
  for (const giveUpAt = Date.now() + 60_000; ; await pause(200)) {
    const all = await ours();
    const found = look(all);
    if (found !== undefined) return found;
    if (Date.now() > giveUpAt) throw new Error(JSON.stringify(all, undefined, 1).slice(0, 4_000));
  }
}

const nameOf = (service: string, schedule: string) =>
  `labels.local.${PROJECT}.${service}.${schedule}`;

test("labels start a stored script in their own container, are shown with where they come from, and outlive it", async () => {
  const labels = { "deckhand.schedule.tick": `@every 1s ${SCRIPT}` };
  const first = await start("db", labels);
  await start("web", {});
  const name = nameOf("db", "tick");
  const found = await until((all) => all.find((one) => one.name === name && one.last !== null));
  expect(found).toMatchObject({
    state: "active",
    problem: null,
    cron: "@every 1s",
    source: { kind: "labels", engine: "local", containers: [first.name] },
    run: { script: SCRIPT },
  });
  const [fire] = await schedules.history(name);
  const run = (await (
    await server.fetch(`/api/v1/runs/${fire?.run?.id}?wait=30s&include=output`)
  ).json()) as Run;
  expect(run.executions.map(({ target }) => target.name)).toEqual([first.name]);
  expect(run).toMatchObject({
    by: null,
    origin: { kind: "schedule", id: found.id, name },
    executions: [{ output: { stdout: `${first.id.slice(0, 12)}\n` } }],
  });

  await schedules.pause(name);
  await first.remove();
  await until((all) => (all.some((one) => one.name === name) ? undefined : true));
  const again = await start("db", labels);
  const back = await until((all) => all.find((one) => one.name === name));
  expect(back).toMatchObject({
    id: found.id,
    state: "paused",
    source: { containers: [again.name] },
  });
  expect(await schedules.history(name)).toContainEqual(
    expect.objectContaining({ dueAt: fire?.dueAt }),
  );
});

test("what labels say can not be changed or taken here, and can be run", async () => {
  await start("fixed", {
    "deckhand.schedule.daily.cron": "@daily",
    "deckhand.schedule.daily.script": SCRIPT,
  });
  const name = nameOf("fixed", "daily");
  const { id, version } = await until((all) => all.find((one) => one.name === name));
  const deleted = await server.fetch(`/api/v1/schedules/${name}`, {
    method: "DELETE",
    headers: { "if-match": `"${id}.${version}"` },
  });
  expect(await deleted.json()).toMatchObject({ status: 409, code: "SCHEDULE_READ_ONLY" });
  const run = { script: SCRIPT, on: ["name=x"] };
  await expect(
    schedules.create({ name: "labels.local.mine", cron: "@daily", run }),
  ).rejects.toThrow("SCHEDULE_READ_ONLY");
  const started = await schedules.runNow(name);
  expect(started.origin).toMatchObject({ kind: "schedule", name });
});

test("labels that can not be read are named in the list and by doctor", async () => {
  const container = await start("wrong", {
    "deckhand.schedule.typo.cron": "0 25 * * *",
    "deckhand.schedule.typo.script": SCRIPT,
    "deckhand.schedule.inline": "@daily sh -c 'rm -rf /'",
    "deckhand.schedule.gone": `@daily no-${SCRIPT}`,
  });
  const [typo, inline, gone] = await until((all) => {
    const found = ["typo", "inline", "gone"].map((one) =>
      all.find(({ name }) => name === nameOf("wrong", one)),
    );
    return found.every((one) => one !== undefined) ? found : undefined;
  });
  expect(typo).toMatchObject({
    state: "broken",
    run: null,
    problem: expect.stringContaining("hour: 25"),
  });
  expect(inline).toMatchObject({ state: "broken" });
  expect(gone).toMatchObject({ state: "active", problem: expect.stringContaining(`no-${SCRIPT}`) });
  const on = encodeURIComponent(`engine=local,name=${container.name}`);
  const listed = (await (await server.fetch(`/api/v1/targets?on=${on}`)).json()) as TargetPage;
  const answer = await server.fetch(`/api/v1/targets/${listed.data[0]?.id}/doctor`);
  const { findings } = (await answer.json()) as ExaminationView;
  expect(
    findings
      .filter(({ check }) => check === "schedule")
      .map(({ state }) => state)
      .toSorted(),
  ).toEqual(["ok", "problem", "problem"]);
});

test("what an image was built with starts nothing, and neither does an engine that was not opened for it", async () => {
  const image = `deckhand-test/labels:${MARK}`;
  const base = await start("base", {});
  await docker(
    "commit",
    "--change",
    `LABEL deckhand.schedule.built="@every 1s ${SCRIPT}"`,
    base.name,
    image,
  );
  try {
    const container = await start(
      "image",
      { "deckhand.schedule.given": `@daily ${SCRIPT}` },
      image,
    );
    const given = await until((all) => all.find(({ name }) => name === nameOf("image", "given")));
    expect(given.source.containers).toEqual([container.name]);
    const names = (await ours()).map(({ name }) => name);
    expect(names).not.toContain(nameOf("image", "built"));
    expect(names.filter((name) => name.startsWith("labels.other."))).toEqual([]);
    await container.remove();
  } finally {
    await docker("rmi", "--force", image);
  }
});

test("a label's value for a parameter that is secret is not shown, and not kept", async () => {
  const value = `hunter2-${randomBytes(8).toString("hex")}`;
  const text = '#!/bin/sh\n# @deckhand 1\n# @secret VALUE\necho "$VALUE"\n';
  const body = JSON.stringify({ path: `hush-${MARK}.sh`, text });
  const stored = await server.fetch("/api/v1/scripts", { method: "POST", body });
  expect(stored.status).toBe(201);
  await start("hush", {
    "deckhand.schedule.hush": `@yearly hush-${MARK}`,
    "deckhand.schedule.hush.param.VALUE": value,
  });
  const name = nameOf("hush", "hush");
  const shown = await until((all) => all.find((one) => one.name === name));
  expect([shown.problem, shown.run?.params]).toEqual([null, { VALUE: "•••" }]);
  const run = await schedules.runNow(name);
  const ended = await server.fetch(`/api/v1/runs/${run.id}?wait=60s&include=output`);
  const said = await ended.text();
  expect((JSON.parse(said) as Run).executions[0]?.output.stdout).toBe(
    `${"*".repeat(value.length)}\n`,
  );
  const database = await readDirectory(server.dataDir, (file) => file.startsWith("deckhand.db"));
  expect(holds(database, value)).toBe(false);
  expect(JSON.stringify(shown) + said).not.toContain(value);
});
